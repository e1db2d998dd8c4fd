package jwts

import (
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/jwt/v2"

	"myelin/internal/auth"
	"myelin/internal/auth/callout"
	"myelin/internal/clock"
)

// Source is where the JWTs of accounts come from. It may take a while.
type Source interface {
	// Fetch returns the JWT of an account, as it is there: nobody has looked whether it is good.
	Fetch(id string) (token string, err error)
}

// Options are what an Authority needs.
type Options struct {
	Trust  *Trust
	Source Source
	Clock  clock.Clock

	Proxies  Proxies        // which are trusted
	Pinned   []string       // accounts that users may be of, besides the system's; none: of all
	System   string         // the system account
	Sentinel string         // JWT of who shows none; "" for nobody
	Asker    *callout.Asker // asks services, where accounts leave it to them who may connect

	// Installed is told of each account before somebody is let into it, and whenever its claims have changed, one at a time. It
	// must not call the Authority.
	Installed func(*Account)
	// Dropped is told of accounts that are no more, in the same way.
	Dropped func(id string)
	// Missing is told of accounts that others have something of and that are not to be had.
	Missing func(id string, err error)
}

// Proxies says which proxies are trusted. When that changes, those who are inside have to be asked whether they stay, by a new Judge.
type Proxies interface {
	// ProxyOf returns the public key of the trusted proxy that signed the request's nonce, "" for none, or an *auth.Error.
	ProxyOf(*auth.Request) (string, error)
	// Trusts reports whether a proxy with that key is trusted.
	Trusts(proxy string) bool
}

// Authority decides by JWTs. It may be used by many at a time.
type Authority struct {
	opt   Options
	rules atomic.Pointer[rules]

	mu       sync.Mutex // guards what follows
	accounts map[string]*Account
	fetching map[string]*fetch
	missing  map[string]time.Time // accounts that others have something of, and when they were not to be had
	failed   uint64               // logins to accounts that are not pinned
}

// rules are what a configuration says beside the claims. They do not change.
type rules struct {
	pinned   map[string]bool // nil for all
	sentinel string
}

// SetRules exchanges Options.Pinned and Options.Sentinel. Those who are inside have to be asked whether they stay, by a new Judge.
func (a *Authority) SetRules(pinned []string, sentinel string) {
	r := &rules{sentinel: sentinel}
	if len(pinned) > 0 {
		r.pinned = map[string]bool{a.opt.System: true}
		for _, id := range pinned {
			r.pinned[id] = true
		}
	}
	a.rules.Store(r)
}

// lets reports whether users may be of the account.
func (r *rules) lets(id string) bool { return r.pinned == nil || r.pinned[id] }

// New returns an authority. Judge is what a gate takes.
func New(opt Options) *Authority {
	a := &Authority{opt: opt, accounts: make(map[string]*Account), fetching: make(map[string]*fetch), missing: make(map[string]time.Time)}
	a.SetRules(opt.Pinned, opt.Sentinel)
	return a
}

var (
	errNotPinned = errors.New("the account is not pinned")
	errMismatch  = errors.New("subject does not match jwt content")
	errGone      = errors.New("the account was deleted")
	errMissing   = errors.New("the account was not to be had a moment ago")
	errTooEarly  = errors.New("the account is not valid yet")
)

// Account returns an account that somebody was let into, as it is now; nil if nobody was, or it is gone.
func (a *Authority) Account(id string) *Account {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.accounts[id]
}

// Trust is whose signatures count.
func (a *Authority) Trust() *Trust { return a.opt.Trust }

// PinnedFailures is how many logins there were to accounts that are not pinned.
func (a *Authority) PinnedFailures() uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.failed
}

// admits reports whether users may be of the account; it counts those that may not.
func (a *Authority) admits(id string) bool {
	if a.rules.Load().lets(id) {
		return true
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.failed++
	return false
}

// put has the account in use. The lock is held.
func (a *Authority) put(account *Account) {
	delete(a.missing, account.ID)
	account.Read = a.opt.Clock.Now()
	a.accounts[account.ID] = account
	a.opt.Installed(account)
}

// Fault is what is wrong with the JWT of an account.
type Fault struct {
	Account string // that it is of, or should be; "" if that is not known
	Err     error
}

// Error implements error.
func (f *Fault) Error() string { return f.Err.Error() }

// Unwrap is for package errors.
func (f *Fault) Unwrap() error { return f.Err }

// Check reads the JWT of an account that somebody wants to be known; id is the account that it must be of, "" for any. The error is
// a *Fault.
func (a *Authority) Check(id, token string) (*Account, error) {
	if len(token) > maxToken {
		return nil, &Fault{id, jwt.ErrTokenTooLarge}
	}
	claims, err := jwt.DecodeAccountClaims(token)
	switch {
	case err != nil:
		return nil, &Fault{id, err}
	case id != "" && claims.Subject != id:
		return nil, &Fault{id, errMismatch}
	}
	account, err := a.opt.Trust.of(claims, token)
	if err != nil {
		return nil, &Fault{claims.Subject, err}
	}
	return account, nil
}

// Uses reports whether somebody was let into the account, or would have something of it.
func (a *Authority) Uses(id string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, missing := a.missing[id]
	return missing || a.accounts[id] != nil
}

// Update gives an account that is in use other claims, and reports whether anything has changed. Then those who are inside have
// to be asked whether they stay, by a new Judge; LoadSources follows.
func (a *Authority) Update(account *Account) (changed bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if f := a.fetching[account.ID]; f != nil {
		f.newer, f.gone = account.Token, false
	}
	known, now := a.accounts[account.ID], a.opt.Clock.Now()
	if known == nil {
		if _, missing := a.missing[account.ID]; missing && account.Valid(now) {
			a.put(account)
		}
		return false
	}
	if known.Token == account.Token {
		return false
	}
	a.put(account)
	return true
}

// Drop forgets an account, and reports whether it was in use: then those who are inside have to be asked, by a new Judge.
func (a *Authority) Drop(id string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if f := a.fetching[id]; f != nil {
		f.newer, f.gone = "", true
	}
	_, known := a.accounts[id]
	delete(a.accounts, id)
	if known {
		a.opt.Dropped(id)
	}
	return known
}

// Refresh gives all accounts that are in use what a source has by now. Those that it does not know are dropped if it is said to know all
// of them; otherwise, and where it cannot say, what is known goes on. Those who are inside have to be asked whether they stay, by a new
// Judge.
func (a *Authority) Refresh(source Source, knowsAll bool) {
	a.mu.Lock()
	ids := slices.Sorted(maps.Keys(a.accounts))
	a.mu.Unlock()
	for _, id := range ids {
		token, err := source.Fetch(id)
		if err != nil {
			if knowsAll {
				a.Drop(id)
			}
			continue
		}
		if known := a.Account(id); known != nil && known.Token == token {
			continue
		}
		if account, err := a.Check(id, token); err == nil && a.Update(account) {
			a.LoadSources(account)
		}
	}
}
