package stream

import (
	"cmp"
	"iter"
	"slices"
	"strings"

	"myelin/internal/apierr"
	"myelin/internal/bin"
	"myelin/internal/seqset"
)

// MetaDeadLetter is the key in the metadata of a consumer that names the stream for messages which the consumer gives
// up.
const MetaDeadLetter = "myelin.dead_letter"

// DeadLetter is a message that a consumer gave up, and that another stream is to take. It stays in the outbox until
// that stream has it. It is immutable.
type DeadLetter struct {
	ID         uint64   // ascends within the stream; never used again
	Origin     [16]byte // identity of the stream in which it died, if this one was made of a backup of that; or 0
	Target     string   // the stream that is to take it, of the same account
	Consumer   string
	Reason     DeadReason
	Detail     string // what a client said about it, any bytes
	Deliveries uint32
	Seq        uint64
	Subject    string
	Time       int64 // of the message
}

// DeadReason is why a message was given up.
type DeadReason uint8

// The reasons: it was delivered as often as may be; a client said that it is of no use.
const (
	DeadMaxDeliver DeadReason = iota + 1
	DeadTerminated
)

var deadReasonNames = []string{"", "max_deliver", "terminated"}

func (r DeadReason) String() string { return name(deadReasonNames, r) }

const (
	// maxDetailBytes bounds what is kept of what a client said.
	maxDetailBytes = 1 << 10
	// maxOutbox is how many dead letters may wait. While there are so many, messages are given up as without a stream
	// for them, or not at all.
	maxOutbox = 1 << 20
)

// outbox has the dead letters that wait. A message that is one stays in the stream, also when nobody wants it any more;
// then it is hidden from consumers until its last dead letter is relayed.
type outbox struct {
	last   uint64            // ID that was given out last
	count  int               // letters that wait
	queues []outboxQueue     // by target; none is empty
	holds  map[uint64]uint32 // by sequence, how many letters are of that message
	hidden *seqset.Set       // of these messages; nil: none
}

// outboxQueue has the letters for one target, by ID.
type outboxQueue struct {
	target string
	list   []*DeadLetter
	shared bool // with a frozen view: to be copied before anything but its ends changes
}

// burial is what became of a message that was to be a dead letter.
type burial uint8

const (
	unburied burial = iota // nobody wants it as one
	noRoom
	buried
)

// bury makes a dead letter of a message that c gives up, if there is a stream for it. The message lives.
func (s *State) bury(c *consumer, a *AckItem, deliveries uint32, fx *Effects) burial {
	target := c.config.Metadata[MetaDeadLetter]
	p, ok := s.table.find(a.Seq)
	switch {
	case target == "" || !ok:
		return unburied
	case s.outbox.count >= maxOutbox:
		return noRoom
	}
	r := s.table.at(p)
	d := &DeadLetter{
		Target: target, Consumer: c.config.Name, Reason: DeadMaxDeliver, Deliveries: max(1, deliveries),
		Seq: a.Seq, Subject: string(s.table.subjects.text(r.subject - 1)), Time: r.time,
	}
	if a.Kind == AckTerm {
		d.Reason, d.Detail = DeadTerminated, string(a.Reason[:min(len(a.Reason), maxDetailBytes)])
	}
	s.outbox.last++
	d.ID = s.outbox.last
	s.outbox.add(d)
	fx.Outbox = true
	return buried
}

// search returns the place of the queue for a target.
func (o *outbox) search(target string) (int, bool) {
	return slices.BinarySearchFunc(o.queues, target, func(q outboxQueue, target string) int { return strings.Compare(q.target, target) })
}

// add enters a letter behind all others.
func (o *outbox) add(d *DeadLetter) {
	i, found := o.search(d.Target)
	if !found {
		o.queues = slices.Insert(o.queues, i, outboxQueue{target: d.Target})
	}
	if o.holds == nil {
		o.holds = map[uint64]uint32{}
	}
	q := &o.queues[i]
	q.list = append(q.list, d)
	o.holds[d.Seq]++
	o.count++
}

// find returns the place of a letter.
func (q *outboxQueue) find(id uint64) (int, bool) {
	if len(q.list) > 0 && q.list[0].ID == id {
		return 0, true
	}
	return slices.BinarySearchFunc(q.list, id, func(d *DeadLetter, id uint64) int { return cmp.Compare(d.ID, id) })
}

// remove takes out the letter at i. What stands on the shorter side of it moves.
func (q *outboxQueue) remove(i int) {
	if i > 0 && q.shared {
		q.list, q.shared = slices.Clone(q.list), false
	}
	switch {
	case i <= len(q.list)/2:
		if !q.shared {
			copy(q.list[1:], q.list[:i])
			q.list[0] = nil
		}
		q.list = q.list[1:]
	default:
		q.list = slices.Delete(q.list, i, i+1)
	}
}

// relayed applies a Relayed; false: it is malformed.
func (s *State) relayed(r *bin.Reader, fx *Effects) (Reply, bool) {
	c, ok := readRelayed(r, fx.seqs[:0])
	if fx.seqs = c.IDs; !ok {
		return Reply{}, false
	}
	o := &s.outbox
	i, found := o.search(c.Target)
	if s.config == nil || !found {
		return Reply{}, true
	}
	q, free := &o.queues[i], c.IDs[:0]
	for _, id := range c.IDs {
		at, found := q.find(id)
		if !found {
			continue
		}
		seq := q.list[at].Seq
		q.remove(at)
		o.count--
		if o.release(seq) {
			free = append(free, seq)
		}
	}
	if len(q.list) == 0 {
		o.queues = slices.Delete(o.queues, i, i+1)
	}
	slices.Sort(free)
	s.expel(free, fx)
	return Reply{}, true
}

// Outbox is how many dead letters wait to be relayed.
func (s *State) Outbox() int { return s.outbox.count }

// OutboxQueues yields the streams that dead letters wait for, sorted, and how many there are for each.
func (s *State) OutboxQueues() iter.Seq2[string, int] {
	return func(yield func(string, int) bool) {
		for i := range s.outbox.queues {
			if q := &s.outbox.queues[i]; !yield(q.target, len(q.list)) {
				return
			}
		}
	}
}

// DeadLetters yields the dead letters for a target whose ID is above after, in the order of their IDs.
func (s *State) DeadLetters(target string, after uint64) iter.Seq[*DeadLetter] {
	return func(yield func(*DeadLetter) bool) {
		i, found := s.outbox.search(target)
		if !found {
			return
		}
		q := &s.outbox.queues[i]
		at, _ := q.find(after + 1)
		for _, d := range q.list[at:] {
			if !yield(d) {
				return
			}
		}
	}
}

// deadLetter looks at where messages are to go that the consumer gives up.
func (c *consumerCheck) deadLetter() *apierr.Error {
	switch target, ok := c.Metadata[MetaDeadLetter]; {
	case !ok:
		return nil
	case !validName(target) || len(target) > maxNameBytes:
		return apierr.ConsumerCreate.With("metadata " + MetaDeadLetter + " is not the name of a stream")
	case target == c.stream.Name:
		return apierr.ConsumerCreate.With("metadata " + MetaDeadLetter + " names the stream that the consumer reads from")
	}
	return nil
}
