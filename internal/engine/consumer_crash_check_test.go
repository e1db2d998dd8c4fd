package engine

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"myelin/internal/consumer"
	"myelin/internal/router"
	"myelin/internal/stream"
)

// forget drops all claims: what was confirmed may be lost.
func (p *shop) forget() {
	p.exists, p.lossy = false, true
	clear(p.subjects)
	clear(p.removed)
	for _, k := range p.customers {
		k.exists = false
		clear(k.debts)
		clear(k.hand)
		clear(k.buried)
		clear(k.sure)
	}
}

// check compares a node after a crash with what clients know, and has it deliver all that is left. What is known stays.
func (m *market) check() error {
	var saved []customer
	for _, p := range m.shops {
		for _, k := range p.customers {
			c := *k
			c.debts, c.hand, c.filters = maps.Clone(k.debts), maps.Clone(k.hand), slices.Clone(k.filters)
			c.buried, c.sure = maps.Clone(k.buried), maps.Clone(k.sure)
			saved = append(saved, c)
		}
	}
	m.relayed()
	var errs []error
	due := map[letter]bool{}
	for _, p := range m.shops {
		errs = append(errs, m.checkShop(p, due))
	}
	m.relayed()
	errs = append(errs, m.checkLetters(due))
	for _, p := range m.shops {
		for _, k := range p.customers {
			*k, saved = saved[0], saved[1:]
		}
	}
	return errors.Join(errs...)
}

func (m *market) checkShop(p *shop, due map[letter]bool) error {
	s := m.n.Stream(account, p.name)
	if s == nil {
		if p.exists && !p.memory {
			return fmt.Errorf("stream %s is gone", p.name)
		}
		return nil
	}
	if err := s.Err(); err != nil || p.memory {
		return fmt.Errorf("stream %s is there: %v", p.name, err)
	}
	for _, k := range p.customers {
		if c := s.Consumer(k.name); k.memory && c != nil || !k.memory && k.exists && c == nil && !k.mayGo {
			return fmt.Errorf("consumer %s is there: %v", k.name, c != nil)
		}
		if k.exists, k.number, k.sub = k.exists && !k.memory, 0, nil; k.memory {
			clear(k.debts)
		}
	}
	var problem error
	s.View(func(state *stream.State) {
		for _, k := range p.customers {
			k.disclaim(state)
			if err := k.recount(state); err != nil {
				problem = fmt.Errorf("%s: %w", k.name, err)
			}
		}
	})
	if problem != nil {
		return problem
	}
	for seq, text := range p.subjects {
		if err := p.checkMessage(s, seq, text, due); err != nil {
			return err
		}
	}
	for _, k := range p.customers {
		if err := m.drain(k, s, due); err != nil {
			return fmt.Errorf("%s: %w", k.name, err)
		}
	}
	m.relayed()
	return p.checkLeft(s)
}

// checkMessage finds whether a message is there if somebody wants it, and gone if nobody does.
func (p *shop) checkMessage(s *Stream, seq uint64, text string, due map[letter]bool) error {
	if p.retention == stream.Limits || p.removed[seq] {
		return nil
	}
	there, all, some := s.lives(seq), true, false
	for _, k := range p.customers {
		is, known := k.debts[seq]
		if is == owed && !there && k.dead && k.tries > 0 {
			due[letter{k.name, seq}] = true
		} else if is == owed && !there && k.policy != stream.AckNone && !k.gone(s) {
			return fmt.Errorf("%s %d (%s) is lost to %s", p.name, seq, text, k.name)
		}
		if !known && k.moves {
			all = false // it may have been given it by another filter
		}
		if known || k.wants(text) {
			all, some = all && is == done && k.policy != stream.AckNone, true
		}
	}
	if there && all && some {
		return fmt.Errorf("%s %d (%s) is there, and acknowledged", p.name, seq, text)
	}
	return nil
}

// drain has all be delivered that a consumer has, and acknowledges it. What it gave up is added to due.
func (m *market) drain(k *customer, s *Stream, due map[letter]bool) error {
	existed := s.Consumer(k.name)
	if existed != nil {
		s.View(func(state *stream.State) {
			if view, ok := state.Consumer(k.name); ok {
				k.resume(state, &view)
			}
		})
	}
	owes := maps.Clone(k.debts)
	c, expected, spent := m.prepare(k, s)
	if c == nil {
		return fmt.Errorf("cannot be had: %v", s.Err())
	}
	k.torn, k.hurried = true, true
	status, _ := c.Status()
	drained := map[uint64]bool{}
	for round := 0; status.View.NumPending+uint64(status.View.NumAckPending) > 0; round++ {
		if round > 2000 {
			return fmt.Errorf("does not come to an end: %+v", status.View)
		}
		m.serve(k, c, &status)
		m.settle(k, c)
		if err := m.finish(k, c, drained); err != nil {
			return err
		}
		if status, _ = c.Status(); status.View.NumPending == 0 {
			time.Sleep(time.Millisecond) // the wait for acknowledgements of a life before
		}
	}
	for seq := range expected {
		if !drained[seq] && k.tries == 0 {
			return fmt.Errorf("%d was left, and did not come", seq)
		}
	}
	for seq := range drained {
		if !expected[seq] {
			return fmt.Errorf("%d came, and was not left", seq)
		}
	}
	if existed != c {
		clear(owes)
	}
	for seq, is := range owes {
		switch there := s.lives(seq) || k.shop.retention != stream.Limits; {
		case is == done && drained[seq] && k.policy != stream.AckNone:
			return fmt.Errorf("is given %d, of which the acknowledgement was confirmed", seq)
		case is != owed || drained[seq] || !there:
		case k.dead && k.tries > 0:
			due[letter{k.name, seq}] = true
		case !spent[seq] && !expected[seq]:
			return fmt.Errorf("is owed %d, and not given it", seq)
		}
	}
	if v := status.View; k.tries == 0 && (v.Floor.Stream != v.Delivered.Stream || v.Floor.Consumer != v.Delivered.Consumer || v.NumRedelivered != 0) {
		return fmt.Errorf("has all, and its floor is %+v", v)
	}
	return nil
}

