package stream

import (
	"errors"

	"myelin/internal/bin"
)

// The snapshot of a stream:
//
//	byte     version
//	bool     whether the stream exists; if not, that is all
//	...      configuration, created, now, last, floor, last time, last id
//	...      records (table_codec.go)
//	uvarint  ids in the duplicate window, oldest first, and for each
//	  varint   nanoseconds since the one before
//	  uvarint  sequence
//	  bytes    id
//	...      origins (origin.go)
//	...      of counters: the count of each record (counter.go)
//	...      schedules, time zones and fast batches (schedule.go, zone.go, fast.go)
//	...      outbox and deposits (outbox_snapshot.go); not in version 3
//	...      consumers (consumer_snapshot.go)
const (
	snapshotVersion    = 4
	snapshotWithoutBox = 3 // the oldest that is read
)

var errSnapshot = errors.New("inconsistent snapshot of a stream")

// Snapshot appends the state to dst.
func (s *State) Snapshot(dst []byte) []byte {
	dst = bin.AppendBool(append(dst, snapshotVersion), s.config != nil)
	if s.config == nil {
		return dst
	}
	dst = s.config.Append(dst)
	dst = bin.AppendVarint(bin.AppendVarint(dst, s.created), s.now)
	dst = bin.AppendUvarint(bin.AppendUvarint(dst, s.last), s.floor)
	dst = bin.AppendBytes(bin.AppendVarint(dst, s.lastTime), s.lastID)
	dst = s.table.snapshot(dst)
	dst = s.dedupe.snapshot(dst)
	dst = s.origins.snapshot(dst)
	if s.config.AllowCounter {
		dst = s.counters.snapshot(dst, &s.table)
	}
	dst = s.fast.snapshot(s.zones.snapshot(s.schedules.snapshot(dst, &s.table)))
	dst = s.deposits.snapshot(s.outbox.snapshot(dst))
	return s.consumers.snapshot(dst)
}

func (d *dedupe) snapshot(dst []byte) []byte {
	last := int64(0)
	dst = bin.AppendUvarint(dst, uint64(d.len()))
	d.each(func(id []byte, seq uint64, time int64) {
		dst = bin.AppendUvarint(bin.AppendVarint(dst, time-last), seq)
		dst = bin.AppendBytes(dst, id)
		last = time
	})
	return dst
}

// Restore replaces the state by that of a snapshot.
func (s *State) Restore(r *bin.Reader) error {
	*s = State{}
	version := r.Byte()
	if version < snapshotWithoutBox || version > snapshotVersion {
		r.Fail(errSnapshot)
	}
	if !r.Bool() {
		return r.Err()
	}
	config := ReadConfig(r)
	s.created, s.now = r.Varint(), r.Varint()
	s.last, s.floor = r.Uvarint(), r.Uvarint()
	s.lastTime = r.Varint()
	s.lastID = append(s.lastID, r.Bytes()...)
	if err := s.adopt(config); err != nil {
		r.Fail(err)
		return r.Err()
	}
	s.seed()
	s.table.restore(r, s.last)
	s.dedupe.restore(r)
	s.origins.restore(r)
	if s.config.AllowCounter {
		s.counters.restore(r, &s.table)
	}
	s.schedules.restore(r, &s.table)
	s.zones.restore(r)
	s.fast.restore(r)
	if version > snapshotWithoutBox {
		s.outbox.restore(r, &s.table)
		s.deposits.restore(r)
	}
	s.restoreConsumers(r)
	return r.Err()
}

func (d *dedupe) restore(r *bin.Reader) {
	time := int64(0)
	for range r.Count(3) {
		time += r.Varint()
		seq, id := r.Uvarint(), r.Bytes()
		if seq == 0 || len(id) == 0 {
			r.Fail(errSnapshot)
			return
		}
		d.add(id, seq, time)
	}
}
