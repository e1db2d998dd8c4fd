package router

import (
	"math/rand/v2"

	"myelin/internal/netx"
)

// MaxBatchBytes bounds what a Batch gathers: beyond it, it is flushed early, in the same order.
const MaxBatchBytes = 4 << 20

// Dest is a place that frames are gathered for, such as a connection.
type Dest interface {
	// Push takes over the frames, in their order. It answers whether it took them, and whether the
	// publisher should slow down. It must not block.
	Push(f *Frames) Answer
	// Relief returns a channel that is closed once the publisher may go on at full speed, and whether
	// the queue is so full that a longer wait is called for.
	Relief() (relief <-chan struct{}, full bool)
	// Unpack calls visit with each message frame of f, decoded.
	Unpack(f *Frames, visit func(s *Sub, m *Message))
}

// Answer is what a Dest says to a Push.
type Answer uint8

const (
	Taken   Answer = iota
	Pressed        // taken, but the queue grows
	Refused        // not taken: the destination is closed or over its bound
	Owes           // taken, and the destination is a Worker that wants Work called when all was pushed
)

// Worker is a Dest that may have its publisher do what follows from a Push, which saves a change of
// goroutines.
type Worker interface {
	// Work is called once for each Push that was answered with Owes, after the publisher has pushed all that
	// it had. inLine says that the publisher has nothing more urgent to do; otherwise Work must not take
	// long.
	Work(inLine bool)
}

// Run is a row of frames in a Frames that belong to one subscription, or to none: then they are answers
// to the connection itself.
type Run struct {
	Sub     *Sub
	Msgs    int
	Bytes   int
	Content int // bytes of the messages themselves, without what the protocol adds
}

// Frames is what one batch holds for one destination. Frames are never split across chunks.
type Frames struct {
	Chunks []*netx.Chunk
	Runs   []Run
	Bytes  int

	// Mark is for the destination: it may note its state when the first frame is gathered, and compare
	// in Push. It is 0 before.
	Mark uint64

	// of the Batch
	batch *Batch
	dest  Dest
	id    uint64
	round uint64 // of the batch in which this was touched last
	last  int    // bytes gathered in that round: the best guess for the next
}

// Reserve returns a slice with room for at least n more bytes, to be appended to and given to Commit.
func (f *Frames) Reserve(n int) []byte {
	if k := len(f.Chunks); k > 0 {
		if c := f.Chunks[k-1]; c.Room() >= n {
			return c.B
		}
	}
	return f.grow(n)
}

// grow adds a chunk. Its size follows what the destination needed lately, then doubles what it has.
func (f *Frames) grow(n int) []byte {
	const least, most = 512, 128 << 10
	want := min(max(f.last, 2*f.Bytes, least), most)
	c := netx.NewChunk(max(n, want))
	f.Chunks = append(f.Chunks, c)
	return c.B
}

// Commit accounts for one frame that was appended to what Reserve returned, and that holds a message of
// the given size in bytes. A nil s says that it belongs to no subscription.
func (f *Frames) Commit(b []byte, s *Sub, content int) {
	c := f.Chunks[len(f.Chunks)-1]
	n := len(b) - len(c.B)
	c.B = b
	f.Bytes += n
	f.batch.bytes += n
	if k := len(f.Runs); k > 0 && f.Runs[k-1].Sub == s {
		f.Runs[k-1].Msgs++
		f.Runs[k-1].Bytes += n
		f.Runs[k-1].Content += content
		return
	}
	f.Runs = append(f.Runs, Run{s, 1, n, content})
}

// Filter removes the frames that keep reports false for, in place. measure tells the length of the frame
// at the start of its argument, and of the message in it.
func (f *Frames) Filter(measure func([]byte) (frame, content int), keep func(*Sub) bool) {
	all := f.Runs
	f.Runs, f.Bytes = nil, 0
	at, left := -1, 0 // the run, and bytes of it that have not been seen
	for _, c := range f.Chunks {
		in, out := c.B, c.B[:0]
		for len(in) > 0 {
			if left == 0 {
				at++
				left = all[at].Bytes
				f.Runs = append(f.Runs, Run{Sub: all[at].Sub})
			}
			n, content := measure(in)
			if run := &f.Runs[at]; keep(run.Sub) {
				out = append(out, in[:n]...)
				run.Msgs++
				run.Bytes += n
				run.Content += content
				f.Bytes += n
			}
			in, left = in[n:], left-n
		}
		c.B = out
	}
}

// release frees the chunks that nobody took and forgets the runs.
func (f *Frames) release() {
	for _, c := range f.Chunks {
		c.Free()
	}
	f.reset()
}

// reset makes f ready for the next round, after its chunks were taken over.
func (f *Frames) reset() {
	clear(f.Chunks)
	clear(f.Runs)
	f.Chunks, f.Runs = f.Chunks[:0], f.Runs[:0]
	f.last, f.Bytes, f.Mark = f.Bytes, 0, 0
}

