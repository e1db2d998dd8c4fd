package router

// Tracer is a Sink that tells the trace of a message what becomes of it.
type Tracer interface {
	Sink
	// Trace is Deliver for a message with a trace, in which it notes what it did. It answers as if it delivered, but does not
	// deliver what is traced only. With denied the message is not for this subscription.
	Trace(m *Message, b *Batch, denied bool) bool
}

// PublishTraced is Publish for a message with a trace. It takes longer.
func (p *Publisher) PublishTraced(m *Message) int { return p.offerTraced(p.router, m.Subject, m) }

// offerTraced is offer for a message with a trace, by a subject of a router.
func (b *Batch) offerTraced(r *Router, to []byte, m *Message) int {
	plain, groups := r.candidates(to)
	taken := 0
	for _, o := range plain {
		if b.trace(o.sub, m, o.denied) {
			taken++
		}
	}
	for _, members := range groups {
		start := int(b.Rand(uint32(len(members))))
		for i := range members {
			if o := members[(start+i)%len(members)]; b.trace(o.sub, m, o.denied) {
				b.noteAbroad(o.sub)
				taken++
				break
			}
		}
	}
	if b.bytes > MaxBatchBytes {
		b.Flush()
	}
	return taken
}

// ForwardTraced is Forward for a message with a trace, which notes what becomes of it there, in an account of that name.
func (p *Passage) ForwardTraced(to []byte, account string) int {
	trace := p.Message.Trace
	back := trace.Within(account)
	defer trace.Within(back)
	return p.through(to, func() int { return p.batch.offerTraced(p.to, to, &p.Message) })
}

// candidate is a subscription that a message would be offered to, if it is not denied.
type candidate struct {
	sub    *Sub
	denied bool
}

// candidates are the subscriptions that a literal subject matches, those of queue groups apart.
func (r *Router) candidates(literal []byte) (plain []candidate, groups map[string][]candidate) {
	groups = make(map[string][]candidate)
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, head := range r.index.Match(literal, nil) {
		for s := head; s != nil; s = s.next {
			if c := (candidate{s, s.drops(literal)}); s.Queue == "" {
				plain = append(plain, c)
			} else {
				groups[s.Queue] = append(groups[s.Queue], c)
			}
		}
	}
	return plain, groups
}

// trace offers a message with a trace to one subscription. What a Sink that tells nothing takes is not noted.
func (b *Batch) trace(s *Sub, m *Message, denied bool) bool {
	if tracer, ok := s.Sink.(Tracer); ok {
		return tracer.Trace(m, b, denied)
	}
	return !denied && (m.Trace.Only || s.Sink.Deliver(m, b))
}