// prepare returns a consumer that waits only briefly for acknowledgements, what it is to give, and what it has given up.
func (m *market) prepare(k *customer, s *Stream) (c *Consumer, expected, spent map[uint64]bool) {
	for range 5 { // it may go because nobody wants it
		if c = m.enter(k, s); c == nil {
			continue
		}
		expected, spent = map[uint64]bool{}, map[uint64]bool{}
		s.View(func(state *stream.State) {
			source := state.Source(c.number)
			if source == nil {
				return
			}
			for p := range source.Pending() {
				given := !p.Abandoned && (k.tries == 0 || int(p.Count) < k.tries)
				expected[p.Seq], spent[p.Seq] = given, !given
			}
			for seq, ok := source.Next(source.View().Delivered.Stream + 1); ok; seq, ok = source.Next(seq + 1) {
				expected[seq] = true
			}
		})
		maps.DeleteFunc(expected, func(_ uint64, given bool) bool { return !given })
		if hastened := m.hasten(k, s); hastened == c {
			return c, expected, spent
		}
	}
	return nil, nil, nil
}

// serve has the consumer be asked for messages.
func (m *market) serve(k *customer, c *Consumer, status *ConsumerStatus) {
	if k.push {
		if m.replyFlow(c); k.sub == nil {
			m.listen(k, c)
		}
		return
	}
	r := consumer.Request{To: []byte("inbox"), Batch: 100, NoWait: true}
	if k.priority != stream.PriorityNone {
		r.Group, r.ID = "g", status.Pin
	}
	m.n.pull(c, r)
}

// hasten makes the consumer wait only briefly for acknowledgements, and pause no more.
func (m *market) hasten(k *customer, s *Stream) *Consumer {
	if s.PauseConsumer(k.name, 0) != nil {
		return nil
	}
	c := s.Consumer(k.name)
	if c == nil {
		return nil
	}
	cfg := *c.Config()
	cfg.Inactive = 0
	if k.policy != stream.AckNone {
		cfg.AckWait, cfg.Backoff = time.Millisecond, nil
	}
	checked, err := stream.CheckConsumer(cfg, s.Config(), stream.ConsumerBounds{}, false)
	if err != nil {
		m.t.Fatal(err)
	}
	if c, _, err = s.AddConsumer(checked, stream.ConsumerUpdate); err != nil {
		return nil
	}
	return c
}

// finish acknowledges what was delivered.
func (m *market) finish(k *customer, c *Consumer, drained map[uint64]bool) (err error) {
	m.n.ask(func(b *router.Batch) {
		for _, d := range m.clerk.take() {
			if d.number != c.Number() || d.consumer != k.name {
				continue
			}
			if problem := k.take(c.stream, &d); problem != nil {
				err = fmt.Errorf("is given %d: %w", d.Seq, problem)
			}
			if drained[d.Seq] = true; k.policy != stream.AckNone {
				delete(k.out, d.Seq)
				c.Acknowledge(b, nil, &stream.AckItem{Kind: stream.AckDone, Seq: d.Seq, DSeq: d.DSeq, Time: d.time})
			}
		}
	})
	m.settle(k, c)
	return err
}

// of is the courier of one stream.
func (k *clerk) of() Courier { return &carrier{clerk: k} }

type carrier struct{ *clerk }

func (c *carrier) Open(of *Consumer) ConsumerOutlet { return &postings{c.clerk, of} }
func (c *carrier) Rest()                            {}

// Flush says now and then that a client does not read for a while.
func (c *carrier) Flush() []router.Dest {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.slow || c.rnd.IntN(3) > 0 {
		return nil
	}
	d := &reader{relief: make(chan struct{})}
	time.AfterFunc(time.Duration(c.rnd.IntN(2000))*time.Microsecond, func() { close(d.relief) })
	return []router.Dest{d}
}

// reader is the connection of a client that does not read.
type reader struct{ relief chan struct{} }

func (*reader) Push(*router.Frames) router.Answer                             { return router.Refused }
func (*reader) Unpack(*router.Frames, func(s *router.Sub, m *router.Message)) {}
func (r *reader) Relief() (relief <-chan struct{}, full bool)                 { return r.relief, false }

// postings is the outlet of one consumer.
type postings struct {
	clerk *clerk
	c     *Consumer
}

func (p *postings) Deliver(d *consumer.Delivery, msg *Message) {
	p.clerk.mu.Lock()
	defer p.clerk.mu.Unlock()
	p.clerk.got = append(p.clerk.got, posting{p.c.Name(), cut0(msg.Body), p.c.Number(), msg.Time, *d})
}

// Status notes what is to be answered.
func (p *postings) Status(s *consumer.Status) {
	if s.Kind == consumer.Flow {
		p.clerk.mu.Lock()
		defer p.clerk.mu.Unlock()
		p.clerk.flow[p.c] = s.Token
	}
}

func (p *postings) AckPrefix() int            { return 10 }
func (p *postings) Refused([]byte, string)    {}
func (p *postings) Advise(*consumer.Advisory) {}
func (p *postings) Created()                  {}
func (p *postings) Dropped()                  {}
