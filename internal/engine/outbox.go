package engine

import (
	"strings"
	"sync"
	"time"

	"myelin/internal/apierr"
	"myelin/internal/stream"
)

const (
	// relayLetters and copyBytes bound the dead letters in one proposal, but for a single larger one; relayFlights the
	// proposals to one target that are under way.
	relayLetters = 64
	relayFlights = 2
	// servedAtOnce is how often letters are read for one target before it is another one's turn.
	servedAtOnce = 4
	// What a target refused is tried again after minRelayWait to maxRelayWait, each time twice as long.
	minRelayWait = 50 * time.Millisecond
	maxRelayWait = 5 * time.Second
)

// relay carries the dead letters of one stream from the outbox of its machine to the streams that are to take them.
// Each is proposed to its target, which takes it once (see stream.Deposit), and then taken out of the outbox. That holds
// through crashes: both streams are in one log, in which the deposit stands behind what made the dead letter, and in front
// of what takes it out of the outbox.
type relay struct {
	errand
	source *Stream

	// of the holder of the token
	targets map[string]*relayTarget
	buf     []byte

	answers struct {
		mu      sync.Mutex
		list    []*consignment
		changed map[string]bool // targets that appeared, went, or have another configuration

		refusals map[string]*apierr.Error // by target, for whoever asks (see Outbox)
	}
}

// relayTarget is a stream that dead letters wait for, be it there or not.
type relayTarget struct {
	name    string
	stream  *Stream       // as it was found last; nil: it is not there
	sent    uint64        // ID of the last letter that was proposed in this pass through the outbox
	flights int           // proposals that are not answered, or whose letters are not out of the outbox
	refused *apierr.Error // why something stays in the outbox, which another pass is to take up
	stopped bool          // that will be so for others, too
	careful bool          // nothing was taken since then: letters are tried one by one
	wait    time.Duration // before the next pass
	due     time.Time     // when that begins
	warned  bool
}

// carrier is the stream's relay, which is made when there is a use for it.
func (s *Stream) carrier() *relay {
	if r := s.relay.Load(); r != nil {
		return r
	}
	r := &relay{source: s}
	r.errand.init(s.engine.clock, r.look)
	s.relay.CompareAndSwap(nil, r)
	return s.relay.Load()
}

// look does what there is to be done now.
func (r *relay) look() {
	r.take()
	var status *stream.OutboxStatus
	r.source.View(func(state *stream.State) { status = state.OutboxStatus() })
	waiting := map[string]bool{}
	if status != nil {
		for _, q := range status.Queues {
			waiting[q.Target] = true
			r.serve(r.target(q.Target))
		}
	}
	r.rest(waiting)
}

// target returns what is known of a target, which is told about from now on.
func (r *relay) target(name string) *relayTarget {
	t := r.targets[name]
	if t == nil {
		if r.targets == nil {
			r.targets = map[string]*relayTarget{}
		}
		t = &relayTarget{name: name}
		r.targets[name] = t
		r.source.engine.relays.add(streamName{r.source.Account(), name}, r)
	}
	return t
}

// rest forgets targets that no letter waits for, and sees to it that the others are tried again.
func (r *relay) rest(waiting map[string]bool) {
	var due time.Time
	for name, t := range r.targets {
		switch {
		case t.flights > 0, t.stream == nil && waiting[name]: // it wakes
		case !waiting[name]:
			r.source.engine.relays.remove(streamName{r.source.Account(), name}, r)
			r.report(t, nil)
			delete(r.targets, name)
		case t.refused != nil && (due.IsZero() || t.due.Before(due)):
			due = t.due
		}
	}
	if !due.IsZero() {
		r.later(max(time.Millisecond, due.Sub(r.clock.Now())))
	}
}

// take takes in what came of proposals, and of targets.
func (r *relay) take() {
	r.answers.mu.Lock()
	list, changed := r.answers.list, r.answers.changed
	r.answers.list, r.answers.changed = nil, nil
	r.answers.mu.Unlock()
	for name := range changed {
		if t := r.targets[name]; t != nil {
			t.wait, t.due, t.stopped = 0, time.Time{}, false
		}
	}
	for _, c := range list {
		t := c.target
		if c.to != t.stream {
			continue // of one that was deleted
		}
		if c.refused != nil {
			r.refuse(t, c.refused)
		}
		if len(c.taken) == 0 {
			t.flights--
			continue
		}
		if !c.removed {
			if t.careful = false; t.refused == nil {
				r.report(t, nil)
			}
			r.remove(c)
		} else {
			t.flights--
		}
	}
}

