package server

import (
	"slices"

	"myelin/internal/auth"
	"myelin/internal/broker"
	"myelin/internal/config"
	"myelin/internal/report"
)

// Accounts implements report.AccountSource.
func (v source) Accounts() []report.Account {
	accounts := v.s.listed()
	list := make([]report.Account, len(accounts))
	for i, a := range accounts {
		list[i] = v.describe(a)
	}
	return list
}

// Account is one of the Accounts.
func (v source) Account(name string) (report.Account, bool) {
	if a := v.s.broker.Account(name); a != nil {
		return v.describe(a), true
	}
	return report.Account{}, false
}

func (v source) describe(a *broker.Account) report.Account {
	t := a.Traffic()
	d := report.Account{
		Name: a.Name(), System: a == v.s.broker.System(), JetStream: v.s.streams.Load() != nil && v.s.accountStreams(a.Name()).Enabled,
		Connections: t.Connections.Load(), InMsgs: t.InMsgs.Load(), InBytes: t.InBytes.Load(),
		OutMsgs: t.OutMsgs.Load(), OutBytes: t.OutBytes.Load(), SlowConsumers: t.SlowConsumers.Load(),
	}
	if o := v.s.operators; o != nil {
		if claimed := o.authority.Account(a.Name()); claimed != nil {
			d.Tag, d.Terms = claimed.Name(), func() report.AccountTerms { return o.shares.terms(claimed, v.Now()) }
		}
		return d
	}
	d.Terms = func() report.AccountTerms {
		c := v.s.config().Account(a.Name())
		if a.Name() == auth.GlobalAccount {
			c.Mappings = v.s.config().Mappings
		}
		return report.AccountTerms{Mappings: mappedTo(c.Mappings), Exports: exportsOf(c), Imports: importsOf(c)}
	}
	return d
}

// listed are the accounts that there are for those who look: one that a reload has taken away is not, though the broker keeps it
// for when it comes back.
func (s *Server) listed() []*broker.Account {
	accounts := s.broker.Accounts()
	if s.operators != nil {
		return accounts
	}
	c := s.config()
	known := map[string]bool{auth.GlobalAccount: true, c.System(): true}
	for _, a := range c.Auth.Accounts {
		known[a.Name] = true
	}
	return slices.DeleteFunc(accounts, func(a *broker.Account) bool { return !known[a.Name()] })
}

// exportsOf is what an account exports, for the monitoring pages.
func exportsOf(a config.Account) (list []report.AccountExport) {
	for _, e := range a.Exports {
		list = append(list, report.AccountExport{
			Subject: e.Subject, Type: kindOf(e.Service), Approved: e.Accounts, Response: string(e.Response), Latency: latencyOf(e.Latency),
		})
	}
	return list
}

// importsOf is what an account imports.
func importsOf(a config.Account) (list []report.AccountImport) {
	for _, i := range a.Imports {
		path, err := i.Path()
		if err != nil { // the configuration was checked
			continue
		}
		shown := report.AccountImport{Subject: path.Remote, Account: i.Account, Local: path.Local, Type: kindOf(i.Service), Share: i.Share && i.Service}
		if i.Service {
			shown.To = path.Local
		}
		list = append(list, shown)
	}
	return list
}

// latencyOf is how a service is measured; nil for not at all.
func latencyOf(l *config.Latency) *report.ServiceLatency {
	switch {
	case l == nil:
		return nil
	case l.Percent == config.ByHeader:
		return &report.ServiceLatency{Sampling: "headers", Results: l.Subject}
	}
	return &report.ServiceLatency{Sampling: l.Percent, Results: l.Subject}
}

func kindOf(service bool) string {
	if service {
		return "service"
	}
	return "stream"
}
