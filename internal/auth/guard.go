package auth

import (
	"bytes"
	"hash/maphash"
	"sync/atomic"
)

const (
	// maxVerdicts bounds one connection's cache, maxVerdictsTotal the caches of all connections.
	maxVerdicts      = 4096
	maxVerdictsTotal = 1 << 18
	minVerdicts      = 8
	// maxCachedSubject is the length in bytes of the longest subject whose verdict is remembered.
	maxCachedSubject = 128
)

// verdictsTotal is the number of verdicts that all guards' caches have room for.
var verdictsTotal atomic.Int64

var seed = maphash.MakeSeed()

// verdict is the answer to "may this be published".
type verdict struct {
	hash    uint64 // of the subject
	subject []byte // nil while there is none
	allowed bool
}

// Guard applies rights to one connection. Its methods belong to the goroutine that publishes for the connection, but for
// Rights and Received, which anybody may call. Rest must be called before a Guard is dropped.
type Guard struct {
	rights atomic.Pointer[Rights] // changed by the goroutine that publishes

	// of the goroutine that publishes for the connection
	last  *verdict
	cache []verdict // a power of two; a subject has one place and its neighbour

	// of whoever delivers, too
	requests requests
}

// NewGuard returns the guard of a connection with these rights.
func NewGuard(r *Rights) *Guard {
	g := new(Guard)
	g.rights.Store(r)
	return g
}

// Rights are those that the guard applies.
func (g *Guard) Rights() *Rights { return g.rights.Load() }

// Answers reports whether requests that the connection gets change what it may publish: only then Received need be called.
func (g *Guard) Answers() bool { return g.rights.Load().maxAnswers != 0 }

// Change applies other rights from now on. What may still be answered, may, if the new rights let requests be answered.
func (g *Guard) Change(r *Rights) {
	g.Rest()
	g.rights.Store(r)
}

// Rest forgets all verdicts and gives their memory back.
func (g *Guard) Rest() {
	verdictsTotal.Add(-int64(len(g.cache)))
	g.last, g.cache = nil, nil
}

// CanPublish reports whether the connection may publish to a subject, apart from answers: who is refused may have
// CanAnswer.
func (g *Guard) CanPublish(name []byte) bool {
	if g.rights.Load().open() {
		return !bytes.HasPrefix(name, gatewayPrefix)
	}
	if g.last != nil && bytes.Equal(g.last.subject, name) {
		return g.last.allowed
	}
	return g.lookUp(name)
}

func (g *Guard) lookUp(name []byte) bool {
	if len(name) > maxCachedSubject || len(name) == 0 {
		return g.rights.Load().canPublish(name)
	}
	hash := maphash.Bytes(seed, name)
	if len(g.cache) > 0 {
		first, second := g.places(hash)
		if first.about(hash, name) {
			g.last = first
			return first.allowed
		}
		if second.about(hash, name) {
			g.last = second
			return second.allowed
		}
	}
	return g.learn(hash, name)
}

func (v *verdict) about(hash uint64, name []byte) bool {
	return v.hash == hash && bytes.Equal(v.subject, name)
}

// places are the two where a verdict about a subject with that hash may be. There is a cache.
func (g *Guard) places(hash uint64) (first, second *verdict) {
	at := hash & uint64(len(g.cache)-1)
	return &g.cache[at], &g.cache[at^1]
}

// learn asks the rights, and remembers what they say if there is a place: somewhere empty, if possible.
func (g *Guard) learn(hash uint64, name []byte) bool {
	v := g.place(hash)
	if v == nil || v.subject != nil {
		g.grow()
		v = g.place(hash)
	}
	allowed := g.rights.Load().canPublish(name)
	if v != nil {
		v.hash, v.subject, v.allowed = hash, append(v.subject[:0], name...), allowed
		g.last = v
	}
	return allowed
}

// place is where to put a verdict about a subject with that hash; nil while there is no cache.
func (g *Guard) place(hash uint64) *verdict {
	if len(g.cache) == 0 {
		return nil
	}
	first, second := g.places(hash)
	if first.subject != nil && second.subject == nil {
		return second
	}
	return first
}

// grow doubles the cache, as far as its own bound and that of all caches together allow. All verdicts keep a place: those
// of two neighbours part, or are still two for two.
func (g *Guard) grow() {
	size := max(minVerdicts, 2*len(g.cache))
	more := int64(size - len(g.cache))
	if size > maxVerdicts {
		return
	}
	if verdictsTotal.Add(more) > maxVerdictsTotal {
		verdictsTotal.Add(-more)
		return
	}
	old := g.cache
	g.last, g.cache = nil, make([]verdict, size)
	for _, v := range old {
		if v.subject != nil {
			*g.place(v.hash) = v
		}
	}
}
