package server

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/jwt/v2"

	"myelin/internal/auth"
	"myelin/internal/auth/jwts"
	"myelin/internal/auth/resolver"
	"myelin/internal/broker"
	"myelin/internal/config"
	"myelin/internal/msgtrace"
	"myelin/internal/version"
)

// operators is what a server has that leaves it to operators who may connect.
type operators struct {
	authority *jwts.Authority
	place     atomic.Pointer[place] // a reload exchanges it
	system    string                // the system account; "" for none
	streams   sync.Map              // by account, its claimedStreams
	shares    *claimShares
	reviews   reviews
	proxies   proxies
}

// place is where the JWTs of accounts are.
type place struct {
	source    jwts.Source
	directory *resolver.Directory // of accounts that may be pushed; nil for none
	cache     bool                // it has some of them only
}

// Fetch implements jwts.Source.
func (o *operators) Fetch(id string) (string, error) { return o.place.Load().source.Fetch(id) }

const (
	fetchTimeout    = 2 * time.Second
	maxCached       = 1000 // accounts in a cache, unless the configuration says
	accountsSegment = "/accounts/"
)

var (
	errNoResolver = errors.New("operators need a resolver: where are the accounts?")
	errTwoSystems = errors.New("system_account in config and operator JWT must be identical")
	errNoSystem   = errors.New("using nats based account resolver - the system account needs to be specified in configuration or the operator jwt")
)

// openOperators prepares to be told by operators who may connect, if the configuration says so.
func (s *Server) openOperators() error {
	c := &s.config().Operators
	if !c.Enabled() {
		return nil
	}
	tokens, err := c.Tokens(s.fs)
	if err != nil {
		return err
	}
	trust, err := jwts.NewTrust(tokens, c.Keys, version.NATS, s.clock.Now())
	if err != nil {
		return err
	}
	o := &operators{system: cmp.Or(s.config().SystemAccount, trust.SystemAccount()), shares: newClaimShares(s)}
	if named := trust.SystemAccount(); named != "" && o.system != named {
		return errTwoSystems
	}
	p, err := s.openPlace(c, o, trust)
	if err != nil {
		return err
	}
	if p.directory != nil {
		if err := p.directory.Preload(c.Preload); err != nil {
			return fmt.Errorf("write to the directory of the resolver: %w", err)
		}
	}
	o.place.Store(p)
	o.proxies.users.Store(s.users)
	o.authority = jwts.New(jwts.Options{
		Trust: trust, Source: o, Clock: s.clock, Proxies: &o.proxies, Pinned: c.Pinned, System: o.system, Asker: s.asker,
		Sentinel: string(c.Sentinel), Installed: s.installed, Dropped: o.shares.drop, Missing: s.missing,
	})
	s.operators = o
	return nil
}

// openPlace opens the place where accounts come from. Nothing there is changed.
func (s *Server) openPlace(c *config.Operators, o *operators, trust *jwts.Trust) (*place, error) {
	r := resolverOf(c, trust)
	switch r.Type {
	case config.ResolverMemory:
		return &place{source: resolver.Memory(c.Preload)}, nil
	case config.ResolverURL:
		u := &resolver.URL{Prefix: strings.TrimSuffix(r.URL, "/") + "/", Timeout: r.Timeout}
		if r.TLS != nil {
			loaded, err := r.TLS.LoadClient(s.fs)
			if err != nil {
				return nil, fmt.Errorf("load the certificates of resolver_tls: %w", err)
			}
			u.Client = resolver.ClientOver(loaded)
		}
		return &place{source: u}, nil
	case config.ResolverNone:
		return nil, errNoResolver
	}
	if o.system == "" {
		return nil, errNoSystem
	}
	p := &place{cache: r.Type == config.ResolverCache}
	var err error
	p.directory, err = resolver.OpenDirectory(resolver.DirectoryOptions{
		FS: s.fs, Dir: r.Dir, Clock: s.clock, Limit: r.Limit, Evict: p.cache, TTL: r.TTL, KeepErased: !r.HardDelete,
	})
	if err != nil {
		return nil, fmt.Errorf("open the directory of the resolver: %w", err)
	}
	if p.source = p.directory; p.cache {
		p.source = &resolver.Cache{Directory: p.directory, Behind: lookups{s, r.Timeout}, Good: func(id, token string) error {
			_, err := o.authority.Check(id, token)
			return err
		}}
	}
	return p, nil
}

