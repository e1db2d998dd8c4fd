package system

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"myelin/internal/broker"
	"myelin/internal/msgtrace"
	"myelin/internal/report"
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
	Expires     int64        `json:"expires,omitempty"` // nanoseconds from now
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
		info.Expires = int64(u.Expires.Sub(g.now()))
	}
	return &answered{Server: g.server(), Data: info}
}

// ownKind is a view of the asking account.
type ownKind struct{ view string }

func (ownKind) knows([]string) bool { return true }

func (k ownKind) answer(g *Guest, r *request) any {
	return accountViews[k.view](g, r, r.account.Name())
}

// subsKind counts the subscriptions that a message would reach.
type subsKind struct{}

func (subsKind) knows([]string) bool { return true }

func (subsKind) answer(g *Guest, r *request) any {
	var q struct {
		Subject string `json:"subject"`
		Queue   string `json:"queue"`
		Account string `json:"acc"`
	}
	if json.Unmarshal(r.body, &q) != nil {
		return nil
	}
	a := g.opt.Broker.Account(q.Account)
	if a == nil {
		return nil
	}
	n := 0
	a.Router().Each(func(s *router.Sub) bool {
		if s.Pattern == q.Subject && (q.Queue == "" || s.Queue == q.Queue) {
			n++
		}
		return true
	})
	return strconv.AppendInt(nil, int64(n), 10)
}

// isCommand reports whether a request does something, so that it may come without a reply subject.
func isCommand(tokens []string) bool {
	return commands[tokens[len(tokens)-1]] != nil && len(tokens) == 5
}

// views of the server for which a request may ask, by name. Each reads its options, and builds the view.
var views = map[string]func(*Guest, *request) any{
	"STATSZ":   func(g *Guest, r *request) any { return stateOf(g, r) },
	"IDZ":      func(g *Guest, r *request) any { return idOf(g, r) },
	"VARZ":     view(func(v *report.Views, _ struct{}) (any, error) { return v.Varz(), nil }),
	"CONNZ":    view(func(v *report.Views, o report.ConnzOptions) (any, error) { return v.Connz(o) }),
	"SUBSZ":    view(func(v *report.Views, o report.SubszOptions) (any, error) { return v.Subsz(o) }),
	"ROUTEZ":   view(func(v *report.Views, _ struct{}) (any, error) { return v.Routez(), nil }),
	"GATEWAYZ": view(func(v *report.Views, _ struct{}) (any, error) { return v.Gatewayz(), nil }),
	"LEAFZ":    view(func(v *report.Views, _ struct{}) (any, error) { return v.Leafz(), nil }),
	"ACCOUNTZ": view(func(v *report.Views, o report.AccountzOptions) (any, error) { return v.Accountz(o) }),
	"JSZ":      view(func(v *report.Views, o report.JSzOptions) (any, error) { return v.JSz(o), nil }),
	"HEALTHZ":  view(func(v *report.Views, o report.HealthzOptions) (any, error) { return v.Healthz(o), nil }),
	"EXPVARZ":  view(func(v *report.Views, _ struct{}) (any, error) { return v.Expvarz(), nil }),
	"PROFILEZ": profileOf,

	"IPQUEUESZ": view(func(v *report.Views, o report.IPQueueszOptions) (any, error) { return v.IPQueuesz(o), nil }),
	"RAFTZ":     view(func(v *report.Views, o report.RaftzOptions) (any, error) { return v.Raftz(o), nil }),
}

// view makes an entry of the table.
func view[O any](build func(*report.Views, O) (any, error)) func(*Guest, *request) any {
	return func(g *Guest, r *request) any {
		var options O
		ok, answer := g.read(r, &options)
		if !ok {
			return answer
		}
		data, err := build(g.opt.Views, options)
		if data == nil && err == nil {
			return nil
		}
		return g.data(data, err)
	}
}

func stateOf(g *Guest, r *request) any {
	ok, answer := g.read(r, new(struct{}))
	if !ok {
		return answer
	}
	return g.state()
}

// identity is the shortest introduction.
type identity struct {
	Name string `json:"name"`
	Host string `json:"host"`
	ID   string `json:"id"`
}

// idOf answers whatever the request says, as a stock server does.
func idOf(g *Guest, _ *request) any {
	return &identity{g.opt.Server.Name, g.opt.Server.Host, g.opt.Server.ID}
}

// commands are what a single server can be told to do, by name.
var commands = map[string]func(*Guest, *request) any{
	"RELOAD": func(g *Guest, _ *request) any { return g.done(g.opt.Reload()) },
	"KICK":   func(g *Guest, r *request) any { return g.toConn(r, g.opt.Kick) },
	"LDM":    func(g *Guest, r *request) any { return g.toConn(r, g.opt.LameDuck) },
}

// toConn does something with the connection that a request names.
func (g *Guest) toConn(r *request, do func(cid uint64) error) any {
	var q struct {
		CID uint64 `json:"cid"`
	}
	if err := json.Unmarshal(r.body, &q); err != nil {
		g.opt.Log.Errorf("SYSTEM - Error unmarshalling request for a connection: %v", err)
		return nil
	}
	return g.done(do(q.CID))
}

// viewKind is a view whose name is a token of the subject, STATSZ if there is no such token.
type viewKind struct {
	at       int
	commands bool
}

func (k viewKind) name(tokens []string) string {
	if len(tokens) <= k.at {
		return "STATSZ"
	}
	return tokens[k.at]
}

func (k viewKind) knows(tokens []string) bool {
	name := k.name(tokens)
	return views[name] != nil || k.commands && commands[name] != nil
}

func (k viewKind) answer(g *Guest, r *request) any {
	name := k.name(r.subject)
	if command := commands[name]; k.commands && command != nil {
		return command(g, r)
	}
	return views[name](g, r)
}
