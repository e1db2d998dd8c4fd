package router

import (
	"math/rand/v2"

	"myelin/internal/subject"
)

// Publisher is what one publishing goroutine owns: a cache of matches and a batch of deliveries.
type Publisher struct {
	Batch
	cache cache
}

// Publisher returns a publisher into this router. Frames for self are pushed after all others; self may
// be nil.
func (r *Router) Publisher(self Dest) *Publisher {
	p := &Publisher{}
	p.self, p.router, p.round = self, r, 1
	p.rnd.Seed(rand.Uint64(), rand.Uint64())
	return p
}

// Publish offers the message to everybody who is interested and to one member of each queue group. It
// returns how many took it.
func (p *Publisher) Publish(m *Message) int {
	return p.offer(m, p.cache.find(p.router, m.Subject))
}

// PublishOnce is Publish for a subject that is not likely to come again, as the replies to requests are: it
// leaves no trace in the cache.
func (p *Publisher) PublishOnce(m *Message) int {
	return p.offer(m, p.cache.findOnce(p.router, m.Subject))
}

// Send is Publish by another subject than the message's own, which its receivers see.
func (p *Publisher) Send(to []byte, m *Message) int {
	return p.offer(m, p.cache.find(p.router, to))
}

// SendOnce is Send as PublishOnce is Publish.
func (p *Publisher) SendOnce(to []byte, m *Message) int {
	return p.offer(m, p.cache.findOnce(p.router, to))
}

func (p *Publisher) offer(m *Message, found *match) int {
	taken := 0
	for _, s := range found.plain {
		if s.Sink.Deliver(m, &p.Batch) {
			taken++
			if p.bytes > MaxBatchBytes {
				p.Batch.Flush()
			}
		}
	}
	for i := range found.groups {
		if p.pick(found.groups[i].members, nil, m) {
			taken++
		}
	}
	if p.bytes > MaxBatchBytes {
		p.Batch.Flush()
	}
	return taken
}

// Flush pushes what was gathered and reports the work to the router.
func (p *Publisher) Flush() {
	p.Batch.Flush()
	p.cache.report(p.router)
}

// Close releases what the publisher remembers. It can be used again.
func (p *Publisher) Close() {
	p.Flush()
	p.cache.drop(p.router)
}

// pick offers the message to the members of a queue group, from a random one on, until one takes it.
func (b *Batch) pick(members []*Sub, except *Sub, m *Message) bool {
	n := len(members)
	if n == 0 {
		return false
	}
	start := 0
	if n > 1 {
		start = int(b.Rand(uint32(n)))
	}
	for i := range n {
		at := start + i
		if at >= n {
			at -= n
		}
		if s := members[at]; s != except && s.Sink.Deliver(m, b) {
			return true
		}
	}
	return false
}

// pickAgain offers a message that was meant for s to the other members of its queue group.
func (r *Router) pickAgain(s *Sub, m *Message, b *Batch) {
	if s == nil || s.Queue == "" {
		return
	}
	var members []*Sub
	by := m.Subject
	// What was sent by another subject than its own came by that of the subscription, unless that has wildcards.
	if !subject.HasWildcard(s.Pattern) {
		by = []byte(s.Pattern)
	}
	r.Matching(by, func(other *Sub) bool {
		if other.Queue == s.Queue {
			members = append(members, other)
		}
		return true
	})
	b.pick(members, s, m)
}
