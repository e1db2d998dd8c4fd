package engine

import (
	"container/list"
	"sync"
	"sync/atomic"
	"time"

	"myelin/internal/replica"
)

const (
	// flushBytes is how much of a stream may be in memory before some of it is written, and keepBytes how
	// much of it stays then: what is removed soon is never written.
	flushBytes = 8 << 20
	keepBytes  = 2 << 20
	// stepBytes is how much is written at a stroke.
	stepBytes = 4 << 20
	// retryEvery is how long the keeper waits after a file could not be written.
	retryEvery = time.Second
)

// keeper writes files, on one goroutine: what streams have in memory, and checkpoints, so that the log can
// be let go of.
type keeper struct {
	engine *Engine
	// maxLogBytes is how much log there may be that somebody still needs, maxTailBytes how much may be in
	// memory that is in no file.
	maxLogBytes  int64
	maxTailBytes int64

	appended  atomic.Int64 // bytes of entries, of all groups, since the start
	tailBytes atomic.Int64 // in memory

	mu     sync.Mutex
	jobs   []func()
	pins   list.List // of *pin, in the order of their position
	closed bool
	wake   chan struct{}
	done   chan struct{}
}

// pin is the place in the log from which on a group needs it, since no checkpoint holds what stands there.
type pin struct {
	checkpoint func() // asks the group for one; nil for a group that is in no log
	bytes      int64  // of entries behind the checkpoint; of the holder of the group's token
	// of the keeper's mutex
	at    int64 // value of appended
	entry *list.Element
}

// tail is what the keeper knows of a stream's messages in memory.
type tail struct {
	bytes  atomic.Int64
	queued atomic.Bool // the keeper was told to flush
}

func newKeeper(e *Engine, maxLogBytes, maxTailBytes int64) *keeper {
	k := &keeper{
		engine: e, maxLogBytes: maxLogBytes, maxTailBytes: maxTailBytes,
		wake: make(chan struct{}, 1), done: make(chan struct{}),
	}
	go k.run()
	return k
}

// run works until the keeper is closed and has nothing more to do.
func (k *keeper) run() {
	defer close(k.done)
	for {
		k.mu.Lock()
		jobs, closed := k.jobs, k.closed
		k.jobs = nil
		k.mu.Unlock()
		for _, job := range jobs {
			job()
		}
		if len(jobs) > 0 {
			continue
		}
		if closed {
			return
		}
		<-k.wake
	}
}

// add has a job done. It reports false when the keeper is closed.
func (k *keeper) add(job func()) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed {
		return false
	}
	k.jobs = append(k.jobs, job)
	k.signal()
	return true
}

func (k *keeper) signal() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// close ends the keeper when all its jobs are done.
func (k *keeper) close() {
	k.mu.Lock()
	k.closed = true
	k.signal()
	k.mu.Unlock()
	<-k.done
}

// logged notes that a group has applied an entry. When the log has grown too long, those who need its oldest
// part are asked for a checkpoint.
func (k *keeper) logged(p *pin, bytes int) {
	const headerBytes = 64 // about what an entry takes besides its data
	at := k.appended.Add(int64(bytes) + headerBytes)
	p.bytes += int64(bytes) + headerBytes
	if p.checkpoint == nil || p.entry != nil && at < k.maxLogBytes { // entry changes within turns of its group only
		return
	}
	k.mu.Lock()
	if p.entry == nil {
		p.at = at
		p.entry = k.pins.PushBack(p)
	}
	oldest := k.overdueLocked(at)
	k.mu.Unlock()
	if oldest != nil {
		oldest.checkpoint()
	}
}

// overdueLocked returns the pin that stands too far back, once for each time that it gets there.
func (k *keeper) overdueLocked(at int64) *pin {
	front := k.pins.Front()
	if front == nil {
		return nil
	}
	p := front.Value.(*pin)
	if at-p.at < k.maxLogBytes && k.tailBytes.Load() < k.maxTailBytes {
		return nil
	}
	p.at = at // and again, should nothing come of it
	k.pins.MoveToBack(front)
	return p
}

// release notes that a group has been asked for all that it had applied.
func (k *keeper) release(p *pin) {
	p.bytes = 0
	k.mu.Lock()
	defer k.mu.Unlock()
	if p.entry != nil {
		k.pins.Remove(p.entry)
		p.entry = nil
	}
}

// crowded says that more is in memory than may be: publishers must slow down until it is written.
func (k *keeper) crowded() bool { return k.tailBytes.Load() > k.maxTailBytes }

// look sees to it that what a stream has in memory gets written, when it is much. It is called within a turn
// of the stream.
func (k *keeper) look(s *Stream) {
	if s.home.TailBytes() > flushBytes && !s.inMemory() && s.tail.queued.CompareAndSwap(false, true) {
		k.add(func() {
			s.tail.queued.Store(false)
			s.flush(s.upTo.Load(), keepBytes)
		})
	}
	k.measure(s)
}

// measure brings the account of what is in memory up to date.
func (k *keeper) measure(s *Stream) {
	if !s.inMemory() {
		now := s.home.TailBytes()
		k.tailBytes.Add(now - s.tail.bytes.Swap(now))
	}
}

// flush writes messages up to a sequence, until no more than so many bytes are in memory. It runs on the
// keeper's goroutine.
func (s *Stream) flush(upTo uint64, leave int64) error {
	defer s.engine.keeper.measure(s)
	for s.home.TailBytes() > leave {
		freed, err := s.home.Flush(upTo, stepBytes)
		if err != nil {
			s.engine.writeFailed(s, err)
			return err
		}
		s.engine.keeper.measure(s)
		if freed == 0 {
			return nil
		}
	}
	return nil
}

// askCheckpoint has the group hand its state to keep.
func (s *Stream) askCheckpoint() {
	s.events.do(func() { s.events.group.Checkpoint() })
}

// keep makes a checkpoint durable, after the messages that it counts on. It is called within a turn.
func (s *Stream) keep(c *replica.Checkpoint) {
	k := s.engine.keeper
	if s.inMemory() {
		return
	}
	k.release(&s.pin)
	if len(s.erased) > 0 { // in this turn, and the keeper may be quicker than its end
		k.engine.cleaner.add(s, s.erased)
		s.erased = nil
	}
	upTo := s.upTo.Load()
	k.add(func() { // a closed keeper does without: the log still has it all
		err := s.store(c, upTo)
		s.events.post(replica.Event{Kind: replica.Stored, Checkpoint: c, Err: err})
		if err != nil {
			s.engine.clock.AfterFunc(retryEvery, s.askCheckpoint)
		}
	})
}

func (s *Stream) store(c *replica.Checkpoint, upTo uint64) error {
	if err := s.flush(upTo, 0); err != nil {
		return err
	}
	// The log may forget that these were to be overwritten once there is a checkpoint.
	err := s.engine.cleaner.erase(s)
	var synced uint64
	if err == nil {
		synced, err = s.home.Sync()
	}
	if err == nil {
		err = s.engine.writeCheckpoint(s.asset.Group, c, synced)
	}
	if err != nil {
		s.engine.writeFailed(s, err)
	}
	return err
}

func (s *Stream) inMemory() bool { return s.events.log == nil }
