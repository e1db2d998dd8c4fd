package consumer

import (
	"myelin/internal/heap"
	"myelin/internal/stream"
)

// Request is a client's wish for messages. Durations are in nanoseconds; zero values are those of the JSON
// fields that are absent.
type Request struct {
	To            []byte // where messages and statuses go; the Dispatcher keeps it, and nobody may change it
	Batch         int    // 1 if it is less
	MaxBytes      int
	Expires       int64 // from now; below 0 it has expired
	Heartbeat     int64
	NoWait        bool
	Group         string
	ID            string
	MinPending    int64
	MinAckPending int64
	Priority      int
}

// request is one that waits.
type request struct {
	Request
	left       int   // messages
	bytes      int   // left of MaxBytes
	expires    int64 // when; 0 is never
	beat       int64 // when a heartbeat is due; 0 is never
	served     bool  // it got a message
	done       bool  // it is in no queue any more
	class      *class
	prev, next *request
	ticket     uint64 // its place among all
	timer      int    // its place among the timers, from 1; 0: it has none
	looked     uint64 // the Run that last made sure that somebody listens
}

// wake is when a timer of the request is due.
func (r *request) wake() int64 {
	if r.beat != 0 && (r.expires == 0 || r.beat < r.expires) {
		return r.beat
	}
	return r.expires
}

// class are requests that are served under the same conditions, in the order of their tickets.
type class struct {
	lane          int   // lower ones first; of pinned clients, those that gave an id, or standby
	pending, acks int64 // what overflow requests ask for
	head, tail    *request
}

const (
	holders = iota
	standby
)

// queue are the requests that wait. Classes come with their first request and go with their last.
type queue struct {
	classes []*class
	timers  heap.Heap[int64, *request] // by wake
	total   int
	wanted  int64 // sum of left
	sized   int   // how many have MaxBytes
	ticket  uint64

	finishing []*request // without wait: they end when there is no message
}

// noRequests is the queue of a consumer that was never asked for anything. Nobody changes it.
var noRequests queue

func (q *queue) classOf(r *request, policy stream.PriorityPolicy) *class {
	want := class{}
	switch policy {
	case stream.PriorityOverflow:
		want.pending, want.acks = r.MinPending, r.MinAckPending
	case stream.PriorityPrioritized:
		want.lane = r.Priority
	case stream.PriorityPinned:
		if r.ID == "" {
			want.lane = standby
		}
	}
	for _, c := range q.classes {
		if c.lane == want.lane && c.pending == want.pending && c.acks == want.acks {
			return c
		}
	}
	c := &want
	q.classes = append(q.classes, c)
	return c
}

// push puts a request behind all others of its class.
func (q *queue) push(r *request, policy stream.PriorityPolicy) {
	c := q.classOf(r, policy)
	q.ticket++
	r.class, r.ticket, r.prev, r.next = c, q.ticket, c.tail, nil
	if c.tail != nil {
		c.tail.next = r
	} else {
		c.head = r
	}
	c.tail = r
}

// pull takes a request out of its class.
func (q *queue) pull(r *request) {
	c := r.class
	if r.prev != nil {
		r.prev.next = r.next
	} else {
		c.head = r.next
	}
	if r.next != nil {
		r.next.prev = r.prev
	} else {
		c.tail = r.prev
	}
	r.class, r.prev, r.next = nil, nil, nil
	if c.head == nil && len(q.classes) > 1 {
		for i := range q.classes {
			if q.classes[i] == c {
				last := len(q.classes) - 1
				q.classes[i] = q.classes[last]
				q.classes = q.classes[:last]
				break
			}
		}
	}
}

// rotate puts a request behind all others of its class.
func (q *queue) rotate(r *request) {
	q.ticket++
	r.ticket = q.ticket
	c := r.class
	if c.tail == r {
		return
	}
	r.next.prev = r.prev
	if r.prev != nil {
		r.prev.next = r.next
	} else {
		c.head = r.next
	}
	r.prev, r.next = c.tail, nil
	c.tail.next = r
	c.tail = r
}

// add enters a new request.
func (q *queue) add(r *request, policy stream.PriorityPolicy) {
	q.push(r, policy)
	q.total++
	q.wanted += int64(r.left)
	if r.MaxBytes > 0 {
		q.sized++
	}
	if r.wake() != 0 {
		q.timers.Set(0, r.wake(), r)
	}
}

// remove ends a request.
func (q *queue) remove(r *request) {
	q.pull(r)
	q.total--
	q.wanted -= int64(r.left)
	if r.MaxBytes > 0 {
		q.sized--
	}
	r.done = true
	q.timers.Remove(r.timer)
}

// front is the request to serve next: of the lowest lane of those whose conditions hold, the one that waits
// longest; nil if there is none.
func (q *queue) front(pending, acks int64) (best *request) {
	for _, c := range q.classes {
		if c.head == nil || !c.holds(pending, acks) {
			continue
		}
		if best == nil || c.lane < best.class.lane || c.lane == best.class.lane && c.head.ticket < best.ticket {
			best = c.head
		}
	}
	return best
}

// of is the first request in a lane.
func (q *queue) of(lane int) *request {
	for _, c := range q.classes {
		if c.lane == lane {
			return c.head
		}
	}
	return nil
}

func (c *class) holds(pending, acks int64) bool {
	if c.pending <= 0 && c.acks <= 0 {
		return true
	}
	return c.pending > 0 && pending >= c.pending || c.acks > 0 && acks >= c.acks
}

// retime follows a change of when a timer of a request is due; it has one.
func (q *queue) retime(r *request) { q.timers.Set(r.timer, r.wake(), r) }

// Placed implements heap.Item.
func (r *request) Placed(at int) { r.timer = at }
