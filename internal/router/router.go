// Package router is the message plane of one account: who is interested in a subject right now.
//
// A Router holds the subscriptions. Each goroutine that publishes owns a Publisher: a cache of matches
// and a Batch that gathers what is to be delivered, per destination, until Flush hands it over. Publishing
// matches and gathers; nothing waits and nothing is sent before Flush. So a whole read buffer of messages
// costs each destination one lock.
//
// What a subscription does with a message is its Sink's business: append a frame for a connection, or
// call into the server. A Sink that does not take a message says so at once, so that a queue group can
// try another member and the publisher learns that nobody listens.
//
// Order: frames that one publisher gathers for one destination stay in order, and Flush pushes to all
// others before it pushes to the publisher's own connection. After the answer to a PING has been pushed,
// everything that its sender published before is in the queues of its receivers.
package router

import (
	"hash/maphash"
	"sync"
	"sync/atomic"

	"myelin/internal/msgtrace"
	"myelin/internal/subject"
)

// Message is what a publisher hands to the router. Its slices are valid during Publish only: a Sink
// copies what it keeps.
type Message struct {
	Subject []byte
	Reply   []byte // empty when absent
	Header  []byte // a NATS/1.0 header block, or nil
	Payload []byte

	// Tail is reply, sizes, header and payload as a NATS client frame has them after the sid, when the
	// message arrived in that very form; else nil.
	Tail []byte

	// Added says that the header has more than was published, which Original is: who asks, for who answers in another
	// account.
	Added    bool
	Original []byte

	// From identifies the publishing connection, so that it can be spared its own echo; 0: none.
	From uint64

	// Trace is told what becomes of the message; nil for nearly all. It is for PublishTraced.
	Trace *msgtrace.Trace
}

// Published is the header as it was published.
func (m *Message) Published() []byte {
	if m.Added {
		return m.Original
	}
	return m.Header
}

// Sink is where a subscription's messages go.
type Sink interface {
	// Deliver takes the message, usually by appending a frame to b, or reports false when it does not
	// want it: echo is off, the subscription has ended or had its fill, the connection is closed. It must
	// not block, nor call the router, except by way of a Crossing.
	Deliver(m *Message, b *Batch) bool
}

// Filter is a Sink from which some of what its subscription matches may be kept.
type Filter interface {
	// Filters reports whether anything is kept. When it comes to answer otherwise, Refilter says so.
	Filters() bool
	// Drops reports whether what is sent by a literal subject is kept from the subscription. It is asked once for each
	// cached match, with the router locked; when it comes to answer otherwise, Refilter says so.
	Drops(literal []byte) bool
}

// Sub is one subscription. Pattern, Queue and Sink are set before Subscribe and not changed afterwards.
type Sub struct {
	Pattern string
	Queue   string // name of the queue group; empty for a plain subscription
	Sink    Sink

	// of the Router: the list of subscriptions with the same pattern
	next, prev *Sub
}

// Router holds the subscriptions of one account. It is safe for concurrent use.
type Router struct {
	seed     maphash.Seed
	maxCache int // entries of one publisher's cache

	mu      sync.RWMutex
	index   subject.Index[*Sub] // pattern to the first of its subscriptions
	subs    int
	inserts uint64
	removes uint64

	followers subject.Overlaps[Follower] // by what they are told of

	changes changes
	stats   counters
	watches watches
}

// New returns a router without subscriptions.
func New() *Router {
	r := NewUncached()
	r.maxCache = maxCacheEntries
	return r
}

// NewUncached returns a router whose publishers remember no matches: they take longer and less memory.
func NewUncached() *Router {
	r := &Router{seed: maphash.MakeSeed()}
	r.changes.init()
	return r
}

// Subscribe adds a subscription. Messages that are published after it returns reach it.
func (r *Router) Subscribe(s *Sub) {
	followers := r.add(s)
	r.watches.changed(s.Pattern)
	for _, f := range followers {
		f.Changed(s, 1)
	}
}

func (r *Router) add(s *Sub) []Follower {
	r.mu.Lock()
	defer r.mu.Unlock()
	head := r.index.Get(s.Pattern)
	s.next, s.prev = head, nil
	if head != nil {
		head.prev = s
	}
	r.index.Set(s.Pattern, s)
	if r.subs++; r.subs == manySubs {
		r.changes.grow()
	}
	r.inserts++
	r.changes.note(r.seed, s.Pattern)
	return r.followers.Find(s.Pattern, nil)
}

// Unsubscribe removes a subscription that was added. A publisher that matched before may still call its
// Sink.
func (r *Router) Unsubscribe(s *Sub) {
	followers := r.remove(s)
	r.watches.changed(s.Pattern)
	for _, f := range followers {
		f.Changed(s, -1)
	}
}

