package cli

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"
)

const (
	systemRequests = "$SYS.REQ.SERVER."
	askEverybody   = systemRequests + "PING"
)

// errNoServer says that nobody answers in the system account.
var errNoServer = errors.New("no server answers: these questions are asked in the system account, as one of its users")

// fleet asks servers about themselves, as a user of the system account.
type fleet struct {
	*client
	gap    time.Duration
	asJSON bool
	filter serverFilter
}

// serverFilter says which servers are asked; the zero value asks all. It is part of the requests.
type serverFilter struct {
	Name    string   `json:"server_name,omitempty"`
	Host    string   `json:"host,omitempty"`
	Cluster string   `json:"cluster,omitempty"`
	Tags    []string `json:"tags,omitempty"`
	Exact   bool     `json:"exact_match,omitempty"`
}

func (f *fleet) addFlags(cmd *cobra.Command) {
	f.client.addFlags(cmd)
	flags := cmd.Flags()
	flags.DurationVar(&f.gap, "reply-timeout", defaultGap, "how long to wait for a further answer")
	flags.BoolVarP(&f.asJSON, "json", "j", false, "print JSON")
}

// addFilter gives a command the flags that choose servers.
func (f *fleet) addFilter(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.filter.Host, "host", "", "ask only servers with this `text` in the name of their host")
	flags.StringVar(&f.filter.Cluster, "cluster", "", "ask only servers of this `cluster`")
	flags.StringSliceVar(&f.filter.Tags, "tags", nil, "ask only servers with these `tags`")
}

// serverIdentity is how a server introduces itself.
type serverIdentity struct {
	Name      string   `json:"name"`
	Host      string   `json:"host"`
	ID        string   `json:"id"`
	Cluster   string   `json:"cluster,omitempty"`
	Domain    string   `json:"domain,omitempty"`
	Version   string   `json:"ver"`
	Tags      []string `json:"tags,omitempty"`
	JetStream bool     `json:"jetstream"`
}

// serverAnswer is what one server answers.
type serverAnswer struct {
	Server serverIdentity  `json:"server"`
	Data   json.RawMessage `json:"data"`
	Statsz json.RawMessage `json:"statsz"`
	Error  *struct {
		Code        int    `json:"code"`
		Description string `json:"description"`
	} `json:"error"`
	raw json.RawMessage
	rtt time.Duration
}

// decode reads what the answer holds.
func (a *serverAnswer) decode(v any) error {
	data := a.Data
	if len(data) == 0 {
		data = a.Statsz
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("answer of server %s: %w", a.Server.Name, err)
	}
	return nil
}

// ask sends a request, with options as JSON or as the bytes that they are, and yields the answers until there are so
// many, or none has come for a while, the first one having the whole timeout. most is 0 where nobody knows.
func (f *fleet) ask(nc *nats.Conn, subject string, options any, most int) iter.Seq2[*serverAnswer, error] {
	return func(yield func(*serverAnswer, error) bool) {
		sub, start, err := f.send(nc, subject, options)
		if err != nil {
			yield(nil, err)
			return
		}
		defer sub.Unsubscribe()
		patience := f.timeout
		for n := 0; patience > 0 && (most == 0 || n < most); n++ {
			m, err := sub.NextMsg(patience)
			if n > 0 && errors.Is(err, nats.ErrTimeout) {
				return
			}
			a, err := readServerAnswer(m, err)
			if err == nil {
				a.rtt = time.Since(start)
				f.traceAnswer(subject, a.raw)
			}
			if !yield(a, err) || a == nil {
				return
			}
			if most == 0 {
				patience = min(f.gap, f.timeout-time.Since(start))
			}
		}
	}
}

func (f *fleet) send(nc *nats.Conn, subject string, options any) (*nats.Subscription, time.Time, error) {
	body, ready := options.([]byte)
	if options != nil && !ready {
		var err error
		if body, err = json.Marshal(options); err != nil {
			return nil, time.Time{}, err
		}
	}
	inbox := nc.NewRespInbox()
	sub, err := nc.SubscribeSync(inbox)
	if err != nil {
		return nil, time.Time{}, err
	}
	f.traceRequest(subject, body)
	start := time.Now()
	return sub, start, nc.PublishRequest(subject, inbox, body)
}

// readServerAnswer decodes an answer, or says why there is none. With an answer, the error is what a server says.
func readServerAnswer(m *nats.Msg, err error) (*serverAnswer, error) {
	switch {
	case errors.Is(err, nats.ErrNoResponders), errors.Is(err, nats.ErrTimeout):
		return nil, errNoServer
	case err != nil:
		return nil, err
	}
	a := &serverAnswer{raw: m.Data}
	if err := json.Unmarshal(m.Data, a); err != nil {
		return nil, fmt.Errorf("answer of a server: %w", err)
	}
	if a.Error != nil && a.Error.Description != "" {
		return a, fmt.Errorf("server %s: %s (%d)", a.Server.Name, a.Error.Description, a.Error.Code)
	}
	return a, nil
}

// all collects the answers, by the names of the servers.
func (f *fleet) all(subject string, options any, most int) ([]*serverAnswer, error) {
	nc, err := f.connect()
	if err != nil {
		return nil, err
	}
	defer nc.Close()
	var list []*serverAnswer
	for a, err := range f.ask(nc, subject, options, most) {
		if err != nil {
			return nil, err
		}
		list = append(list, a)
	}
	slices.SortFunc(list, func(a, b *serverAnswer) int { return cmp.Compare(a.Server.Name, b.Server.Name) })
	return list, nil
}

// one asks the server of that name or id; "" is the one that one is connected to.
func (f *fleet) one(nc *nats.Conn, name, view string, options any) (*serverAnswer, error) {
	if name == "" {
		name = nc.ConnectedServerId()
	}
	subject := systemRequests + name + "." + view
	if !isServerID(name) {
		subject = askEverybody + "." + view
		options = serverFilter{Name: name, Exact: true}
	}
	for a, err := range f.ask(nc, subject, options, 1) {
		if errors.Is(err, errNoServer) && name != nc.ConnectedServerId() {
			return nil, fmt.Errorf("server %q does not answer, or one is not in the system account", name)
		}
		return a, err
	}
	return nil, errNoServer
}

// isServerID tells the id of a server, which is a public key, from a name.
func isServerID(s string) bool { return len(s) == 56 && strings.HasPrefix(s, "N") }

// rawServerAnswers are the answers as the servers gave them, for JSON output.
func rawServerAnswers(list []*serverAnswer) []json.RawMessage {
	raw := make([]json.RawMessage, len(list))
	for i, a := range list {
		raw[i] = a.raw
	}
	return raw
}
