package jetstream

import "myelin/internal/stream"

// batchAbandoned says that an atomic batch will not be committed.
type batchAbandoned struct {
	event
	Domain string `json:"domain,omitempty"`
	Stream string `json:"stream"`
	Batch  string `json:"batch"`
	Reason string `json:"reason"`
}

// Abandoned tells that an atomic batch of the stream will not be committed.
func (o *Outlet) Abandoned(b stream.Abandoned) {
	c := o.config()
	if c == nil {
		return
	}
	publishEvent(o.api, o.session, "STREAM.BATCH_ABANDONED."+c.Name, batchAbandoned{
		o.api.event("stream_batch_abandoned"), o.api.opt.Domain, c.Name, b.ID, b.Reason,
	})
}
