package wal

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"myelin/internal/clock"
	"myelin/internal/store/seal"
	"myelin/internal/vfs"
)

// Options are the settings of a log. The zero value, but for the clock, is a durable log of usual size.
type Options struct {
	Clock clock.Clock
	// SegmentBytes is the size of a segment, 64 MiB unless given. It may differ between openings.
	SegmentBytes int64
	// ReserveBytes is the size of the segment held in reserve for priority batches, a sixteenth unless given.
	ReserveBytes int64
	// MaxCommitBytes bounds what one write takes, 4 MiB unless given. A single larger batch travels alone.
	MaxCommitBytes int
	// SyncEvery relaxes the log: appends are answered when written, and synced so long after at most.
	// Zero syncs before each answer. Hard states, and batches that ask for it, are always synced first.
	SyncEvery time.Duration
	// LazyEvery is how long after it was written a lazy batch is synced at most, 10 ms unless given.
	LazyEvery time.Duration
	// NoSync is for logs in memory: nothing is ever synced.
	NoSync bool
	// SlowSync is the duration of a sync, 2 ms unless given, from which TryCommit declines.
	SlowSync time.Duration
	// Keys encrypt entries; nil for none. Segments of an earlier key, or of none, are read all the same.
	Keys *seal.Keys
	// ID identifies a new log. Zero draws one.
	ID uint64

	inspect bool // nothing is written
}

func (o Options) withDefaults() Options {
	if o.Clock == nil {
		o.Clock = clock.Real{}
	}
	if o.SegmentBytes == 0 {
		o.SegmentBytes = 64 << 20
	}
	if o.ReserveBytes == 0 {
		o.ReserveBytes = max(o.SegmentBytes/16, 4*pageBytes)
	}
	if o.MaxCommitBytes == 0 {
		o.MaxCommitBytes = 4 << 20
	}
	if o.LazyEvery == 0 {
		o.LazyEvery = 10 * time.Millisecond
	}
	if o.SlowSync == 0 {
		o.SlowSync = 2 * time.Millisecond
	}
	return o
}

// maxBatchBytes bounds a batch; one that exceeds the usual segment gets one of its own size.
const maxBatchBytes = maxBlockBytes / 2

// Log is the write-ahead log. Its methods may be called concurrently, except that Replay precedes appends.
type Log struct {
	fs      vfs.FS
	dir     string
	options Options
	id      uint64
	numbers atomic.Uint64 // the last number given to a file
	mark    seal.Mark     // what this opening seals with
	salt    [seal.SaltBytes]byte
	box     *seal.Box // nil: entries are stored as they come
	pool    *pool

	token chan struct{} // held by whoever commits
	wake  chan struct{} // something waits for the goroutine
	tend  chan struct{} // the pool wants something
	stop  chan struct{}
	ended chan struct{} // closed when the token will not be given back
	done  sync.WaitGroup

	mu        sync.Mutex
	waiting   []*Batch
	closed    bool
	dead      error
	syncDue   bool // the time of what was written and not synced has come
	syncTimer bool // and will come
	wipes     []*wipe

	// Of the holder of the token.
	segments []*segment // from the oldest needed to the active one
	groups   map[uint64]*group
	refused  int // damaged groups; while there are any, no segment is released
	buf      []byte
	first    uint64    // the oldest segment that is needed once the last block is synced
	wiping   bool      // what is released is to be overwritten
	starved  bool      // no room was found for a batch, and none since
	taken    []*Batch  // by gather, for its next use
	one      [1]*Batch // of TryCommit

	counters    counters
	spareWanted atomic.Bool // the active segment is half full

	// What Open found; not changed afterwards.
	found   []Group
	damages []*Damage
	cut     *Cut
	replay  *recovery
}

// Append hands a batch over. The answer goes to its Done, before any answer to a later batch. It never blocks.
// After Close, Done is called at once.
func (l *Log) Append(b *Batch) {
	l.prepare(b)
	l.mu.Lock()
	closed := l.closed
	if !closed {
		l.waiting = append(l.waiting, b)
	}
	l.mu.Unlock()
	if closed {
		b.Done(ErrClosed)
		return
	}
	signal(l.wake)
}

