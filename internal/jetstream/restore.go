package jetstream

import (
	"encoding/json"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/nats-io/nuid"

	"myelin/internal/apierr"
	"myelin/internal/broker"
	"myelin/internal/jetstream/wire"
	"myelin/internal/must"
	"myelin/internal/router"
	"myelin/internal/stream"
)

const (
	// restoreIdle is how long a restore waits for its next chunk.
	restoreIdle = 30 * time.Second
	// restoreMaxBytes bounds the chunks of one restore that wait.
	restoreMaxBytes = 64 << 20
)

// JSApiStreamRestoreRequest is what a restore begins with. The state is what the backup says of itself, and
// is not looked at.
type JSApiStreamRestoreRequest struct {
	Config StreamConfig `json:"config"`
	State  StreamState  `json:"state"`
}

type streamRestore struct {
	envelope
	DeliverSubject string `json:"deliver_subject"`
}

func (c *call) streamRestore(resp *streamRestore) *apierr.Error {
	if wire.IsEmpty(c.payload) {
		return apierr.BadRequest.Err()
	}
	var q JSApiStreamRestoreRequest
	if err := c.decode(&q); err != nil {
		return err
	}
	name := c.streamName()
	if q.Config.Name == "" {
		q.Config.Name = name
	}
	if q.Config.Name != name {
		return apierr.StreamMismatch.Err()
	}
	unsealed := q.Config
	unsealed.Sealed = false
	if _, err := stream.Check(unsealed, stream.Bounds{Clustered: true}, false); err != nil {
		return err
	}
	if c.door.streamOf(name) != nil {
		return apierr.StreamNameExistRestoreFailed.Err()
	}
	if !c.door.transfers.begin() {
		return apierr.StreamRestore.With("too many snapshots and restores at a time")
	}
	r := newRestore(c, &q.Config)
	r.bounds, r.maxConsumers = c.consumerBounds(), c.limits.MaxConsumers
	r.tell("RESTORE_CREATE", restoreCreated{r.api.event("restore_create"), name, r.client, r.api.opt.Domain})
	r.session.Subscribe(r.sub)
	go r.run()
	resp.DeliverSubject = r.sub.Pattern
	return nil
}

type restoreCreated struct {
	event
	Stream string  `json:"stream"`
	Client *Client `json:"client,omitempty"`
	Domain string  `json:"domain,omitempty"`
}

type restoreCompleted struct {
	event
	Stream string    `json:"stream"`
	Start  time.Time `json:"start"`
	End    time.Time `json:"end"`
	Bytes  int64     `json:"bytes"`
	Client *Client   `json:"client,omitempty"`
	Domain string    `json:"domain,omitempty"`
}

// restore takes one stream in chunks, each a request that is answered once it was unpacked, and makes the
// stream of them.
type restore struct {
	door    *door
	api     *API
	session *broker.Session
	config  *stream.Config
	bounds  stream.ConsumerBounds
	client  *Client
	start   time.Time
	sub     *router.Sub
	id      uint64 // as a Dest
	bytes   int64  // taken so far

	maxConsumers int // that the stream may have; 0 and less: any number

	mu      sync.Mutex
	queue   []*request
	waiting int           // bytes
	lost    bool          // something was not queued
	more    chan struct{} // told after something was queued
}

func newRestore(c *call, config *stream.Config) *restore {
	r := &restore{
		door: c.door, api: c.door.api, session: c.door.tenant.Open(nil), config: config, client: c.client(),
		start: c.door.api.now(), id: newDestID(), more: make(chan struct{}, 1),
	}
	r.sub = &router.Sub{Pattern: "$JS.SNAPSHOT.RESTORE." + config.Name + "." + nuid.Next(), Sink: r}
	return r
}

// tell publishes an advisory about the stream.
func (r *restore) tell(what string, advisory any) {
	publishEvent(r.api, r.session, "STREAM."+what+"."+r.config.Name, advisory)
	r.session.Flush()
}

