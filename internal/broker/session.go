package broker

import (
	"bytes"

	"myelin/internal/router"
	"myelin/internal/subject"
)

// Session is one guest's access to the server.
//
// Publish, Batch, Flush and Rest belong to one goroutine, the one that reads from the guest. The other
// methods may be called from any.
type Session struct {
	account *Account
	self    router.Dest

	// of the reading goroutine
	publisher *router.Publisher     // nil while nothing is under way
	rnd       func(n uint32) uint32 // of the publisher
	mappings  *subject.Mappings     // that the publisher follows
	mapped    []byte                // the subject after mapping, where it is not always the same
}

// Open starts a session in the global account. What a session is told is pushed to self, which may be
// nil for a guest inside of the server.
func (b *Broker) Open(self router.Dest) *Session {
	return &Session{account: b.global, self: self}
}

// Account is the account that the session belongs to.
func (s *Session) Account() *Account { return s.account }

// Publish offers a message to all who are interested in its subject and returns how many took it. The
// account's mappings apply first; they may change m.Subject.
func (s *Session) Publish(m *router.Message) int {
	p := s.open()
	once := bytes.HasPrefix(m.Subject, ackPrefix) || bytes.HasPrefix(m.Subject, replyStart)
	if maps := s.account.mappings.Load(); maps != nil {
		if !once && m.Trace == nil {
			if taken, ok := s.publishMapped(maps, m); ok {
				return taken
			}
		}
		if !s.mapSubject(maps, m) {
			return 0
		}
	}
	switch {
	case m.Trace != nil:
		return p.PublishTraced(m)
	case once:
		return p.PublishOnce(m)
	default:
		return p.Publish(m)
	}
}

// publishMapped publishes what is mapped to always the same subject, and reports whether it is.
func (s *Session) publishMapped(maps *subject.Mappings, m *router.Message) (taken int, ok bool) {
	if s.mappings != maps {
		s.mappings = maps
		s.publisher.Rewrite(maps.Always)
	}
	return s.publisher.PublishRewritten(m)
}

// ackPrefix begins the subjects of acknowledgements. Each of them is used once, and so are those that begin with replyStart.
var ackPrefix, replyStart = []byte("$JS.ACK."), []byte(replyPrefix)

// Reply is Publish for the answer to a request, whose subject is not likely to come again.
func (s *Session) Reply(m *router.Message) int {
	p := s.open()
	if maps := s.account.mappings.Load(); maps != nil && !s.mapSubject(maps, m) {
		return 0
	}
	return p.PublishOnce(m)
}

// Send offers a message to who is interested in a subject that is not the message's own: they see that. once says
// that the subject is not likely to come again. No mapping applies.
func (s *Session) Send(to []byte, m *router.Message, once bool) int {
	if once {
		return s.open().SendOnce(to, m)
	}
	return s.open().Send(to, m)
}

// mapSubject rewrites the subject; it reports false when a mapping says that the message is lost: then it
// has no subject.
func (s *Session) mapSubject(maps *subject.Mappings, m *router.Message) bool {
	to, ok := maps.Map(s.mapped[:0], m.Subject, s.rnd)
	if !ok {
		if m.Trace != nil {
			m.Trace.Map(nil)
		}
		m.Subject = nil
		return false
	}
	if len(to) > 0 && &to[0] != &m.Subject[0] {
		s.mapped, m.Subject = to, to
		if m.Trace != nil {
			m.Trace.Map(to)
		}
	}
	return true
}

// Batch is where answers to the guest itself are appended, in order with what is delivered to it.
func (s *Session) Batch() *router.Batch { return &s.open().Batch }

func (s *Session) open() *router.Publisher {
	if s.publisher == nil {
		s.publisher = s.account.router.Publisher(s.self)
		s.rnd = s.publisher.Rand
	}
	return s.publisher
}

// Flush pushes all that was published and answered since the last time. It returns the destinations
// that ask the publisher to slow down; the slice is valid until the next flush.
func (s *Session) Flush() []router.Dest {
	if s.publisher == nil {
		return nil
	}
	s.publisher.Flush()
	return s.publisher.Pressed()
}

// Rest releases the memory that publishing needs; the next Publish takes it again.
func (s *Session) Rest() {
	if s.publisher != nil {
		s.publisher.Close()
		s.publisher, s.rnd, s.mappings, s.mapped = nil, nil, nil, nil
	}
}

// Subscribe makes the subscription known; what is published from now on reaches it.
func (s *Session) Subscribe(sub *router.Sub) { s.account.router.Subscribe(sub) }

// Unsubscribe ends a subscription.
func (s *Session) Unsubscribe(sub *router.Sub) { s.account.router.Unsubscribe(sub) }

// Matching calls visit with the subscriptions of the account that match a literal subject.
func (s *Session) Matching(literal []byte, visit func(*router.Sub) bool) {
	s.account.router.Matching(literal, visit)
}
