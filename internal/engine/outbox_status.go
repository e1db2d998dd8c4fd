package engine

import (
	"myelin/internal/apierr"
	"myelin/internal/stream"
)

// Outbox says for whom dead letters of the stream wait, and why; nil: none waits.
func (s *Stream) Outbox() (status *stream.OutboxStatus) {
	s.View(func(state *stream.State) { status = state.OutboxStatus() })
	if r := s.relay.Load(); r != nil && status != nil {
		r.answers.mu.Lock()
		defer r.answers.mu.Unlock()
		for i := range status.Queues {
			q := &status.Queues[i]
			q.Error = r.answers.refusals[q.Target]
		}
	}
	return status
}

// report shows why a target does not take letters; nil: it does.
func (r *relay) report(t *relayTarget, err *apierr.Error) {
	r.answers.mu.Lock()
	defer r.answers.mu.Unlock()
	if err == nil {
		delete(r.answers.refusals, t.name)
		return
	}
	if r.answers.refusals == nil {
		r.answers.refusals = map[string]*apierr.Error{}
	}
	r.answers.refusals[t.name] = err
}
