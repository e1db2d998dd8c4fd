package engine

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"myelin/internal/store/segment"
)

// cleanEvery is the pause between two rounds of the cleaner, so that much that goes is one effort.
const cleanEvery = time.Second

// cleaner takes back the space of messages that are gone. It has a goroutine while there is such space.
type cleaner struct {
	engine *Engine

	// erasing is held while messages are overwritten. Taken before mu.
	erasing sync.Mutex

	mu      sync.Mutex
	streams map[*Stream][]uint64 // with the sequences that are to be overwritten
	running bool
	closed  bool
}

func newCleaner(e *Engine) *cleaner {
	return &cleaner{engine: e, streams: map[*Stream][]uint64{}}
}

// add says that messages of a stream went, and which of them are to be overwritten.
func (c *cleaner) add(s *Stream, erased []uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	c.streams[s] = append(c.streams[s], erased...)
	if !c.running {
		c.running = true
		c.engine.clock.AfterFunc(cleanEvery, c.round)
	}
}

// round works on all streams that were named, and plans another while there are some.
func (c *cleaner) round() {
	for _, s := range c.eraseAll() {
		s.clean()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.streams) > 0 && !c.closed {
		c.engine.clock.AfterFunc(cleanEvery, c.round)
		return
	}
	c.running = false
}

// eraseAll overwrites what is to be overwritten, and returns the streams to be cleaned.
func (c *cleaner) eraseAll() (streams []*Stream) {
	c.erasing.Lock()
	defer c.erasing.Unlock()
	c.mu.Lock()
	work := c.streams
	c.streams = map[*Stream][]uint64{}
	c.mu.Unlock()
	for s, erased := range work {
		if err := s.erase(erased); err != nil {
			c.engine.writeFailed(s, err)
			c.add(s, erased)
		}
		streams = append(streams, s)
	}
	return streams
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

// close ends the cleaner; what it has not got to is found again after the next start.
func (c *cleaner) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	clear(c.streams)
}

// eraseNow overwrites at once what is to be overwritten of a stream.
func (c *cleaner) eraseNow(s *Stream) error {
	c.erasing.Lock()
	defer c.erasing.Unlock()
	c.mu.Lock()
	erased, ok := c.streams[s]
	if ok {
		c.streams[s] = nil
	}
	c.mu.Unlock()
	err := s.erase(erased)
	if err != nil {
		c.add(s, erased)
	}
	return err
}

// erase overwrites messages, now in the files of the stream and soon in the log. It can be repeated.
func (s *Stream) erase(erased []uint64) error {
	if len(erased) == 0 {
		return nil
	}
	for _, seq := range erased {
		err := s.home.Erase(seq)
		var damage *segment.Damage
		if errors.As(err, &damage) { // it cannot be found, nor read by anybody
			s.engine.reportDamage(s, damage)
		} else if err != nil {
			return fmt.Errorf("erase sequence %d: %w", seq, err)
		}
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
