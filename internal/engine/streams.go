package engine

import (
	"hash/maphash"
	"slices"
	"strings"
	"sync"

	"myelin/internal/apierr"
	"myelin/internal/meta"
	"myelin/internal/router"
	"myelin/internal/stream"
)

// names serialise what is done to streams of one name: to compare what meta says with what is hosted, and
// act on the difference, is one step.
type names struct {
	seed  maphash.Seed
	locks [64]sync.Mutex
}

// lock returns the function that unlocks.
func (n *names) lock(account, name string) (unlock func()) {
	mu := &n.locks[maphash.String(n.seed, account+" "+name)%uint64(len(n.locks))]
	mu.Lock()
	return mu.Unlock
}

// directory is what this node hosts, by account and name.
type directory struct {
	mu      sync.RWMutex
	streams map[string]map[string]*Stream
}

func (d *directory) put(s *Stream) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.streams[s.Account()] == nil {
		d.streams[s.Account()] = map[string]*Stream{}
	}
	d.streams[s.Account()][s.Name()] = s
}

func (d *directory) remove(s *Stream) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.streams[s.Account()][s.Name()] == s {
		delete(d.streams[s.Account()], s.Name())
	}
}

// Stream returns the stream of that name, or nil.
func (e *Engine) Stream(account, name string) *Stream {
	e.hosted.mu.RLock()
	defer e.hosted.mu.RUnlock()
	return e.hosted.streams[account][name]
}

// Find is Stream for a name in passing; it does not allocate.
func (e *Engine) Find(account string, name []byte) *Stream {
	e.hosted.mu.RLock()
	defer e.hosted.mu.RUnlock()
	return e.hosted.streams[account][string(name)]
}

// Streams returns the streams of an account by name.
func (e *Engine) Streams(account string) []*Stream {
	e.hosted.mu.RLock()
	list := make([]*Stream, 0, len(e.hosted.streams[account]))
	for _, s := range e.hosted.streams[account] {
		list = append(list, s)
	}
	e.hosted.mu.RUnlock()
	slices.SortFunc(list, func(a, b *Stream) int { return strings.Compare(a.Name(), b.Name()) })
	return list
}

// Count is how many streams this node hosts.
func (e *Engine) Count() int { return len(e.all()) }

// all returns every stream.
func (e *Engine) all() (list []*Stream) {
	e.hosted.mu.RLock()
	defer e.hosted.mu.RUnlock()
	for _, streams := range e.hosted.streams {
		for _, s := range streams {
			list = append(list, s)
		}
	}
	return list
}

// Create creates a stream, or finds that there is one with that very configuration. It returns when the
// stream takes messages.
func (e *Engine) Create(account string, cfg stream.Config, pedantic bool) (s *Stream, created bool, err *apierr.Error) {
	defer e.names.lock(account, cfg.Name)()
	if err := pretends(&cfg); err != nil {
		return nil, false, err
	}
	request := meta.CreateStream{Account: account, Config: cfg, Pedantic: pedantic, Bounds: e.bounds, Limits: *e.tenant(account).limits.Load()}
	r := e.assets.propose(request.Encode(nil), false)
	if r.Err != nil {
		return nil, false, r.Err
	}
	s, err = e.follow(r.Stream)
	return s, r.Created, err
}

// Update changes the configuration of a stream, and returns when the new one is in force.
func (e *Engine) Update(account string, cfg stream.Config, pedantic bool) (*Stream, *apierr.Error) {
	defer e.names.lock(account, cfg.Name)()
	if err := pretends(&cfg); err != nil {
		return nil, err
	}
	if e.restores.has(account, cfg.Name) {
		return nil, apierr.StreamNotFound.Err()
	}
	request := meta.UpdateStream{Account: account, Config: cfg, Pedantic: pedantic, Bounds: e.bounds, Limits: *e.tenant(account).limits.Load()}
	r := e.assets.propose(request.Encode(nil), false)
	if r.Err != nil {
		return nil, r.Err
	}
	return e.follow(r.Stream)
}

// Delete removes a stream with all that it holds. When it returns the name is free; the files may take a
// moment longer.
func (e *Engine) Delete(account, name string) *apierr.Error {
	defer e.names.lock(account, name)()
	if e.restores.has(account, name) {
		return apierr.StreamNotFound.Err()
	}
	r := e.assets.propose(meta.DeleteStream{Account: account, Name: name}.Encode(nil), true)
	if r.Err != nil {
		return r.Err
	}
	if s := e.Stream(account, name); s != nil {
		e.retire(s)
	}
	return nil
}

// follow makes what is hosted agree with what meta says of a stream. The caller has locked its name.
func (e *Engine) follow(asset *meta.Stream) (*Stream, *apierr.Error) {
	s := e.Stream(asset.Account, asset.Config.Name)
	if s == nil {
		var err error
		if s, err = e.host(asset); err != nil {
			e.log.Errorf("Stream '%s > %s' could not be started: %v", asset.Account, asset.Config.Name, err)
			return nil, apierr.StreamCreate.With(err.Error())
		}
		e.hosted.put(s)
	}
	if now := s.Config(); now == nil || !now.Equal(asset.Config) {
		e.followers.reserve(s, asset.Config)
		if r := s.Propose(stream.Configure{Config: asset.Config}.Encode(nil), true); r.Err != nil {
			return nil, r.Err
		}
		e.followers.free(s, now)
	}
	if s.Config() != asset.Config {
		s.events.do(func() { s.share(asset.Config) })
	}
	s.listen(asset.Config.Subjects)
	s.mindOrigins()
	s.mindOutbox()
	e.followers.changed(s)
	e.relays.changed(s)
	return s, nil
}

// share lets the machine use meta's copy of an equal configuration. It is called by the holder of the token.
func (s *Stream) share(c *stream.Config) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.Share(c)
	s.config.Store(s.state.Config())
}

// listen subscribes the stream to its subjects, and to no others.
func (s *Stream) listen(subjects []string) {
	routes := s.engine.router(s.Account())
	if routes == nil {
		return
	}
	var kept []*router.Sub
	for _, pattern := range subjects {
		i := slices.IndexFunc(s.subs, func(sub *router.Sub) bool { return sub.Pattern == pattern })
		if i >= 0 {
			kept = append(kept, s.subs[i])
			continue
		}
		sub := &router.Sub{Pattern: pattern, Sink: &s.ingest}
		routes.Subscribe(sub)
		kept = append(kept, sub)
	}
	for _, sub := range s.subs {
		if !slices.Contains(kept, sub) {
			routes.Unsubscribe(sub)
		}
	}
	s.subs = kept
}
