package jetstream

import (
	"bytes"
	"encoding/json"
	"errors"
	"sync"

	"myelin/internal/broker"
	"myelin/internal/header"
	"myelin/internal/netx"
	"myelin/internal/router"
	"myelin/internal/stream"
)

const (
	// directInLineBytes bounds the requests that a publisher's own goroutine answers.
	directInLineBytes = 16 << 10
	// directPaceBytes is how much may wait before publishers are asked to slow down.
	directPaceBytes = 1 << 20
	// directMaxBytes bounds what may wait; what comes then is dropped.
	directMaxBytes = 64 << 20
)

// direct is the Dest of an account's direct gets. One goroutine at a time answers them: the publisher's own,
// or one that lives until there are none.
type direct struct {
	door *door
	id   uint64

	mu      sync.Mutex
	queue   []*netx.Chunk // of whole frames
	spare   []*netx.Chunk
	bytes   int
	working bool // somebody has the reader
	closed  bool
	relief  chan struct{} // closed when the queue was taken; nil: nobody waits
	workers sync.WaitGroup

	reader reader // of whoever works
}

func (d *direct) init(dr *door) {
	d.door, d.id = dr, newDestID()
	d.reader.init(dr)
}

// deliver takes a request into the publisher's batch, if the stream that it names lets itself be read.
func (d *direct) deliver(rest []byte, m *router.Message, b *router.Batch) bool {
	s := d.door.api.engine.Find(d.door.account, token(rest, 0))
	if s == nil || !readable(s.Config()) {
		return false
	}
	f := b.To(d, d.id)
	f.Commit(appendFrame(f.Reserve(frameBound(rest, m)), rest, m), nil, 0)
	return true
}

func readable(c *stream.Config) bool { return c != nil && (c.AllowDirect || c.MirrorDirect) }

// Push implements router.Dest.
func (d *direct) Push(f *router.Frames) router.Answer {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed || d.bytes+f.Bytes > directMaxBytes && d.bytes > 0 {
		return router.Refused
	}
	d.queue = append(d.queue, f.Chunks...)
	f.Chunks = f.Chunks[:0]
	d.bytes += f.Bytes
	if !d.working {
		d.working = true
		d.workers.Add(1)
		return router.Owes
	}
	if d.bytes > directPaceBytes {
		return router.Pressed
	}
	return router.Taken
}

// Work implements router.Worker.
func (d *direct) Work(inLine bool) {
	if inLine {
		d.mu.Lock()
		inLine = d.bytes <= directInLineBytes
		d.mu.Unlock()
	}
	if !inLine || d.answerTaken() {
		go d.run()
	}
}

// run answers until nothing waits.
func (d *direct) run() {
	for d.answerTaken() {
	}
}

// answerTaken answers what waits, and reports whether there is more. If not, the caller does not have the
// reader any more.
func (d *direct) answerTaken() (more bool) {
	for _, chunk := range d.take() {
		for b := chunk.B; len(b) > 0; {
			q := &d.reader.request
			*q, b = cutFrame(b)
			d.reader.answer(q)
		}
		chunk.Free()
	}
	d.reader.session.Flush()
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.queue) > 0 {
		return true
	}
	d.working = false
	d.workers.Done()
	return false
}

func (d *direct) take() []*netx.Chunk {
	d.mu.Lock()
	defer d.mu.Unlock()
	taken := d.queue
	d.queue, d.spare, d.bytes = d.spare[:0], taken, 0
	d.relieve()
	return taken
}

// relieve lets publishers go on; mu is held.
func (d *direct) relieve() {
	if d.relief != nil {
		close(d.relief)
		d.relief = nil
	}
}

// Relief implements router.Dest.
func (d *direct) Relief() (<-chan struct{}, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	full := d.bytes > directMaxBytes/4*3
	if d.bytes <= directPaceBytes {
		relieved := make(chan struct{})
		close(relieved)
		return relieved, full
	}
	if d.relief == nil {
		d.relief = make(chan struct{})
	}
	return d.relief, full
}

// Unpack implements router.Dest; direct gets are in no queue group, so nothing of them is picked again.
func (d *direct) Unpack(*router.Frames, func(*router.Sub, *router.Message)) {}

// close drops what waits and waits for who works.
func (d *direct) close() {
	d.mu.Lock()
	d.closed = true
	for _, chunk := range d.queue {
		chunk.Free()
	}
	clear(d.queue)
	d.queue, d.bytes = d.queue[:0], 0
	d.relieve()
	d.mu.Unlock()
	d.workers.Wait()
	d.reader.session.Rest()
}

// reader answers direct gets of single messages, without allocating once its buffers have their sizes.
type reader struct {
	door    *door
	session *broker.Session
	buf     []byte // a message
	head    []byte // its header
	msg     router.Message
	request request // that is answered

	get  JSApiMsgGetRequest
	last []byte // subject of a get by subject
	find func(*stream.State) uint64
}

