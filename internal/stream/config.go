package stream

import "time"

// Config is the configuration of a stream, as it travels in JSON. Durations are in nanoseconds, sizes in
// bytes; -1 is no limit. A Config that Check returned is immutable: machines and others share it.
type Config struct {
	Name            string            `json:"name"`
	Description     string            `json:"description,omitempty"`
	Subjects        []string          `json:"subjects,omitempty"`
	Retention       Retention         `json:"retention"`
	MaxConsumers    int               `json:"max_consumers"`
	MaxMsgs         int64             `json:"max_msgs"`
	MaxBytes        int64             `json:"max_bytes"`
	MaxAge          time.Duration     `json:"max_age"`
	MaxMsgsPer      int64             `json:"max_msgs_per_subject"`
	MaxMsgSize      int32             `json:"max_msg_size"` // of header and body together
	Discard         Discard           `json:"discard"`
	Storage         Storage           `json:"storage"`
	Replicas        int               `json:"num_replicas"`
	NoAck           bool              `json:"no_ack,omitempty"`
	DuplicateWindow time.Duration     `json:"duplicate_window,omitempty"` // how long message ids are remembered
	Placement       *Placement        `json:"placement,omitempty"`
	Mirror          *Source           `json:"mirror,omitempty"`
	Sources         []Source          `json:"sources,omitempty"`
	Compression     Compression       `json:"compression"`
	FirstSeq        uint64            `json:"first_seq,omitempty"`
	Transform       *SubjectTransform `json:"subject_transform,omitempty"`
	Republish       *Republish        `json:"republish,omitempty"`
	AllowDirect     bool              `json:"allow_direct"`
	MirrorDirect    bool              `json:"mirror_direct"`
	DiscardNewPer   bool              `json:"discard_new_per_subject,omitempty"`
	Sealed          bool              `json:"sealed"`
	DenyDelete      bool              `json:"deny_delete"`
	DenyPurge       bool              `json:"deny_purge"`
	AllowRollup     bool              `json:"allow_rollup_hdrs"`
	ConsumerLimits  ConsumerLimits    `json:"consumer_limits"`
	AllowTTL        bool              `json:"allow_msg_ttl"`
	MarkerTTL       time.Duration     `json:"subject_delete_marker_ttl,omitempty"`
	AllowCounter    bool              `json:"allow_msg_counter,omitempty"`
	AllowAtomic     bool              `json:"allow_atomic,omitempty"`
	AllowSchedules  bool              `json:"allow_msg_schedules,omitempty"`
	PersistMode     PersistMode       `json:"persist_mode,omitempty"`
	AllowBatched    bool              `json:"allow_batched,omitempty"`
	Metadata        map[string]string `json:"metadata,omitempty"`
}

// Placement says where replicas should live.
type Placement struct {
	Cluster   string   `json:"cluster,omitempty"`
	Tags      []string `json:"tags,omitempty"`
	Preferred string   `json:"preferred,omitempty"`
}

// Source is a stream that this one copies from: all of it as a mirror, or among others.
type Source struct {
	Name          string             `json:"name"`
	StartSeq      uint64             `json:"opt_start_seq,omitempty"`
	StartTime     *time.Time         `json:"opt_start_time,omitempty"`
	FilterSubject string             `json:"filter_subject,omitempty"`
	Transforms    []SubjectTransform `json:"subject_transforms,omitempty"`
	External      *External          `json:"external,omitempty"`
	Consumer      *SourceConsumer    `json:"consumer,omitempty"`
}

// External says how a stream of another account or domain is reached.
type External struct {
	API     string `json:"api"`
	Deliver string `json:"deliver"`
}

// SourceConsumer names a consumer of the origin that is made beforehand.
type SourceConsumer struct {
	Name           string `json:"name,omitempty"`
	DeliverSubject string `json:"deliver_subject,omitempty"`
}

// SubjectTransform rewrites subjects; with an empty Dest it only filters.
type SubjectTransform struct {
	Src  string `json:"src"`
	Dest string `json:"dest"`
}

// Republish sends what was stored to other subjects.
type Republish struct {
	Src         string `json:"src,omitempty"`
	Dest        string `json:"dest"`
	HeadersOnly bool   `json:"headers_only,omitempty"`
}

// ConsumerLimits are defaults and bounds for the consumers of a stream.
type ConsumerLimits struct {
	InactiveThreshold time.Duration `json:"inactive_threshold,omitempty"`
	MaxAckPending     int           `json:"max_ack_pending,omitempty"`
}

// metaRequired is the metadata key under which the configuration states the API level that it needs; those
// of metaDynamic are added to answers and never part of a configuration.
const metaRequired = "_nats.req.level"

var metaDynamic = []string{"_nats.ver", "_nats.level"}

// RequiredLevel is the API level that a server needs in order to honour c.
func (c *Config) RequiredLevel() int {
	switch {
	case c.AllowBatched:
		return 4
	case c.AllowCounter, c.AllowAtomic, c.AllowSchedules, c.PersistMode == PersistAsync:
		return 2
	case c.AllowTTL, c.MarkerTTL > 0:
		return 1
	}
	return 0
}