// TryCommit commits a batch on the caller's goroutine, if the log is idle and the disk has not been slow.
// Otherwise it reports false and has done nothing: use Append.
func (l *Log) TryCommit(b *Batch) (committed bool, err error) {
	if l.counters.lastSync.Load() > int64(l.options.SlowSync) {
		return false, nil
	}
	l.prepare(b)
	if !l.tryToken() {
		return false, nil
	}
	l.one[0] = b
	l.commit(l.one[:])
	l.one[0] = nil
	l.release()
	return true, b.err
}

// tryToken takes the token if nobody holds it nor waits.
func (l *Log) tryToken() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) > 0 || l.syncDue || l.options.inspect {
		return false
	}
	select {
	case l.token <- struct{}{}:
		return true
	default:
		return false
	}
}

// release gives the token back, and has the pool looked after if need be.
func (l *Log) release() {
	wanted := l.pool.wanted(l.wantsSpare())
	<-l.token
	if wanted {
		signal(l.tend)
	}
}

// prepare does what needs neither the token nor the state of the group.
func (l *Log) prepare(b *Batch) {
	b.size, b.err, b.sums, b.sealed = 0, nil, b.sums[:0], b.sealed[:0]
	for i := range b.Records {
		r := &b.Records[i]
		b.size += recordBytes(r, l.bodyBytes(r))
		b.Sync = b.Sync || r.Kind == HardState
		switch {
		case r.Group == 0 || r.Group != b.Records[0].Group:
			b.err = fmt.Errorf("records of one batch are of one group, which is not 0: %w", ErrOrder)
		case r.Kind == Drop && len(b.Records) > 1:
			b.err = fmt.Errorf("group %d: a drop is a batch of its own: %w", r.Group, ErrOrder)
		case b.size > maxBatchBytes:
			b.err = fmt.Errorf("group %d: %w", r.Group, ErrTooLarge)
		}
		if b.err != nil {
			return
		}
		b.sums = append(b.sums, bodySum(r, l.sealBody(b, r)))
	}
}

// Full says that the disk was full when the log last asked for space. Batches without priority are being
// refused, or soon will be. It asks again by itself.
func (l *Log) Full() bool { return l.pool.full.Load() }

// Err is nil while the log is usable, or what it died of.
func (l *Log) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dead == nil && l.closed {
		return ErrClosed
	}
	return l.dead
}

// run is the goroutine of the log.
func (l *Log) run() {
	defer l.done.Done()
	for {
		select {
		case <-l.wake:
			l.gather()
		case <-l.stop:
			return
		}
	}
}

// gather commits what waits until nothing does.
func (l *Log) gather() {
	l.token <- struct{}{}
	defer l.release()
	for {
		l.mu.Lock()
		batches, due := l.waiting, l.syncDue
		l.waiting, l.syncDue = l.taken[:0], false
		l.mu.Unlock()
		l.commit(batches)
		if due {
			l.syncNow()
		}
		for i, b := range batches {
			batches[i] = nil
			b.Done(b.err)
		}
		l.taken = batches
		if len(batches) == 0 {
			return
		}
	}
}

// look is the goroutine that keeps the pool filled.
func (l *Log) look() {
	defer l.done.Done()
	for {
		select {
		case <-l.tend:
			l.maintain()
		case <-l.stop:
			return
		}
	}
}

func (l *Log) maintain() {
	if err := l.Err(); err != nil {
		l.abandonWipes(err)
		return
	}
	l.tendWipes()
	if err := l.pool.maintain(l.spareWanted.Load()); err != nil {
		l.kill(fmt.Errorf("prepare a segment: %w", err))
	}
	if l.Full() {
		l.options.Clock.AfterFunc(retryEvery, func() { signal(l.tend) })
	}
}

// kill ends the log; the first reason is kept.
func (l *Log) kill(err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dead == nil {
		l.dead = fmt.Errorf("%w: %w", ErrDead, err)
		signal(l.tend) // to tell those who wait for a wipe
	}
	return l.dead
}

// Close commits what waits, marks the log as closed in order and closes its files.
func (l *Log) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	l.mu.Unlock()
	close(l.stop)
	l.done.Wait()
	l.gather()
	l.token <- struct{}{} // never given back
	close(l.ended)
	l.abandonWipes(ErrClosed)
	l.mu.Lock()
	err := l.dead
	l.mu.Unlock()
	if err == nil {
		err = l.writeClosed()
	}
	for _, s := range l.segments {
		s.close()
	}
	l.pool.close()
	return err
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
