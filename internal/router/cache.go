package router

import (
	"hash/maphash"
	"sync/atomic"
)

const (
	// maxCacheEntries bounds one publisher's cache, maxCachedTotal the caches of all publishers.
	maxCacheEntries = 4096
	maxCachedTotal  = 1 << 18
	// maxCachedSubs bounds the subscriptions that one publisher's cache refers to.
	maxCachedSubs = 1 << 16
	// maxCachedSubject is the length in bytes of the longest subject that is worth its memory.
	maxCachedSubject = 256
	// ways is how many entries compete for one place.
	ways = 4
)

// cachedTotal is the number of entries that all publishers' caches have room for.
var cachedTotal atomic.Int64

// match is the answer to "who gets this subject".
type match struct {
	plain  []*Sub
	groups []group

	as     []byte // by what the subject is offered, where a Rewrite decides about it
	varies bool   // it does not: that is to be asked for each message
}

// group is a queue group: one of its members gets the message. Members may have different patterns.
type group struct {
	name    string
	members []*Sub
}

// cache remembers matches. It is set-associative: an entry stands in one of a few places that its hash
// allows, so that a flood of new subjects replaces entries one by one and allocates nothing.
type cache struct {
	entries []*entry // a power of two
	refs    int      // subscriptions that the entries refer to
	heads   []*Sub   // scratch space of fill
	spare   entry    // is used while there is no place for another, and for what is not remembered
	rewrite Rewrite  // decides what a subject is offered by; nil for itself

	stems    [stems]stem
	nextStem int // is the next to be given up

	// since the last report to the router
	matches, hits, fanout, maxFanout uint64
}

type entry struct {
	hash    uint64
	subject []byte
	stamp   stamp
	match   match
	refs    int
}

// find returns the match for a literal subject. It is valid until the next call.
func (c *cache) find(r *Router, literal []byte) *match {
	hash := maphash.Bytes(r.seed, literal)
	c.matches++
	if len(literal) > maxCachedSubject {
		c.fill(r, &c.spare, literal, hash, false)
		return &c.spare.match
	}
	if len(c.entries) > 0 {
		for _, e := range c.set(hash) {
			if e != nil && e.hash == hash && string(e.subject) == string(literal) {
				if e.stamp.sum == e.stamp.now(r) {
					c.hits++
					return &e.match
				}
				c.fill(r, e, literal, hash, false)
				return &e.match
			}
		}
	}
	e := c.place(r, hash)
	c.fill(r, e, literal, hash, false)
	return &e.match
}

// set returns the places where an entry with this hash may stand.
func (c *cache) set(hash uint64) []*entry {
	start := (hash >> 16) * ways & uint64(len(c.entries)-1)
	return c.entries[start : start+ways]
}

// place returns an entry to fill for a subject that has none: a new one while the cache may grow, else
// the one that is pushed out.
func (c *cache) place(r *Router, hash uint64) *entry {
	for {
		if len(c.entries) > 0 {
			set := c.set(hash)
			for i, e := range set {
				if e == nil {
					set[i] = new(entry)
					return set[i]
				}
			}
			if !c.grow(r) {
				return set[c.matches%ways]
			}
		} else if !c.grow(r) {
			return &c.spare
		}
	}
}

// grow doubles the cache, as far as its own bound and that of all caches together allow.
func (c *cache) grow(r *Router) bool {
	size := max(ways, 2*len(c.entries))
	more := int64(size - len(c.entries))
	if size > r.maxCache {
		return false
	}
	if cachedTotal.Add(more) > maxCachedTotal {
		cachedTotal.Add(-more)
		return false
	}
	r.stats.cached.Add(more)
	old := c.entries
	c.entries = make([]*entry, size)
	for _, e := range old {
		if e == nil {
			continue
		}
		// Of two halves that an old set spreads over, each has room for all of it.
		set := c.set(e.hash)
		for i := range set {
			if set[i] == nil {
				set[i] = e
				break
			}
		}
	}
	return true
}

