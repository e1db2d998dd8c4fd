package netx

import "sync"

// Chunk is a piece of memory for bytes on their way in or out, borrowed from a pool.
//
// B is the part in use; its capacity is fixed. Who holds a Chunk owns it alone and calls Free when done.
type Chunk struct {
	B    []byte
	pool int8 // index into pools; -1: made to measure
}

// chunkSizes are the capacities of pooled chunks, in bytes. They are a factor of two apart: what waits in
// a queue takes at most twice its size.
var chunkSizes = [...]int{
	512, 1 << 10, 2 << 10, 4 << 10, 8 << 10, 16 << 10, 32 << 10, 64 << 10, 128 << 10, 256 << 10, 512 << 10, 1 << 20, 2 << 20,
}

// MaxChunk is the capacity of the largest pooled chunk, in bytes.
const MaxChunk = 2 << 20

var pools [len(chunkSizes)]sync.Pool

// NewChunk returns an empty chunk that has room for at least n bytes.
func NewChunk(n int) *Chunk {
	for i, size := range chunkSizes {
		if n > size {
			continue
		}
		if c, ok := pools[i].Get().(*Chunk); ok {
			return c
		}
		return &Chunk{B: make([]byte, 0, size), pool: int8(i)}
	}
	return &Chunk{B: make([]byte, 0, n), pool: -1}
}

// Free gives the chunk back; neither it nor its bytes may be used afterwards.
func (c *Chunk) Free() {
	if c.pool < 0 {
		return
	}
	c.B = c.B[:0]
	pools[c.pool].Put(c)
}

// Room is the number of bytes that still fit.
func (c *Chunk) Room() int { return cap(c.B) - len(c.B) }

// free is the room behind what is in use.
func (c *Chunk) free() []byte { return c.B[len(c.B):cap(c.B)] }

// fill appends as much of b as there is room for, and returns how much that was.
func (c *Chunk) fill(b []byte) int {
	n := min(len(b), c.Room())
	c.B = append(c.B, b[:n]...)
	return n
}

// extend takes n bytes of the room behind what is in use.
func (c *Chunk) extend(n int) { c.B = c.B[:len(c.B)+n] }
