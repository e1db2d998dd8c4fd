package system

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"myelin/internal/broker"
	"myelin/internal/msgtrace"
	"myelin/internal/router"
)

// request is a copy of a message that asks for something.
type request struct {
	from    uint64          // the connection that it came from
	account *broker.Account // in which it was asked, and is answered
	subject []string        // tokens
	reply   []byte
	body    []byte

	encoding msgtrace.Encoding // of views; "" if the request does not care
	asker    string            // the account that the request comes from; "" for account
}

// kind is a group of requests by their subject.
type kind interface {
	// knows reports whether there is an answer to what the tokens ask for.
	knows(tokens []string) bool
	// answer makes the answer; nil: there is none.
	answer(g *Guest, r *request) any
}

// entrance is the Sink of one pattern in one account.
type entrance struct {
	guest   *Guest
	account *broker.Account
	kind    kind
}

// Deliver implements router.Sink. What nobody could answer is not taken, so that who asks is told at once.
func (e *entrance) Deliver(m *router.Message, _ *router.Batch) bool {
	tokens := strings.Split(string(m.Subject), ".")
	if !e.kind.knows(tokens) {
		return false
	}
	if _, quiet := e.kind.(silent); len(m.Reply) == 0 && !quiet && !isCommand(tokens) {
		return true
	}
	r := &request{from: m.From, account: e.account, subject: tokens, reply: bytes.Clone(m.Reply), body: bytes.Clone(m.Payload)}
	if len(m.Header) > 0 {
		r.encoding, r.asker = encodingFor(m.Header), askerOf(m.Header)
	}
	e.guest.queue.add(func() { e.guest.respond(e.kind, r) })
	return true
}

// respond works on a request. It is called by the worker.
func (g *Guest) respond(k kind, r *request) {
	switch answer := k.answer(g, r).(type) {
	case nil:
	case []byte:
		g.send(r.account, r.reply, answer)
	default:
		g.reply(r, answer)
	}
}

// kinds are the requests that an account may make, by the pattern of their subjects.
func (g *Guest) kinds(a *broker.Account) map[string]kind {
	kinds := map[string]kind{"$SYS.REQ.USER.INFO": userKind{}}
	if a == g.account {
		kinds["$SYS.REQ.SERVER.PING"] = viewKind{at: 4}
		kinds["$SYS.REQ.SERVER.PING.*"] = viewKind{at: 4}
		kinds["$SYS.REQ.SERVER."+g.opt.Server.ID+".*"] = viewKind{at: 4, commands: true}
		kinds["$SYS.REQ.ACCOUNT.*.*"] = accountKind{}
		kinds["$SYS.REQ.ACCOUNT.NSUBS"] = subsKind{}
		kinds["$SYS.DEBUG.SUBSCRIBERS"] = debugKind{}
		g.claimKinds(kinds)
		return kinds
	}
	// About itself only: what the body says of an account counts for nothing.
	kinds["$SYS.REQ.SERVER.PING.CONNZ"] = ownKind{"CONNZ"}
	kinds["$SYS.REQ.ACCOUNT.PING.CONNZ"] = ownKind{"CONNZ"}
	kinds["$SYS.REQ.ACCOUNT.PING.STATZ"] = ownKind{"STATZ"}
	return kinds
}

// answered is what most requests are answered with.
type answered struct {
	Server *Server  `json:"server"`
	Data   any      `json:"data,omitempty"`
	Error  *refusal `json:"error,omitempty"`

	view bool // it may be long
}

// refusal says why there is no answer.
type refusal struct {
	Code        int    `json:"code"`
	Description string `json:"description"`
}

const (
	badRequest = 400
	failed     = 500
)

// nothing is encoded as null.
var nothing = (*struct{})(nil)

func (g *Guest) data(data any, err error) *answered {
	if err != nil {
		return &answered{Server: g.server(), Data: nothing, Error: &refusal{failed, err.Error()}, view: true}
	}
	return &answered{Server: g.server(), Data: data, view: true}
}

// done answers a command.
func (g *Guest) done(err error) *answered {
	if err != nil {
		return &answered{Server: g.server(), Error: &refusal{failed, err.Error()}}
	}
	return &answered{Server: g.server()}
}

// filter says which servers are asked.
type filter struct {
	ServerName string   `json:"server_name"`
	Cluster    string   `json:"cluster"`
	Host       string   `json:"host"`
	ExactMatch bool     `json:"exact_match"` // names and hosts are the whole ones
	Tags       []string `json:"tags"`
	Domain     string   `json:"domain"`
}

// accepts reports whether the server is among those that are asked.
func (f *filter) accepts(s *Server) bool {
	matches := strings.Contains
	if f.ExactMatch {
		matches = func(own, asked string) bool { return asked == "" || own == asked }
	}
	switch {
	case !matches(s.Name, f.ServerName), !matches(s.Host, f.Host):
		return false
	case f.Cluster != "" && f.Cluster != s.Cluster, f.Domain != "" && f.Domain != s.Domain:
		return false
	}
	return !slices.ContainsFunc(f.Tags, func(tag string) bool { return !slices.Contains(s.Tags, strings.ToLower(tag)) })
}

// read decodes the options of a request, which need not have any. It reports false if the request is not for this server,
// or not to be understood, which answer says then.
func (g *Guest) read(r *request, options any) (ok bool, answer any) {
	if len(bytes.TrimSpace(r.body)) == 0 {
		return true, nil
	}
	var f filter
	err := json.Unmarshal(r.body, &f)
	if err == nil {
		err = json.Unmarshal(r.body, options)
	}
	if err != nil {
		return false, &answered{Server: g.server(), Error: &refusal{badRequest, err.Error()}}
	}
	return f.accepts(g.self.Load()), nil
}

// userKind tells who asks.
type userKind struct{}

type userInfo struct {
	User        string       `json:"user"`
	Account     string       `json:"account"`
	AccountName string       `json:"account_name,omitempty"`
	UserName    string       `json:"user_name,omitempty"`
	Permissions *permissions `json:"permissions,omitempty"`
	Expires     int64        `json:"expires,omitempty"` // nanoseconds from now, whole seconds
}

func (userKind) knows([]string) bool { return true }

func (userKind) answer(g *Guest, r *request) any {
	u := g.opt.User(r.from)
	if u == nil {
		return nil
	}
	info := &userInfo{User: u.Name, Account: u.Account, AccountName: u.Account, UserName: u.UserName, Permissions: shownPermissions(u.Permissions)}
	if u.AccountName != "" {
		info.AccountName = u.AccountName
	}
	if !u.Expires.IsZero() {
		info.Expires = int64(u.Expires.Sub(g.now()).Truncate(time.Second))
	}
	return &answered{Server: g.server(), Data: info}
}

// ownKind is a view of the asking account.
type ownKind struct{ view string }

func (ownKind) knows([]string) bool { return true }

func (k ownKind) answer(g *Guest, r *request) any {
	return accountViews[k.view](g, r, r.account.Name())
}
