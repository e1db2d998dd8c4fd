package stream

import "myelin/internal/apierr"

// OutboxStatus is what is shown of the dead letters of a stream that wait for others. Stock servers have none, so that it stands in a
// member of its own where they describe streams, and is left out, as nil, where none waits.
type OutboxStatus struct {
	DeadLetters int           `json:"dead_letters"` // in all
	Queues      []OutboxQueue `json:"outbox"`       // by the names of the targets
}

// OutboxQueue says how many dead letters wait for a stream, and why it did not take one last; nil: it takes them, or was not
// asked yet.
type OutboxQueue struct {
	Target      string        `json:"target"`
	DeadLetters int           `json:"dead_letters"`
	Error       *apierr.Error `json:"error,omitempty"`
}

// OutboxStatus describes the outbox but for why letters wait in it, which the machine does not know.
func (s *State) OutboxStatus() *OutboxStatus {
	if s.outbox.count == 0 {
		return nil
	}
	status := &OutboxStatus{DeadLetters: s.outbox.count}
	for target, letters := range s.OutboxQueues() {
		status.Queues = append(status.Queues, OutboxQueue{Target: target, DeadLetters: letters})
	}
	return status
}