// refuse has another pass take up what a target refused.
func (r *relay) refuse(t *relayTarget, err *apierr.Error) {
	if t.refused == nil {
		t.refused = err
		t.wait = min(max(2*t.wait, minRelayWait), maxRelayWait)
		t.due = r.clock.Now().Add(t.wait)
	}
	if !ofLetter(err) {
		t.stopped, t.careful = true, true
	}
	r.warn(t, err)
}

// ofLetter reports whether a refusal may be for one message and not for others.
func ofLetter(err *apierr.Error) bool {
	switch apierr.ID(err.ErrCode) {
	case apierr.StreamMessageExceedsMaximum, apierr.StreamHeaderExceedsMaximum:
		return true
	case apierr.StreamStoreFailed:
		return strings.Contains(err.Description, "per subject")
	}
	return false
}

// warn shows why letters wait for a target, and says it in the log once while they do.
func (r *relay) warn(t *relayTarget, err *apierr.Error) {
	r.report(t, err)
	if !t.warned {
		t.warned = true
		r.source.engine.log.Warnf("Stream '%s > %s' keeps dead letters for stream '%s', which does not take them: %v",
			r.source.Account(), r.source.Name(), t.name, err)
	}
}

// serve proposes letters to a target until enough are under way, or there are no more.
func (r *relay) serve(t *relayTarget) {
	to := r.source.engine.Stream(r.source.Account(), t.name)
	if to != t.stream { // what is under way to one that was deleted may never be answered
		t.stream, t.flights = to, 0
		t.begin()
	}
	if err := absence(to); err != nil {
		t.begin()
		r.warn(t, err)
		return // it wakes when it is there
	}
	if t.refused != nil && t.flights == 0 && !r.clock.Now().Before(t.due) {
		t.begin()
	}
	for range servedAtOnce {
		if t.flights >= relayFlights || t.flights > 0 && t.careful || t.stopped {
			return
		}
		letters, low := r.choose(t)
		if len(letters) == 0 {
			return
		}
		c, err := r.load(t, letters, low)
		if err != nil {
			r.refuse(t, apierr.StreamGeneralError.With(err.Error()))
			return
		}
		t.sent = letters[len(letters)-1].ID
		c.propose()
	}
	r.wake() // it goes on when the others had their turn
}

// begin begins a pass through the outbox.
func (t *relayTarget) begin() { t.sent, t.refused, t.stopped = 0, nil, false }

// absence says why a target can take nothing until it is told about again, or is nil.
func absence(to *Stream) *apierr.Error {
	switch {
	case to == nil || to.Config() == nil:
		return apierr.StreamNotFound.Err()
	case to.Err() != nil:
		return apierr.StreamOfflineReason.With(to.Err().Error())
	}
	return nil
}

// choose finds the letters that come next, and the lowest ID of those that wait for the target. That is below what waits of
// each origin: IDs ascend, whichever stream a letter died in.
func (r *relay) choose(t *relayTarget) (letters []*stream.DeadLetter, low uint64) {
	most, bytes := relayLetters, uint64(0)
	if t.careful {
		most = 1
	}
	r.source.View(func(state *stream.State) {
		for d := range state.DeadLetters(t.name, 0) {
			low = d.ID
			break
		}
		for d := range state.DeadLetters(t.name, t.sent) {
			m, _ := state.Get(d.Seq)
			if bytes += uint64(m.Size); len(letters) == most || len(letters) > 0 && bytes > copyBytes {
				return
			}
			letters = append(letters, d)
		}
	})
	return letters, low
}

// mindOutbox carries on with what is in the outbox of a stream that was started.
func (s *Stream) mindOutbox() {
	waiting := 0
	s.View(func(state *stream.State) { waiting = state.Outbox() })
	if waiting > 0 {
		s.carrier().wake()
	}
}

// leaveOutbox ends the relay of a stream for good.
func (s *Stream) leaveOutbox() {
	r := s.carrier() // or what it is woken by later would make one
	r.close()
	for name := range r.targets {
		s.engine.relays.remove(streamName{s.Account(), name}, r)
	}
}
