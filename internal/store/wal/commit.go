package wal

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"myelin/internal/must"
	"myelin/internal/vfs"
)

// commit makes batches durable and sets their outcome. The caller holds the token.
func (l *Log) commit(batches []*Batch) {
	for len(batches) > 0 {
		n := l.encode(batches)
		if err := l.write(batches[:n]); err != nil {
			for _, b := range batches[:n] {
				if b.err == nil {
					b.err = err
				}
			}
		}
		batches = batches[n:]
	}
}

// encode makes a block of the first batches that fit into one, leaves it in buf, and says how many it looked
// at. Those that are refused have their error set.
func (l *Log) encode(batches []*Batch) (n int) {
	l.buf = l.buf[:0]
	for i, b := range batches {
		if b.err == nil {
			b.err = l.usable()
		}
		if b.err == nil {
			b.err = l.check(b)
		}
		if b.err != nil || len(b.Records) == 0 {
			continue
		}
		if len(l.buf) > 0 && !l.joins(b) {
			return i
		}
		if len(l.buf) == 0 {
			if b.err = l.makeRoom(b); b.err != nil {
				continue
			}
			l.buf = grow(l.buf, blockHeaderBytes)
		}
		l.add(b)
	}
	return len(batches)
}

// usable says why nothing can be appended.
func (l *Log) usable() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dead
}

// check says whether the records of a batch continue their group.
func (l *Log) check(b *Batch) error {
	if len(b.Records) == 0 {
		return nil
	}
	id, drop := b.Records[0].Group, b.Records[0].Kind == Drop
	var after group
	if g := l.groups[id]; g != nil {
		if g.damage != nil && !drop {
			return g.damage
		}
		after = *g
	}
	after.id = id
	for i := range b.Records {
		if err := after.check(&b.Records[i]); err != nil {
			return err
		}
		after.apply(&b.Records[i])
	}
	return nil
}

// joins says whether a batch may become part of the block that is begun.
func (l *Log) joins(b *Batch) bool {
	size := len(l.buf) + b.size
	s := l.active()
	return size <= l.options.MaxCommitBytes && int64(size) <= s.room() && (b.Priority || !s.last)
}

// makeRoom begins another segment unless the batch fits into the active one. When the disk is full, a batch with priority
// begins one also if it fits: it may be a checkpoint, and an active segment is never let go.
func (l *Log) makeRoom(b *Batch) error {
	need := int64(blockHeaderBytes + b.size)
	s := l.active()
	fits := s != nil && need <= s.room() && (b.Priority || !s.last)
	if fits && (!l.starved || s.last) {
		return nil
	}
	err := l.beginFor(need, b.Priority)
	if errors.Is(err, ErrFull) {
		if l.starved = true; fits {
			return nil
		}
	}
	return err
}

// beginFor begins a segment with room for a block of so many bytes.
func (l *Log) beginFor(need int64, priority bool) error {
	table := int64(blockHeaderBytes + len(l.groups)*(recordHeaderBytes+stateBytes))
	file, reserved, err := l.pool.take(pageBytes+table+need+blockHeaderBytes, l.active() == nil, priority)
	if vfs.IsFull(err) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	if err == nil {
		err = l.begin(file, reserved)
	}
	if err != nil {
		return l.kill(fmt.Errorf("begin a segment: %w", err))
	}
	l.starved = l.starved && reserved
	return nil
}

// add encodes a batch at the end of buf.
func (l *Log) add(b *Batch) {
	s := l.active()
	g := l.group(b.Records[0].Group)
	sealed := b.sealed
	for i := range b.Records {
		r := &b.Records[i]
		at := s.end + int64(len(l.buf))
		g.number = g.next(s.number, at)
		body := r.Data
		if l.box != nil {
			n := l.bodyBytes(r)
			body, sealed = sealed[:n], sealed[n:]
		}
		l.buf = appendRecord(l.buf, r, body, b.sums[i], g.number, s.seed, at)
		g.apply(r)
		g.place(r, s.number, l.refer)
		if r.Kind == Drop {
			l.forget(g)
		}
	}
}

func (l *Log) group(id uint64) *group {
	g := l.groups[id]
	if g == nil {
		g = &group{id: id}
		l.groups[id] = g
	}
	return g
}

func (l *Log) forget(g *group) {
	if g.damage != nil {
		l.refused--
	}
	delete(l.groups, g.id)
}

