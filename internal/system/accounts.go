package system

import (
	"time"

	"myelin/internal/auth"
	"myelin/internal/report"
)

// accountKind is a view of an account that the subject names.
type accountKind struct{}

func (accountKind) knows(tokens []string) bool { return accountViews[tokens[4]] != nil }

func (accountKind) answer(g *Guest, r *request) any {
	name, what := r.subject[3], r.subject[4]
	if name == everyAccount && what == "STATZ" {
		return view(func(v *report.Views, o report.AccStatzOptions) (any, error) {
			z := v.AccStatz(o)
			if len(o.Accounts) > 0 && len(z.Accounts) == 0 {
				return nil, nil
			}
			return z, nil
		})(g, r)
	}
	return accountViews[what](g, r, name)
}

// everyAccount stands in place of a name.
const everyAccount = "PING"

// accountViews are the views of one account, by name. What the options say of an account is overruled.
var accountViews = map[string]func(g *Guest, r *request, account string) any{
	"CONNZ": func(g *Guest, r *request, account string) any {
		return view(func(v *report.Views, o report.ConnzOptions) (any, error) {
			o.Account = account
			return v.Connz(o)
		})(g, r)
	},
	"SUBSZ": func(g *Guest, r *request, account string) any {
		return view(func(v *report.Views, o report.SubszOptions) (any, error) {
			o.Account, o.Subscriptions = account, true
			return v.Subsz(o)
		})(g, r)
	},
	"INFO": func(g *Guest, r *request, account string) any {
		return view(func(v *report.Views, _ struct{}) (any, error) { return v.AccountInfo(account) })(g, r)
	},
	"JSZ": func(g *Guest, r *request, account string) any {
		return view(func(v *report.Views, o report.JSzOptions) (any, error) { return v.AccountJSz(account, o) })(g, r)
	},
	"LEAFZ": func(g *Guest, r *request, _ string) any {
		return view(func(v *report.Views, _ struct{}) (any, error) { return v.Leafz(), nil })(g, r)
	},
	"STATZ": func(g *Guest, r *request, account string) any {
		if g.opt.Broker.Account(account) == nil {
			return nil
		}
		return view(func(v *report.Views, o report.AccStatzOptions) (any, error) {
			o.Accounts = []string{account}
			if z := v.AccStatz(o); len(z.Accounts) > 0 {
				return z, nil
			}
			return nil, nil
		})(g, r)
	},
	"CONNS": func(g *Guest, _ *request, account string) any { return g.counts(account, false) },
}

// permissions are those of a user as they are shown.
type permissions struct {
	Publish   subjects   `json:"publish"`
	Subscribe subjects   `json:"subscribe"`
	Responses *responses `json:"responses,omitempty"`
}

type subjects struct {
	Allow []string `json:"allow,omitempty"`
	Deny  []string `json:"deny,omitempty"`
}

type responses struct {
	Max     int           `json:"max"`
	Expires time.Duration `json:"ttl"`
}

func shownPermissions(p *auth.Permissions) *permissions {
	if p == nil {
		return nil
	}
	shown := &permissions{Publish: subjects{p.Publish.Allow, p.Publish.Deny}, Subscribe: subjects{p.Subscribe.Allow, p.Subscribe.Deny}}
	if r := p.Responses; r != nil {
		most, expires := r.Limits()
		shown.Responses = &responses{most, expires}
	}
	return shown
}
