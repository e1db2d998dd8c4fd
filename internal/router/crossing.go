package router

// Crossing is one way from the subjects of a router into those of another: a Sink in the first passes messages on to who
// is interested in the second, in the same batch.
type Crossing struct {
	to *Router
}

// NewCrossing returns a way into the router.
func NewCrossing(to *Router) *Crossing { return &Crossing{to: to} }

// Passage is what a batch remembers of a crossing, and place for the message that is passed on. It belongs to the
// batch's goroutine.
type Passage struct {
	// Streams says that no request passes here; see Batch.Streamed.
	Streams bool
	// Message is what is passed on. Forward forgets it.
	Message Message
	// Subject and Header are scratch space.
	Subject, Mapped, Header, Info []byte

	batch *Batch
	to    *Router
	cache cache
	busy  bool // a message is passing
	used  bool // since the last report
}

// Passage returns the batch's place at a crossing. It is nil while a message is passing there: that one has come back
// to where it was, and goes no further.
func (b *Batch) Passage(c *Crossing) *Passage {
	p := b.passages[c]
	if p == nil {
		p = &Passage{batch: b, to: c.to}
		if b.passages == nil {
			b.passages = make(map[*Crossing]*Passage)
		}
		b.passages[c] = p
	}
	if p.busy {
		return nil
	}
	return p
}

// Forward offers the passage's message to who is interested in the subject to beyond the crossing, and returns how many
// took it. once says that the subject is not likely to come again.
func (p *Passage) Forward(to []byte, once bool) int {
	return p.through(to, func() int {
		if once {
			return p.batch.offer(&p.Message, p.cache.findOnce(p.to, to))
		}
		return p.batch.offer(&p.Message, p.cache.find(p.to, to))
	})
}

// through has the passage's message offered beyond the crossing.
func (p *Passage) through(to []byte, offer func() int) (taken int) {
	b := p.batch
	if !p.used {
		p.used = true
		b.used = append(b.used, p)
	}
	p.busy = true
	from, by, streamed := b.in, b.by, b.streamed
	b.in, b.by, b.streamed = p.to, to, p.Streams
	taken = offer()
	b.in, b.by, b.streamed = from, by, streamed
	p.busy, p.Message = false, Message{}
	return taken
}

// By is the subject that a message is being offered by: its own, unless it is sent by another.
func (b *Batch) By(m *Message) []byte {
	if b.by != nil {
		return b.by
	}
	return m.Subject
}

// Streamed reports whether the message that is being offered came by a passage that no request comes by.
func (b *Batch) Streamed() bool { return b.streamed }

// noteAbroad remembers where a member of a queue group is that got a message, if it is not in the batch's own router: a
// message that it cannot take is for another member there.
func (b *Batch) noteAbroad(s *Sub) {
	if b.in == nil {
		return
	}
	if b.abroad == nil {
		b.abroad = make(map[*Sub]*Router)
	}
	b.abroad[s] = b.in
}

// homeOf is the router that a member of a queue group is in.
func (b *Batch) homeOf(s *Sub) *Router {
	if r := b.abroad[s]; r != nil {
		return r
	}
	return b.router
}

// reportPassages adds what the caches of passages counted to the routers beyond.
func (b *Batch) reportPassages() {
	for i, p := range b.used {
		p.cache.report(p.to)
		p.used = false
		b.used[i] = nil
	}
	b.used = b.used[:0]
}

// dropPassages forgets all of them.
func (b *Batch) dropPassages() {
	for _, p := range b.passages {
		p.cache.drop(p.to)
	}
	b.passages, b.used = nil, nil
}