func (r *reader) init(d *door) {
	r.door, r.session = d, d.tenant.Open(nil)
	r.find = func(state *stream.State) uint64 {
		if r.last == nil {
			return r.get.find(state)
		}
		return state.LastOf(r.last) // maybe of several subjects, as clients of object stores ask
	}
}

// Status lines of direct gets.
const (
	emptyRequest     = "Empty Request"
	malformedRequest = "Malformed Request"
	badRequest       = "Bad Request"
	noMessage        = "Message Not Found"
	noResults        = "No Results"
	tooManyResults   = "Too Many Results"
	wrongLevel       = "Required Api Level"
	wrongLevelCode   = 412
)

// answer answers one request; those for many messages are handed to a lane.
func (r *reader) answer(q *request) {
	if len(q.reply) == 0 {
		return
	}
	if !levelServed(q.header) {
		r.status(q, wrongLevelCode, wrongLevel)
		return
	}
	name := token(q.verb, 0)
	s := r.door.api.engine.Find(r.door.account, name)
	if s == nil {
		r.status(q, 404, noMessage) // deleted since the request came
		return
	}
	if fault := r.parse(q, len(name)); fault != "" {
		r.status(q, 408, fault)
		return
	}
	if r.get.Batch != 0 || len(r.get.MultiLast) > 0 {
		r.door.lanes.enqueueBatch(q, &r.get)
		return
	}
	var m Message
	var err error
	m, r.buf, err = s.ReadFound(r.find, r.buf[:0])
	switch {
	case errors.Is(err, ErrNotFound):
		r.status(q, 404, noMessage)
	case err != nil:
		r.status(q, 500, err.Error())
	default:
		r.send(q, s, &m)
	}
}

// parse finds out what is asked for.
func (r *reader) parse(q *request, name int) (fault string) {
	r.last, r.get = nil, JSApiMsgGetRequest{}
	if name < len(q.verb) {
		r.last = q.verb[name+1:]
		if len(q.payload) == 0 {
			return ""
		}
	}
	if len(q.payload) == 0 {
		return emptyRequest
	}
	if seq, ok := plainSequence(q.payload); ok {
		r.get.Seq = seq
	} else if json.Unmarshal(q.payload, &r.get) != nil {
		return malformedRequest
	}
	return r.get.fault(r.last != nil)
}

// plainSequence reads a payload like {"seq":12}, which nearly all are that ask by sequence: in 7 ns, instead of
// the 820 ns and the allocation of encoding/json.
func plainSequence(payload []byte) (seq uint64, ok bool) {
	const start, maxDigits = `{"seq":`, 19
	n := len(payload) - len(start) - 1
	if n < 1 || n > maxDigits || string(payload[:len(start)]) != start || payload[len(start)+n] != '}' {
		return 0, false
	}
	digits := payload[len(start) : len(start)+n]
	if digits[0] == '0' && n > 1 {
		return 0, false
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		seq = seq*10 + uint64(c-'0')
	}
	return seq, true
}

// fault says what is wrong with a direct get.
func (q *JSApiMsgGetRequest) fault(bySubject bool) string {
	switch {
	case bySubject && (q.asked() || q.Batch != 0 || q.UpToSeq > 0 || q.UpToTime != nil):
		return badRequest
	case bySubject:
		return ""
	case !q.asked():
		return emptyRequest
	case q.LastFor != "" && (q.Seq > 0 || q.NextFor != "" || q.StartTime != nil || q.Batch != 0 || len(q.MultiLast) > 0),
		q.Seq > 0 && q.StartTime != nil,
		len(q.MultiLast) > 0 && q.NextFor != "",
		q.UpToSeq > 0 && q.UpToTime != nil:
		return badRequest
	}
	return ""
}

func (r *reader) send(q *request, s Stream, m *Message) {
	r.head = r.head[:0]
	if !r.get.NoHeaders {
		r.head = header.AppendEnd(appendOrigin(r.head, m.Header, s.Name(), m.Subject, m.Seq, m.Time))
	}
	r.msg = router.Message{Subject: q.reply, Header: r.head, Payload: m.Body}
	r.session.Reply(&r.msg)
}

func (r *reader) status(q *request, code int, text string) {
	r.head = header.AppendEnd(header.AppendStatus(r.head[:0], code, text))
	r.msg = router.Message{Subject: q.reply, Header: r.head}
	r.session.Reply(&r.msg)
}

// clone copies a request whose memory is about to be used again.
func (q *request) clone() *request {
	return &request{
		from: q.from, verb: bytes.Clone(q.verb), reply: bytes.Clone(q.reply), header: bytes.Clone(q.header), payload: bytes.Clone(q.payload),
	}
}
