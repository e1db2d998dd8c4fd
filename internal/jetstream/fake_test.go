package jetstream

import (
	"bytes"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"myelin/internal/apierr"
	"myelin/internal/auth"
	"myelin/internal/broker"
	"myelin/internal/clock"
	"myelin/internal/engine"
	"myelin/internal/machine"
	"myelin/internal/meta"
	"myelin/internal/router"
	"myelin/internal/stream"
	"myelin/internal/subject"
	"myelin/internal/vfs"
)

// fakeEngine is a log plane without a log: machines and their messages in memory.
type fakeEngine struct {
	api    *API
	routes *router.Router
	clock  clock.Clock

	mu      sync.Mutex
	streams map[string]*fakeStream
}

type fakeStream struct {
	engine *fakeEngine
	sub    []*router.Sub
	id     uint64
	outlet *Outlet

	mu     sync.Mutex
	state  stream.State
	bodies map[uint64]Message
}

func (e *fakeEngine) Create(_ string, cfg stream.Config, pedantic bool) (Stream, bool, *apierr.Error) {
	c, err := stream.Check(cfg, stream.Bounds{}, pedantic)
	if err != nil {
		return nil, false, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if s := e.streams[c.Name]; s != nil {
		if !s.Config().Equal(c) {
			return nil, false, apierr.StreamNameExist.Err()
		}
		return s, false, nil
	}
	for _, other := range e.streams {
		for _, mine := range c.Subjects {
			if slices.ContainsFunc(other.Config().Subjects, func(s string) bool { return subject.Overlap(s, mine) }) {
				return nil, false, apierr.StreamSubjectOverlap.Err()
			}
		}
	}
	s := &fakeStream{engine: e, id: newDestID(), bodies: map[uint64]Message{}}
	s.outlet = e.api.Outlet(e.api.opt.Broker.Account(auth.GlobalAccount), c.Name, s.Config)
	s.apply(stream.Configure{Config: c}.Encode(nil), nil)
	s.listen(c.Subjects)
	e.streams[c.Name] = s
	return s, true, nil
}

func (e *fakeEngine) Update(_ string, cfg stream.Config, pedantic bool) (Stream, *apierr.Error) {
	e.mu.Lock()
	s := e.streams[cfg.Name]
	e.mu.Unlock()
	if s == nil {
		cfg.Sealed = false
		if _, err := stream.Check(cfg, stream.Bounds{Clustered: true}, pedantic); err != nil {
			return nil, err
		}
		return nil, apierr.StreamNotFound.Err()
	}
	c, err := stream.CheckUpdate(s.Config(), cfg, stream.Bounds{}, pedantic)
	if err != nil {
		return nil, err
	}
	if r := s.Propose(stream.Configure{Config: c}.Encode(nil), true); r.Err != nil {
		return nil, r.Err
	}
	s.listen(c.Subjects)
	return s, nil
}

// listen subscribes a stream to its subjects.
func (s *fakeStream) listen(subjects []string) {
	for _, sub := range s.sub {
		s.engine.routes.Unsubscribe(sub)
	}
	s.sub = nil
	for _, pattern := range subjects {
		sub := &router.Sub{Pattern: pattern, Sink: s}
		s.sub = append(s.sub, sub)
		s.engine.routes.Subscribe(sub)
	}
}

func (e *fakeEngine) Delete(_, name string) *apierr.Error {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.streams[name]
	if s == nil {
		return apierr.StreamNotFound.Err()
	}
	s.listen(nil)
	delete(e.streams, name)
	return nil
}

func (e *fakeEngine) Find(account string, name []byte) Stream { return e.Stream(account, string(name)) }

func (e *fakeEngine) Stream(_, name string) Stream {
	e.mu.Lock()
	defer e.mu.Unlock()
	if s := e.streams[name]; s != nil {
		return s
	}
	return nil
}

func (e *fakeEngine) Streams(string) (list []Stream) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, s := range e.streams {
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b Stream) int { return strings.Compare(a.Name(), b.Name()) })
	return list
}