// resolverOf is the resolver of the configuration, or that of the operator, with what is the default.
func resolverOf(c *config.Operators, trust *jwts.Trust) config.Resolver {
	r := c.Resolver
	if r.Type == config.ResolverNone && trust.ServerURL() != "" {
		r.Type, r.URL = config.ResolverURL, strings.TrimSuffix(trust.ServerURL(), "/")+accountsSegment
	}
	if r.Timeout == 0 {
		r.Timeout = fetchTimeout
	}
	if r.Type == config.ResolverCache && r.Limit == 0 {
		r.Limit = maxCached
	}
	return r
}

// openSystem makes the account in which the server tells of itself, if there is one.
func (o *operators) openSystem(b *broker.Broker) error {
	if o.system == "" {
		return nil
	}
	if _, err := o.authority.Load(o.system); err != nil {
		return fmt.Errorf("error resolving system account: %w", err)
	}
	b.SetSystem(b.Account(o.system))
	return nil
}

// installed gives an account what its claims say. It is called before anybody is let in, and must not call the Authority.
func (s *Server) installed(a *jwts.Account) {
	limits := a.Claims.Limits
	s.operators.streams.Store(a.ID, readStreams(&limits))
	account := s.broker.Add(a.ID)
	account.SetLimits(limitsOf(&limits))
	maps, err := mappings(mappingsOf(a.Claims.Mappings))
	if err != nil {
		s.log.Errorf("Account %s: the mappings are not valid, those from before go on: %v", a.Name(), err)
	} else {
		account.SetMappings(maps)
	}
	var sampling *msgtrace.Sampling
	if trace := a.Claims.Trace; trace != nil && trace.Destination != "" {
		sampling = &msgtrace.Sampling{Dest: string(trace.Destination), Percent: percentOf(trace.Sampling)}
	}
	account.SetSampling(sampling)
	s.operators.shares.set(a)
	if p := s.streams.Load(); p != nil {
		p.api.AccountChanged(account)
		p.engine.AccountLimitsChanged(a.ID)
	}
	if s.system != nil {
		s.system.AccountAdded(account)
	}
}

// percentOf is how many of the messages are traced: all, unless the claims say.
func percentOf(sampling int) int {
	if sampling == 0 {
		return 100
	}
	return sampling
}

// mappingsOf are the mappings of claims.
func mappingsOf(claims jwt.Mapping) (list []config.Mapping) {
	for source, dests := range claims {
		m := config.Mapping{Source: string(source)}
		for _, d := range dests {
			m.Dests = append(m.Dests, config.MappingDest{Subject: string(d.Subject), Weight: int(d.GetWeight()), Cluster: d.Cluster})
		}
		list = append(list, m)
	}
	return list
}

// missing tells that an account is not to be had which others have something of.
func (s *Server) missing(id string, err error) {
	s.log.Errorf("Can't locate account [%s] for what others import of it: %v", id, err)
}

// known makes sure that an account is there which has streams, though nobody of it has come yet.
func (s *Server) known(account string) {
	if s.operators == nil || s.broker.Account(account) != nil {
		return
	}
	if _, err := s.operators.authority.Load(account); err != nil {
		s.log.Warnf("Account %s has streams, and is not to be resolved: %v", account, err)
		s.broker.Add(account)
	}
}

// judge decides who may connect: operators, if they are trusted, or else the users of the configuration.
func (s *Server) judge() auth.Judge {
	if s.operators != nil {
		return s.operators.authority.Judge()
	}
	return s.judgeOf(s.users)
}

// tellOperators says who is trusted.
func (s *Server) tellOperators() {
	if s.operators == nil {
		return
	}
	s.log.Noticef("Trusted Operators")
	for _, o := range s.operators.authority.Trust().Operators() {
		expires := "Never"
		if o.Claims.Expires != 0 {
			expires = time.Unix(o.Claims.Expires, 0).UTC().String()
		}
		s.log.Noticef("  System  : %q", o.Claims.SystemAccount)
		s.log.Noticef("  Operator: %q", o.Claims.Name)
		s.log.Noticef("  Issued  : %v", time.Unix(o.Claims.IssuedAt, 0).UTC())
		s.log.Noticef("  Expires : %s", expires)
	}
	if s.operators.place.Load().directory != nil {
		s.log.Noticef("Managing all jwt in exclusive directory %s", s.config().Operators.Resolver.Dir)
	}
}
