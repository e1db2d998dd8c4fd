package engine

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"myelin/internal/store/segment"
)

// cleanEvery is the pause between two rounds of the cleaner, so that much that goes is one effort.
const cleanEvery = time.Second

// cleaner takes back the space of messages that are gone. It has a goroutine while there is such space.
type cleaner struct {
	engine *Engine

	mu      sync.Mutex
	streams map[*Stream][]uint64      // with the sequences that are to be overwritten
	erasing map[*Stream]chan struct{} // whose messages are being overwritten; closed when that is done
	running bool
	closed  bool
}

func newCleaner(e *Engine) *cleaner {
	return &cleaner{engine: e, streams: map[*Stream][]uint64{}, erasing: map[*Stream]chan struct{}{}}
}

// add says that messages of a stream went, and which of them are to be overwritten.
func (c *cleaner) add(s *Stream, erased []uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.streams[s] = append(c.streams[s], erased...)
	if !c.running && !c.closed {
		c.running = true
		c.engine.clock.AfterFunc(cleanEvery, c.round)
	}
}

// round works on all streams that were named, and plans another while there are some. The pause before is
// at least as long as the work took, so that others have the disk for half of the time.
func (c *cleaner) round() {
	start := c.engine.clock.Now()
	c.mu.Lock()
	streams := slices.Collect(maps.Keys(c.streams))
	c.mu.Unlock()
	for _, s := range streams {
		if c.isClosed() {
			return
		}
		if err := c.erase(s); err != nil {
			c.engine.writeFailed(s, err)
		}
		c.done(s)
		s.clean()
	}
	took := c.engine.clock.Now().Sub(start)
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.streams) > 0 && !c.closed {
		c.engine.clock.AfterFunc(max(cleanEvery, took), c.round)
		return
	}
	c.running = false
}

// done takes a stream out which is owed nothing any more.
func (c *cleaner) done(s *Stream) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.streams[s]) == 0 {
		delete(c.streams, s)
	}
}

// erase overwrites what was to be overwritten of a stream when it was called, all at once. After an error that
// is to be done still.
func (c *cleaner) erase(s *Stream) error {
	erased, finish := c.take(s)
	if len(erased) == 0 {
		return nil
	}
	err := s.erase(erased)
	if err != nil && !errors.Is(err, segment.ErrClosed) { // closed: it was deleted, or is found again after the next start
		c.add(s, erased)
	}
	finish()
	return err
}

// take returns what is to be overwritten of a stream, when nobody else is at it. Unless that is nothing, finish
// must be called.
func (c *cleaner) take(s *Stream) (erased []uint64, finish func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.erasing[s] != nil {
		busy := c.erasing[s]
		c.mu.Unlock()
		<-busy
		c.mu.Lock()
	}
	if erased = c.streams[s]; len(erased) == 0 {
		return nil, nil
	}
	c.streams[s] = nil
	busy := make(chan struct{})
	c.erasing[s] = busy
	return erased, func() {
		c.mu.Lock()
		delete(c.erasing, s)
		c.mu.Unlock()
		close(busy)
	}
}

func (c *cleaner) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// forget takes a stream out that is being removed.
func (c *cleaner) forget(s *Stream) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.streams, s)
}

// close ends the rounds. What they have not got to is erased before a checkpoint lets the log forget it, or found
// there after the next start.
func (c *cleaner) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
}

// erase overwrites messages, now in the files of the stream and soon in the log. It can be repeated.
func (s *Stream) erase(erased []uint64) error {
	if len(erased) == 0 {
		return nil
	}
	err := s.home.Erase(erased...)
	var damage *segment.Damage
	if errors.As(err, &damage) { // what cannot be found cannot be read by anybody either
		s.engine.reportDamage(s, damage)
	} else if err != nil {
		return fmt.Errorf("erase messages: %w", err)
	}
	if s.inMemory() {
		return nil
	}
	return s.engine.wiper.owe()
}

// clean reclaims what there is to reclaim in the files of the stream.
func (s *Stream) clean() {
	for more := true; more && !s.engine.cleaner.isClosed(); {
		var err error
		if more, err = s.home.Clean(); err != nil {
			s.engine.writeFailed(s, err)
			return
		}
	}
}
