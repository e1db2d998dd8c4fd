package auth

import (
	"slices"
	"sync"
	"time"
)

// maxRequests bounds the requests that one connection may answer at a time. Beyond it the oldest is forgotten.
const maxRequests = 1 << 16

// requests are those that a connection got and may answer.
type requests struct {
	mu     sync.Mutex
	open   map[string]*request // by reply subject
	order  []arrival           // oldest first; some are out of date
	number uint64              // of the latest arrival
}

// request is one reply subject, which several requests may have named.
type request struct {
	answers int       // that are left; negative for any number
	expires time.Time // zero for never
	last    uint64    // number of its latest arrival
}

// arrival is one request in the order in which they came. It is out of date if its reply subject is closed, or was named
// again.
type arrival struct {
	reply  string
	number uint64
}

// Received notes that a message with a reply subject is delivered to the connection at the time now. Whoever delivers
// calls it, before the message can be answered.
func (g *Guard) Received(reply []byte, now time.Time) {
	r := g.rights.Load()
	if r.maxAnswers == 0 || len(reply) == 0 {
		return
	}
	var expires time.Time
	if r.answersExpire > 0 {
		expires = now.Add(r.answersExpire)
	}
	g.requests.mu.Lock()
	defer g.requests.mu.Unlock()
	g.requests.expire(now)
	g.requests.add(string(reply), r.maxAnswers, expires)
}

// CanAnswer reports whether a request asked to be answered on the subject, and counts the answer.
func (g *Guard) CanAnswer(name []byte, now time.Time) bool {
	if g.rights.Load().maxAnswers == 0 {
		return false
	}
	q := &g.requests
	q.mu.Lock()
	defer q.mu.Unlock()
	req := q.open[string(name)]
	if req == nil || req.expired(now) {
		return false
	}
	if req.answers > 0 {
		if req.answers--; req.answers == 0 {
			delete(q.open, string(name))
		}
	}
	return true
}

func (r *request) expired(now time.Time) bool { return !r.expires.IsZero() && !now.Before(r.expires) }

// add opens a reply subject for more answers. Each request may be answered as often as any other, also if it names the
// same subject.
func (q *requests) add(reply string, answers int, expires time.Time) {
	req := q.open[reply]
	if req == nil {
		if len(q.open) >= maxRequests {
			q.dropOldest()
		}
		if q.open == nil {
			q.open = make(map[string]*request)
		}
		req = new(request)
		q.open[reply] = req
	}
	if answers < 0 {
		req.answers = answers
	} else if req.answers >= 0 {
		req.answers += answers
	}
	q.number++
	req.expires, req.last = expires, q.number
	q.order = append(q.order, arrival{reply, q.number})
	if len(q.order) > 2*len(q.open)+minOrder {
		q.order = slices.DeleteFunc(q.order, q.outdated)
	}
}

// minOrder is a length of requests.order that is not worth a look.
const minOrder = 64

func (q *requests) outdated(a arrival) bool {
	req := q.open[a.reply]
	return req == nil || req.last != a.number
}

// expire closes what has expired. All arrivals take the same time to, so that only the oldest have to be looked at.
func (q *requests) expire(now time.Time) {
	for len(q.order) > 0 {
		a := q.order[0]
		if !q.outdated(a) {
			if !q.open[a.reply].expired(now) {
				return
			}
			delete(q.open, a.reply)
		}
		q.removeFirst()
	}
}

func (q *requests) dropOldest() {
	for len(q.order) > 0 {
		a := q.order[0]
		outdated := q.outdated(a)
		q.removeFirst()
		if !outdated {
			delete(q.open, a.reply)
			return
		}
	}
}

func (q *requests) removeFirst() {
	q.order[0] = arrival{}
	if q.order = q.order[1:]; len(q.order) == 0 {
		q.order = nil
	}
}
