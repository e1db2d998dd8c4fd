package engine

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"

	"myelin/internal/apierr"
	"myelin/internal/header"
	"myelin/internal/msgtrace"
	"myelin/internal/router"
	"myelin/internal/stream"
	"myelin/internal/subject"
)

// A message with a trace carries a mark before its reply subject, by which its trace is found when the stream has decided. The
// mark begins with a space, which no subject has.
const (
	traceMark   = ' '
	markBytes   = 9
	maxAwaiting = 4096
)

// traces are those of messages that a stream has not decided about.
type traces struct {
	stream string

	mu      sync.Mutex // guards what follows
	last    uint64
	waiting map[uint64]*traced
	closed  bool
}

// traced is a message with a trace.
type traced struct {
	only            bool
	subject, header []byte
	report          func(msgtrace.Outcome)
}

// add returns the mark of a message, and its trace hears of the stream. There is none where the stream has ended or too many wait:
// then the trace hears that at once.
func (t *traces) add(m *router.Message) (mark []byte) {
	report := m.Trace.Store(t.stream)
	number, refusal := t.enter(&traced{m.Trace.Only, slices.Clone(m.Subject), slices.Clone(m.Header), report})
	if refusal != "" {
		report(msgtrace.Outcome{Error: refusal})
		return nil
	}
	return binary.BigEndian.AppendUint64([]byte{traceMark}, number)
}

// enter gives a message a number, or says why not.
func (t *traces) enter(w *traced) (number uint64, refusal string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.closed:
		return 0, "stream closed"
	case len(t.waiting) >= maxAwaiting:
		return 0, "too many traced messages wait"
	case t.waiting == nil:
		t.waiting = make(map[uint64]*traced)
	}
	t.last++
	t.waiting[t.last] = w
	return t.last, ""
}

// find returns the message that a reply with a mark belongs to, or nil.
func (t *traces) find(reply []byte) *traced {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.waiting[binary.BigEndian.Uint64(reply[1:])]
}

// take is find, and forgets it.
func (t *traces) take(reply []byte) *traced {
	t.mu.Lock()
	defer t.mu.Unlock()
	number := binary.BigEndian.Uint64(reply[1:])
	found := t.waiting[number]
	delete(t.waiting, number)
	return found
}

// abandon tells the trace of a message for which there was no room.
func (t *traces) abandon(reply []byte) {
	if w := t.take(reply); w != nil {
		w.report(msgtrace.Outcome{Error: apierr.StreamTooManyRequests.Err().Error()})
	}
}

// close tells those that wait that nothing is decided any more.
func (t *traces) close() {
	t.mu.Lock()
	waiting := t.waiting
	t.waiting, t.closed = nil, true
	t.mu.Unlock()
	for _, w := range waiting {
		w.report(msgtrace.Outcome{Error: "stream closed"})
	}
}

// Trace implements router.Tracer. What is traced only goes the same way, up to where it would be proposed.
func (g *ingest) Trace(m *router.Message, b *router.Batch, denied bool) bool {
	if denied {
		return false
	}
	mark := g.traces.add(m)
	if mark == nil && m.Trace.Only {
		return true
	}
	kept := *m
	kept.Header = msgtrace.Disabled(nil, m.Header)
	g.gather(&kept, append(mark, m.Reply...), b)
	return true
}

// marked reports whether a reply belongs to a message with a trace.
func marked(reply []byte) bool { return len(reply) >= markBytes && reply[0] == traceMark }

// rehearse decides about a message that is traced only; it reports false for others. Its publisher hears only what keeps it out.
func (s *Stream) rehearse(reply, command []byte) bool {
	t := s.ingest.traces.find(reply)
	if t == nil || !t.only {
		return false
	}
	now := s.engine.clock.Now().UnixNano()
	s.mu.Lock()
	r, to, stays := s.state.Rehearse(command, now)
	s.mu.Unlock()
	if r.Err != nil || r.Duplicate {
		s.ack(reply, &r)
		return true
	}
	s.ingest.traces.take(reply)
	t.report(msgtrace.Outcome{Subject: string(to), NoInterest: !stays})
	return true
}

// unmark tells the trace of a message what became of it, and returns who waits for the answer, if anybody does.
func (s *Stream) unmark(reply []byte, r *stream.Reply) []byte {
	if t := s.ingest.traces.take(reply); t != nil {
		t.report(s.outcome(t, r))
	}
	return reply[markBytes:]
}

// outcome is what a trace tells of an answer.
func (s *Stream) outcome(t *traced, r *stream.Reply) (o msgtrace.Outcome) {
	config := s.config.Load()
	if r.Err != nil {
		late := false
		if o.Error, late = refusalOf(t, r.Err); !late {
			return o
		}
	} else if r.Duplicate {
		o.Error = "msgid is duplicate"
		return o
	}
	at := slices.IndexFunc(s.stored, func(m stream.Stored) bool { return m.Seq == r.Seq })
	if at >= 0 {
		o.Subject = string(s.stored[at].Subject)
		return o
	}
	o.Subject = string(t.subject)
	if config != nil && config.Transform != nil {
		o.Subject = renamed(config.Transform, t.subject)
	}
	o.NoInterest = r.Err == nil && r.Seq != 0 && config != nil && config.Retention == stream.Interest
	return o
}

// renamed is a subject as the stream's transform makes it.
func renamed(c *stream.SubjectTransform, literal []byte) string {
	t, err := subject.NewTransform(c.Src, c.Dest)
	if err != nil {
		return string(literal)
	}
	if to, ok := t.Apply(nil, literal, rand.Uint32N); ok && len(to) > 0 {
		return string(to)
	}
	return string(literal)
}

// refusalOf is how traces name an error, which is not always how publishers hear of it. late says that it was found when the message
// was about to be stored: then the trace names its subject, too.
func refusalOf(t *traced, err *apierr.Error) (text string, late bool) {
	expected := func(key string) []byte { return header.Get(t.header, key) }
	switch err.ErrCode {
	case apierr.StreamMessageExceedsMaximum:
		return "maximum payload exceeded", false
	case apierr.StreamNotMatch:
		return err.Description, false
	case apierr.StreamWrongLastSequence:
		return mismatch(expected, err.Description), false
	case apierr.StreamWrongLastMsgID:
		last := strings.TrimPrefix(err.Description, "wrong last msg ID: ")
		return fmt.Sprintf("last msgid mismatch: %q vs %q", expected("Nats-Expected-Last-Msg-Id"), last), false
	case apierr.StreamStoreFailed:
		return err.Description, true
	case apierr.MessageTTLInvalid, apierr.MessageTTLDisabled:
		return err.Error(), true
	}
	return err.Error(), false
}

// mismatch names a sequence that was not the expected one, which the description of the error ends with.
func mismatch(expected func(key string) []byte, description string) string {
	last := strings.TrimPrefix(description, "wrong last sequence: ")
	if want := expected("Nats-Expected-Last-Subject-Sequence"); want != nil {
		return fmt.Sprintf("last sequence by subject mismatch: %s vs %s", want, last)
	}
	return fmt.Sprintf("last sequence mismatch: %s vs %s", expected("Nats-Expected-Last-Sequence"), last)
}
