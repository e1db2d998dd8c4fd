package engine

import (
	"encoding/binary"
	"sync"

	"myelin/internal/bin"
	"myelin/internal/netx"
	"myelin/internal/replica"
	"myelin/internal/router"
	"myelin/internal/stream"
)

const (
	// maxRefusedBytes bounds the reply subjects that wait for a refusal; beyond it publishers hear nothing.
	maxRefusedBytes = 1 << 20
	// proposalRoom keeps a proposal within the entry that it becomes.
	proposalRoom = replica.MaxBytes - 1<<10
)

// ingest is where published messages enter a stream: a Sink that subscribes to the stream's subjects, and
// the Dest that it gathers frames for. A frame is
//
//	bytes    reply subject, empty if nobody waits; before it the mark of a trace, see msgtrace.go
//	...      the stream.Append command; stream.Fast for one of a fast batch; a single 0 for one that requires a
//	         higher level of the API than there is
type ingest struct {
	intake
	maxBytes int64
	maxMsgs  int
	level    int
	traces   traces

	// of the intake's mutex
	msgs    int
	refused []byte // reply subjects, each as bytes with its length
}

// Deliver implements router.Sink.
func (g *ingest) Deliver(m *router.Message, b *router.Batch) bool {
	g.gather(m, m.Reply, b)
	return true
}

// gather appends the frame of a message; reply is the subject at which its publisher waits, with the mark of its trace if it has one.
func (g *ingest) gather(m *router.Message, reply []byte, b *router.Batch) {
	a := stream.Append{Span: 1, Subject: m.Subject, Header: m.Published(), Body: m.Payload}
	f := b.To(g, g.id)
	size := len(reply) + len(m.Subject) + len(a.Header) + len(m.Payload)
	buf := f.Reserve(size + len(m.Reply) + 12*binary.MaxVarintLen32)
	buf = bin.AppendBytes(buf, reply)
	if fast, ok := stream.ParseFast(m.Reply); ok {
		fast.Append = a
		f.Commit(g.appendFast(buf, &fast), nil, 0)
	} else {
		f.Commit(a.Encode(buf), nil, 0)
	}
}

// appendFast appends a message of a fast batch.
func (g *ingest) appendFast(buf []byte, fast *stream.Fast) []byte {
	if level, ok := stream.RequiredLevel(fast.Header); ok && level > g.level {
		return append(buf, 0)
	}
	return fast.Encode(buf)
}

// Push implements router.Dest.
func (g *ingest) Push(f *router.Frames) router.Answer {
	msgs := 0
	for i := range f.Runs {
		msgs += f.Runs[i].Msgs
	}
	g.mu.Lock()
	switch {
	case g.closed:
		g.mu.Unlock()
		return router.Refused
	case g.bytes > 0 && (g.bytes+int64(f.Bytes) > g.maxBytes || g.msgs+msgs > g.maxMsgs):
		g.refuse(f)
	default:
		g.add(f)
		g.msgs += msgs
	}
	pressed := g.bytes > paceBytes
	g.mu.Unlock()
	return g.answer(pressed)
}

// refuse keeps who must be told that there was no room; mu is held.
func (g *ingest) refuse(f *router.Frames) {
	for _, c := range f.Chunks {
		each(c.B, func(reply, _ []byte) {
			if len(reply) > 0 && len(g.refused) < maxRefusedBytes {
				g.refused = bin.AppendBytes(g.refused, reply)
			} else if marked(reply) {
				g.traces.abandon(reply)
			}
		})
		c.Free()
	}
	f.Chunks = f.Chunks[:0]
}

// take returns all that waits, and relieves those who wait for that. What was returned before may be used
// again.
func (g *ingest) take() (chunks []*netx.Chunk, refused []byte) {
	g.mu.Lock()
	defer g.mu.Unlock()
	refused = g.refused
	g.refused, g.msgs = nil, 0
	return g.takeLocked(), refused
}

// each visits the frames in b.
func each(b []byte, visit func(reply, command []byte)) {
	for len(b) > 0 {
		reply, n := cut(b)
		rest := b[n:]
		_, size := cut(rest)
		visit(reply, rest[:size])
		b = rest[size:]
	}
}

// cut returns the bytes with their length that b begins with, and where they end.
func cut(b []byte) (value []byte, end int) {
	size, n := binary.Uvarint(b)
	end = n + int(size)
	return b[n:end], end
}

// publishers are those who published the messages of one proposal.
type publishers struct {
	replies []byte   // end to end
	ends    []uint32 // of each reply
}

var freePublishers = sync.Pool{New: func() any { return new(publishers) }}

func (p *publishers) add(reply []byte) {
	p.replies = append(p.replies, reply...)
	p.ends = append(p.ends, uint32(len(p.replies)))
}

// reply is who waits for the answer to message i, if anybody does.
func (p *publishers) reply(i int) []byte {
	start := uint32(0)
	if i > 0 {
		start = p.ends[i-1]
	}
	return p.replies[start:p.ends[i]]
}

func (p *publishers) free() {
	p.replies, p.ends = p.replies[:0], p.ends[:0]
	freePublishers.Put(p)
}

// proposals packs frames into proposals that fit one entry each. Their memory is used again after the turn.
type proposals struct {
	events []replica.Event
	next   *packed
	who    *publishers
	used   []*packed
}

// packed is the memory of one proposal's commands.
type packed struct{ data []byte }

var freePacked = sync.Pool{New: func() any { return new(packed) }}

func (p *proposals) add(reply, command []byte) {
	if p.who != nil && (len(p.who.ends) == replica.MaxCommands || len(p.next.data)+len(command) > proposalRoom) {
		p.finish()
	}
	if p.who == nil {
		p.who = freePublishers.Get().(*publishers)
		p.next = freePacked.Get().(*packed)
	}
	p.who.add(reply)
	p.next.data = append(p.next.data, command...)
}

// finish makes an event of what was gathered.
func (p *proposals) finish() {
	if p.who == nil {
		return
	}
	p.events = append(p.events, replica.Event{Proposal: replica.Proposal{
		Data: p.next.data, Ticket: replica.Ticket{Commands: len(p.who.ends), Cookie: p.who},
	}})
	p.used = append(p.used, p.next)
	p.next, p.who = nil, nil
}

// recycle is called when the turn is over that the proposals were for.
func (p *proposals) recycle() {
	for i, b := range p.used {
		if cap(b.data) <= 2*replica.MaxBytes {
			b.data = b.data[:0]
			freePacked.Put(b)
		}
		p.used[i] = nil
	}
	p.used = p.used[:0]
}
