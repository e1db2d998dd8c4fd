package wal

import (
	"maps"
	"slices"
	"sync/atomic"
	"time"
)

// Stats are the figures of a log since it was opened, and its size now.
type Stats struct {
	Commits      uint64        // blocks written; each answers one batch or more
	Records      uint64        // in them
	Bytes        uint64        // of them, with what each segment begins with
	Syncs        uint64        // of segments
	LastSync     time.Duration // how long the last one took
	LongestSync  time.Duration
	Segments     int   // in the chain: from the oldest that somebody needs to the newest
	SegmentBytes int64 // written in those: what a restart would read
	FileBytes    int64 // that the log takes on the disk, with files for later use
}

// counters are written by the holder of the token and read by anybody.
type counters struct {
	commits, records, bytes, syncs atomic.Uint64
	lastSync, longestSync          atomic.Int64 // ns
	segments, sealedBytes          atomic.Int64 // sealedBytes: of all segments but the active one
	chainBytes, activeBytes        atomic.Int64 // chainBytes: sizes of the files of all segments
}

// synced counts a sync.
func (c *counters) synced(took time.Duration) {
	c.syncs.Add(1)
	c.lastSync.Store(int64(took))
	if int64(took) > c.longestSync.Load() {
		c.longestSync.Store(int64(took))
	}
}

// wrote counts a block.
func (c *counters) wrote(s *segment, bytes int, records uint32) {
	c.bytes.Add(uint64(bytes))
	c.activeBytes.Store(s.end)
	if records > 0 {
		c.commits.Add(1)
		c.records.Add(uint64(records))
	}
}

// measure brings up to date what the counters say of the chain. The caller holds the token.
func (l *Log) measure() {
	var sealed, files int64
	for _, s := range l.segments {
		sealed += s.end
		files += s.size
	}
	if s := l.active(); s != nil {
		sealed -= s.end
		l.counters.activeBytes.Store(s.end)
	}
	l.counters.segments.Store(int64(len(l.segments)))
	l.counters.sealedBytes.Store(sealed)
	l.counters.chainBytes.Store(files)
}

// Stats returns the figures of the log. It waits for nobody.
func (l *Log) Stats() Stats {
	c := &l.counters
	return Stats{
		Commits: c.commits.Load(), Records: c.records.Load(), Bytes: c.bytes.Load(), Syncs: c.syncs.Load(),
		LastSync: time.Duration(c.lastSync.Load()), LongestSync: time.Duration(c.longestSync.Load()),
		Segments:     int(c.segments.Load()),
		SegmentBytes: c.sealedBytes.Load() + c.activeBytes.Load(),
		FileBytes:    c.chainBytes.Load() + l.pool.bytes(),
	}
}

// Bytes returns how much of the log is needed, which is what a restart would read, and how much it takes on
// the disk, with the files held for later use. It waits for nobody.
func (l *Log) Bytes() (live, total int64) {
	s := l.Stats()
	return s.SegmentBytes, s.FileBytes
}

// Pinning returns the groups, by id, that have entries in a segment which is not one of the newest n: with a
// checkpoint at their last entry, the log lets go of all but those n. The one being written counts, so that n
// is 1 at least. Groups that are refused are not among them, though they hold all segments until they are
// dropped: see Groups.
//
// Pinning waits for a commit that is under way, at most, and does not look at the groups while the log has no
// more than n segments.
func (l *Log) Pinning(n int) []uint64 {
	if int(l.counters.segments.Load()) <= max(n, 1) {
		return nil
	}
	if !l.hold() {
		return nil
	}
	defer l.release()
	return l.pinning(max(n, 1))
}

func (l *Log) pinning(n int) (ids []uint64) {
	if len(l.segments) <= n {
		return nil
	}
	newest := l.segments[len(l.segments)-n].number
	for id, g := range l.groups {
		if g.damage == nil && len(g.spans) > 0 && g.spans[0].segment < newest {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// Sync calls done once all that was appended before is on the disk, also where the log is relaxed: the barrier
// before something that relies on the log is written elsewhere. It needs no space, and goes the way of
// Append, with the same rules for done.
func (l *Log) Sync(done func(error)) {
	l.Append(&Batch{Sync: true, Done: done})
}

// groupIDs returns all groups, ascending.
func (l *Log) groupIDs() []uint64 { return slices.Sorted(maps.Keys(l.groups)) }
