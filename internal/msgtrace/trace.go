package msgtrace

import (
	"sync"
	"time"

	"myelin/internal/clock"
	"myelin/internal/header"
)

// Trace gathers what becomes of one message. Whoever began it notes how the message came and how it leaves, on one goroutine, and
// then calls Close; what streams do may be noted by anybody, also later.
type Trace struct {
	Ask
	clock   clock.Clock
	publish func(*Trace)

	account string // where the message is now, if that is another than it came to; of the goroutine that has the message

	mu    sync.Mutex // guards what follows
	event Event
	open  int // steps that have not ended, and one while the message is on its way
}

// Begin starts the trace of a message. publish is called once, when all is known, by whoever noted the last of it; it must not
// block. Nothing of the header is kept.
func (a Ask) Begin(block, payload []byte, c clock.Clock, publish func(*Trace)) *Trace {
	t := &Trace{Ask: a, clock: c, publish: publish, open: 1}
	fields := make(map[string][]string)
	for key, value := range header.Fields(block) {
		fields[string(key)] = append(fields[string(key)], string(value))
	}
	t.event.Request = Request{fields, len(block) + len(payload)}
	return t
}

// Event is all that was noted. It must not be called before publish is.
func (t *Trace) Event() *Event { return &t.event }

func (t *Trace) now() time.Time { return t.clock.Now().UTC() }

func (t *Trace) note(event any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.event.Events = append(t.event.Events, event)
}

// Enter notes how the message came.
func (t *Trace) Enter(e Ingress) {
	e.base = base{"in", t.now()}
	t.note(&e)
}

// Map notes that the message goes on under another subject, or not at all if that is empty.
func (t *Trace) Map(to []byte) { t.note(&mapping{base{"sm", t.now()}, string(to)}) }

// Import notes that the message goes to a service of another account, under a subject there.
func (t *Trace) Import(account, from, to string) {
	t.note(&serviceImport{base{"si", t.now()}, account, from, to})
}

// Export notes that the message goes to those who import a stream, under a subject there.
func (t *Trace) Export(account, to string) { t.note(&streamExport{base{"se", t.now()}, account, to}) }

// Within says that what is noted from now on is in another account than the one that the message came to; "" is that one. It
// returns what was said before.
func (t *Trace) Within(account string) (before string) {
	before, t.account = t.account, account
	return before
}

// Leave notes how the message leaves, or that it does not.
func (t *Trace) Leave(e Egress) {
	e.base, e.Account = base{"eg", t.now()}, t.account
	t.note(&e)
}

// Store notes that the message came to a stream. What it does is told by calling the function that is returned, once; the trace
// waits for that.
func (t *Trace) Store(stream string) func(Outcome) {
	s := &storing{base: base{"js", t.now()}, Stream: stream}
	t.mu.Lock()
	t.event.Events = append(t.event.Events, s)
	t.open++
	t.mu.Unlock()
	return func(o Outcome) {
		t.mu.Lock()
		s.Time, s.Outcome = t.now(), o
		t.mu.Unlock()
		t.Close()
	}
}

// Close ends what began with Begin: nothing is noted any more but by streams.
func (t *Trace) Close() {
	t.mu.Lock()
	t.open--
	done := t.open == 0
	t.mu.Unlock()
	if done {
		t.publish(t)
	}
}
