package server

import (
	"errors"
	"sync"
	"time"

	"github.com/nats-io/nkeys"

	"myelin/internal/auth/jwts"
	"myelin/internal/auth/resolver"
)

// pushes implements system.Claims: operators have JWTs of accounts taken and deleted.
type pushes struct{ s *Server }

var (
	errNoDelete     = errors.New("delete must be enabled in server config")
	errDeleteSystem = errors.New("not allowed to delete system account")
)

// Lookup implements system.Claims.
func (p pushes) Lookup(account string) string {
	directory := p.place().directory
	if directory == nil { // a reload has taken it away
		return ""
	}
	token, err := directory.Fetch(account)
	if err != nil {
		if !errors.Is(err, resolver.ErrUnknown) {
			p.s.log.Errorf("Looking up account %q: %v", account, err)
		}
		return ""
	}
	return token
}

// Accounts implements system.Claims.
func (p pushes) Accounts() []string {
	if directory := p.place().directory; directory != nil {
		return directory.List()
	}
	return nil
}

func (p pushes) place() *place { return p.s.operators.place.Load() }

// Update implements system.Claims. What is not signed by a trusted operator is refused, and is kept by nobody. Those who are
// inside are asked whether they stay, which may go on when Update returns.
func (p pushes) Update(account, token string) (of, done string, err error) {
	o := p.s.operators
	a, err := o.authority.Check(account, token)
	if err != nil {
		if fault := new(jwts.Fault); errors.As(err, &fault) {
			account = fault.Account
		}
		return account, "", err
	}
	at := p.place()
	switch {
	case at.cache && p.Lookup(a.ID) == "":
		return a.ID, "jwt update cache skipped", nil
	case at.directory != nil:
		if err := at.directory.Save(a.ID, token); err != nil {
			return a.ID, "", err
		}
	case !o.authority.Uses(a.ID):
		return a.ID, "jwt update skipped", nil
	}
	if o.authority.Update(a) {
		p.s.rejudge(a.ID)
		o.authority.LoadSources(a)
	}
	return a.ID, "jwt updated", nil
}

// Delete implements system.Claims.
func (p pushes) Delete(request string) (operator string, accounts int, err error) {
	o := p.s.operators
	operator, list, err := o.authority.Trust().Deletion(request)
	if err != nil {
		return operator, 0, err
	}
	directory := p.place().directory
	if directory == nil || !p.s.config().Operators.Resolver.AllowDelete {
		return operator, 0, errNoDelete
	}
	for _, id := range list {
		if id == o.system {
			return operator, 0, errDeleteSystem
		}
	}
	for _, id := range list {
		if err := directory.Delete(id); err != nil && !errors.Is(err, resolver.ErrUnknown) {
			return operator, 0, err
		}
		if o.authority.Drop(id) {
			p.s.rejudge(id)
		}
	}
	return operator, len(list), nil
}

// pauseOfReviews is how long it takes at least until those who are inside are asked again, so that many changes cost no more than
// few.
const pauseOfReviews = 20 * time.Millisecond

// reviews has those asked who are inside of accounts that have changed.
type reviews struct {
	mu       sync.Mutex // guards what follows
	accounts map[string]bool
	planned  bool
}

// rejudge asks everybody who is inside of an account whether they stay, now or soon.
func (s *Server) rejudge(account string) {
	r := &s.operators.reviews
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.accounts == nil {
		r.accounts = make(map[string]bool)
	}
	r.accounts[account] = true
	if r.planned {
		return
	}
	r.planned = true
	s.clock.AfterFunc(pauseOfReviews, func() {
		r.mu.Lock()
		accounts := r.accounts
		r.accounts, r.planned = nil, false
		r.mu.Unlock()
		s.gate.Change(s.judge())
		s.clients.RecheckOf(func(account string) bool { return accounts[account] })
	})
}

// lookups is a jwts.Source: others in the system account that have JWTs.
type lookups struct {
	s       *Server
	timeout time.Duration
}

// Fetch implements jwts.Source.
func (l lookups) Fetch(id string) (string, error) {
	if l.s.system == nil || !nkeys.IsValidPublicAccountKey(id) {
		return "", resolver.ErrUnknown
	}
	answer := l.s.system.Ask("$SYS.REQ.ACCOUNT."+id+".CLAIMS.LOOKUP", l.s.clock.After(l.timeout))
	if len(answer) == 0 {
		return "", resolver.ErrUnknown
	}
	return string(answer), nil
}