// Batch gathers frames per destination between two flushes. One goroutine owns it.
type Batch struct {
	self   Dest // is pushed to last
	router *Router
	rnd    rand.PCG

	round   uint64
	bytes   int
	last    *Frames   // the one that To returned last
	touched []*Frames // of this round, in the order of their first frame
	table   []*Frames // open addressing by id; what is not of this round counts as free
	pressed []Dest    // since the last call of Pressed
	owed    []Dest    // those that answered Owes

	// of crossings into other routers; see Passage
	by       []byte  // what a message is sent by, where that is not its subject
	in       *Router // where it is offered; nil: in router
	streamed bool
	passages map[*Crossing]*Passage
	used     []*Passage       // since the last report
	abroad   map[*Sub]*Router // members of queue groups elsewhere that got something in this batch
}

// To returns the frames that are gathered for a destination, which its id identifies.
func (b *Batch) To(d Dest, id uint64) *Frames {
	if f := b.last; f != nil && f.id == id && f.round == b.round {
		return f
	}
	return b.lookUp(d, id)
}

func (b *Batch) lookUp(d Dest, id uint64) *Frames {
	if 2*len(b.touched) >= len(b.table) {
		b.growTable()
	}
	mask := uint64(len(b.table) - 1)
	for i := id; ; i++ {
		f := b.table[i&mask]
		switch {
		case f == nil:
			f = &Frames{batch: b}
			b.table[i&mask] = f
		case f.round != b.round:
		case f.id == id:
			b.last = f
			return f
		default:
			continue
		}
		if f.id != id {
			f.id, f.last = id, 0
		}
		f.dest, f.round = d, b.round
		b.touched = append(b.touched, f)
		b.last = f
		return f
	}
}

func (b *Batch) growTable() {
	b.table = make([]*Frames, max(8, 2*len(b.table)))
	mask := uint64(len(b.table) - 1)
	for _, f := range b.touched {
		i := f.id
		for b.table[i&mask] != nil {
			i++
		}
		b.table[i&mask] = f
	}
}

// Rand returns a number below n. It is not for secrets.
func (b *Batch) Rand(n uint32) uint32 { return uint32(b.rnd.Uint64() >> 32 * uint64(n) >> 32) }

// Flush pushes everything to its destinations, to the publisher's own last.
func (b *Batch) Flush() {
	if len(b.touched) == 0 {
		return
	}
	refused := b.push()
	// Messages for a member of a queue group that has just gone belong to another member. Each round
	// of this has fewer members to try.
	for len(refused) > 0 {
		for _, f := range refused {
			f.dest.Unpack(f, func(s *Sub, m *Message) { b.pickAgain(s, m) })
			f.release()
		}
		refused = b.push()
	}
	clear(b.abroad)
	if len(b.owed) > 0 {
		b.work()
	}
}

// work does what is owed. Only a guest with a connection does it in line: whoever else publishes is in the
// middle of something.
func (b *Batch) work() {
	owed := b.owed
	inLine := b.self != nil && len(owed) == 1
	for _, dest := range owed {
		dest.(Worker).Work(inLine)
	}
	clear(owed)
	b.owed = owed[:0]
}

// push makes one round over what was touched. It returns copies of what was refused and contains
// messages for queue groups; other refused frames are dropped.
func (b *Batch) push() (refused []*Frames) {
	touched := b.touched
	var own *Frames
	for _, f := range touched {
		if f.dest == b.self {
			own = f
			continue
		}
		refused = b.pushTo(f, refused)
	}
	if own != nil {
		refused = b.pushTo(own, refused)
	}
	clear(touched)
	b.touched = touched[:0]
	b.bytes, b.last = 0, nil
	b.round++
	return refused
}

func (b *Batch) pushTo(f *Frames, refused []*Frames) []*Frames {
	dest := f.dest
	switch dest.Push(f) {
	case Taken:
		f.reset()
	case Pressed:
		f.reset()
		b.pressed = append(b.pressed, dest)
	case Owes:
		f.reset()
		b.owed = append(b.owed, dest)
	case Refused:
		if f.hasQueued() {
			aside := &Frames{Chunks: f.Chunks, Runs: f.Runs, Bytes: f.Bytes, dest: dest}
			f.Chunks, f.Runs = nil, nil
			refused = append(refused, aside)
		}
		f.release()
	}
	f.dest = nil
	return refused
}

func (f *Frames) hasQueued() bool {
	for i := range f.Runs {
		if s := f.Runs[i].Sub; s != nil && s.Queue != "" {
			return true
		}
	}
	return false
}

// Pressed returns the destinations that asked to slow down since the last call. The slice is valid
// until the next flush.
func (b *Batch) Pressed() []Dest {
	p := b.pressed
	b.pressed = b.pressed[:0]
	return p
}