func (e *fakeEngine) Usage(account string) (u Usage) {
	for _, s := range e.Streams(account) {
		used := &u.Storage
		if s.Config().Storage == stream.Memory {
			used = &u.Memory
		}
		s.View(func(state *stream.State) { *used += int64(state.Info().Bytes) })
		u.Streams++
	}
	return u
}

// fakeRestore is a stream that shows when it is finished.
type fakeRestore struct {
	*fakeStream
	config *stream.Config
	err    error
}

func (e *fakeEngine) Restore(account string, cfg stream.Config) (Restore, *apierr.Error) {
	if e.Stream(account, cfg.Name) != nil {
		return nil, apierr.StreamNameExist.Err()
	}
	sealed := cfg.Sealed
	cfg.Sealed = false
	c, err := stream.Check(cfg, stream.Bounds{}, false)
	if err != nil {
		return nil, err
	}
	s := &fakeStream{engine: e, id: newDestID(), bodies: map[uint64]Message{}}
	s.outlet = e.api.Outlet(e.api.opt.Broker.Account(auth.GlobalAccount), c.Name, s.Config)
	s.apply(stream.Configure{Config: c}.Encode(nil), nil)
	final := *c
	final.Sealed = sealed
	return &fakeRestore{fakeStream: s, config: &final}, nil
}

func (r *fakeRestore) Add(m *Message) error {
	c := stream.Copy{Origin: stream.Backup, Seq: m.Seq, Time: m.Time}
	c.Append = stream.Append{Span: 1, Subject: m.Subject, Header: m.Header, Body: m.Body}
	if reply := r.apply(c.Encode(nil), nil); reply.Err != nil {
		r.err = reply.Err
	}
	return r.err
}

func (r *fakeRestore) Finish(last uint64) (Stream, error) {
	if r.err != nil {
		return nil, r.err
	}
	r.apply(stream.Skip{Origin: stream.Backup, Seq: last}.Encode(nil), nil)
	r.apply(stream.Configure{Config: r.config}.Encode(nil), nil)
	r.listen(r.config.Subjects)
	r.engine.mu.Lock()
	defer r.engine.mu.Unlock()
	r.engine.streams[r.config.Name] = r.fakeStream
	return r.fakeStream, nil
}

func (r *fakeRestore) AddConsumer(*stream.ConsumerRecord) {}
func (r *fakeRestore) AddLetters([]byte) error            { return nil }

func (r *fakeRestore) Abandon() error { return nil }

func (s *fakeStream) Name() string { return s.Config().Name }

func (s *fakeStream) Config() (c *stream.Config) {
	s.View(func(state *stream.State) { c = state.Config() })
	return c
}

func (s *fakeStream) Created() (t time.Time) {
	s.View(func(state *stream.State) { t = time.Unix(0, state.Created()) })
	return t
}

func (s *fakeStream) View(fn func(*stream.State)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fn(&s.state)
}

func (s *fakeStream) Read(seq uint64, buf []byte) (Message, []byte, error) {
	return s.ReadFound(func(*stream.State) uint64 { return seq }, buf)
}

func (s *fakeStream) ReadFound(find func(*stream.State) uint64, buf []byte) (Message, []byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seq := find(&s.state)
	m, ok := s.bodies[seq]
	if _, lives := s.state.Get(seq); !ok || !lives {
		return Message{}, buf, ErrNotFound
	}
	n, h := len(m.Subject), len(m.Header)
	buf = append(append(append(buf[:0], m.Subject...), m.Header...), m.Body...)
	m.Subject, m.Header, m.Body = buf[:n:n], buf[n:n+h:n+h], buf[n+h:]
	return m, buf, nil
}

// Origins are never heard of.
func (s *fakeStream) Origins() (list []Origin) {
	c := s.Config()
	if c.Mirror != nil {
		list = append(list, Origin{Mirror: true, Source: c.Mirror, Active: -1})
	}
	for i := range c.Sources {
		list = append(list, Origin{Source: &c.Sources[i], Active: -1})
	}
	return list
}

// A fakeStream has no consumers, so that nothing dies.

func (*fakeStream) Outbox() *stream.OutboxStatus { return nil }
func (*fakeStream) Incarnation() [16]byte        { return [16]byte{1} }

