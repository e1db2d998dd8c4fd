package jetstream

import (
	"encoding/json"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/klauspost/compress/s2"
	"github.com/nats-io/nuid"

	"myelin/internal/apierr"
	"myelin/internal/broker"
	"myelin/internal/engine"
	"myelin/internal/header"
	"myelin/internal/jetstream/wire"
	"myelin/internal/router"
	"myelin/internal/stream"
	"myelin/internal/subject"
)

// Bounds of a snapshot.
const (
	defaultChunkBytes  = 128 << 10
	minChunkBytes      = 1 << 10
	maxChunkBytes      = 1 << 20
	defaultWindowBytes = 8 << 20
	maxWindowBytes     = 32 << 20
	interestWait       = 2 * time.Second // for somebody who listens
	interestStep       = 50 * time.Millisecond
	narrowWait         = 500 * time.Millisecond // for somebody who listens on nothing else
	flowWait           = 5 * time.Second        // for the next acknowledgement
	// maxTransfers bounds the snapshots and restores of an account at a time.
	maxTransfers = 32
)

type JSApiStreamSnapshotRequest struct {
	DeliverSubject string `json:"deliver_subject"`
	NoConsumers    bool   `json:"no_consumers,omitempty"`
	ChunkSize      int    `json:"chunk_size,omitempty"`
	WindowSize     int    `json:"window_size,omitempty"`
	CheckMsgs      bool   `json:"jsck,omitempty"`
}

type streamSnapshot struct {
	envelope
	Config *stream.Config `json:"config,omitempty"`
	State  *StreamState   `json:"state,omitempty"`
}

func (c *call) streamSnapshot(resp *streamSnapshot) *apierr.Error {
	if wire.IsEmpty(c.payload) {
		return apierr.BadRequest.Err()
	}
	s, err := c.stream()
	if err != nil {
		return err
	}
	var q JSApiStreamSnapshotRequest
	if err := c.decode(&q); err != nil {
		return err
	}
	if !subject.ValidLiteral(q.DeliverSubject) {
		return apierr.SnapshotDeliverSubjectInvalid.Err()
	}
	if !c.door.transfers.begin() {
		return apierr.StreamSnapshot.With("too many snapshots and restores at a time")
	}
	t := newSnapshot(c, s, &q)
	resp.Config, resp.State = c.door.api.infoOf(s).Config, &t.state
	c.after = func() {
		t.tell("SNAPSHOT_CREATE", snapshotCreated{t.api.event("snapshot_create"), t.name, t.state, t.client, t.api.opt.Domain})
		go t.run()
	}
	return nil
}

type snapshotCreated struct {
	event
	Stream string      `json:"stream"`
	State  StreamState `json:"state"`
	Client *Client     `json:"client,omitempty"`
	Domain string      `json:"domain,omitempty"`
}

type snapshotCompleted struct {
	event
	Stream string    `json:"stream"`
	Start  time.Time `json:"start"`
	End    time.Time `json:"end"`
	Client *Client   `json:"client,omitempty"`
	Error  string    `json:"error,omitempty"`
	Domain string    `json:"domain,omitempty"`
}

// transfers count the snapshots and restores of a door, and end them.
type transfers struct {
	mu      sync.Mutex
	running int
	closed  bool
	stop    chan struct{} // closed by close
	done    sync.WaitGroup
}

func (t *transfers) init() { t.stop = make(chan struct{}) }

// begin reports whether there may be one more; end follows it.
func (t *transfers) begin() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || t.running == maxTransfers {
		return false
	}
	t.running++
	t.done.Add(1)
	return true
}

func (t *transfers) end() {
	t.mu.Lock()
	t.running--
	t.mu.Unlock()
	t.done.Done()
}

// close ends all and waits for that.
func (t *transfers) close() {
	t.mu.Lock()
	if !t.closed {
		t.closed = true
		close(t.stop)
	}
	t.mu.Unlock()
	t.done.Wait()
}

// snapshot sends one stream in chunks, of which so many bytes may be under way as the window says.
type snapshot struct {
	door    *door
	api     *API
	session *broker.Session
	stream  Stream
	name    string
	state   StreamState
	records []stream.ConsumerRecord // as of the same moment
	letters *stream.Letters         // then, too; nil: none
	client  *Client
	start   time.Time
	deliver []byte
	chunk   []byte // gathered; its capacity is the size of a chunk
	window  int

	ackSubject string // what acknowledgements begin with
	acks       chan int
	sent       int // chunks
	underWay   int // bytes
}

