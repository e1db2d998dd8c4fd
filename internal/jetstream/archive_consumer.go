package jetstream

import (
	"encoding/json"
	"slices"

	"myelin/internal/stream"
)

// archivedStream is what an archive says of a stream. What stock servers do not know of is in Own, the only place in which they pass
// over it.
type archivedStream struct {
	StreamState
	Own *archivedLetters `json:"_myelin,omitempty"`
}

// archivedLetters has dead letters (see stream.Letters).
type archivedLetters struct {
	Letters []byte `json:"dead_letters"`
}

// archivedConsumer is a consumer in an archive, as stock servers write it. What they do not know of is in Own.
type archivedConsumer struct {
	Config stream.ConsumerConfig `json:"config"`
	State  archivedState         `json:"state"`
	Own    *archivedOwn          `json:"_myelin,omitempty"`
}

// archivedState is keyed by sequence. Redelivered counts the deliveries after the first one; of what was delivered as
// often as may be, which is not pending any more, it counts all.
type archivedState struct {
	Delivered   archivedPosition           `json:"delivered"`
	Floor       archivedPosition           `json:"ack_floor"`
	Pending     map[uint64]archivedPending `json:"pending,omitempty"`
	Redelivered map[uint64]uint64          `json:"redelivered,omitempty"`
}

type archivedPosition struct {
	Consumer uint64 `json:"consumer_seq"`
	Stream   uint64 `json:"stream_seq"`
}

// archivedPending has the consumer sequence of a delivery, and when the wait for its ack began, in ns since 1970.
type archivedPending struct {
	Sequence  uint64
	Timestamp int64
}

// archivedOwn has times in ns since 1970, and sequences.
type archivedOwn struct {
	Created         int64                      `json:"created"`
	DeliveredActive int64                      `json:"delivered_active,omitempty"`
	FloorActive     int64                      `json:"floor_active,omitempty"`
	Unnamed         bool                       `json:"unnamed,omitempty"`
	Passed          []uint64                   `json:"passed,omitempty"`    // pending, and to be delivered for the first time
	Abandoned       map[uint64]archivedPending `json:"abandoned,omitempty"` // delivered as often as may be
	Early           []uint64                   `json:"early,omitempty"`     // acknowledged though beyond what is delivered
	InitialEnd      uint64                     `json:"initial_end,omitempty"`
	Initial         []uint64                   `json:"initial,omitempty"` // up to its end: the last message of each subject
}

// archived is the entry of a consumer.
func archived(rec *stream.ConsumerRecord) ([]byte, error) {
	a := archivedConsumer{
		Config: *rec.Config,
		State: archivedState{
			Delivered: archivedPosition{rec.Delivered.Consumer, rec.Delivered.Stream}, Floor: archivedPosition{rec.Floor.Consumer, rec.Floor.Stream},
			Pending: map[uint64]archivedPending{}, Redelivered: map[uint64]uint64{},
		},
		Own: &archivedOwn{
			Created: rec.Created, DeliveredActive: rec.Delivered.Active, FloorActive: rec.Floor.Active, Unnamed: rec.Config.Unnamed,
			Early: rec.Early, InitialEnd: rec.InitialEnd, Initial: rec.Initial, Abandoned: map[uint64]archivedPending{},
		},
	}
	for i := range rec.Pending {
		a.pend(&rec.Pending[i])
	}
	return json.Marshal(&a)
}

func (a *archivedConsumer) pend(p *stream.PendingAck) {
	at := archivedPending{p.DSeq, p.Time}
	switch {
	case p.Abandoned:
		a.Own.Abandoned[p.Seq] = at
		a.State.Redelivered[p.Seq] = uint64(p.Count)
		return
	case p.Count == 0: // a stock server delivers it after the wait for an ack
		at.Sequence = a.State.Delivered.Consumer
		a.Own.Passed = append(a.Own.Passed, p.Seq)
	case p.Count > 1:
		a.State.Redelivered[p.Seq] = uint64(p.Count - 1)
	}
	a.State.Pending[p.Seq] = at
}

// record is what an entry says of a consumer, whose configuration is not checked. Sequences beyond what was delivered
// are left out.
func (a *archivedConsumer) record() *stream.ConsumerRecord {
	own := a.Own
	if own == nil {
		own = new(archivedOwn)
	}
	d, f := a.State.Delivered, a.State.Floor
	rec := stream.ConsumerRecord{
		Config: &a.Config, Created: own.Created, Early: slices.Sorted(slices.Values(own.Early)),
		Delivered:  stream.Position{Consumer: d.Consumer, Stream: d.Stream, Active: own.DeliveredActive},
		Floor:      stream.Position{Consumer: min(f.Consumer, d.Consumer), Stream: min(f.Stream, d.Stream), Active: own.FloorActive},
		InitialEnd: own.InitialEnd, Initial: slices.Compact(slices.Sorted(slices.Values(own.Initial))),
	}
	a.Config.Unnamed = own.Unnamed
	if a.Config.Ack == stream.AckNone {
		return &rec
	}
	passed := map[uint64]bool{}
	for _, seq := range own.Passed {
		passed[seq] = true
	}
	for seq, p := range a.State.Pending {
		w := stream.PendingAck{Seq: seq, DSeq: p.Sequence, Time: p.Timestamp, Count: count(a.State.Redelivered[seq]) + 1}
		if passed[seq] {
			w.DSeq, w.Count = 0, 0
		}
		rec.Pending = append(rec.Pending, w)
	}
	for seq, n := range a.State.Redelivered {
		if _, waits := a.State.Pending[seq]; !waits {
			p := own.Abandoned[seq]
			rec.Pending = append(rec.Pending, stream.PendingAck{Seq: seq, DSeq: p.Sequence, Time: p.Timestamp, Count: max(count(n), 1), Abandoned: true})
		}
	}
	rec.Pending = slices.DeleteFunc(rec.Pending, func(p stream.PendingAck) bool { return p.Seq == 0 || p.Seq > d.Stream })
	slices.SortFunc(rec.Pending, func(a, b stream.PendingAck) int {
		if a.Seq < b.Seq {
			return -1
		}
		return 1
	})
	return &rec
}

// count bounds how often something was delivered.
func count(n uint64) uint32 { return uint32(min(n, 1<<29)) }
