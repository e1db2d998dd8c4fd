package stream

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"myelin/internal/subject"
)

// ConsumerConfig is the configuration of a consumer, as it travels in JSON. Durations are in nanoseconds,
// sizes in bytes. One that CheckConsumer or CheckConsumerUpdate returned is immutable: machines and others
// share it.
type ConsumerConfig struct {
	Durable        string            `json:"durable_name,omitempty"`
	Name           string            `json:"name,omitempty"`
	Description    string            `json:"description,omitempty"`
	Deliver        DeliverPolicy     `json:"deliver_policy"`
	StartSeq       uint64            `json:"opt_start_seq,omitempty"`
	StartTime      *time.Time        `json:"opt_start_time,omitempty"`
	Ack            AckPolicy         `json:"ack_policy"`
	AckWait        time.Duration     `json:"ack_wait,omitempty"`
	MaxDeliver     int               `json:"max_deliver,omitempty"` // -1: any number
	Backoff        []time.Duration   `json:"backoff,omitempty"`
	FilterSubject  string            `json:"filter_subject,omitempty"`
	FilterSubjects []string          `json:"filter_subjects,omitempty"`
	Replay         ReplayPolicy      `json:"replay_policy"`
	RateLimit      uint64            `json:"rate_limit_bps,omitempty"` // bits per second
	SampleFreq     string            `json:"sample_freq,omitempty"`    // percent, with or without the sign
	MaxWaiting     int               `json:"max_waiting,omitempty"`
	MaxAckPending  int               `json:"max_ack_pending,omitempty"` // -1: any number
	FlowControl    bool              `json:"flow_control,omitempty"`
	HeadersOnly    bool              `json:"headers_only,omitempty"`
	MaxBatch       int               `json:"max_batch,omitempty"`
	MaxExpires     time.Duration     `json:"max_expires,omitempty"`
	MaxBytes       int               `json:"max_bytes,omitempty"`
	DeliverSubject string            `json:"deliver_subject,omitempty"` // empty: clients pull
	DeliverGroup   string            `json:"deliver_group,omitempty"`
	Heartbeat      time.Duration     `json:"idle_heartbeat,omitempty"`
	Inactive       time.Duration     `json:"inactive_threshold,omitempty"`
	Replicas       int               `json:"num_replicas"`
	MemoryStorage  bool              `json:"mem_storage,omitempty"` // it does not outlive a restart
	Direct         bool              `json:"direct,omitempty"`
	Sourcing       bool              `json:"sourcing,omitempty"`
	Metadata       map[string]string `json:"metadata,omitempty"`
	PauseUntil     *time.Time        `json:"pause_until,omitempty"`
	PriorityGroups []string          `json:"priority_groups,omitempty"`
	Priority       PriorityPolicy    `json:"priority_policy,omitempty"`
	PinnedTTL      time.Duration     `json:"priority_timeout,omitempty"`

	Unnamed bool `json:"-"` // the server made the name up; what it tells of the configuration leaves it out
}

// DeliverPolicy says where in its stream a consumer starts.
type DeliverPolicy uint8

// The places: at the first message, at the last one, behind it, at a sequence, at a time; or with the last
// message of each subject, and then behind the last one of all.
const (
	DeliverAll DeliverPolicy = iota
	DeliverLast
	DeliverNew
	DeliverByStartSequence
	DeliverByStartTime
	DeliverLastPerSubject
)

// AckPolicy says what acknowledges a message: its delivery, an ack for it or a later one, an ack for it,
// or the answer to a flow-control request, which acknowledges like AckAll.
type AckPolicy uint8

// The policies.
const (
	AckNone AckPolicy = iota
	AckAll
	AckExplicit
	AckFlowControl
)

// ReplayPolicy says how fast stored messages are delivered.
type ReplayPolicy uint8

// At once, or in the time in which they came.
const (
	ReplayInstant ReplayPolicy = iota
	ReplayOriginal
)

// PriorityPolicy says which of several pulling clients gets messages.
type PriorityPolicy uint8