func (r *Router) remove(s *Sub) []Follower {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s.next != nil {
		s.next.prev = s.prev
	}
	if s.prev != nil {
		s.prev.next = s.next
	} else {
		r.index.Set(s.Pattern, s.next)
	}
	s.next, s.prev = nil, nil
	r.subs--
	r.removes++
	r.changes.note(r.seed, s.Pattern)
	return r.followers.Find(s.Pattern, nil)
}

// Refilter says that other messages than before are kept from a subscription. Those that are published after it returns
// are filtered anew.
func (r *Router) Refilter(s *Sub) {
	r.mu.Lock()
	r.changes.note(r.seed, s.Pattern)
	r.mu.Unlock()
	r.watches.changed(s.Pattern)
}

// drops reports whether what is sent by a literal subject is kept from the subscription.
func (s *Sub) drops(literal []byte) bool {
	filter, ok := s.Sink.(Filter)
	return ok && filter.Drops(literal)
}

// Matching calls visit with the subscriptions that a message on the literal subject would be offered
// to, until it returns false.
func (r *Router) Matching(literal []byte, visit func(*Sub) bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, head := range r.index.Match(literal, nil) {
		for s := head; s != nil; s = s.next {
			if !s.drops(literal) && !visit(s) {
				return
			}
		}
	}
}

// Each calls visit with every subscription, in no order, until it returns false. Subscribe and
// Unsubscribe wait meanwhile.
func (r *Router) Each(visit func(*Sub) bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	r.index.Each(func(head *Sub) bool {
		for s := head; s != nil; s = s.next {
			if !visit(s) {
				return false
			}
		}
		return true
	})
}

// Stats describe a router and the work that it did.
type Stats struct {
	Subs      int
	Inserts   uint64
	Removes   uint64
	Matches   uint64 // subjects looked up
	CacheHits uint64 // of these answered by a publisher's cache
	Cached    int64  // entries in all publishers' caches
	MaxFanout uint64
	Fanout    uint64 // sum over all look-ups that were not answered by a cache
}

// Stats returns a recent view; publishers add to it when they flush.
func (r *Router) Stats() Stats {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return Stats{
		Subs: r.subs, Inserts: r.inserts, Removes: r.removes,
		Matches: r.stats.matches.Load(), CacheHits: r.stats.hits.Load(), Cached: r.stats.cached.Load(),
		MaxFanout: r.stats.maxFanout.Load(), Fanout: r.stats.fanout.Load(),
	}
}

// counters are written by publishers.
type counters struct {
	matches, hits     atomic.Uint64
	cached            atomic.Int64
	maxFanout, fanout atomic.Uint64
}

// changes counts changes of the subscriptions, split by what they may affect, so that a cached match
// stays good while others change. All counters only grow: the sum of the three that concern a subject
// is the same if and only if none of them moved.
//
// Where there are few subscriptions there are few counters: most of very many accounts are small.
type changes struct {
	literal  []atomic.Uint64 // by hash of the pattern, for patterns without wildcards
	prefix   []atomic.Uint64 // by hash of the first token, for the others
	anywhere atomic.Uint64   // patterns that begin with a wildcard

	few [2 * fewCounters]atomic.Uint64
}

const (
	// manySubs is the number of subscriptions from which on there are as many counters as there can be.
	manySubs                        = 64
	fewCounters                     = 8
	literalCounters, prefixCounters = 1024, 256
)

func (c *changes) init() { c.literal, c.prefix = c.few[:fewCounters], c.few[fewCounters:] }

// grow makes place for many subscriptions. All that is cached is looked up anew, once.
func (c *changes) grow() {
	if len(c.literal) == fewCounters {
		c.literal, c.prefix = make([]atomic.Uint64, literalCounters), make([]atomic.Uint64, prefixCounters)
		c.anywhere.Add(1)
	}
}

func (c *changes) note(seed maphash.Seed, pattern string) {
	if !subject.HasWildcard(pattern) {
		c.literal[maphash.String(seed, pattern)%uint64(len(c.literal))].Add(1)
		return
	}
	first := subject.FirstToken(pattern)
	if first == "*" || first == ">" {
		c.anywhere.Add(1)
		return
	}
	c.prefix[maphash.String(seed, first)%uint64(len(c.prefix))].Add(1)
}

// stamp identifies the state of all subscriptions that may concern one literal subject.
type stamp struct {
	literal, prefix *atomic.Uint64
	sum             uint64
}

// stampOf returns the current stamp for a literal subject with this hash.
func (r *Router) stampOf(literal []byte, hash uint64) stamp {
	c := &r.changes
	first := maphash.Bytes(r.seed, subject.FirstToken(literal))
	s := stamp{literal: &c.literal[hash%uint64(len(c.literal))], prefix: &c.prefix[first%uint64(len(c.prefix))]}
	s.sum = s.now(r)
	return s
}

func (s *stamp) now(r *Router) uint64 { return s.literal.Load() + s.wild(r) }

// wild is now for subscriptions with wildcards only.
func (s *stamp) wild(r *Router) uint64 { return s.prefix.Load() + r.changes.anywhere.Load() }
