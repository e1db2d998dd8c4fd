package jetstream

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"time"

	"myelin/internal/apierr"
	"myelin/internal/stream"
)

// StreamConfig is the configuration of a stream. The name of the type shows in the texts of errors.
type StreamConfig = stream.Config

// StreamInfo says what a stream is and holds, in the order of a stock server's fields.
type StreamInfo struct {
	Config     *stream.Config       `json:"config"`
	Created    time.Time            `json:"created"`
	State      StreamState          `json:"state"`
	Domain     string               `json:"domain,omitempty"`
	Cluster    *ClusterInfo         `json:"cluster,omitempty"`
	Mirror     *SourceInfo          `json:"mirror,omitempty"`
	Sources    []*SourceInfo        `json:"sources,omitempty"`
	Alternates []StreamAlternate    `json:"alternates,omitempty"`
	Time       time.Time            `json:"ts"`
	Own        *stream.OutboxStatus `json:"_myelin,omitempty"` // what stock servers do not say
}

// StreamState says what a stream holds.
type StreamState struct {
	Messages    uint64            `json:"messages"`
	Bytes       uint64            `json:"bytes"`
	FirstSeq    uint64            `json:"first_seq"`
	FirstTime   time.Time         `json:"first_ts"`
	LastSeq     uint64            `json:"last_seq"`
	LastTime    time.Time         `json:"last_ts"`
	NumSubjects int               `json:"num_subjects,omitempty"`
	Subjects    map[string]uint64 `json:"subjects,omitempty"`
	NumDeleted  int               `json:"num_deleted,omitempty"`
	Deleted     []uint64          `json:"deleted,omitempty"`
	Lost        *LostData         `json:"lost,omitempty"`
	Consumers   int               `json:"consumer_count"`
}

// LostData says which messages cannot be read any more.
type LostData struct {
	Messages []uint64 `json:"msgs"`
	Bytes    uint64   `json:"bytes"`
}

// ClusterInfo says who serves a stream.
type ClusterInfo struct {
	Name   string `json:"name,omitempty"`
	Leader string `json:"leader,omitempty"`
}

// SourceInfo says how far a stream is with copying from another.
type SourceInfo struct {
	Name       string                    `json:"name"`
	External   *stream.External          `json:"external,omitempty"`
	Lag        uint64                    `json:"lag"`
	Active     time.Duration             `json:"active"` // -1: never
	Error      *apierr.Error             `json:"error,omitempty"`
	Filter     string                    `json:"filter_subject,omitempty"`
	Transforms []stream.SubjectTransform `json:"subject_transforms,omitempty"`
}

// StreamAlternate is a copy of a stream that may be nearer.
type StreamAlternate struct {
	Name    string `json:"name"`
	Domain  string `json:"domain,omitempty"`
	Cluster string `json:"cluster"`
}

// page is the part of a list that is shown.
type page struct {
	Total  int `json:"total"`
	Offset int `json:"offset"`
	Limit  int `json:"limit"`
}

// cut returns the bounds of the page that begins at offset.
func (p *page) cut(total, offset, limit int) (from, to int) {
	from = min(max(offset, 0), total)
	*p = page{total, from, limit}
	return from, min(from+limit, total)
}

// Keys of metadata that are added to the configuration in responses.
const (
	metaVersion = "_nats.ver"
	metaLevel   = "_nats.level"
)

// described is the configuration with what responses tell of the server.
func (a *API) described(config *stream.Config) *stream.Config {
	c := *config
	c.Metadata = make(map[string]string, len(config.Metadata)+2)
	maps.Copy(c.Metadata, config.Metadata)
	c.Metadata[metaVersion] = a.opt.Version
	c.Metadata[metaLevel] = strconv.Itoa(Level)
	return &c
}

// infoOf says what a stream is and holds, without details.
func (a *API) infoOf(s Stream) StreamInfo {
	var info stream.Info
	var consumers int
	s.View(func(state *stream.State) { info, consumers = state.Info(), state.NumShownConsumers() })
	all := StreamInfo{Config: s.Config(), Created: s.Created().UTC(), State: stateOf(info), Domain: a.opt.Domain, Time: a.now()}
	all.State.Consumers = consumers
	for _, o := range s.Origins() {
		if o.Mirror {
			all.Mirror = sourceOf(&o)
		} else {
			all.Sources = append(all.Sources, sourceOf(&o))
		}
	}
	all.Own = s.Outbox()
	return all
}

func stateOf(info stream.Info) StreamState {
	return StreamState{
		Messages: info.Messages, Bytes: info.Bytes, FirstSeq: info.First, FirstTime: timeOf(info.FirstTime),
		LastSeq: info.Last, LastTime: timeOf(info.LastTime), NumSubjects: info.Subjects, NumDeleted: int(info.Deleted),
	}
}

// timeOf is the zero time for 0, as streams without messages show it.
func timeOf(nanos int64) time.Time {
	if nanos == 0 {
		return time.Time{}
	}
	return time.Unix(0, nanos).UTC()
}

func sourceOf(o *Origin) *SourceInfo {
	return &SourceInfo{
		Name: o.Source.Name, External: o.Source.External, Lag: o.Lag, Active: o.Active, Error: o.Err,
		Filter: o.Source.FilterSubject, Transforms: o.Source.Transforms,
	}
}

// sortedKeys are the keys of a map in their order.
func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
