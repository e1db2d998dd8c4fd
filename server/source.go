package server

import (
	"cmp"
	"runtime"
	"time"

	"myelin/internal/broker"
	"myelin/internal/config"
	"myelin/internal/nats"
	"myelin/internal/report"
	"myelin/internal/router"
	"myelin/internal/version"
)

// source shows the server to the monitoring views.
type source struct{ s *Server }

func (v source) Identity() report.Identity {
	s := v.s
	id := report.Identity{
		ID: s.id, Name: s.name, Version: version.NATS, ProductVersion: version.Product, GitCommit: version.GitCommit(),
		GoVersion: runtime.Version(), Start: s.started, Host: s.config().Host, Port: s.config().Port,
		HTTPHost: cmp.Or(s.config().HTTPHost, s.config().Host), HTTPPort: s.config().HTTPPort, HTTPSPort: s.config().HTTPSPort,
		CertNotAfter: s.certNotAfter(),
	}
	if s.clients != nil {
		id.Port, id.ConnectURLs = s.clients.Addr().Port, s.clients.Info().ConnectURLs
	}
	return id
}

func (v source) Config() *config.Config  { return v.s.config() }
func (v source) ConfigLoaded() time.Time { return v.s.inForce.Load().since }
func (v source) Now() time.Time          { return v.s.clock.Now() }

func (v source) Counters() report.Counters {
	var c report.Counters
	if v.s.clients != nil {
		c = v.s.clients.Totals()
	}
	c.Connections, c.TotalConnections = v.s.registry.Len(), v.s.registry.Total()
	return c
}

func (v source) Connections() []report.Conn {
	guests := v.s.registry.Open()
	conns := make([]report.Conn, len(guests))
	for i, g := range guests {
		conns[i] = g.Describe()
	}
	return conns
}

func (v source) Closed() []report.Conn { return v.s.registry.Closed() }

func (v source) Subscriptions(visit func(report.Sub) bool) {
	for _, account := range v.s.broker.Accounts() {
		more, tag := true, v.s.accountTag(account.Name())
		account.Router().Each(func(sub *router.Sub) bool {
			if d, ok := sub.Sink.(nats.SubDescriber); ok {
				s := d.Describe()
				s.Account, s.AccountTag = account.Name(), tag
				more = visit(s)
			}
			return more
		})
		if !more {
			return
		}
	}
}

func (v source) RouterStats(name string) report.RouterStats {
	var sum report.RouterStats
	accounts := []*broker.Account{v.s.broker.Account(name)}
	if name == "" {
		accounts = v.s.broker.Accounts()
	}
	for _, account := range accounts {
		if account == nil {
			continue
		}
		st := account.Router().Stats()
		sum.NumSubs += uint32(st.Subs)
		sum.NumCache += uint32(st.Cached)
		sum.Inserts += st.Inserts
		sum.Removes += st.Removes
		sum.Matches += st.Matches
		sum.CacheHits += st.CacheHits
		sum.MaxFanout = max(sum.MaxFanout, uint32(st.MaxFanout))
		if misses := st.Matches - st.CacheHits; misses > 0 {
			sum.AvgFanout = float64(st.Fanout) / float64(misses)
		}
	}
	return sum
}

func (v source) Healthy() error {
	if v.s.inState(running) {
		return nil
	}
	return errNotRunning
}
