package cli

import "github.com/nats-io/nats.go"

// matcher brings requests and their replies together, in whatever order the two arrive: they come through different
// subscriptions. It holds each half back until the other is there.
type matcher struct {
	requests halves
	replies  halves
}

// halves are messages by the subject of the reply.
type halves map[string]*nats.Msg

// maxHalves bounds what waits for its other half.
const maxHalves = 1000

// add takes a message in and returns what can be shown now: a request with its reply, or a message that is not a
// request and so waits for nothing, or nil.
func (m *matcher) add(a arrival) (message, reply *nats.Msg) {
	switch {
	case a.isReply:
		if request := m.requests.take(a.msg.Subject); request != nil {
			return request, a.msg
		}
		m.replies.put(a.msg.Subject, a.msg)
	case a.msg.Reply == "":
		return a.msg, nil
	default:
		if reply := m.replies.take(a.msg.Reply); reply != nil {
			return a.msg, reply
		}
		m.requests.put(a.msg.Reply, a.msg)
	}
	return nil, nil
}

func (h halves) take(subject string) *nats.Msg {
	m := h[subject]
	delete(h, subject)
	return m
}

// put forgets what has waited in vain when there is too much of it.
func (h *halves) put(subject string, m *nats.Msg) {
	if *h == nil || len(*h) >= maxHalves {
		*h = halves{}
	}
	(*h)[subject] = m
}
