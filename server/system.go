package server

import (
	"errors"

	"myelin/internal/auth"
	"myelin/internal/broker"
	"myelin/internal/config"
	"myelin/internal/jetstream"
	"myelin/internal/report"
	"myelin/internal/system"
	"myelin/internal/version"
)

// newSystem prepares the guest that tells the system account of this server.
func (s *Server) newSystem() *system.Guest {
	var claims system.Claims
	var at place
	if s.operators != nil {
		claims, at = pushes{s}, *s.operators.place.Load()
	}
	return system.New(system.Options{
		Claims: claims, KeepsClaims: at.directory != nil, AllClaims: !at.cache,
		Broker: s.broker, Views: s.views, Clock: s.clock, Log: s.log,
		Server: s.introduction(),
		User:   s.user, Kick: s.kick, LameDuck: s.warn, Reload: s.ReloadFile,
	})
}

// introduction is what the server tells of itself with everything that it tells.
func (s *Server) introduction() system.Server {
	flags := uint64(0)
	if s.streams != nil {
		flags = system.FlagJetStream | system.FlagBinarySnapshots | system.FlagAccountGroups
	}
	c := s.config()
	return system.Server{
		Name: s.name, Host: c.Host, ID: s.id, Domain: c.JetStream.Domain, Version: version.NATS,
		Tags: c.ServerTags, Metadata: c.ServerMetadata, FeatureFlags: report.FeatureFlags(),
		JetStream: s.streams != nil, Flags: flags,
	}
}

var errNoConn = errors.New("no such client or leafnode id")

// who is a connection whose identity is known.
type who interface {
	Who() (name string, identity *auth.Identity)
}

// user tells who a connection is.
func (s *Server) user(cid uint64) *system.User {
	guest, _ := s.registry.Get(cid)
	conn, ok := guest.(who)
	if !ok {
		return nil
	}
	name, identity := conn.Who()
	if identity == nil {
		return nil
	}
	u := &system.User{
		Name: name, Account: identity.Account, Permissions: identity.Rights.Permissions(), Expires: identity.Expires,
	}
	if claims := identity.Claims; claims != nil {
		u.Name, u.AccountName, u.UserName = identity.User, claims.AccountName, claims.Name
	}
	return u
}

// kick ends a connection.
func (s *Server) kick(cid uint64) error {
	guest, _ := s.registry.Get(cid)
	conn, ok := guest.(interface{ Kick() })
	if !ok {
		return errNoConn
	}
	conn.Kick()
	return nil
}

// warn asks one client to move elsewhere.
func (s *Server) warn(cid uint64) error {
	guest, _ := s.registry.Get(cid)
	conn, ok := guest.(interface{ LameDuck() error })
	if !ok {
		return errNoConn
	}
	return conn.LameDuck()
}

// clientOf describes the connection that a request came from, for events about streams; nil if it is gone.
func (s *Server) clientOf(cid uint64) *jetstream.Client {
	guest, ok := s.registry.Get(cid)
	if !ok {
		return nil
	}
	c := guest.Describe()
	start := c.Start.UTC()
	shown := &jetstream.Client{
		Start: &start, Host: c.IP, ID: c.CID, Account: c.Account, User: c.User, Name: c.Name, Lang: c.Lang, Version: c.Version,
		RTT: c.RTT, Server: s.name, Kind: c.Kind, ClientType: c.Type,
	}
	if claims := c.Claims; claims != nil {
		shown.IssuerKey, shown.NameTag, shown.Tags = claims.Issuer, claims.Name, claims.Tags
	}
	return shown
}

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
		Name: a.Name(), System: a == v.s.broker.System(), JetStream: v.s.streams != nil && v.s.accountStreams(a.Name()).Enabled,
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
		return report.AccountTerms{Mappings: mappedTo(c.Mappings), Exports: exportsOf(c), Imports: importsOf(c)}
	}
	return d
}

// mappedTo are mappings as the monitoring pages show them.
func mappedTo(list []config.Mapping) map[string][]report.MappedTo {
	if len(list) == 0 {
		return nil
	}
	shown := make(map[string][]report.MappedTo, len(list))
	for _, m := range list {
		for _, d := range m.Dests {
			shown[m.Source] = append(shown[m.Source], report.MappedTo{Subject: d.Subject, Weight: d.Weight, Cluster: d.Cluster})
		}
	}
	return shown
}
