package segment

import (
	"container/list"
	"sync"
	"time"

	"myelin/internal/clock"
	"myelin/internal/vfs"
)

const (
	// lookupsToMap is how many records are looked up in a file one by one before that is done through a mapping.
	lookupsToMap = 8
	// maxMappedBytes bounds what is mapped at once. What the system takes back of it stops a thread when it is read again,
	// which is no way to read from more than there is memory for.
	maxMappedBytes = 1 << 30
	// unmapAfter is how long, at least, nobody reads through a mapping before it is given up, and at most twice as
	// long. What is mapped counts as memory of the process.
	unmapAfter = time.Second
)

// Cache keeps segment files open for reading and their indexes in memory, those used last, for any
// number of sets. It holds no more than it was made for, beside what is being read at the moment. Files that are read here and there
// are mapped while that goes on.
type Cache struct {
	clock         clock.Clock
	maxFiles      int
	maxIndexBytes int64

	mu          sync.Mutex // guards all below
	held        map[*segment]*opened
	recent      list.List // of *opened, the one used last in front
	indexBytes  int64
	mappedBytes int64
	resting     bool // rest will be called
}

// opened is a segment file that is open for reading.
type opened struct {
	segment *segment
	file    vfs.File
	index   index // nil when only the file was wanted
	footer  int64 // where the index was read

	// The cache's, under its lock.
	place   *list.Element // nil: not held any more
	users   int
	lookups int         // since it was opened or rest gave up the mapping
	mapping vfs.Mapping // nil: nobody wanted it, or it cannot be had
	length  int64       // of what is mapped
	touched bool        // somebody asked for the mapping since rest was called
}

// NewCache returns a cache of at most so many open files and bytes of indexes.
func NewCache(c clock.Clock, maxFiles int, maxIndexBytes int64) *Cache {
	return &Cache{clock: c, maxFiles: maxFiles, maxIndexBytes: maxIndexBytes, held: map[*segment]*opened{}}
}

// acquire returns what is held for a segment if it serves, and else what open makes. It must be released.
func (c *Cache) acquire(seg *segment, serves func(*opened) bool, open func() (*opened, error)) (*opened, error) {
	c.mu.Lock()
	if o := c.held[seg]; o != nil && serves(o) {
		o.users++
		c.recent.MoveToFront(o.place)
		c.mu.Unlock()
		return o, nil
	}
	c.mu.Unlock()

	o, err := open()
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	idle := c.let(c.held[seg], nil)
	o.users = 1
	o.place = c.recent.PushFront(o)
	c.held[seg] = o
	c.indexBytes += o.bytes()
	for len(c.held) > c.maxFiles || c.indexBytes > c.maxIndexBytes && len(c.held) > 1 {
		idle = c.let(c.recent.Back().Value.(*opened), idle)
	}
	c.mu.Unlock()
	closeAll(idle)
	return o, nil
}

func (o *opened) bytes() int64 { return int64(len(o.index)) * entrySize }

// let lets go of o and adds it to idle when nobody reads it. The caller holds the lock.
func (c *Cache) let(o *opened, idle []*opened) []*opened {
	if o == nil || o.place == nil {
		return idle
	}
	c.recent.Remove(o.place)
	o.place = nil
	delete(c.held, o.segment)
	c.indexBytes -= o.bytes()
	c.mappedBytes -= o.length
	if o.users > 0 {
		return idle
	}
	return append(idle, o)
}

func (c *Cache) release(o *opened) {
	c.mu.Lock()
	o.users--
	idle := o.users == 0 && o.place == nil
	c.mu.Unlock()
	if idle {
		closeAll([]*opened{o})
	}
}

// drop lets go of segments that are about to be removed or whose set is closed.
func (c *Cache) drop(segments ...*segment) {
	c.mu.Lock()
	var idle []*opened
	for _, seg := range segments {
		idle = c.let(c.held[seg], idle)
	}
	c.mu.Unlock()
	closeAll(idle)
}

// mapping returns the mapping of a file that is acquired, for as long as it is not released; nil if there can be none.
func (c *Cache) mapping(o *opened, length int64) vfs.Mapping {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mappingLocked(o, length)
}

// lookup is mapping for one record, for which it takes many to be worth it.
func (c *Cache) lookup(o *opened, length int64) vfs.Mapping {
	c.mu.Lock()
	defer c.mu.Unlock()
	if o.lookups < lookupsToMap {
		o.lookups++
		return nil
	}
	return c.mappingLocked(o, length)
}

func (c *Cache) mappingLocked(o *opened, length int64) vfs.Mapping {
	o.touched = true
	if o.mapping == nil && o.place != nil && c.mappedBytes+length <= maxMappedBytes {
		if m, ok := vfs.Mapped(o.file, length); ok {
			o.mapping, o.length = m, length
			c.mappedBytes += length
			c.restLater()
		}
	}
	return o.mapping
}

// restLater has rest called; mu is held.
func (c *Cache) restLater() {
	if !c.resting {
		c.resting = true
		c.clock.AfterFunc(unmapAfter, c.rest)
	}
}

// rest gives up the mappings that nobody has asked for since it was called last.
func (c *Cache) rest() {
	var idle []vfs.Mapping
	c.mu.Lock()
	c.resting = false
	for _, o := range c.held {
		switch {
		case o.mapping == nil:
		case o.users > 0 || o.touched:
			o.touched = false
			c.restLater()
		default:
			idle = append(idle, c.unmap(o))
		}
	}
	c.mu.Unlock()
	for _, m := range idle {
		_ = m.Close()
	}
}

// unmap takes the mapping, if there is one, from a file that nobody reads; mu is held.
func (c *Cache) unmap(o *opened) vfs.Mapping {
	m := o.mapping
	c.mappedBytes -= o.length
	o.mapping, o.length, o.lookups = nil, 0, 0
	return m
}

// closeAll closes files that were only read, whose errors mean nothing.
func closeAll(list []*opened) {
	for _, o := range list {
		if o.mapping != nil {
			_ = o.mapping.Close()
		}
		_ = o.file.Close()
	}
}
