package system

import (
	"encoding/json"

	"myelin/internal/report"
)

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
