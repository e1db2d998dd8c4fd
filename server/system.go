package server

import (
	"errors"

	"myelin/internal/auth"
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
	streams := s.streams.Load() != nil
	if streams {
		flags = system.FlagJetStream | system.FlagBinarySnapshots | system.FlagAccountGroups
	}
	c := s.config()
	return system.Server{
		Name: s.name, Host: c.Host, ID: s.id, Domain: c.JetStream.Domain, Version: version.NATS,
		Tags: c.ServerTags, Metadata: c.ServerMetadata, FeatureFlags: report.FeatureFlags(),
		JetStream: streams, Flags: flags,
	}
}

// The words of stock.
var (
	errNoConn   = errors.New("no such client or leafnode id")
	errNoClient = errors.New("no such client id")
)

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
		return errNoClient
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
