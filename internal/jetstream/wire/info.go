package wire

import (
	"maps"
	"strconv"
	"time"

	"myelin/internal/stream"
)

// ConsumerInfo says what a consumer is and how far it is, in the order of a stock server's fields. A server that
// stands alone has no cluster to tell of.
type ConsumerInfo struct {
	Stream         string                 `json:"stream_name"`
	Name           string                 `json:"name"`
	Created        time.Time              `json:"created"`
	Config         *stream.ConsumerConfig `json:"config,omitempty"`
	Delivered      SequenceInfo           `json:"delivered"`
	AckFloor       SequenceInfo           `json:"ack_floor"`
	NumAckPending  int                    `json:"num_ack_pending"`
	NumRedelivered int                    `json:"num_redelivered"`
	NumWaiting     int                    `json:"num_waiting"`
	NumPending     uint64                 `json:"num_pending"`
	PushBound      bool                   `json:"push_bound,omitempty"`
	Paused         bool                   `json:"paused,omitempty"`
	PauseRemaining time.Duration          `json:"pause_remaining,omitempty"`
	Time           time.Time              `json:"ts"`
	PriorityGroups []PriorityGroupState   `json:"priority_groups,omitempty"`
}

// SequenceInfo is a place in a consumer and its stream.
type SequenceInfo struct {
	Consumer   uint64     `json:"consumer_seq"`
	Stream     uint64     `json:"stream_seq"`
	LastActive *time.Time `json:"last_active,omitempty"`
}

// PriorityGroupState says which client of a group is pinned, if anybody is.
type PriorityGroupState struct {
	Group       string    `json:"group"`
	PinnedID    string    `json:"pinned_client_id,omitempty"`
	PinnedSince time.Time `json:"pinned_ts"`
}

// Live is what the dispatcher of a consumer knows and its machine does not. Times are in nanoseconds since 1970.
type Live struct {
	Waiting     int    // requests
	Listening   bool   // somebody listens to the deliver subject
	Pin         string // who is pinned
	PinnedSince int64
}

// InfoOf describes a consumer of a stream at a time. version and level are those of the server, which the
// configuration tells among its metadata; a list of consumers leaves them out: then version is empty.
func InfoOf(streamName string, v *stream.ConsumerView, live *Live, now time.Time, version string, level int) *ConsumerInfo {
	info := &ConsumerInfo{
		Stream: streamName, Name: v.Config.Name, Created: time.Unix(0, v.Created).UTC(),
		Config:    described(v.Config, version, level),
		Delivered: sequenceInfo(v.Delivered), AckFloor: sequenceInfo(v.Floor),
		NumAckPending: v.NumAckPending, NumRedelivered: v.NumRedelivered, NumWaiting: live.Waiting, NumPending: v.NumPending,
		PushBound: live.Listening && v.Config.Push(), Time: now.UTC(), PriorityGroups: groupsOf(v.Config, live),
	}
	if p := PauseOf(v.Config.PauseUntil, now); p.Paused {
		info.Paused, info.PauseRemaining = true, p.Remaining
	}
	return info
}

func sequenceInfo(p stream.Position) SequenceInfo {
	s := SequenceInfo{Consumer: p.Consumer, Stream: p.Stream}
	if p.Active != 0 {
		active := time.Unix(0, p.Active).UTC()
		s.LastActive = &active
	}
	return s
}

func groupsOf(c *stream.ConsumerConfig, live *Live) []PriorityGroupState {
	if len(c.PriorityGroups) == 0 {
		return nil
	}
	groups := []PriorityGroupState{{Group: c.PriorityGroups[0]}} // it stands for all
	if live.Pin != "" {
		groups[0].PinnedID, groups[0].PinnedSince = live.Pin, time.Unix(0, live.PinnedSince).UTC()
	}
	return groups
}

// Keys of metadata that are added to the configuration in answers.
const (
	metaLevel   = "_nats.level"
	metaVersion = "_nats.ver"
)

// described is a configuration with what answers tell of the server, and without a name that this made up.
func described(config *stream.ConsumerConfig, version string, level int) *stream.ConsumerConfig {
	c := *config
	if c.Unnamed {
		c.Name = ""
	}
	if version == "" {
		return &c
	}
	const added = 2
	c.Metadata = make(map[string]string, len(config.Metadata)+added)
	maps.Copy(c.Metadata, config.Metadata)
	c.Metadata[metaLevel], c.Metadata[metaVersion] = strconv.Itoa(level), version
	return &c
}

// Pause is the answer to a request to pause, without its envelope.
type Pause struct {
	Paused    bool          `json:"paused"`
	Until     time.Time     `json:"pause_until"`
	Remaining time.Duration `json:"pause_remaining,omitempty"`
}

// PauseOf says whether a consumer that pauses until a time, if any, does so now.
func PauseOf(until *time.Time, now time.Time) Pause {
	if until == nil {
		return Pause{}
	}
	p := Pause{Until: *until}
	if until.After(now) {
		p.Paused, p.Remaining = true, until.Sub(now)
	}
	return p
}

// Reset is the answer to a request to start again, without its envelope.
type Reset struct {
	*ConsumerInfo
	Seq uint64 `json:"reset_seq"`
}
