package router

import (
	"math/rand/v2"

	"myelin/internal/subject"
)

// Publisher is what one publishing goroutine owns: a cache of matches and a batch of deliveries.
type Publisher struct {
	Batch
	cache     cache
	rewritten *cache // of PublishRewritten; nil before a Rewrite
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
	return p.sendBy(to, m, p.cache.find(p.router, to))
}

// SendOnce is Send as PublishOnce is Publish.
func (p *Publisher) SendOnce(to []byte, m *Message) int {
	return p.sendBy(to, m, p.cache.findOnce(p.router, to))
}

func (p *Publisher) sendBy(to []byte, m *Message, found *match) int {
	p.by = to
	taken := p.offer(m, found)
	p.by = nil
	return taken
}

// offer gives a message to everybody who was found and to one member of each queue group.
func (b *Batch) offer(m *Message, found *match) int {
	taken := 0
	for _, s := range found.plain {
		if s.Sink.Deliver(m, b) {
			taken++
			if b.bytes > MaxBatchBytes {
				b.Flush()
			}
		}
	}
	for i := range found.groups {
		if b.pick(found.groups[i].members, nil, m) {
			taken++
		}
	}
	if b.bytes > MaxBatchBytes {
		b.Flush()
	}
	return taken
}

// Flush pushes what was gathered and reports the work to the router.
func (p *Publisher) Flush() {
	p.Batch.Flush()
	p.cache.report(p.router)
	if p.rewritten != nil {
		p.rewritten.report(p.router)
	}
	if len(p.used) > 0 {
		p.reportPassages()
	}
}

// Close releases what the publisher remembers. It can be used again.
func (p *Publisher) Close() {
	p.Flush()
	p.cache.drop(p.router)
	if p.rewritten != nil {
		p.rewritten.drop(p.router)
	}
	p.dropPassages()
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
			b.noteAbroad(s)
			return true
		}
	}
	return false
}

// pickAgain offers a message that was meant for s to the other members of its queue group.
func (b *Batch) pickAgain(s *Sub, m *Message) {
	if s == nil || s.Queue == "" {
		return
	}
	home := b.homeOf(s)
	var members []*Sub
	by := m.Subject
	// What was sent by another subject than its own came by that of the subscription, unless that has wildcards.
	if !subject.HasWildcard(s.Pattern) {
		by = []byte(s.Pattern)
	}
	home.Matching(by, func(other *Sub) bool {
		if other.Queue == s.Queue {
			members = append(members, other)
		}
		return true
	})
	in, sentBy := b.in, b.by
	if b.in, b.by = home, by; home == b.router {
		b.in = nil
	}
	b.pick(members, s, m)
	b.in, b.by = in, sentBy
}
