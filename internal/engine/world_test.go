package engine

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"myelin/internal/apierr"
	"myelin/internal/clock"
	"myelin/internal/meta"
	"myelin/internal/router"
	"myelin/internal/stream"
	"myelin/internal/vfs"
)

const account = "$G"

// patience bounds the life of a test that hangs. It is no expectation.
const patience = time.Minute

// logs collects what an engine has to say.
type logs struct {
	t  testing.TB
	mu sync.Mutex
	// loud are warnings and errors.
	loud []string
}

func (l *logs) Noticef(string, ...any) {}
func (l *logs) Warnf(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.loud = append(l.loud, fmt.Sprintf(format, args...))
}
func (l *logs) Errorf(format string, args ...any) { l.Warnf(format, args...) }

func (l *logs) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.loud...)
}

// acks is an Outlet that counts and keeps what publishers are told.
type acks struct {
	mu   sync.Mutex
	got  map[string]stream.Reply
	wake chan struct{}
	held []ack
}

type ack struct {
	to string
	r  stream.Reply
}

func newAcks() *acks { return &acks{got: map[string]stream.Reply{}, wake: make(chan struct{}, 1)} }

func (a *acks) Ack(reply []byte, r *stream.Reply) { a.held = append(a.held, ack{string(reply), *r}) }
func (a *acks) Stored(*stream.Stored)             {}
func (a *acks) Abandoned(stream.Abandoned)        {}
func (a *acks) Acknowledged(reply []byte)         { a.held = append(a.held, ack{to: string(reply)}) }
func (a *acks) Flush() {
	a.mu.Lock()
	for _, h := range a.held {
		a.got[h.to] = h.r
	}
	a.held = a.held[:0]
	a.mu.Unlock()
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

func (a *acks) wait(t testing.TB, n int) map[string]stream.Reply {
	t.Helper()
	for {
		a.mu.Lock()
		if len(a.got) >= n {
			got := a.got
			a.got = map[string]stream.Reply{}
			a.mu.Unlock()
			return got
		}
		have := len(a.got)
		a.mu.Unlock()
		select {
		case <-a.wake:
		case <-time.After(patience):
			t.Fatalf("%d of %d acknowledgements", have, n)
		}
	}
}

// node is an engine over a file system, with a message plane.
type node struct {
	*Engine
	t      testing.TB
	routes *router.Router
	acks   *acks
	post   *post
	logs   *logs
}

func options(t testing.TB, fs vfs.FS, n *node) Options {
	return Options{
		FS: fs, Dir: "store", Clock: clock.Real{}, Log: n.logs,
		Router: func(string) *router.Router { return n.routes },
		Outlet: func(*Stream) Outlet { return n.acks }, Courier: func(*Stream) Courier { return n.post },
		Limits: meta.Unlimited(),
		// small, so that everything happens often
		SegmentBytes: 256 << 10, LogBytes: 1 << 20,
	}
}

func open(t testing.TB, fs vfs.FS, change ...func(*Options)) (*node, error) {
	n := &node{t: t, routes: router.New(), acks: newAcks(), post: newPost(), logs: &logs{t: t}}
	o := options(t, fs, n)
	for _, c := range change {
		c(&o)
	}
	var err error
	n.Engine, err = Open(o)
	return n, err
}

func mustOpen(t testing.TB, fs vfs.FS, change ...func(*Options)) *node {
	t.Helper()
	n, err := open(t, fs, change...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	return n
}

func (n *node) create(name string, change ...func(*stream.Config)) *Stream {
	n.t.Helper()
	s, _, err := n.tryCreate(name, change...)
	if err != nil {
		n.t.Fatal(err)
	}
	return s
}

func (n *node) tryCreate(name string, change ...func(*stream.Config)) (*Stream, bool, *apierr.Error) {
	cfg := stream.Config{Name: name, Subjects: []string{name + ".>"}}
	for _, c := range change {
		c(&cfg)
	}
	return n.Create(account, cfg, false)
}

// publish sends messages through the router, as a connection would, and waits for their answers.
func (n *node) publish(subject string, count, size int) map[string]stream.Reply {
	n.t.Helper()
	p := n.routes.Publisher(nil)
	for i := range count {
		body := make([]byte, size)
		copy(body, fmt.Sprintf("%d", i))
		m := &router.Message{Subject: []byte(subject), Reply: fmt.Appendf(nil, "r.%d", i), Payload: body}
		if p.Publish(m) != 1 {
			n.t.Fatalf("%s reaches no stream", subject)
		}
	}
	p.Flush()
	return n.acks.wait(n.t, count)
}

// publishMany sends one message to each of so many subjects.
func (n *node) publishMany(prefix string, count, size int) {
	n.t.Helper()
	p := n.routes.Publisher(nil)
	for i := range count {
		m := &router.Message{Subject: fmt.Appendf(nil, "%s.%d", prefix, i), Reply: fmt.Appendf(nil, "r.%d", i), Payload: make([]byte, size)}
		p.Publish(m)
	}
	p.Flush()
	n.acks.wait(n.t, count)
}
