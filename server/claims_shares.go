package server

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/jwt/v2"

	"myelin/internal/auth/jwts"
	"myelin/internal/clock"
	"myelin/internal/config"
	"myelin/internal/subject"
)

// claimShares puts into force what accounts share by their claims. What one of them has is looked at again whenever its claims
// change, or those of an account that it has something of, or when the time of an activation is over.
type claimShares struct {
	s *Server

	mu        sync.Mutex // guards what follows
	accounts  map[string]*jwts.Account
	importers map[string]map[string]bool // by account, those that want something of it
	inForce   shares
	refused   map[string]map[*jwt.Import]error // by importing account
	circular  map[string]bool                  // accounts with an import that would lead in a circle
	timers    map[string]clock.Timer           // by importing account, until its shares have to be looked at again
	flows     config.Flows                     // of what is in force
	closed    bool                             // no timer begins any more
}

func newClaimShares(s *Server) *claimShares {
	return &claimShares{
		s: s, accounts: make(map[string]*jwts.Account), importers: make(map[string]map[string]bool), inForce: make(shares),
		refused: make(map[string]map[*jwt.Import]error), circular: make(map[string]bool), timers: make(map[string]clock.Timer),
	}
}

// set has an account share what its claims say from now on.
func (c *claimShares) set(a *jwts.Account) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.exchange(a.ID, a)
}

// drop ends what an account has of others and they have of it.
func (c *claimShares) drop(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.exchange(id, nil)
}

// exchange does so with the lock held.
func (c *claimShares) exchange(id string, now *jwts.Account) {
	if before := c.accounts[id]; before != nil {
		for _, i := range before.Claims.Imports {
			delete(c.importers[i.Account], id)
		}
	}
	if now == nil {
		delete(c.accounts, id)
	} else {
		c.accounts[id] = now
		for _, i := range now.Claims.Imports {
			if c.importers[i.Account] == nil {
				c.importers[i.Account] = make(map[string]bool)
			}
			c.importers[i.Account][id] = true
		}
	}
	ended := c.plan(id)
	for importer := range c.importers[id] {
		if importer != id {
			ended = c.plan(importer) || ended
		}
	}
	if !ended {
		return
	}
	for _, importer := range slices.Sorted(maps.Keys(c.circular)) {
		c.plan(importer)
	}
}

// close has nothing looked at again.
func (c *claimShares) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for _, timer := range c.timers {
		timer.Stop()
	}
}

// again looks at the shares of an account when the time of one is over.
func (c *claimShares) again(importer string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.plan(importer)
}

// plan puts into force what an account may have of others now, and reports whether there is something that it has not any more.
func (c *claimShares) plan(importer string) (ended bool) {
	if timer := c.timers[importer]; timer != nil {
		timer.Stop()
		delete(c.timers, importer)
	}
	p := &claimPlan{claimShares: c, now: c.s.clock.Now(), taken: make(map[config.Import]bool)}
	before := c.inForce[importer]
	for _, x := range before {
		c.flows.Remove(x.flow)
	}
	if a := c.accounts[importer]; a != nil {
		for _, i := range a.Claims.Imports {
			p.add(a, i)
		}
	}
	c.inForce.change(c.s.broker, importer, p.joints)
	delete(c.circular, importer)
	if p.circular {
		c.circular[importer] = true
	}
	c.tell(importer, p.refused)
	if !p.until.IsZero() && !c.closed {
		c.timers[importer] = c.s.clock.AfterFunc(max(p.until.Sub(p.now), 0), func() { c.again(importer) })
	}
	after := c.inForce[importer]
	for by := range before {
		ended = ended || after[by] == nil
	}
	return ended
}

// tell says in the log what is refused now that was not. Accounts that are not known may come in a moment; missing tells of those
// that do not.
func (c *claimShares) tell(importer string, refused map[*jwt.Import]error) {
	before := c.refused[importer]
	if c.refused[importer] = refused; len(refused) == 0 {
		delete(c.refused, importer)
		return
	}
	for i, why := range refused {
		if known := before[i]; why != errNotKnown && (known == nil || known.Error() != why.Error()) {
			c.s.log.Warnf("Account %s: import of %s %q from account %q is not in force: %v", c.accounts[importer].Name(), i.Type, i.Subject, i.Account, why)
		}
	}
}

