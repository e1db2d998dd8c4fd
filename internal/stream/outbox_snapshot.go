package stream

import (
	"slices"

	"myelin/internal/bin"
	"myelin/internal/seqset"
)

// The outbox and the deposits in a snapshot:
//
//	uvarint  ID that was given out last
//	uvarint  targets, sorted, and for each
//	  string   target
//	  uvarint  dead letters, and for each
//	    uvarint  ID, since the one before
//	    string   consumer
//	    byte     reason; 128 more: of a stream that this one is a backup of
//	    16 bytes its identity, in that case
//	    string   detail
//	    uvarint  deliveries
//	    uvarint  sequence
//	    string   subject
//	    varint   time
//	bytes    set of the sequences of hidden messages; none: empty
//	uvarint  deposits
//	uvarint  streams that they came from, sorted, and for each
//	  16 bytes identity
//	  uvarint  number of the last deposit
//	  uvarint  lowest ID that may come
//	  ...      set of IDs that were taken

func (o *outbox) snapshot(dst []byte) []byte {
	dst = bin.AppendUvarint(bin.AppendUvarint(dst, o.last), uint64(len(o.queues)))
	for i := range o.queues {
		q := &o.queues[i]
		dst = bin.AppendUvarint(bin.AppendString(dst, q.target), uint64(len(q.list)))
		last := uint64(0)
		for _, d := range q.list {
			dst = d.snapshot(bin.AppendUvarint(dst, d.ID-last))
			last = d.ID
		}
	}
	var hidden []byte
	if o.hidden != nil {
		hidden = o.hidden.Append(nil)
	}
	return bin.AppendBytes(dst, hidden)
}

// deadElsewhere marks a letter with an origin.
const deadElsewhere = 128

func (d *DeadLetter) snapshot(dst []byte) []byte {
	dst = bin.AppendString(dst, d.Consumer)
	if d.Origin == ([16]byte{}) {
		dst = append(dst, byte(d.Reason))
	} else {
		dst = append(append(dst, byte(d.Reason)|deadElsewhere), d.Origin[:]...)
	}
	dst = bin.AppendUvarint(bin.AppendString(dst, d.Detail), uint64(d.Deliveries))
	dst = bin.AppendString(bin.AppendUvarint(dst, d.Seq), d.Subject)
	return bin.AppendVarint(dst, d.Time)
}

// freeze returns what a snapshot reads of the outbox.
func (o *outbox) freeze() outbox {
	for i := range o.queues {
		o.queues[i].shared = true
	}
	view := outbox{last: o.last, queues: slices.Clone(o.queues)}
	if o.hidden != nil {
		view.hidden = o.hidden.Clone()
	}
	return view
}

// restore reads what snapshot wrote, when the table is restored.
func (o *outbox) restore(r *bin.Reader, t *table) {
	o.restoreLetters(r)
	hidden := readHidden(r)
	if hidden == nil {
		return
	}
	for seq := range hidden.Range(0) {
		if p, there := t.find(seq); !there || t.seq(p) != seq || o.holds[seq] == 0 {
			r.Fail(errSnapshot)
			return
		}
	}
	o.hidden = hidden
}

func (o *outbox) restoreLetters(r *bin.Reader) {
	o.last = r.Uvarint()
	names := map[string]string{}
	before := ""
	for range r.Count(3) {
		target := r.String()
		n, last := r.Count(8), uint64(0)
		if target <= before || n == 0 {
			r.Fail(errSnapshot)
			return
		}
		before = target
		for range n {
			gap := r.Uvarint()
			d := readDeadLetter(r, names)
			d.ID, d.Target = last+gap, target
			if r.Err() != nil || gap == 0 || d.ID < last || !d.sound(o.last) {
				r.Fail(errSnapshot)
				return
			}
			last = d.ID
			o.add(d)
		}
	}
}

// sound reports whether there can be such a letter, where IDs up to last were given out.
func (d *DeadLetter) sound(last uint64) bool {
	return d.ID > 0 && d.ID <= last && d.Seq > 0 && d.Deliveries > 0 && d.Reason >= DeadMaxDeliver && d.Reason <= DeadTerminated
}

// readDeadLetter reads what follows the ID of a letter. Names of consumers are kept once.
func readDeadLetter(r *bin.Reader, names map[string]string) *DeadLetter {
	name := r.String()
	if _, known := names[name]; !known {
		names[name] = name
	}
	d := &DeadLetter{Consumer: names[name]}
	reason := r.Byte()
	if d.Reason = DeadReason(reason &^ deadElsewhere); reason >= deadElsewhere {
		copy(d.Origin[:], r.Raw(len(d.Origin)))
	}
	d.Detail = r.String()
	deliveries := r.Uvarint()
	d.Deliveries = uint32(deliveries)
	d.Seq, d.Subject, d.Time = r.Uvarint(), r.String(), r.Varint()
	if uint64(d.Deliveries) != deliveries {
		r.Fail(errSnapshot)
	}
	return d
}

// readHidden reads the set of hidden messages; nil: there are none.
func readHidden(r *bin.Reader) *seqset.Set {
	block := r.Bytes()
	if len(block) == 0 {
		return nil
	}
	set, in := new(seqset.Set), bin.NewReader(block)
	if set.Decode(in) != nil || in.Close() != nil || set.Empty() || set.Len() > maxOutbox {
		r.Fail(errSnapshot)
		return nil
	}
	return set
}

func (x *deposits) snapshot(dst []byte) []byte {
	dst = bin.AppendUvarint(bin.AppendUvarint(dst, x.clock), uint64(len(x.by)))
	origins := make([][16]byte, 0, len(x.by))
	for origin := range x.by {
		origins = append(origins, origin)
	}
	slices.SortFunc(origins, compareOrigins)
	for _, origin := range origins {
		d := x.by[origin]
		dst = bin.AppendUvarint(bin.AppendUvarint(append(dst, origin[:]...), d.used), d.low)
		dst = d.taken.Append(dst)
	}
	return dst
}

// freeze returns what a snapshot reads of the deposits.
func (x *deposits) freeze() deposits {
	view := deposits{clock: x.clock}
	for origin, d := range x.by {
		if view.by == nil {
			view.by = make(map[[16]byte]*depositor, len(x.by))
		}
		view.by[origin] = &depositor{d.used, d.low, *d.taken.Clone()}
	}
	return view
}

func (x *deposits) restore(r *bin.Reader) {
	x.clock = r.Uvarint()
	n := r.Count(19)
	if n > maxDepositors {
		r.Fail(errSnapshot)
		return
	}
	var before [16]byte
	used := map[uint64]bool{}
	for i := range n {
		var origin [16]byte
		copy(origin[:], r.Raw(len(origin)))
		d := &depositor{used: r.Uvarint(), low: r.Uvarint()}
		err := d.taken.Decode(r)
		if first, some := d.taken.Min(); err != nil || r.Err() != nil || i > 0 && compareOrigins(before, origin) >= 0 ||
			d.used > x.clock || used[d.used] || some && first < d.low {
			r.Fail(errSnapshot)
			return
		}
		if x.by == nil {
			x.by = map[[16]byte]*depositor{}
		}
		x.by[origin], before, used[d.used] = d, origin, true
	}
}