func (s *fakeStream) Consumer(string) *Consumer                     { return nil }
func (s *fakeStream) FindConsumer([]byte) *Consumer                 { return nil }
func (s *fakeStream) Consumers() []*Consumer                        { return nil }
func (s *fakeStream) ConsumerStatuses([]*Consumer) []ConsumerStatus { return nil }
func (s *fakeStream) DropConsumer(string) *apierr.Error             { return apierr.ConsumerNotFound.Err() }
func (s *fakeStream) PauseConsumer(string, int64) *apierr.Error     { return apierr.ConsumerNotFound.Err() }
func (s *fakeStream) ResetConsumer(string, uint64) (*stream.ConsumerView, *apierr.Error) {
	return nil, apierr.ConsumerNotFound.Err()
}

func (s *fakeStream) Propose(command []byte, _ bool) stream.Reply { return s.apply(command, nil) }
func (s *fakeStream) ProposeConsumer(a stream.AddConsumer) stream.Reply {
	return s.apply(a.Encode(nil), nil)
}

func (s *fakeStream) DeleteMessage(seq uint64, erase bool) stream.Reply {
	return s.Propose(stream.Delete{Seq: seq, Erase: erase}.Encode(nil), true)
}

// apply is a turn of one command.
func (s *fakeStream) apply(command, reply []byte) stream.Reply {
	var fx stream.Effects
	s.mu.Lock()
	s.state.Apply(machine.Entry{Time: s.engine.clock.Now().UnixNano(), Data: command}, &fx)
	for _, m := range fx.Stored {
		s.bodies[m.Seq] = Message{Seq: m.Seq, Time: m.Time, Subject: bytes.Clone(m.Subject), Header: bytes.Clone(m.Header), Body: bytes.Clone(m.Body)}
	}
	republish := s.state.Config() != nil && s.state.Config().Republish != nil
	s.mu.Unlock()
	for i := range fx.Stored {
		if republish {
			s.outlet.Stored(&fx.Stored[i])
		}
	}
	if len(reply) > 0 {
		s.outlet.Ack(reply, &fx.Replies[0])
	}
	s.outlet.Flush()
	return fx.Replies[0]
}

// Deliver implements router.Sink, and the methods after it router.Dest.
func (s *fakeStream) Deliver(m *router.Message, b *router.Batch) bool {
	f := b.To(s, s.id)
	f.Commit(appendFrame(f.Reserve(frameBound(m.Subject, m)), m.Subject, m), nil, 0)
	return true
}

func (s *fakeStream) Push(f *router.Frames) router.Answer {
	for _, chunk := range f.Chunks {
		for b := chunk.B; len(b) > 0; {
			var q request
			q, b = cutFrame(b)
			a := stream.Append{Span: 1, Subject: q.verb, Header: q.header, Body: q.payload}
			s.apply(a.Encode(nil), q.reply)
		}
		chunk.Free()
	}
	f.Chunks = f.Chunks[:0]
	return router.Taken
}

func (s *fakeStream) Relief() (<-chan struct{}, bool)                           { return nil, false }
func (s *fakeStream) Unpack(*router.Frames, func(*router.Sub, *router.Message)) {}

// tester is a client of an API inside of the process.
type tester struct {
	api     *API
	broker  *broker.Broker
	clock   *clock.Fake
	session *broker.Session
	inbox   *inbox
}

// inbox is a subscriber that keeps what it gets.
type inbox struct {
	router.Sub
	mu  sync.Mutex
	got []received
	// more is told of each message, if nobody was told yet.
	more chan struct{}
}

type received struct{ subject, reply, header, body string }

func (i *inbox) Deliver(m *router.Message, _ *router.Batch) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.got = append(i.got, received{string(m.Subject), string(m.Reply), string(m.Header), string(m.Payload)})
	select {
	case i.more <- struct{}{}:
	default:
	}
	return true
}

// wait returns what came since the last time, once it is n messages.
func (i *inbox) wait(t testing.TB, n int) []received {
	t.Helper()
	got := i.await(n)
	if len(got) < n {
		t.Fatalf("%d of %d messages", len(got), n)
	}
	return got
}