// run takes chunks until the last one.
func (r *restore) run() {
	defer r.door.transfers.end()
	source, sink := io.Pipe()
	made := make(chan restored, 1)
	go func() {
		s, err := r.unpack(source)
		source.CloseWithError(err) // the next chunk finds it
		made <- restored{s, err}
	}()
	last, err := r.feed(sink)
	r.session.Unsubscribe(r.sub)
	sink.CloseWithError(err) // nil: that was all
	result := <-made
	if err != nil {
		r.api.opt.Log.Warnf("Restore of stream '%s > %s' ended: %v", r.door.account, r.config.Name, err)
	}
	r.finish(last, result)
	r.session.Rest()
}

// restored is what became of a restore.
type restored struct {
	stream Stream
	err    error
}

var (
	errRestoreIdle = errors.New("nothing came for too long")
	errRestoreLost = errors.New("chunks came faster than they were answered, and some were dropped")
)

// feed writes the chunks to sink. It returns the request that is answered with the outcome, if there is one:
// the empty chunk that ends them, or one that was not taken. The error says why there was no last chunk.
func (r *restore) feed(sink io.Writer) (last *request, err error) {
	for {
		q, lost := r.next()
		if lost {
			return q, errRestoreLost
		}
		if q == nil {
			select {
			case <-r.more:
			case <-r.api.opt.Clock.After(restoreIdle):
				return nil, errRestoreIdle
			case <-r.door.transfers.stop:
				return nil, errStopped
			}
			continue
		}
		if len(q.payload) == 0 {
			return q, nil
		}
		r.bytes += int64(len(q.payload))
		if _, err := sink.Write(q.payload); err != nil {
			return q, err
		}
		r.answer(q, nil)
	}
}

// next returns a chunk, or nil, and whether any was lost.
func (r *restore) next() (q *request, lost bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.queue) == 0 {
		return nil, r.lost
	}
	q = r.queue[0]
	r.queue[0] = nil
	r.queue = r.queue[1:]
	r.waiting -= len(q.payload)
	return q, r.lost
}

func (r *restore) answer(q *request, body []byte) {
	if len(q.reply) > 0 {
		r.session.Reply(&router.Message{Subject: q.reply, Payload: body})
		r.session.Flush()
	}
}

// finish tells what became of the stream.
func (r *restore) finish(last *request, result restored) {
	var resp streamCreated
	resp.begin("stream_create")
	if result.err != nil {
		resp.fail(apierr.StreamRestore.With(result.err.Error()))
	} else {
		c := call{door: r.door, session: r.session}
		resp.StreamInfo = c.changed(result.stream)
		c.streamAction("CREATED", "create", r.config.Name)
	}
	r.tell("RESTORE_COMPLETE", restoreCompleted{
		r.api.event("restore_complete"), r.config.Name, r.start, r.api.now(), r.bytes, r.client, r.api.opt.Domain,
	})
	if last != nil {
		r.answer(last, must.Get(json.Marshal(&resp)))
	}
}

// Deliver implements router.Sink, and the methods after it router.Dest.
func (r *restore) Deliver(m *router.Message, b *router.Batch) bool {
	f := b.To(r, r.id)
	f.Commit(appendFrame(f.Reserve(frameBound(nil, m)), nil, m), nil, 0)
	return true
}

// Push queues chunks. Who does not wait for answers and sends too much has its restore fail.
func (r *restore) Push(f *router.Frames) router.Answer {
	r.mu.Lock()
	full := r.waiting > 0 && r.waiting+f.Bytes > restoreMaxBytes
	r.lost = r.lost || full
	for _, chunk := range f.Chunks {
		if !full {
			before := len(r.queue)
			r.queue = appendRequests(r.queue, chunk)
			for _, q := range r.queue[before:] {
				r.waiting += len(q.payload)
			}
		}
		chunk.Free()
	}
	r.mu.Unlock()
	f.Chunks = f.Chunks[:0]
	select {
	case r.more <- struct{}{}:
	default:
	}
	return router.Taken
}

func (r *restore) Relief() (<-chan struct{}, bool) { return r.door.lanes.Relief() }

func (r *restore) Unpack(*router.Frames, func(*router.Sub, *router.Message)) {}
