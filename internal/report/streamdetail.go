package report

import (
	"time"

	"myelin/internal/apierr"
	"myelin/internal/stream"
)

// StreamDetail describes a stream.
type StreamDetail struct {
	Name            string               `json:"name"`
	Created         time.Time            `json:"created"`
	Cluster         *StreamCluster       `json:"cluster,omitempty"`
	Config          *stream.Config       `json:"config,omitempty"`
	State           StreamState          `json:"state"`
	Consumers       []ConsumerInfo       `json:"consumer_detail,omitempty"`
	DirectConsumers []ConsumerInfo       `json:"direct_consumer_detail,omitempty"`
	Mirror          *OriginInfo          `json:"mirror,omitempty"`
	Sources         []OriginInfo         `json:"sources,omitempty"`
	Own             *stream.OutboxStatus `json:"_myelin,omitempty"` // what stock servers do not say
}

// StreamCluster says which servers hold a stream.
type StreamCluster struct {
	Leader string `json:"leader,omitempty"`
}

// StreamState sums up what a stream holds.
type StreamState struct {
	Msgs        uint64    `json:"messages"`
	Bytes       uint64    `json:"bytes"`
	FirstSeq    uint64    `json:"first_seq"`
	FirstTime   time.Time `json:"first_ts"`
	LastSeq     uint64    `json:"last_seq"`
	LastTime    time.Time `json:"last_ts"`
	NumSubjects int       `json:"num_subjects,omitempty"`
	NumDeleted  uint64    `json:"num_deleted,omitempty"`
	Consumers   int       `json:"consumer_count"`
}

// OriginInfo describes a stream that another one copies from.
type OriginInfo struct {
	Name       string                    `json:"name"`
	External   *stream.External          `json:"external,omitempty"`
	Lag        uint64                    `json:"lag"`    // messages that are still to be copied
	Active     time.Duration             `json:"active"` // since something was heard of it; -1: never
	Error      *apierr.Error             `json:"error,omitempty"`
	Filter     string                    `json:"filter_subject,omitempty"`
	Transforms []stream.SubjectTransform `json:"subject_transforms,omitempty"`
}

// ConsumerInfo describes a consumer.
type ConsumerInfo struct {
	Stream         string       `json:"stream_name"`
	Name           string       `json:"name"`
	Created        time.Time    `json:"created"`
	Config         any          `json:"config,omitempty"`
	Delivered      SequenceInfo `json:"delivered"`
	AckFloor       SequenceInfo `json:"ack_floor"`
	NumAckPending  int          `json:"num_ack_pending"`
	NumRedelivered int          `json:"num_redelivered"`
	NumWaiting     int          `json:"num_waiting"`
	NumPending     uint64       `json:"num_pending"`
	PushBound      bool         `json:"push_bound,omitempty"`
	Now            time.Time    `json:"ts"`
}

// SequenceInfo is a place in a consumer's deliveries and in its stream.
type SequenceInfo struct {
	Consumer uint64     `json:"consumer_seq"`
	Stream   uint64     `json:"stream_seq"`
	Last     *time.Time `json:"last_active,omitempty"`
}

// details describes what o asks for.
type details struct {
	js      JetStream
	options JSzOptions
	server  string // its name
	now     time.Time
}

func (d *details) account(a JetStreamAccount) AccountDetail {
	name := a.Tag
	if name == "" {
		name = a.Name
	}
	account := AccountDetail{Name: name, ID: a.Name, JetStreamStats: JetStreamStats{
		Memory: a.Memory, Storage: a.Storage,
		ReservedMemory: uint64(a.MaxMemory), ReservedStorage: uint64(a.MaxStorage), // also of -1, as in stock
		API: JetStreamAPI{Total: a.APITotal, Errors: a.APIErrors},
	}}
	if d.options.Streams || d.options.Consumers {
		for _, s := range d.js.Streams(a.Name) {
			account.Streams = append(account.Streams, d.stream(a.Name, s))
		}
	}
	return account
}

func (d *details) stream(account string, s Stream) StreamDetail {
	detail := StreamDetail{
		Name: s.Name(), Created: s.Created().UTC(), Cluster: &StreamCluster{Leader: d.server},
		State: streamState(s.Info()),
	}
	if d.options.Config {
		detail.Config = s.Config()
	}
	for _, o := range d.js.Origins(account, s.Name()) {
		if o.Mirror {
			detail.Mirror = &o.Info
		} else {
			detail.Sources = append(detail.Sources, o.Info)
		}
	}
	detail.Own = d.js.Outbox(account, s.Name())
	detail.State.Consumers = d.js.NumConsumers(account, s.Name())
	if d.options.Consumers {
		detail.Consumers = d.consumers(shownConsumers(d.js, account, s.Name(), false))
	}
	if d.options.Consumers && d.options.DirectConsumers {
		detail.DirectConsumers = d.consumers(shownConsumers(d.js, account, s.Name(), true))
	}
	return detail
}

func (d *details) consumers(list []Consumer) []ConsumerInfo {
	var infos []ConsumerInfo
	for _, c := range list {
		info := c.Info
		info.Created, info.Now = info.Created.UTC(), d.now
		if !d.options.Config {
			info.Config = nil
		}
		infos = append(infos, info)
	}
	return infos
}

// shownConsumers are the consumers of a stream that serve it directly, or those of users.
func shownConsumers(js JetStream, account, stream string, direct bool) []Consumer {
	var list []Consumer
	for _, c := range js.Consumers(account, stream) {
		if c.Direct == direct {
			list = append(list, c)
		}
	}
	return list
}

func streamState(i stream.Info) StreamState {
	return StreamState{
		Msgs: i.Messages, Bytes: i.Bytes, FirstSeq: i.First, LastSeq: i.Last,
		FirstTime: instant(i.FirstTime), LastTime: instant(i.LastTime),
		NumSubjects: i.Subjects, NumDeleted: i.Deleted,
	}
}

// instant is a time in nanoseconds since 1970, where 0 is none.
func instant(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}