// claimPlan is what an account may have of others.
type claimPlan struct {
	*claimShares
	now      time.Time
	joints   []*joint
	taken    map[config.Import]bool // what tells imports apart
	refused  map[*jwt.Import]error
	circular bool
	until    time.Time // when the first of the activations is over; zero for never
}

var (
	errNotKnown = errors.New("the account is not known")
	errCircle   = errors.New("import forms a cycle")
)

// add has an import in the plan, unless it is refused.
func (p *claimPlan) add(a *jwts.Account, i *jwt.Import) {
	x, until, err := p.join(a, i)
	if err != nil {
		if p.refused == nil {
			p.refused = make(map[*jwt.Import]error)
		}
		p.refused[i] = err
		return
	}
	p.joints = append(p.joints, x)
	p.flows.Add(x.flow)
	if p.until.IsZero() || !until.IsZero() && until.Before(p.until) {
		p.until = until
	}
}

func (p *claimPlan) join(a *jwts.Account, i *jwt.Import) (x *joint, until time.Time, err error) {
	of := importOf(i)
	path, err := of.Path()
	switch {
	case err != nil:
		return nil, until, err
	case !subject.ValidPattern(path.Local) || !subject.ValidPattern(path.Remote):
		return nil, until, subject.ErrInvalidSubject
	}
	exporter := p.accounts[i.Account]
	if exporter == nil {
		return nil, until, errNotKnown
	}
	grant, err := exporter.Grant(&jwts.Want{Importer: a.ID, Type: i.Type, Pattern: path.Remote, Token: i.Token}, p.now)
	if err != nil {
		return nil, until, err
	}
	x = &joint{importer: a.ID, of: of, by: exportOf(grant.Export), path: path, flow: config.FlowOf(a.ID, &of, path)}
	if same := p.inForce[a.ID][x.terms()]; same != nil {
		x = same
	}
	same := config.Import{Service: of.Service, Account: of.Account, Subject: of.Subject}
	if of.Service {
		same.To = path.Local
	}
	if p.taken[same] {
		return nil, until, fmt.Errorf("%s import already exists", kindOf(of.Service))
	}
	if p.flows.Circle(x.flow) {
		p.circular = true
		return nil, until, errCircle
	}
	p.taken[same] = true
	return x, grant.Until, nil
}

// importOf is an import of claims as a configuration would have it. There the subject of a service is that of the exporting account
// always; claims that say "to" have it there.
func importOf(i *jwt.Import) config.Import {
	of := config.Import{
		Service: i.Type == jwt.Service, Account: i.Account, Subject: string(i.Subject), Share: i.Share, AllowTrace: i.AllowTrace,
	}
	switch to := i.GetTo(); {
	case i.LocalSubject != "":
		of.To = string(i.LocalSubject)
	case to != "" && of.Service:
		of.Subject, of.To = to, string(i.Subject)
	case to != "":
		of.Prefix = to
	}
	return of
}

var claimedResponses = map[jwt.ResponseType]config.Response{
	"": config.ResponseSingleton, jwt.ResponseTypeSingleton: config.ResponseSingleton,
	jwt.ResponseTypeStream: config.ResponseStream, jwt.ResponseTypeChunked: config.ResponseChunked,
}

// exportOf is an export of claims as a configuration would have it, apart from who may have it.
func exportOf(e *jwt.Export) config.Export {
	of := config.Export{Service: e.Type == jwt.Service, Subject: string(e.Subject), TokenPosition: int(e.AccountTokenPosition)}
	if of.Service {
		of.Response, of.Threshold, of.AllowTrace = claimedResponses[e.ResponseType], e.ResponseThreshold, e.AllowTrace
		if l := e.Latency; l != nil && of.Response == config.ResponseSingleton && subject.ValidLiteral(string(l.Results)) {
			of.Latency = &config.Latency{Subject: string(l.Results), Percent: int(l.Sampling)}
		}
	}
	return of
}
