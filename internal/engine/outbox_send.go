package engine

import (
	"errors"

	"myelin/internal/apierr"
	"myelin/internal/replica"
	"myelin/internal/store/segment"
	"myelin/internal/stream"
)

// consignment is a proposal of dead letters to their target.
type consignment struct {
	relay  *relay
	target *relayTarget
	to     *Stream
	data   []byte
	ids    []uint64

	// once it is answered
	taken   []uint64      // of ids, what the target has
	refused *apierr.Error // the first refusal
	removed bool          // what was taken is out of the outbox
}

// load reads messages, and makes deposits of them.
func (r *relay) load(t *relayTarget, letters []*stream.DeadLetter, low uint64) (*consignment, error) {
	c, config := &consignment{relay: r, target: t, to: t.stream}, t.stream.Config()
	for _, d := range letters {
		a, err := r.message(d)
		if err != nil {
			return nil, err
		}
		if config.MaxMsgSize > 0 && len(a.Header)+len(a.Body) > int(config.MaxMsgSize) {
			r.refuse(t, apierr.StreamMessageExceedsMaximum.Err()) // a proposal would only fill the log
			continue
		}
		deposit := stream.Deposit{Origin: d.Origin, ID: d.ID, Low: low, Append: a}
		if d.Origin == ([16]byte{}) {
			deposit.Origin = r.source.asset.ID
		}
		c.data = deposit.Encode(c.data)
		c.ids = append(c.ids, d.ID)
	}
	return c, nil
}

// message makes the message for the target. What is gone meanwhile, or lost for good, is told of without a body.
func (r *relay) message(d *stream.DeadLetter) (stream.Append, error) {
	s := r.source
	m, buf, err := s.Read(d.Seq, r.buf)
	r.buf = buf
	var damage *segment.Damage
	switch {
	case err == nil:
		return d.Message(s.Name(), m.Header, m.Body), nil
	case errors.Is(err, ErrNotFound):
		return d.Lost(s.Name()), nil
	case errors.As(err, &damage):
		s.engine.log.Errorf("Stream '%s > %s' tells '%s' of dead letter %d without its message %d, which cannot be read: %v",
			s.Account(), s.Name(), d.Target, d.ID, d.Seq, err)
		return d.Lost(s.Name()), nil
	}
	return stream.Append{}, err
}

// propose sends a consignment to the target.
func (c *consignment) propose() {
	if len(c.ids) == 0 {
		return
	}
	c.target.flights++
	if err := c.to.refusal(false); err != nil {
		c.dropped(err)
		return
	}
	ticket := replica.Ticket{Commands: len(c.ids), Cookie: c}
	if !c.to.events.post(replica.Event{Proposal: replica.Proposal{Data: c.data, Ticket: ticket}}) {
		c.dropped(apierr.StreamNotFound.Err())
	}
}

// answered takes the replies to the deposits, within a turn of the target.
func (c *consignment) answered(replies []stream.Reply) {
	for i := range replies {
		if err := replies[i].Err; err == nil {
			c.taken = append(c.taken, c.ids[i])
		} else if c.refused == nil || ofLetter(c.refused) {
			c.refused = err
		}
	}
	c.back()
}

func (c *consignment) dropped(err *apierr.Error) {
	c.refused = err
	c.back()
}

// back gives the relay what became of a consignment.
func (c *consignment) back() {
	a := &c.relay.answers
	a.mu.Lock()
	a.list = append(a.list, c)
	a.mu.Unlock()
	c.relay.wake()
}

// remove takes out of the outbox what a target has. Nobody waits for the disk: what is not on it in a crash is deposited
// again, and known to the target.
func (r *relay) remove(c *consignment) {
	done := func(reply stream.Reply) {
		c.removed, c.refused = true, reply.Err
		c.back()
	}
	c.data = stream.Relayed{Target: c.target.name, IDs: c.taken}.Encode(c.data[:0])
	if r.source.Err() == nil { // else it takes nothing any more, and this flight is never over
		r.source.events.post(replica.Event{Proposal: replica.Proposal{
			Data: c.data, Urgent: true, Lazy: true, Ticket: replica.Ticket{Commands: 1, Cookie: done},
		}})
	}
}
