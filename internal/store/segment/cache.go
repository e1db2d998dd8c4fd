package segment

import (
	"container/list"
	"sync"

	"myelin/internal/vfs"
)

// Cache keeps segment files open for reading and their indexes in memory, those used last, for any
// number of sets. It holds no more than it was made for, beside what is being read at the moment.
type Cache struct {
	maxFiles      int
	maxIndexBytes int64

	mu         sync.Mutex // guards all below
	held       map[*segment]*opened
	recent     list.List // of *opened, the one used last in front
	indexBytes int64
}

// opened is a segment file that is open for reading.
type opened struct {
	segment *segment
	file    vfs.File
	index   index // nil when only the file was wanted
	footer  int64 // where the index was read

	// The cache's, under its lock.
	mapping vfs.Mapping   // nil: nobody wanted it, or it cannot be had
	mapped  bool          // it was asked for
	place   *list.Element // nil: not held any more
	users   int
}

// NewCache returns a cache of at most so many open files and bytes of indexes.
func NewCache(maxFiles int, maxIndexBytes int64) *Cache {
	return &Cache{maxFiles: maxFiles, maxIndexBytes: maxIndexBytes, held: map[*segment]*opened{}}
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
	if !o.mapped {
		o.mapped = true
		if m, ok := vfs.Mapped(o.file, length); ok {
			o.mapping = m
		}
	}
	return o.mapping
}

// unmap gives up the mappings of segments that nobody reads.
func (c *Cache) unmap(segments []*segment) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, seg := range segments {
		if o := c.held[seg]; o != nil && o.users == 0 {
			o.unmap()
		}
	}
}

func (o *opened) unmap() {
	if o.mapping != nil {
		_ = o.mapping.Close()
	}
	o.mapping, o.mapped = nil, false
}

// closeAll closes files that were only read, whose errors mean nothing.
func closeAll(list []*opened) {
	for _, o := range list {
		o.unmap()
		_ = o.file.Close()
	}
}