func newSnapshot(c *call, s Stream, q *JSApiStreamSnapshotRequest) *snapshot {
	orDefault := func(n, otherwise int) int {
		if n <= 0 {
			return otherwise
		}
		return n
	}
	chunk := min(max(orDefault(q.ChunkSize, defaultChunkBytes), minChunkBytes), maxChunkBytes)
	t := &snapshot{
		door: c.door, api: c.door.api, session: c.door.tenant.Open(nil), stream: s, name: s.Name(),
		client: c.client(), start: c.door.api.now(), deliver: []byte(q.DeliverSubject), chunk: make([]byte, 0, chunk),
		window:     min(orDefault(q.WindowSize, defaultWindowBytes), maxWindowBytes),
		ackSubject: "$JS.SNAPSHOT.ACK." + s.Name() + "." + nuid.Next() + ".",
		acks:       make(chan int, maxWindowBytes/minChunkBytes),
	}
	s.View(func(state *stream.State) { t.look(state, !q.NoConsumers) })
	return t
}

// look notes how the stream is, and how its consumers are if they are wanted.
func (t *snapshot) look(state *stream.State, consumers bool) {
	t.state = stateOf(state.Info())
	t.state.Consumers = state.NumShownConsumers()
	t.letters = state.Letters()
	if !consumers {
		return
	}
	for view := range state.Consumers() {
		if !engine.Copies(view.Config) {
			rec, _ := state.ConsumerRecord(view.Number)
			t.records = append(t.records, rec)
		}
	}
}

// silence is why a snapshot ends early; the text is that of its last message.
type silence string

func (s silence) Error() string { return string(s) }

const (
	errNoInterest = silence("No Interest")
	errNoFlow     = silence("No Flow Response")
)

var errStopped = errors.New("server is shutting down")

func (t *snapshot) run() {
	defer t.door.transfers.end()
	sub := &router.Sub{Pattern: t.ackSubject + ">", Sink: t}
	t.session.Subscribe(sub)
	err := t.send()
	t.session.Unsubscribe(sub)
	done := snapshotCompleted{Stream: t.name, Start: t.start, End: t.api.now(), Client: t.client, Domain: t.api.opt.Domain}
	switch {
	case err == nil:
		t.last(nil)
	case errors.Is(err, errNoInterest), errors.Is(err, errNoFlow):
		t.status(408, err.Error())
	default:
		t.status(500, err.Error())
		t.api.opt.Log.Warnf("Snapshot of stream '%s > %s' failed: %v", t.door.account, t.name, err)
	}
	if err != nil {
		done.Error = err.Error()
	}
	done.event = t.api.event("snapshot_complete")
	t.tell("SNAPSHOT_COMPLETE", done)
	t.session.Rest()
}

// tell publishes an advisory about the stream.
func (t *snapshot) tell(what string, advisory any) {
	publishEvent(t.api, t.session, "STREAM."+what+"."+t.name, advisory)
	t.session.Flush()
}

func (t *snapshot) status(code int, text string) {
	t.last(header.AppendEnd(header.AppendStatus(nil, code, text)))
}

// last sends what follows the chunks: a message without a body, with a header if something went wrong.
func (t *snapshot) last(head []byte) {
	t.session.Publish(&router.Message{Subject: t.deliver, Header: head})
	t.session.Flush()
}

// send sends the archive.
func (t *snapshot) send() error {
	if err := t.waitInterest(); err != nil {
		return err
	}
	packed := s2.NewWriter(t, s2.WriterConcurrency(1))
	a, err := newArchiveWriter(packed)
	if err != nil {
		return err
	}
	state, err := json.Marshal(t.archived())
	if err != nil {
		return err
	}
	if err := a.add(&entry{Name: []byte(archiveState), Body: state, Time: t.start.UnixNano()}); err != nil {
		return err
	}
	if err := t.consumers(a); err != nil {
		return err
	}
	if err := t.messages(a); err != nil {
		return err
	}
	if err := errors.Join(a.close(), packed.Close()); err != nil {
		return err
	}
	return t.flush(nil)
}