// Any; those for whom there is enough; one until it goes away; those with the lowest number.
const (
	PriorityNone PriorityPolicy = iota
	PriorityOverflow
	PriorityPinned
	PriorityPrioritized
)

var (
	deliverNames  = []string{"all", "last", "new", "by_start_sequence", "by_start_time", "last_per_subject"}
	ackNames      = []string{"none", "all", "explicit", "flow_control"}
	replayNames   = []string{"instant", "original"}
	priorityNames = []string{"none", "overflow", "pinned_client", "prioritized"}
)

func (p DeliverPolicy) String() string  { return name(deliverNames, p) }
func (p AckPolicy) String() string      { return name(ackNames, p) }
func (p ReplayPolicy) String() string   { return name(replayNames, p) }
func (p PriorityPolicy) String() string { return name(priorityNames, p) }

// MarshalJSON and UnmarshalJSON read and write the names, as stock servers do.

func (p DeliverPolicy) MarshalJSON() ([]byte, error)  { return quoted(p.String()) }
func (p AckPolicy) MarshalJSON() ([]byte, error)      { return quoted(p.String()) }
func (p ReplayPolicy) MarshalJSON() ([]byte, error)   { return quoted(p.String()) }
func (p PriorityPolicy) MarshalJSON() ([]byte, error) { return quoted(p.String()) }

func (p *AckPolicy) UnmarshalJSON(data []byte) error    { return unquote(ackNames, data, p) }
func (p *ReplayPolicy) UnmarshalJSON(data []byte) error { return unquote(replayNames, data, p) }

// UnmarshalJSON has an error of its own for priority policies.
func (p *PriorityPolicy) UnmarshalJSON(data []byte) error {
	if unquote(priorityNames, data, p) != nil {
		return fmt.Errorf("unknown priority policy: %s", data)
	}
	return nil
}

var (
	_ json.Unmarshaler = (*DeliverPolicy)(nil)
	_ json.Unmarshaler = (*PriorityPolicy)(nil)
)

// Push reports whether messages go to a subject of the consumer's, without being asked for.
func (c *ConsumerConfig) Push() bool { return c.DeliverSubject != "" }

// sound reports whether a machine can make sense of c, which need not be checked.
func (c *ConsumerConfig) sound() bool {
	return validName(c.Name) && len(c.Name) <= maxNameBytes && c.Deliver <= DeliverLastPerSubject && c.Ack <= AckFlowControl &&
		c.Replay <= ReplayOriginal && c.Priority <= PriorityPrioritized &&
		(c.Deliver != DeliverByStartTime || c.StartTime != nil) &&
		(c.Deliver != DeliverLastPerSubject || len(c.Filters()) > 0) &&
		!slices.ContainsFunc(c.Filters(), func(f string) bool { return !subject.ValidPattern(f) })
}

// Filters are the subjects that the consumer is for; none are all.
func (c *ConsumerConfig) Filters() []string {
	if c.FilterSubject != "" {
		return []string{c.FilterSubject}
	}
	return c.FilterSubjects
}

// Wait is how long after its delivery number count, from 1, a message is delivered again.
func (c *ConsumerConfig) Wait(count uint32) time.Duration {
	if n := len(c.Backoff); n > 0 {
		return c.Backoff[min(int(max(count, 1))-1, n-1)]
	}
	return c.AckWait
}

// RequiredLevel is the API level that a server needs in order to honour c.
func (c *ConsumerConfig) RequiredLevel() int {
	switch {
	case c.Ack == AckFlowControl:
		return 4
	case c.PauseUntil != nil && !c.PauseUntil.IsZero(), c.Priority != PriorityNone, c.PinnedTTL != 0:
		return 1
	}
	return 0
}

// UnmarshalJSON takes what old clients call no policy for the first one.
func (p *DeliverPolicy) UnmarshalJSON(data []byte) error {
	if string(data) == `"undefined"` {
		*p = DeliverAll
		return nil
	}
	return unquote(deliverNames, data, p)
}
