package jetstream

import (
	"hash/maphash"
	"slices"
	"sync"

	"myelin/internal/netx"
	"myelin/internal/router"
)

// numLanes bounds the goroutines that work on the requests of an account.
const numLanes = 16

// lanes are the Dest of an account's requests. Those for one stream stand in one lane, in order.
type lanes struct {
	door *door
	id   uint64
	seed maphash.Seed

	mu      sync.Mutex
	waiting [2]int // requests in all lanes: those that only ask for information are the second
	turn    int    // the lane of the last request that needed no order
	closed  bool
	list    [numLanes]lane
	workers sync.WaitGroup
}

// lane is a queue of requests with a worker while there are any.
type lane struct {
	queue   []*request // with memory of their own
	working bool
}

func (l *lanes) init(d *door) {
	l.door, l.id, l.seed = d, newDestID(), maphash.MakeSeed()
}

// deliver takes a request into the publisher's batch.
func (l *lanes) deliver(verb []byte, m *router.Message, b *router.Batch) bool {
	f := b.To(l, l.id)
	f.Commit(appendFrame(f.Reserve(frameBound(verb, m)), verb, m), nil, 0)
	return true
}

// Push implements router.Dest.
func (l *lanes) Push(f *router.Frames) router.Answer {
	var requests []*request
	for _, chunk := range f.Chunks {
		requests = appendRequests(requests, chunk)
		chunk.Free()
	}
	f.Chunks = f.Chunks[:0]
	dropped := l.enqueue(requests)
	if dropped > 0 {
		l.door.limitReached(dropped)
	}
	return router.Taken
}

// appendRequests copies the requests of a chunk.
func appendRequests(dst []*request, chunk *netx.Chunk) []*request {
	memory := append([]byte(nil), chunk.B...)
	for len(memory) > 0 {
		var q request
		q, memory = cutFrame(memory)
		dst = append(dst, &q)
	}
	return dst
}

// enqueue gives the requests to their lanes. It returns how many were dropped since too many wait: then all
// that waited are, of those that only ask for information or of the others, as in a stock server.
func (l *lanes) enqueue(requests []*request) (dropped int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return 0
	}
	for _, q := range requests {
		n := l.laneOf(q)
		if l.waiting[q.kind] >= l.bound(q.kind) {
			dropped += l.dropAll(q.kind)
		}
		lane := &l.list[n]
		lane.queue = append(lane.queue, q)
		l.waiting[q.kind]++
		l.door.inflight.Add(1)
		if !lane.working {
			lane.working = true
			l.workers.Add(1)
			go l.work(lane)
		}
	}
	return dropped
}

// Kinds of requests, which are counted apart.
const (
	acts    = iota
	informs // it only asks for information
)

// bound is how many requests of a kind may wait.
func (l *lanes) bound(kind int) int {
	if kind == informs {
		return l.door.api.opt.MaxInfoRequests
	}
	return l.door.api.opt.MaxRequests
}

// dropAll takes all requests of a kind out of the queues; mu is held.
func (l *lanes) dropAll(kind int) int {
	dropped := l.waiting[kind]
	for i := range l.list {
		l.list[i].queue = slices.DeleteFunc(l.list[i].queue, func(q *request) bool { return q.kind == kind })
	}
	l.waiting[kind] = 0
	l.door.inflight.Add(int64(-dropped))
	return dropped
}

// laneOf finds the lane by the name of the stream, and of the consumer where those of a stream need no order among
// themselves, and the kind; requests without a stream share the first. mu is held.
func (l *lanes) laneOf(q *request) int {
	if q.batch != nil {
		return l.hash(token(q.verb, 0))
	}
	v := verbOf(q.verb)
	if v != nil && v.informs {
		q.kind = informs
	}
	if v == nil || v.stream < 0 {
		return 0
	}
	of := token(q.verb, v.stream)
	if !v.spread {
		return l.hash(of)
	}
	if name := token(q.verb, v.stream+1); len(name) > 0 {
		return (l.hash(of) + l.hash(name)) % numLanes
	}
	l.turn++
	return l.turn % numLanes
}

func (l *lanes) hash(name []byte) int { return int(maphash.Bytes(l.seed, name) % numLanes) }

// work answers the requests of a lane until there are none.
func (l *lanes) work(lane *lane) {
	defer l.workers.Done()
	session := l.door.tenant.Open(nil)
	defer session.Rest()
	for q := l.next(lane); q != nil; q = l.next(lane) {
		l.door.answer(q, session)
		l.door.inflight.Add(-1)
	}
}

// next takes a request off the lane; nil says that there is none and the worker is none any more.
func (l *lanes) next(lane *lane) *request {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(lane.queue) == 0 {
		lane.queue, lane.working = nil, false
		return nil
	}
	q := lane.queue[0]
	lane.queue[0] = nil
	lane.queue = lane.queue[1:]
	l.waiting[q.kind]--
	return q
}

// close drops what waits and waits for the workers.
func (l *lanes) close() {
	l.mu.Lock()
	l.closed = true
	l.dropAll(acts)
	l.dropAll(informs)
	l.mu.Unlock()
	l.workers.Wait()
}

// Relief implements router.Dest. Nobody is slowed down: what is too much is dropped.
func (l *lanes) Relief() (<-chan struct{}, bool) {
	relieved := make(chan struct{})
	close(relieved)
	return relieved, false
}

// Unpack implements router.Dest; the API is in no queue group, so nothing of it is picked again.
func (l *lanes) Unpack(*router.Frames, func(*router.Sub, *router.Message)) {}