// refer counts a group's references to a segment.
func (l *Log) refer(number uint64, n int) {
	i, ok := slices.BinarySearchFunc(l.segments, number, func(s *segment, number uint64) int {
		return cmp.Compare(s.number, number)
	})
	must.True(ok, "segment %d is referred to and not there", number)
	l.segments[i].refs += n
}

// write writes the block in buf, and syncs it if that is asked for.
func (l *Log) write(batches []*Batch) error {
	count, sync, lazy := 0, false, true
	for _, b := range batches {
		if b.err == nil {
			count += len(b.Records)
			sync = sync || b.Sync
			lazy = lazy && (b.Lazy || len(b.Records) == 0)
		}
	}
	if count > 0 {
		l.first = l.needed()
		if err := l.writeBlock(l.active(), l.buf, uint32(count), 0); err != nil {
			return l.kill(err)
		}
		sync = sync || l.options.SyncEvery == 0 && !lazy || l.options.NoSync
	}
	if sync {
		return l.syncNow()
	}
	if count > 0 {
		l.syncLater()
	}
	return nil
}

// writeBlock writes records, with room for the header before them, to the end of a segment.
func (l *Log) writeBlock(s *segment, block []byte, count, flags uint32) error {
	h := blockHeader{length: uint32(len(block) - blockHeaderBytes), count: count, flags: flags, synced: s.synced, first: l.first}
	h.put(block, s.seed, s.number, s.end)
	if _, err := s.file.WriteAt(block, s.end); err != nil {
		return fmt.Errorf("write at %d of %s: %w", s.end, s.name, err)
	}
	s.end += int64(len(block))
	l.counters.wrote(s, len(block), count)
	if cap(l.buf) > 2*l.options.MaxCommitBytes {
		l.buf = nil // a large batch came by
	}
	return nil
}

// needed is the oldest segment that is needed once all that was encoded is synced.
func (l *Log) needed() uint64 {
	i := 0
	for l.refused == 0 && i < len(l.segments)-1 && l.segments[i].refs == 0 {
		i++
	}
	return l.segments[i].number
}

// neededBehind is the same where a segment with that number will be the newest.
func (l *Log) neededBehind(next uint64) uint64 {
	if l.refused == 0 && !slices.ContainsFunc(l.segments, func(s *segment) bool { return s.refs > 0 }) {
		return next
	}
	return l.needed()
}

// syncNow syncs the active segment, and then lets go of those that are no longer needed.
func (l *Log) syncNow() error {
	s := l.active()
	if s == nil || s.sealed || s.synced == s.end {
		return nil
	}
	if err := l.usable(); err != nil {
		return err
	}
	if err := l.sync(s); err != nil {
		return l.kill(err)
	}
	l.letGo()
	return nil
}

// letGo lets go of the segments that are no longer needed, which is durable by now.
func (l *Log) letGo() {
	for l.segments[0].number < l.first {
		old := l.segments[0]
		l.segments = l.segments[1:]
		file := spare{name: old.name, size: old.size, file: old.file}
		if l.wiping {
			l.pool.letGo(file)
			signal(l.tend)
		} else if !l.pool.give(file) {
			l.pool.discard(file)
		}
		l.measure()
	}
}

func (l *Log) sync(s *segment) error {
	if !l.options.NoSync {
		begun := l.options.Clock.Now()
		if err := s.file.Sync(); err != nil {
			return fmt.Errorf("sync %s: %w", s.name, err)
		}
		l.counters.synced(l.options.Clock.Now().Sub(begun))
	}
	s.synced = s.end
	return nil
}

// syncLater has the goroutine sync when the time of a relaxed log, or of what is lazy in another, has come.
func (l *Log) syncLater() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.syncTimer || l.closed {
		return
	}
	l.syncTimer = true
	after := l.options.SyncEvery
	if after == 0 {
		after = l.options.LazyEvery
	}
	l.options.Clock.AfterFunc(after, func() {
		l.mu.Lock()
		l.syncTimer, l.syncDue = false, true
		l.mu.Unlock()
		signal(l.wake)
	})
}

// active is the newest segment, or nil.
func (l *Log) active() *segment {
	if len(l.segments) == 0 {
		return nil
	}
	return l.segments[len(l.segments)-1]
}
