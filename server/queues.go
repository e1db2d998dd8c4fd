package server

import "myelin/internal/report"

// Queues implements report.QueueSource.
func (v source) Queues() map[string]report.Queue {
	queues := make(map[string]report.Queue)
	if s := v.s.system; s != nil {
		queues = s.Queues()
	}
	if p := v.s.streams.Load(); p != nil {
		var waiting uint64
		for _, a := range v.s.broker.Accounts() {
			waiting += p.api.Stats(a.Name()).Inflight
		}
		queues["JetStream API queue"] = report.Queue{Pending: int(waiting)}
	}
	return queues
}
