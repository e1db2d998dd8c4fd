package jwts

import "time"

// fetch is somebody asking the source; others wait.
type fetch struct {
	done    chan struct{} // closed when it is over
	account *Account
	err     error

	newer string // JWT that has come meanwhile; "" for none
	gone  bool   // the account was dropped meanwhile
}

// Load returns the account, asking the source if it is not in use or its time is over, and the same of all accounts that it has
// something of.
func (a *Authority) Load(id string) (*Account, error) {
	account, err := a.load(id)
	if err == nil {
		a.LoadSources(account)
	}
	return account, err
}

const (
	// retryAfter is how long an account that is not to be had is not asked for again on behalf of those that have something of it.
	retryAfter = 10 * time.Second
	// patience is how long somebody waits for what the account has of others, which may come later.
	patience = time.Second
)

// LoadSources loads the accounts that one has something of, and those that they have something of, as far as they are to be had. If
// that takes long it goes on when the method has returned.
func (a *Authority) LoadSources(account *Account) {
	a.mu.Lock()
	if account.settled {
		a.mu.Unlock()
		return
	}
	done := account.settling
	if done == nil {
		done = make(chan struct{})
		account.settling = done
		go a.settle(account, done)
	}
	a.mu.Unlock()
	select {
	case <-done:
	case <-a.opt.Clock.After(patience):
	}
}

func (a *Authority) settle(account *Account, done chan struct{}) {
	seen := map[string]bool{account.ID: true}
	settled := true
	for waiting := account.Sources(); len(waiting) > 0; {
		id := waiting[0]
		if waiting = waiting[1:]; seen[id] {
			continue
		}
		seen[id] = true
		source, err := a.loadSource(id)
		if err != nil {
			settled = false
			continue
		}
		waiting = append(waiting, source.Sources()...)
	}
	a.mu.Lock()
	account.settled, account.settling = settled, nil
	a.mu.Unlock()
	close(done)
}

// loadSource is load, unless the account was not to be had a moment ago.
func (a *Authority) loadSource(id string) (*Account, error) {
	a.mu.Lock()
	failed, missing := a.missing[id]
	a.mu.Unlock()
	if missing && a.opt.Clock.Now().Sub(failed) < retryAfter {
		return nil, errMissing
	}
	account, err := a.load(id)
	if err == nil {
		return account, nil
	}
	a.mu.Lock()
	a.missing[id] = a.opt.Clock.Now()
	a.mu.Unlock()
	if !missing {
		a.opt.Missing(id, err)
	}
	return nil, err
}

func (a *Authority) load(id string) (*Account, error) {
	a.mu.Lock()
	if known := a.accounts[id]; known != nil && !known.Expired(a.opt.Clock.Now()) {
		a.mu.Unlock()
		return known, nil
	}
	f := a.fetching[id]
	if f != nil {
		a.mu.Unlock()
		<-f.done
		return f.account, f.err
	}
	f = &fetch{done: make(chan struct{})}
	a.fetching[id] = f
	a.mu.Unlock()
	token, err := a.opt.Source.Fetch(id)
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case f.gone:
		f.err = errGone
	case f.newer != "":
		f.account, f.err = a.install(id, f.newer)
	case err != nil:
		f.err = err
	default:
		f.account, f.err = a.install(id, token)
	}
	delete(a.fetching, id)
	close(f.done)
	return f.account, f.err
}

// install makes the account one that is in use, unless it is not valid now. The lock is held.
func (a *Authority) install(id, token string) (*Account, error) {
	account, err := a.opt.Trust.Account(token)
	switch {
	case err != nil:
		return nil, err
	case account.ID != id:
		return nil, errMismatch
	case account.Expired(a.opt.Clock.Now()):
		return nil, errAccountEnd
	case !account.Valid(a.opt.Clock.Now()):
		return nil, errTooEarly
	}
	if known := a.accounts[id]; known != nil && known.Token == token {
		return known, nil
	}
	a.put(account)
	return account, nil
}
