package engine

import (
	"myelin/internal/apierr"
	"myelin/internal/stream"
)

// OutboxStatus says how many dead letters of a stream wait for another one, and why.
type OutboxStatus struct {
	Target  string
	Letters int
	Refused *apierr.Error // why the target did not take a letter last; nil: it takes them, or was not asked yet
}

// Outbox says for whom dead letters of the stream wait, by the names of the targets.
func (s *Stream) Outbox() (list []OutboxStatus) {
	s.View(func(state *stream.State) {
		for target, letters := range state.OutboxQueues() {
			list = append(list, OutboxStatus{Target: target, Letters: letters})
		}
	})
	if r := s.relay.Load(); r != nil && len(list) > 0 {
		r.answers.mu.Lock()
		for i := range list {
			list[i].Refused = r.answers.refusals[list[i].Target]
		}
		r.answers.mu.Unlock()
	}
	return list
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
