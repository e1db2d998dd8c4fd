package stream

import (
	"bytes"
	"fmt"
	"time"

	"myelin/internal/bin"
)

// consumerVersion begins the binary form of a consumer's configuration. A later version appends fields.
const consumerVersion = 1

// Append appends the binary form of c. Equal configurations have equal forms.
func (c *ConsumerConfig) Append(dst []byte) []byte {
	w := fieldWriter{append(dst, consumerVersion)}
	copied := *c
	copied.fields(&w)
	return w.dst
}

// Equal reports whether both say the same.
func (c *ConsumerConfig) Equal(other *ConsumerConfig) bool {
	return bytes.Equal(c.Append(nil), other.Append(nil))
}

// ReadConsumerConfig reads what Append wrote.
func ReadConsumerConfig(r *bin.Reader) *ConsumerConfig {
	if v := r.Byte(); v != consumerVersion && r.Err() == nil {
		r.Fail(fmt.Errorf("configuration of a consumer of version %d", v))
	}
	c := new(ConsumerConfig)
	c.fields(&fieldReader{r})
	if c.Durable == c.Name {
		c.Durable = c.Name // one text, not two
	}
	return c
}

func (c *ConsumerConfig) fields(f fields) {
	instant := func(t *time.Time, f fields) { f.instant(t) }
	f.text(&c.Durable)
	f.text(&c.Name)
	f.text(&c.Description)
	number(f, &c.Deliver)
	number(f, &c.StartSeq)
	optional(f, &c.StartTime, instant)
	number(f, &c.Ack)
	number(f, &c.AckWait)
	number(f, &c.MaxDeliver)
	list(f, &c.Backoff, 1, func(d *time.Duration, f fields) { number(f, d) })
	f.text(&c.FilterSubject)
	textList(f, &c.FilterSubjects)
	number(f, &c.Replay)
	number(f, &c.RateLimit)
	f.text(&c.SampleFreq)
	number(f, &c.MaxWaiting)
	number(f, &c.MaxAckPending)
	f.boolean(&c.FlowControl)
	f.boolean(&c.HeadersOnly)
	number(f, &c.MaxBatch)
	number(f, &c.MaxExpires)
	number(f, &c.MaxBytes)
	f.text(&c.DeliverSubject)
	f.text(&c.DeliverGroup)
	number(f, &c.Heartbeat)
	number(f, &c.Inactive)
	number(f, &c.Replicas)
	f.boolean(&c.MemoryStorage)
	f.boolean(&c.Direct)
	f.boolean(&c.Sourcing)
	f.table(&c.Metadata)
	optional(f, &c.PauseUntil, instant)
	textList(f, &c.PriorityGroups)
	number(f, &c.Priority)
	number(f, &c.PinnedTTL)
	f.boolean(&c.Unnamed)
}
