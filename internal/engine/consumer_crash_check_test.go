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
	p.exists = false
	clear(p.subjects)
	clear(p.removed)
	for _, k := range p.customers {
		k.exists = false
		clear(k.debts)
		clear(k.hand)
	}
}

// check compares a node after a crash with what clients know, and has it deliver all that is left. What is known stays.
func (m *market) check() error {
	var errs []error
	for _, p := range m.shops {
		var saved []customer
		for _, k := range p.customers {
			c := *k
			c.debts, c.hand, c.filters = maps.Clone(k.debts), maps.Clone(k.hand), slices.Clone(k.filters)
			saved = append(saved, c)
		}
		errs = append(errs, m.checkShop(p))
		for i, k := range p.customers {
			*k = saved[i]
		}
	}
	return errors.Join(errs...)
}

func (m *market) checkShop(p *shop) error {
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
		if c := s.Consumer(k.name); k.memory && c != nil || !k.memory && k.exists && c == nil {
			return fmt.Errorf("consumer %s is there: %v", k.name, c != nil)
		}
		if k.exists, k.number = k.exists && !k.memory, 0; k.memory {
			clear(k.debts)
		}
	}
	for seq, text := range p.subjects {
		if err := p.checkMessage(s, seq, text); err != nil {
			return err
		}
	}
	for _, k := range p.customers {
		if err := m.drain(k, s); err != nil {
			return fmt.Errorf("%s: %w", k.name, err)
		}
	}
	if left := s.Info().Messages; left > 0 && p.retention != stream.Limits {
		return fmt.Errorf("%s keeps %d messages that nobody wants", p.name, left)
	}
	return nil
}

// checkMessage finds whether a message is there if somebody wants it, and gone if nobody does.
func (p *shop) checkMessage(s *Stream, seq uint64, text string) error {
	if p.retention == stream.Limits || p.removed[seq] {
		return nil
	}
	there, all, some := s.lives(seq), true, false
	for _, k := range p.customers {
		is, known := k.debts[seq]
		if is == owed && !there && !(k.policy == stream.AckNone) {
			return fmt.Errorf("%s %d (%s) is lost to %s", p.name, seq, text, k.name)
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

// drain has all be delivered that a consumer has, and acknowledges it.
func (m *market) drain(k *customer, s *Stream) error {
	existed := s.Consumer(k.name) != nil
	if existed {
		s.View(func(state *stream.State) {
			view, _ := state.Consumer(k.name)
			k.resume(state, &view)
		})
	}
	owes := maps.Clone(k.debts)
	if c := m.enter(k, s); c == nil {
		return fmt.Errorf("cannot be had: %v", s.Err())
	}
	c := m.hasten(k, s)
	if c == nil {
		return errors.New("cannot be changed")
	}
	k.torn = true // waits are short now
	status, _ := c.Status()
	expected := status.View.NumPending + uint64(status.View.NumAckPending)
	drained := map[uint64]bool{}
	for round := 0; status.View.NumPending+uint64(status.View.NumAckPending) > 0; round++ {
		if round > 2000 {
			return fmt.Errorf("does not come to an end: %+v", status.View)
		}
		m.n.pull(c, consumer.Request{To: []byte("inbox"), Batch: 100, NoWait: true})
		m.settle(k, c)
		if err := m.finish(k, c, drained); err != nil {
			return err
		}
		if status, _ = c.Status(); status.View.NumPending == 0 {
			time.Sleep(time.Millisecond) // the wait for acknowledgements of a life before
		}
	}
	if uint64(len(drained)) != expected {
		return fmt.Errorf("%d messages were left, and %d came", expected, len(drained))
	}
	for seq, is := range owes {
		switch there := s.lives(seq) || k.shop.retention != stream.Limits; {
		case is == done && drained[seq] && k.policy != stream.AckNone:
			return fmt.Errorf("is given %d, of which the acknowledgement was confirmed", seq)
		case is == owed && !drained[seq] && existed && there:
			return fmt.Errorf("is owed %d, and not given it", seq)
		}
	}
	if v := status.View; v.Floor.Stream != v.Delivered.Stream || v.Floor.Consumer != v.Delivered.Consumer || v.NumRedelivered != 0 {
		return fmt.Errorf("has all, and its floor is %+v", v)
	}
	return nil
}

// hasten makes the consumer wait only briefly for acknowledgements, and pause no more.
func (m *market) hasten(k *customer, s *Stream) *Consumer {
	if s.PauseConsumer(k.name, 0) != nil {
		return nil
	}
	cfg := *s.Consumer(k.name).Config()
	if k.policy != stream.AckNone {
		cfg.AckWait = time.Millisecond
	}
	checked, err := stream.CheckConsumer(cfg, s.Config(), stream.ConsumerBounds{}, false)
	if err != nil {
		m.t.Fatal(err)
	}
	c, _, err := s.AddConsumer(checked, stream.ConsumerUpdate)
	if err != nil {
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

func (p *postings) AckPrefix() int            { return 10 }
func (p *postings) Status(*consumer.Status)   {}
func (p *postings) Refused([]byte, string)    {}
func (p *postings) Advise(*consumer.Advisory) {}
func (p *postings) Created()                  {}
func (p *postings) Dropped()                  {}
