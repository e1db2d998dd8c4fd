package jetstream

import (
	"encoding/json"
	"time"

	"github.com/nats-io/nuid"

	"myelin/internal/jetstream/wire"
	"myelin/internal/router"
)

const (
	advisorySubject = "$JS.EVENT.ADVISORY."
	advisoryType    = "io.nats.jetstream.advisory.v1."
)

// event is what all advisories begin with.
type event struct {
	Type string    `json:"type"`
	ID   string    `json:"id"`
	Time time.Time `json:"timestamp"`
}

func (a *API) event(kind string) event {
	return event{advisoryType + kind, nuid.Next(), a.now()}
}

// Client describes a connection in an advisory.
type Client struct {
	Start      *time.Time    `json:"start,omitempty"`
	Host       string        `json:"host,omitempty"`
	ID         uint64        `json:"id,omitempty"`
	Account    string        `json:"acc,omitempty"`
	User       string        `json:"user,omitempty"`
	Name       string        `json:"name,omitempty"`
	Lang       string        `json:"lang,omitempty"`
	Version    string        `json:"ver,omitempty"`
	RTT        time.Duration `json:"rtt,omitempty"`
	Server     string        `json:"server,omitempty"`
	JWT        string        `json:"jwt,omitempty"`
	IssuerKey  string        `json:"issuer_key,omitempty"`
	NameTag    string        `json:"name_tag,omitempty"`
	Tags       []string      `json:"tags,omitempty"`
	Kind       string        `json:"kind,omitempty"`
	ClientType string        `json:"client_type,omitempty"`
}

// client describes who sent the request, if anybody knows.
func (c *call) client() *Client {
	if c.from == 0 || c.door.api.opt.Client == nil {
		return nil
	}
	return c.door.api.opt.Client(c.from)
}

// audit is published for each response.
type audit struct {
	event
	Server   string  `json:"server"`
	Client   *Client `json:"client"`
	Subject  string  `json:"subject"`
	Request  string  `json:"request,omitempty"`
	Response string  `json:"response"`
	Domain   string  `json:"domain,omitempty"`
}

func (c *call) audit(response []byte) {
	a := c.door.api
	c.advise("API", audit{
		a.event("api_audit"), a.opt.Server, c.client(), apiPrefix + string(c.request.verb), string(c.payload), string(response), a.opt.Domain,
	})
}

// streamAction says that a stream came, changed or went.
type streamAction struct {
	event
	Stream string `json:"stream"`
	Action string `json:"action"`
	Domain string `json:"domain,omitempty"`
}

func (c *call) streamAction(subject, action, name string) {
	a := c.door.api
	c.advise("STREAM."+subject+"."+name, streamAction{a.event("stream_action"), name, action, a.opt.Domain})
}

// advise publishes an advisory with the answer to the request.
func (c *call) advise(subject string, advisory any) {
	publishEvent(c.door.api, c.session, subject, advisory)
}

// publisher is the part of a session that events need.
type publisher interface {
	Publish(m *router.Message) int
}

func publishEvent(a *API, p publisher, subject string, advisory any) {
	publishBody(a, p, wire.Advisory{Subject: advisorySubject + subject, Body: advisory})
}

func publishBody(a *API, p publisher, event wire.Advisory) {
	body, err := json.Marshal(event.Body)
	if err != nil {
		a.opt.Log.Errorf("JetStream event %s cannot be encoded: %v", event.Subject, err)
		return
	}
	p.Publish(&router.Message{Subject: []byte(event.Subject), Payload: body})
}

// limitReached says that requests were dropped.
type limitReached struct {
	event
	Server  string `json:"server"`
	Domain  string `json:"domain,omitempty"`
	Dropped int    `json:"dropped"`
}

// limitReached tells that requests were dropped. It is called with nothing locked.
func (d *door) limitReached(dropped int) {
	a := d.api
	a.opt.Log.Warnf("JetStream API queue limit of account %q reached: %d requests were dropped", d.account, dropped)
	session := d.tenant.Open(nil)
	publishEvent(a, session, "API.LIMIT_REACHED", limitReached{a.event("api_limit_reached"), a.opt.Server, a.opt.Domain, dropped})
	session.Rest()
}
