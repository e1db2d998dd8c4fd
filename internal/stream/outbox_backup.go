package stream

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"

	"myelin/internal/apierr"
	"myelin/internal/bin"
	"myelin/internal/seqset"
)

// What a backup has of dead letters:
//
//	byte      version
//	16 bytes  identity of the stream, by which targets know the letters that died in it
//	...       outbox and deposits (outbox_snapshot.go)
const (
	lettersVersion = 1
	// maxLettersBytes bounds the letters in a backup, and lettersBytes those in one command, but for its last one.
	maxLettersBytes = 128 << 20
	lettersBytes    = 256 << 10
)

// Letters is what a backup has of dead letters: those that wait, and which ones of other streams were taken.
type Letters struct {
	outbox   outbox
	deposits deposits
}

// Letters returns what there is now, or nil if that is nothing. It does not change with the state.
func (s *State) Letters() *Letters {
	if s.outbox.count == 0 && len(s.deposits.by) == 0 {
		return nil
	}
	l := &Letters{s.outbox.freeze(), s.deposits.freeze()}
	l.outbox.count = s.outbox.count
	return l
}

// Encode appends what a backup has of a stream with this identity to dst. There may be more letters than a backup can
// have: those that are left behind are counted.
func (l *Letters) Encode(dst []byte, identity [16]byte) (data []byte, left int) {
	left = l.outbox.cut(maxLettersBytes)
	dst = append(append(dst, lettersVersion), identity[:]...)
	return l.deposits.snapshot(l.outbox.snapshot(dst)), left
}

// cut takes letters out of a frozen outbox until those that stay need at most so many bytes, and counts them.
func (o *outbox) cut(maxBytes int) (gone int) {
	var buf []byte
	for i := range o.queues {
		q, size := &o.queues[i], 0
		n := slices.IndexFunc(q.list, func(d *DeadLetter) bool {
			buf = d.snapshot(buf[:0])
			size += len(buf) + binary.MaxVarintLen64 // with its ID
			return size > maxBytes
		})
		if maxBytes -= size; n >= 0 {
			gone += len(q.list) - n
			q.list, maxBytes = q.list[:n], 0
		}
	}
	o.queues = slices.DeleteFunc(o.queues, func(q outboxQueue) bool { return len(q.list) == 0 })
	return gone
}

// RestoreLetters returns the commands that give a stream what Encode has written of another one, once its messages are
// there and before its consumers are.
func RestoreLetters(data []byte) (commands [][]byte, err error) {
	r := bin.NewReader(data)
	if r.Byte() != lettersVersion {
		r.Fail(errSnapshot)
	}
	var l Letters
	var identity [16]byte
	copy(identity[:], r.Raw(len(identity)))
	l.outbox.restoreLetters(r)
	hidden := readHidden(r)
	l.deposits.restore(r)
	if err := r.Close(); err != nil {
		return nil, err
	}
	for i := range l.outbox.queues {
		list := l.outbox.queues[i].list
		for len(list) > 0 {
			var c []byte
			c, list = restoreOutbox(l.outbox.last, list, hidden, identity)
			commands = append(commands, c)
		}
	}
	return l.deposits.restoring(commands), nil
}

// restoreOutbox makes a command of the first letters of a list, and returns the rest:
//
//	uvarint  ID that was given out last
//	string   target
//	...      letters: uvarint ID, bool whether the message is hidden, and what a snapshot has of it
func restoreOutbox(last uint64, list []*DeadLetter, hidden *seqset.Set, identity [16]byte) (command []byte, rest []*DeadLetter) {
	command = enclose(nil, func(dst []byte) []byte {
		dst = bin.AppendString(bin.AppendUvarint(append(dst, kindRestoreOutbox), last), list[0].Target)
		for len(list) > 0 && len(dst) < lettersBytes {
			d := *list[0]
			if d.Origin == ([16]byte{}) {
				d.Origin = identity
			}
			dst = bin.AppendBool(bin.AppendUvarint(dst, d.ID), hidden != nil && hidden.Has(d.Seq))
			dst, list = d.snapshot(dst), list[1:]
		}
		return dst
	})
	return command, list
}

// restoring appends a command for each stream that letters came from, in the order in which they did last: its identity, the
// lowest ID that may come, and the set of those that were taken.
func (x *deposits) restoring(commands [][]byte) [][]byte {
	origins := make([][16]byte, 0, len(x.by))
	for origin := range x.by {
		origins = append(origins, origin)
	}
	slices.SortFunc(origins, func(a, b [16]byte) int { return cmp.Compare(x.by[a].used, x.by[b].used) })
	for _, origin := range origins {
		d := x.by[origin]
		commands = append(commands, enclose(nil, func(dst []byte) []byte {
			return d.taken.Append(bin.AppendUvarint(append(append(dst, kindRestoreDepositor), origin[:]...), d.low))
		}))
	}
	return commands
}

// regainLetters applies a command of restoreOutbox; false: it is malformed.
func (s *State) regainLetters(r *bin.Reader, fx *Effects) (Reply, bool) {
	last, target := r.Uvarint(), r.String()
	before := uint64(0)
	if i, found := s.outbox.search(target); found {
		list := s.outbox.queues[i].list
		before = list[len(list)-1].ID
	}
	var letters []*DeadLetter
	var hidden []bool
	names := map[string]string{}
	for r.Len() > 0 {
		id, hides := r.Uvarint(), r.Bool()
		d := readDeadLetter(r, names)
		d.ID, d.Target = id, target
		if r.Err() != nil || !d.sound(last) || id <= before || d.Seq > s.last {
			return Reply{}, false
		}
		before = id
		letters, hidden = append(letters, d), append(hidden, hides)
	}
	switch {
	case r.Close() != nil || len(letters) == 0:
		return Reply{}, false
	case target == s.config.Name:
		return Reply{Err: apierr.StreamInvalidConfig.With("its dead letters wait for a stream of its own name")}, true
	case s.outbox.count+len(letters) > maxOutbox:
		return refuse(apierr.BadRequest), true
	}
	s.outbox.last = max(s.outbox.last, last)
	for i, d := range letters {
		s.outbox.add(d)
		if p, there := s.table.find(d.Seq); hidden[i] && there && s.table.seq(p) == d.Seq && !s.outbox.isHidden(d.Seq) {
			s.hide(d.Seq, p, fx)
		}
	}
	return Reply{}, true
}

// regainDepositor applies a command of deposits.restoring; false: it is malformed.
func (s *State) regainDepositor(r *bin.Reader) (Reply, bool) {
	var origin [16]byte
	copy(origin[:], r.Raw(len(origin)))
	d := &depositor{low: r.Uvarint()}
	err := d.taken.Decode(r)
	x := &s.deposits
	if first, some := d.taken.Min(); err != nil || r.Close() != nil || some && first < d.low || x.by[origin] != nil || x.clock == math.MaxUint64 {
		return Reply{}, false
	}
	if x.by == nil {
		x.by = map[[16]byte]*depositor{}
	}
	x.forget()
	x.clock++
	d.used = x.clock
	x.by[origin] = d
	return Reply{}, true
}