// await is wait that gives up after a while.
func (i *inbox) await(n int) []received {
	for given := time.After(patience); ; {
		i.mu.Lock()
		enough := len(i.got) >= n
		i.mu.Unlock()
		if enough {
			return i.take()
		}
		select {
		case <-i.more:
		case <-given:
			return i.take()
		}
	}
}

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

// take returns what came since the last time.
func (i *inbox) take() []received {
	i.mu.Lock()
	defer i.mu.Unlock()
	got := i.got
	i.got = nil
	return got
}

type testLog struct{ t testing.TB }

func (l testLog) Noticef(string, ...any)            {}
func (l testLog) Warnf(format string, args ...any)  { l.t.Logf(format, args...) }
func (l testLog) Errorf(format string, args ...any) { l.t.Errorf(format, args...) }

// newTester starts an API over a fake engine.
func newTester(t testing.TB, change func(*Options)) *tester {
	return newTesterOf(t, change, func(api *API, routes *router.Router, c clock.Clock) Engine {
		return &fakeEngine{api: api, routes: routes, clock: c, streams: map[string]*fakeStream{}}
	})
}

// newEngineTester starts an API over an engine.
func newEngineTester(t testing.TB) *tester { return newEngineTesterIn(t, "") }

// newEngineTesterIn does so in a domain.
func newEngineTesterIn(t testing.TB, domain string) *tester {
	return newEngineTesterWith(t, func(o *Options) { o.Domain = domain })
}

// newEngineTesterWith does so with other options.
func newEngineTesterWith(t testing.TB, change func(*Options)) *tester {
	return newTesterOf(t, change, func(api *API, routes *router.Router, c clock.Clock) Engine {
		e, err := engine.Open(engine.Options{
			FS: vfs.NewMem(), Dir: "store", Clock: c, Log: testLog{t}, Limits: meta.Unlimited(),
			Router: func(string) *router.Router { return routes }, Outlet: api.OutletOf, Courier: api.CourierOf,
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := e.Close(); err != nil {
				t.Error(err)
			}
		})
		return Hosted{e}
	})
}

// newTesterOf starts an API over the engine that is made.
func newTesterOf(t testing.TB, change func(*Options), make func(*API, *router.Router, clock.Clock) Engine) *tester {
	routes := router.New()
	b := broker.New(routes, nil)
	c := clock.NewFake(time.Date(2026, 1, 2, 3, 4, 5, 678, time.UTC))
	opt := Options{Broker: b, Clock: c, Log: testLog{t}, Server: "stock", Version: "2.15.0-dev"}
	if change != nil {
		change(&opt)
	}
	api := New(opt)
	api.Start(make(api, routes, c))
	t.Cleanup(api.Close)
	x := &tester{api: api, broker: b, clock: c, session: b.Open(nil)}
	x.inbox = x.listen("_I.>")
	return x
}

func (x *tester) listen(pattern string) *inbox {
	i := &inbox{more: make(chan struct{}, 1)}
	i.Pattern, i.Sink = pattern, i
	x.session.Subscribe(&i.Sub)
	return i
}

// publish sends a message and waits until the API has done all that follows. It returns how many took it.
func (x *tester) publish(subject, reply, head, body string) int {
	m := &router.Message{Subject: []byte(subject), Reply: []byte(reply), Header: []byte(head), Payload: []byte(body)}
	taken := x.session.Publish(m)
	x.session.Flush()
	x.settle()
	return taken
}

// settle waits until no request is being worked on.
func (x *tester) settle() {
	for _, d := range x.api.doors {
		d.direct.workers.Wait() // may hand to lanes
		d.lanes.workers.Wait()
	}
}

// settleStreams waits until all streams have stored what was published.
func (x *tester) settleStreams() {
	for _, s := range x.api.engine.Streams(auth.GlobalAccount) {
		s.Propose(stream.Tick{}.Encode(nil), true)
	}
}

// request returns the answers to one request; a 503 if nobody took it.
func (x *tester) request(subject, head, body string) []received {
	if x.publish(subject, "_I.1", head, body) == 0 {
		return []received{noResponders(subject)}
	}
	return x.inbox.take()
}
