package engine

import (
	"math"
	"sync"
	"sync/atomic"

	"myelin/internal/apierr"
	"myelin/internal/meta"
	"myelin/internal/stream"
)

// tenant is an account as the engine sees it.
type tenant struct {
	name   string
	limits atomic.Pointer[meta.Limits]
	used   used
}

// tenants are the accounts that have been asked about.
type tenants struct {
	mu     sync.Mutex // guards byName
	byName map[string]*tenant
}

// tenant returns the account of that name.
func (e *Engine) tenant(name string) *tenant {
	e.tenants.mu.Lock()
	defer e.tenants.mu.Unlock()
	t := e.tenants.byName[name]
	if t == nil {
		t = &tenant{name: name}
		t.limits.Store(e.limitsOf(name))
		if e.tenants.byName == nil {
			e.tenants.byName = make(map[string]*tenant)
		}
		e.tenants.byName[name] = t
	}
	return t
}

// limitsOf asks for the limits of an account. Those of the server are the same for all.
func (e *Engine) limitsOf(name string) *meta.Limits {
	server := e.limits.Load()
	limits := *server
	if e.accountLimits != nil {
		limits = e.accountLimits(name)
		limits.ServerMemory, limits.ServerStorage = server.ServerMemory, server.ServerStorage
	}
	return &limits
}

// SetServerLimits bounds what all streams of the node may take in memory and on disk, in bytes; -1 is no limit.
func (e *Engine) SetServerLimits(memory, storage int64) {
	limits := *e.limits.Load()
	limits.ServerMemory, limits.ServerStorage = memory, storage
	e.limits.Store(&limits)
	e.LimitsChanged()
}

// LimitsChanged has the limits of all accounts asked for again.
func (e *Engine) LimitsChanged() {
	e.tenants.mu.Lock()
	defer e.tenants.mu.Unlock()
	for name, t := range e.tenants.byName {
		t.limits.Store(e.limitsOf(name))
	}
}

// AccountLimitsChanged has those of one account asked for again.
func (e *Engine) AccountLimitsChanged(name string) {
	e.tenants.mu.Lock()
	defer e.tenants.mu.Unlock()
	if t := e.tenants.byName[name]; t != nil {
		t.limits.Store(e.limitsOf(name))
	}
}

// room is how many more bytes of messages the account may store.
func (t *tenant) room(s stream.Storage) int64 {
	limits := t.limits.Load()
	limit := limits.MaxStorage
	if s == stream.Memory {
		limit = limits.MaxMemory
	}
	if limit < 0 {
		return math.MaxInt64
	}
	return limit - t.used.of(s).Load()
}

// noRoom says why no message is taken now, or is nil.
func (s *Stream) noRoom() *apierr.Error {
	if err := s.refusal(false); err != nil {
		return err
	}
	if s.tenant.room(s.asset.Config.Storage) <= 0 {
		return apierr.AccountResourcesExceeded.Err()
	}
	return nil
}

// admission decides which messages of one turn the account has room for.
type admission struct {
	err  *apierr.Error // for all of them, or nil
	room int64         // bytes
}

// admission is called by the holder of the token.
func (s *Stream) admission() admission {
	return admission{s.refusal(false), s.tenant.room(s.asset.Config.Storage)}
}

// admit says why a message is not taken, or nil.
func (a *admission) admit(command []byte) *apierr.Error {
	size := int64(len(command))
	switch {
	case a.err != nil:
		return a.err
	case size > a.room:
		return apierr.AccountResourcesExceeded.Err()
	}
	a.room -= size
	return nil
}