// archived is what the archive says of the stream.
func (t *snapshot) archived() *archivedStream {
	a := &archivedStream{StreamState: t.state}
	if t.letters == nil {
		return a
	}
	data, left := t.letters.Encode(nil, t.stream.Incarnation())
	if left > 0 {
		t.api.opt.Log.Warnf("Snapshot of stream '%s > %s' leaves %d dead letters behind: there are too many", t.door.account, t.name, left)
	}
	t.letters, a.Own = nil, &archivedLetters{data}
	return a
}

// consumers writes those that the stream had at the start, as they were then.
func (t *snapshot) consumers(a *archiveWriter) error {
	for i := range t.records {
		body, err := archived(&t.records[i])
		if err != nil {
			return err
		}
		if err := a.add(&entry{Name: []byte(archiveConsume + t.records[i].Config.Name), Body: body, Time: t.start.UnixNano()}); err != nil {
			return err
		}
		t.records[i] = stream.ConsumerRecord{} // it may be large
	}
	return nil
}

// waitInterest waits for somebody who listens. Many clients subscribe to the subject itself when they have the
// response, but hear all of their inbox before that, and drop what comes there: so a subscription to the
// subject alone is waited for a little longer than any.
func (t *snapshot) waitInterest() error {
	for waited := time.Duration(0); waited <= interestWait; waited += interestStep {
		wide, narrow := false, false
		t.session.Matching(t.deliver, func(sub *router.Sub) bool {
			wide, narrow = true, sub.Pattern == string(t.deliver)
			return !narrow
		})
		if narrow || wide && waited >= narrowWait {
			return nil
		}
		select {
		case <-t.api.opt.Clock.After(interestStep):
		case <-t.door.transfers.stop:
			return errStopped
		}
	}
	return errNoInterest
}

// messages writes those that the stream had at the start and still has.
func (t *snapshot) messages(a *archiveWriter) error {
	var buf []byte
	for seq := max(t.state.FirstSeq, 1); ; seq++ {
		t.stream.View(func(state *stream.State) { seq = next(state, seq, "") })
		if seq == 0 || seq > t.state.LastSeq {
			return nil
		}
		m, b, err := t.stream.Read(seq, buf[:0])
		buf = b
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if err := a.add(&entry{Name: m.Subject, Header: m.Header, Body: m.Body, Seq: m.Seq, Time: m.Time}); err != nil {
			return err
		}
	}
}

// Write implements io.Writer: it sends what makes up whole chunks.
func (t *snapshot) Write(b []byte) (int, error) {
	n := len(b)
	for len(b) > 0 {
		part := min(len(b), cap(t.chunk)-len(t.chunk))
		t.chunk = append(t.chunk, b[:part]...)
		b = b[part:]
		if len(t.chunk) < cap(t.chunk) {
			break
		}
		if err := t.waitWindow(); err != nil {
			return 0, err
		}
		t.sent++
		t.underWay += len(t.chunk)
		reply := []byte(t.ackSubject + strconv.Itoa(len(t.chunk)) + "." + strconv.Itoa(t.sent))
		if err := t.flush(reply); err != nil {
			return 0, err
		}
	}
	return n, nil
}

// flush sends what was gathered. The last chunk is not acknowledged.
func (t *snapshot) flush(reply []byte) error {
	if len(t.chunk) > 0 {
		t.session.Publish(&router.Message{Subject: t.deliver, Reply: reply, Payload: t.chunk})
		t.session.Flush()
		t.chunk = t.chunk[:0]
	}
	return nil
}

// waitWindow waits until one more chunk may be under way.
func (t *snapshot) waitWindow() error {
	for t.underWay > 0 && t.underWay+len(t.chunk) > t.window {
		select {
		case n := <-t.acks:
			t.underWay -= min(n, t.underWay)
		case <-t.api.opt.Clock.After(flowWait):
			return errNoFlow
		case <-t.door.transfers.stop:
			return errStopped
		}
	}
	return nil
}

// Deliver implements router.Sink for acknowledgements, whose subjects end in <bytes>.<number>.
func (t *snapshot) Deliver(m *router.Message, _ *router.Batch) bool {
	if len(m.Subject) <= len(t.ackSubject) {
		return false
	}
	n, err := strconv.Atoi(string(token(m.Subject[len(t.ackSubject):], 0)))
	if err != nil || n <= 0 {
		return false
	}
	select {
	case t.acks <- n:
	default: // more than can be under way
	}
	return true
}
