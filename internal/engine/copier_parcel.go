package engine

import (
	"myelin/internal/apierr"
	"myelin/internal/replica"
	"myelin/internal/stream"
)

// parcel is a proposal of a copier.
type parcel struct {
	copier *copier
	*packed
	commands int
}

func (c *copier) parcel() *parcel { return &parcel{copier: c, packed: freePacked.Get().(*packed)} }

// add takes the data with one more command.
func (p *parcel) add(data []byte) {
	p.data = data
	p.commands++
}

// propose sends a parcel to the stream. It reports whether it is under way, or empty.
func (c *copier) propose(p *parcel) bool {
	if p.commands == 0 {
		p.free()
		return true
	}
	if err := c.dest.noRoom(); err != nil {
		p.free()
		c.retry(err)
		return false
	}
	c.mu.Lock()
	c.flights++
	c.mu.Unlock()
	ticket := replica.Ticket{Commands: p.commands, Cookie: p}
	if !c.dest.events.post(replica.Event{Proposal: replica.Proposal{Data: p.data, Ticket: ticket}}) {
		p.dropped(apierr.StreamNotFound.Err())
		return false
	}
	return true
}

// answered takes the replies to the commands, within a turn of the stream.
func (p *parcel) answered(replies []stream.Reply) {
	var refused *apierr.Error
	for i := range replies {
		if refused = replies[i].Err; refused != nil {
			break
		}
	}
	p.copier.dest.grew = true // perhaps by nothing but its last sequence
	p.dropped(refused)
}

// dropped ends the flight of the parcel. Nobody needs its data any more: the group has its own.
func (p *parcel) dropped(refused *apierr.Error) {
	p.free()
	c := p.copier
	c.mu.Lock()
	c.flights--
	if c.refused == nil {
		c.refused = refused
	}
	c.taken = c.taken || refused == nil
	c.mu.Unlock()
	c.wake()
}

func (p *parcel) free() {
	if cap(p.data) <= 2*replica.MaxBytes {
		p.data = p.data[:0]
		freePacked.Put(p.packed)
	}
	p.packed = nil
}
