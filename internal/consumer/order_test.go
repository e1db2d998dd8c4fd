package consumer

import (
	"cmp"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"myelin/internal/stream"
)

// orderly is a stream with one consumer whose messages have keys, and what the machine would know of it.
type orderly struct {
	t       *testing.T
	rng     *rand.Rand
	d       *Dispatcher
	out     Out
	now     int64
	keys    []uint64 // of the messages, from sequence 1; 0: none
	gone    map[uint64]bool
	last    uint64 // passed
	dseq    uint64
	pending map[uint64]*Pending
	before  map[uint64]uint64 // by key, the message that was delivered first last
	acked   int
}

func (o *orderly) Next(from uint64) (uint64, bool) {
	for from = max(from, 1); from <= uint64(len(o.keys)); from++ {
		if !o.gone[from] {
			return from, true
		}
	}
	return 0, false
}

func (o *orderly) CountFrom(from uint64) (n uint64) {
	for seq, ok := o.Next(from); ok; seq, ok = o.Next(seq + 1) {
		n++
	}
	return n
}

func (o *orderly) Look(seq uint64) (int, int64, bool) { return 10, 1, !o.gone[seq] }

func (o *orderly) start() Start {
	return Start{
		Config: &stream.ConsumerConfig{
			Name: "c", Ack: stream.AckExplicit, AckWait: time.Second, MaxAckPending: 40, MaxWaiting: 100,
		},
		Delivered: o.last, DSeq: o.dseq,
		Pending: func(yield func(Pending) bool) {
			for _, seq := range slices.Sorted(maps.Keys(o.pending)) {
				if !yield(*o.pending[seq]) {
					return
				}
			}
		},
		Key: func(seq uint64) (uint64, bool) { return o.keys[seq-1], o.keys[seq-1] != 0 },
	}
}

// run does what an engine does, and looks at what was decided.
func (o *orderly) run() {
	o.t.Helper()
	for o.d.Run(o.now, 5, &o.out) {
	}
	for _, at := range o.out.Delivered {
		p := o.pending[at.Seq]
		if p == nil {
			p = &Pending{Seq: at.Seq}
			o.pending[at.Seq] = p
		}
		if key := o.keys[at.Seq-1]; at.Count == 1 && key != 0 {
			if at.Seq < o.before[key] {
				o.t.Fatalf("%d of key %d after %d", at.Seq, key, o.before[key])
			}
			o.before[key] = at.Seq
		}
		p.DSeq, p.Count, p.Time = at.DSeq, at.Count, o.now
		o.last, o.dseq = max(o.last, at.Seq), max(o.dseq, at.DSeq)
	}
	o.out.Reset()
	out := map[uint64]uint64{}
	for seq, p := range o.pending {
		key := o.keys[seq-1]
		if p.Count > 0 && key != 0 {
			if out[key] != 0 {
				o.t.Fatalf("%d and %d of key %d are out", out[key], seq, key)
			}
			out[key] = seq
		}
	}
	o.count()
}

func (o *orderly) count() {
	o.t.Helper()
	waiting, parked := 0, 0
	for _, p := range o.pending {
		if p.Count > 0 {
			waiting++
		} else {
			parked++
		}
	}
	if o.d.AckPending() != waiting || o.d.parked() != parked || o.d.NumPending() != o.CountFrom(o.last+1)+uint64(parked) {
		o.t.Fatalf("ack pending %d, want %d; parked %d, want %d; pending %d", o.d.AckPending(), waiting, o.d.parked(), parked, o.d.NumPending())
	}
}

// pick returns a message that was delivered, or parked.
func (o *orderly) pick(parked bool) (seq uint64, ok bool) {
	var list []uint64
	for seq, p := range o.pending {
		if parked == (p.Count == 0) {
			list = append(list, seq)
		}
	}
	if len(list) == 0 {
		return 0, false
	}
	slices.SortFunc(list, cmp.Compare[uint64])
	return list[o.rng.IntN(len(list))], true
}

func (o *orderly) step() {
	switch n := o.rng.IntN(20); {
	case n < 5:
		for range 1 + o.rng.IntN(6) {
			o.keys = append(o.keys, uint64(o.rng.IntN(6)))
		}
	case n < 9:
		o.d.Pull(o.now, Request{To: []byte("to"), Batch: 1 + o.rng.IntN(6), Expires: int64(time.Minute), NoWait: n == 5}, &o.out)
	case n < 14:
		o.ack(stream.AckDone)
	case n < 15:
		if seq, ok := o.pick(false); ok {
			o.d.Acked(o.now, stream.AckItem{Kind: stream.AckNak, Seq: seq}, &o.out)
		}
	case n < 16:
		if seq, ok := o.pick(o.rng.IntN(2) == 0); ok {
			o.gone[seq] = true
			delete(o.pending, seq)
			o.d.Vanished(o.now, seq, false, &o.out)
		}
	case n < 17:
		if seq, ok := o.Next(o.last + 1 + o.rng.Uint64N(3)); ok {
			o.gone[seq] = true // it was not delivered, so nobody is told
		}
	case n < 18:
		o.d.Restart(o.now, o.start())
	default:
		o.now += o.rng.Int64N(int64(2 * time.Second))
	}
	o.run()
}

func (o *orderly) ack(kind stream.AckKind) {
	if seq, ok := o.pick(false); ok {
		delete(o.pending, seq)
		o.gone[seq] = true
		o.acked++
		o.d.Acked(o.now, stream.AckItem{Kind: kind, Seq: seq}, &o.out)
	}
}

// At no time are two messages of one key out, they come in order, and none is forgotten, whatever happens.
func TestOrder(t *testing.T) {
	for seed := range uint64(300) {
		o := &orderly{t: t, rng: rand.New(rand.NewPCG(seed, 1)), now: 1e18, gone: map[uint64]bool{}, pending: map[uint64]*Pending{}, before: map[uint64]uint64{}}
		o.d = New(o.now, o.start(), o)
		for range 200 {
			o.step()
		}
		for range 10 * len(o.keys) {
			o.d.Pull(o.now, Request{To: []byte("to"), Batch: 5, Expires: int64(time.Minute)}, &o.out)
			o.run()
			o.ack(stream.AckDone)
			o.run()
		}
		if left := o.CountFrom(1); left > 0 || len(o.d.order.lanes)+len(o.d.order.keys)+len(o.d.order.ready) > 0 || o.acked == 0 {
			t.Fatalf("seed %d: %d of %d messages are left; %d lanes, %d keys", seed, left, len(o.keys), len(o.d.order.lanes), len(o.d.order.keys))
		}
	}
}