// drop forgets everything.
func (c *cache) drop(r *Router) {
	cachedTotal.Add(-int64(len(c.entries)))
	r.stats.cached.Add(-int64(len(c.entries)))
	*c = cache{rewrite: c.rewrite}
}

// fill makes e the current answer for the subject. If that is not likely to come again, its stem is kept.
func (c *cache) fill(r *Router, e *entry, literal []byte, hash uint64, once bool) {
	c.refs -= e.refs
	e.hash, e.subject = hash, append(e.subject[:0], literal...)
	e.match.reset()
	if c.rewrite != nil {
		literal, hash = c.follow(r, &e.match, literal)
	}
	r.mu.RLock()
	e.stamp = r.stampOf(literal, hash)
	var looked int
	c.heads, looked = r.index.MatchStem(literal, c.heads[:0])
	e.refs = e.match.collect(c.heads, literal)
	if once {
		c.keepStem(r, literal, looked, c.heads)
	}
	r.mu.RUnlock()
	clear(c.heads)
	c.refs += e.refs
	c.fanout += uint64(e.refs)
	c.maxFanout = max(c.maxFanout, uint64(e.refs))
	if c.refs > maxCachedSubs && c.refs > e.refs {
		c.forgetAllBut(e)
	}
}

// forgetAllBut empties the cache but for one entry, which is in use.
func (c *cache) forgetAllBut(keep *entry) {
	for i, e := range c.entries {
		if e != keep {
			c.entries[i] = nil
		}
	}
	c.stems = [stems]stem{}
	c.refs = keep.refs
}

// report adds the counts to the router's.
func (c *cache) report(r *Router) {
	if c.matches == 0 {
		return
	}
	r.stats.matches.Add(c.matches)
	r.stats.hits.Add(c.hits)
	if c.fanout > 0 {
		r.stats.fanout.Add(c.fanout)
	}
	for seen := r.stats.maxFanout.Load(); c.maxFanout > seen; seen = r.stats.maxFanout.Load() {
		if r.stats.maxFanout.CompareAndSwap(seen, c.maxFanout) {
			break
		}
	}
	c.matches, c.hits, c.fanout, c.maxFanout = 0, 0, 0, 0
}

func (m *match) reset() {
	clear(m.plain)
	m.plain = m.plain[:0]
	for i := range m.groups {
		clear(m.groups[i].members)
		m.groups[i].members = m.groups[i].members[:0]
	}
	m.groups = m.groups[:0]
}

// collect sorts the subscriptions of all matching patterns into plain ones and queue groups, and
// returns how many there are.
func (m *match) collect(heads []*Sub, literal []byte) int {
	n := 0
	var names map[string]int // built only when there are many groups
	for _, head := range heads {
		for s := head; s != nil; s = s.next {
			if s.drops(literal) {
				continue
			}
			n++
			if s.Queue == "" {
				m.plain = append(m.plain, s)
				continue
			}
			i := m.groupOf(s.Queue, &names)
			m.groups[i].members = append(m.groups[i].members, s)
		}
	}
	return n
}

// groupOf returns the index of the named group, made when it is new.
func (m *match) groupOf(name string, names *map[string]int) int {
	const few = 16
	if len(m.groups) <= few {
		for i := range m.groups {
			if m.groups[i].name == name {
				return i
			}
		}
	} else {
		if *names == nil {
			*names = make(map[string]int)
			for i := range m.groups {
				(*names)[m.groups[i].name] = i
			}
		}
		if i, ok := (*names)[name]; ok {
			return i
		}
		(*names)[name] = len(m.groups)
	}
	if n := len(m.groups); n < cap(m.groups) { // reuse the members' memory of an earlier fill
		m.groups = m.groups[:n+1]
		m.groups[n].name = name
	} else {
		m.groups = append(m.groups, group{name: name})
	}
	return len(m.groups) - 1
}
