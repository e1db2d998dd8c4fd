package nats

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"myelin/internal/auth"
	"myelin/internal/broker"
	"myelin/internal/clock"
	"myelin/internal/gate"
	"myelin/internal/netx"
	"myelin/internal/report"
	"myelin/internal/router"
)

// patience bounds the life of a test that hangs. It is no expectation.
const patience = 5 * time.Minute

// silent is a Logger that drops everything.
type silent struct{}

func (silent) Noticef(string, ...any) {}
func (silent) Errorf(string, ...any)  {}
func (silent) Debugf(string, ...any)  {}
func (silent) Tracef(string, ...any)  {}
func (silent) Warnf(string, ...any)   {}
func (silent) TraceEnabled() bool     { return false }

func testLimits() Limits {
	return Limits{
		MaxControlLine: 4096, MaxPayload: 1 << 20, MaxPending: 64 << 20, MaxConnections: 1000,
		WriteDeadline: 10 * time.Second, PingInterval: 2 * time.Minute, PingMax: 2,
	}
}

// start runs a listener on a free port of the loopback interface until the test ends.
func start(t testing.TB, limits Limits) *Listener {
	t.Helper()
	return startBy(t, limits, clock.Real{})
}

// startBy is start with another clock.
func startBy(t testing.TB, limits Limits, c clock.Clock) *Listener {
	t.Helper()
	l, err := Listen("127.0.0.1", -1, Options{
		Broker: broker.New(router.New(), nil), Gate: openGate(t), Registry: netx.NewRegistry[Guest, report.Conn](100),
		Clock: c, Log: silent{}, PeerLog: silent{}, Settings: Settings{Limits: limits, Info: Info{Headers: true}},
	})
	if err != nil {
		t.Fatal(err)
	}
	go l.Serve()
	t.Cleanup(func() {
		l.StopAccepting()
		l.Close()
	})
	return l
}

// openGate lets everybody in.
func openGate(t testing.TB) *gate.Gate {
	a, err := auth.New(&auth.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return gate.New(a, clock.Real{}, 1)
}

// client is a peer that speaks the protocol by hand.
type client struct {
	t testing.TB
	net.Conn
	in *bufio.Reader
}

const quiet = `CONNECT {"verbose":false,"pedantic":false,"headers":true,"no_responders":true}` + "\r\n"

func dial(t testing.TB, l *Listener) *client {
	t.Helper()
	c := dialRaw(t, l)
	c.send(quiet)
	return c
}

// dialRaw opens a connection that has said nothing yet.
func dialRaw(t testing.TB, l *Listener) *client {
	t.Helper()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	c := &client{t, conn, bufio.NewReaderSize(conn, 64<<10)}
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if line := c.line(); !strings.HasPrefix(line, "INFO ") {
		t.Fatalf("expected INFO, got %q", line)
	}
	return c
}

// expect fails the test unless this line comes next.
func (c *client) expect(want string) {
	c.t.Helper()
	if got := c.line(); got != want {
		c.t.Errorf("got %q instead of %q", got, want)
	}
}

// expectEnd fails the test unless the server hangs up.
func (c *client) expectEnd() {
	c.t.Helper()
	if line, err := c.in.ReadString('\n'); err == nil {
		c.t.Errorf("got %q instead of the end", line)
	}
}

func (c *client) send(format string, args ...any) {
	c.t.Helper()
	if _, err := fmt.Fprintf(c.Conn, format, args...); err != nil {
		c.t.Error(err)
	}
}

func (c *client) line() string {
	c.t.Helper()
	line, err := c.in.ReadString('\n')
	if err != nil {
		c.t.Fatalf("after %q: %v", line, err)
	}
	return strings.TrimRight(line, "\r\n")
}

// frame reads one frame: its control line, and for a message its payload.
func (c *client) frame() (line, payload string) {
	c.t.Helper()
	for line = c.line(); line == "PING"; line = c.line() { // the server's own, two seconds after CONNECT
		c.send("PONG\r\n")
	}
	if !strings.HasPrefix(line, "MSG ") && !strings.HasPrefix(line, "HMSG ") {
		return line, ""
	}
	size, err := strconv.Atoi(line[strings.LastIndexByte(line, ' ')+1:])
	if err != nil {
		c.t.Fatal(err)
	}
	body := make([]byte, size+2)
	if _, err := io.ReadFull(c.in, body); err != nil {
		c.t.Fatal(err)
	}
	return line, string(body[:size])
}

// sync returns the frames up to the answer to a PING.
func (c *client) sync() (frames []string) {
	c.t.Helper()
	c.send("PING\r\n")
	for {
		line, _ := c.frame()
		if line == "PONG" {
			return frames
		}
		frames = append(frames, line)
	}
}

// Once a publisher has the answer to its PING, all that it published stands in the queues of its
// receivers: a receiver that asks afterwards gets the messages before its own answer. Everything that a
// connection is told comes in the order of its operations.
func TestAnswersKeepTheirPlace(t *testing.T) {
	l := start(t, testLimits())
	a, b := dial(t, l), dial(t, l)
	b.send("SUB x 7\r\n")
	b.sync()
	a.send("SUB x 1\r\n")
	a.sync()
	for round := range 50 {
		const n = 200
		a.send("%s", strings.Repeat("PUB x 2\r\nok\r\n", n))
		own := a.sync()
		if len(own) != n {
			t.Fatalf("round %d: the publisher got %d of its own messages before its PONG, want %d", round, len(own), n)
		}
		if got := len(b.sync()); got != n {
			t.Fatalf("round %d: %d messages stood before the PONG, want %d", round, got, n)
		}
	}
	a.send("PUB x 1\r\n1\r\nPING\r\nSUB a..b 2\r\nPUB none x 1\r\n2\r\nPUB x 1\r\n3\r\nPING\r\n")
	want := []string{"MSG x 1 1", "PONG", "-ERR 'Invalid Subject'", "HMSG x 1 36 36", "MSG x 1 1", "PONG"}
	for i, w := range want {
		if line, _ := a.frame(); line != w {
			t.Errorf("answer %d is %q, want %q", i, line, w)
		}
	}
}

// The last words of a connection come after the messages that it was sent before.
func TestFatalErrorComesLast(t *testing.T) {
	l := start(t, testLimits())
	a := dial(t, l)
	a.send("SUB x 1\r\nPUB x 1\r\n1\r\nPUB x 1\r\n2\r\nFOO\r\nPUB x 1\r\n3\r\n")
	rest, err := io.ReadAll(a.in)
	if err != nil {
		t.Fatal(err)
	}
	want := "MSG x 1 1\r\n1\r\nMSG x 1 1\r\n2\r\n-ERR 'Unknown Protocol Operation'\r\n"
	if string(rest) != want {
		t.Fatalf("got %q, want %q", rest, want)
	}
}

// After the answer to the PING that follows an UNSUB, nothing comes for that sid, though publishers had
// gathered messages for it already; and a subscription that takes the sid anew gets its own only.
func TestNothingForAClosedSid(t *testing.T) {
	l := start(t, testLimits())
	var stop atomic.Bool
	var wg sync.WaitGroup
	for range 2 {
		p := dial(t, l)
		wg.Add(2)
		go func() { // the publisher's own answers are read and dropped
			defer wg.Done()
			_, _ = io.Copy(io.Discard, p.in)
		}()
		go func() {
			defer wg.Done()
			block := strings.Repeat("PUB noise 5\r\nnoise\r\n", 500)
			for !stop.Load() {
				p.send("%s", block)
			}
			p.Close()
		}()
	}
	b := dial(t, l)
	for round := range 100 {
		b.send("SUB noise 1\r\n")
		if round%2 == 0 {
			b.sync()
		}
		b.send("UNSUB 1\r\nSUB silence 1\r\n")
		b.sync()
		for _, line := range b.sync() {
			t.Fatalf("round %d: %q after the subscription had ended", round, line)
		}
		b.send("UNSUB 1\r\n")
	}
	stop.Store(true)
	wg.Wait()
}

// A subscription with a maximum gets exactly that many, however many publishers race for the last one,
// and wherever in the stream of operations the maximum was set.
func TestAutoUnsubscribeIsExact(t *testing.T) {
	l := start(t, testLimits())
	const publishers, each, most = 4, 500, 700
	b := dial(t, l)
	b.send("SUB x 1\r\nPUB x 0\r\n\r\nUNSUB 1 %d\r\n", most+1)
	b.sync()
	var wg sync.WaitGroup
	for range publishers {
		p := dial(t, l)
		wg.Add(1)
		go func() {
			defer wg.Done()
			p.send("%s", strings.Repeat("PUB x 1\r\n.\r\n", each))
			p.sync()
		}()
	}
	wg.Wait()
	if got := len(b.sync()); got != most {
		t.Fatalf("%d messages, want %d", got, most)
	}
	if n := l.opt.Broker.Accounts()[0].Router().Stats().Subs; n != 0 {
		t.Fatalf("%d subscriptions remain", n)
	}
	// In one buffer: two before the maximum of one is set, which therefore ends it at once.
	b.send("SUB y 2\r\nPUB y 0\r\n\r\nPUB y 0\r\n\r\nUNSUB 2 1\r\nPUB y 0\r\n\r\nSUB z 3\r\nUNSUB 3 2\r\n%s", strings.Repeat("PUB z 0\r\n\r\n", 5))
	var lines []string
	for _, line := range b.sync() {
		lines = append(lines, line[4:7])
	}
	if got := strings.Join(lines, ","); got != "y 2,y 2,z 3,z 3" {
		t.Fatalf("got %q", got)
	}
}

// A queue member at its maximum is out for the next operation of the same buffer: none is lost.
func TestQueueMemberWithAMaximum(t *testing.T) {
	l := start(t, testLimits())
	a, b := dial(t, l), dial(t, l)
	a.send("SUB q g 1\r\nUNSUB 1 3\r\n")
	a.sync()
	b.send("SUB q g 1\r\n")
	b.sync()
	p := dial(t, l)
	p.send("%s", strings.Repeat("PUB q 0\r\n\r\n", 100))
	p.sync()
	if got, rest := len(a.sync()), len(b.sync()); got != 3 || rest != 97 {
		t.Fatalf("%d and %d messages", got, rest)
	}
}

// Few bytes in may be very many out: they are flushed in pieces, in order.
func TestFanOutIsFlushedInPieces(t *testing.T) {
	l := start(t, testLimits())
	const receivers, messages = 100, 3000
	var wg sync.WaitGroup
	for range receivers {
		r := dial(t, l)
		r.send("SUB x 1\r\n")
		r.sync()
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range messages {
				if _, payload := r.frame(); payload != strconv.Itoa(i) {
					t.Errorf("message %d is %q", i, payload)
					return
				}
			}
		}()
	}
	var block bytes.Buffer
	for i := range messages {
		text := strconv.Itoa(i)
		fmt.Fprintf(&block, "PUB x %d\r\n%s\r\n", len(text), text)
	}
	p := dial(t, l)
	p.send("%s", block.String())
	p.sync()
	wg.Wait()
}

// Messages of one publisher to one receiver stay in order, small and large, through all ways of writing.
func TestOrderAcrossSizes(t *testing.T) {
	l := start(t, testLimits())
	a, b := dial(t, l), dial(t, l)
	b.send("SUB x 1\r\n")
	b.sync()
	sizes := []int{0, 1, 100, 5000, 20_000, 200_000, 1<<20 - 100, 3}
	const rounds = 20
	go func() {
		for i := range rounds * len(sizes) {
			text := strconv.Itoa(i)
			a.send("PUB x %d\r\n%s%s\r\n", len(text)+sizes[i%len(sizes)], text, strings.Repeat(".", sizes[i%len(sizes)]))
			if i%5 == 0 {
				time.Sleep(time.Millisecond) // lets the socket run idle now and then
			}
		}
	}()
	for i := range rounds * len(sizes) {
		_, payload := b.frame()
		if want := strconv.Itoa(i); strings.TrimRight(payload, ".") != want {
			t.Fatalf("message %s came as %.20q", want, payload)
		}
	}
}

// A server that stops still delivers what its clients were owed.
func TestShutdownDeliversWhatWaits(t *testing.T) {
	l := start(t, testLimits())
	b := dial(t, l)
	b.send("SUB x 1\r\n")
	b.sync()
	p := dial(t, l)
	const n, size = 200, 50_000
	p.send("%s", strings.Repeat(fmt.Sprintf("PUB x %d\r\n%s\r\n", size, strings.Repeat(".", size)), n))
	p.sync()
	stopped := make(chan struct{})
	go func() {
		l.StopAccepting()
		l.Close()
		close(stopped)
	}()
	for i := range n {
		if _, payload := b.frame(); len(payload) != size {
			t.Fatalf("message %d has %d bytes", i, len(payload))
		}
	}
	if rest, err := io.ReadAll(b.in); err != nil || len(rest) != 0 {
		t.Fatalf("%q %v", rest, err)
	}
	<-stopped
}

// A publisher that is its own slow receiver is held back, not cut off: here for as long as it takes to read, since the clock by
// which that has an end stands still. It is ahead of the system's, by which the sockets go.
func TestOwnReceiverHoldsBack(t *testing.T) {
	limits := testLimits()
	limits.MaxPending = 2 << 20
	l := startBy(t, limits, clock.NewFake(time.Now().Add(time.Hour)))
	c := dial(t, l)
	const n, size = 8000, 2000
	c.send("SUB x 1\r\n")
	c.sync()
	go c.send("%s", strings.Repeat(fmt.Sprintf("PUB x %d\r\n%s\r\n", size, strings.Repeat(".", size)), n))
	for i := range n {
		if line, payload := c.frame(); len(payload) != size {
			t.Fatalf("message %d: %q with %d bytes", i, line, len(payload))
		}
	}
}

// A write that fails ends the writer, also when the connection is closing for another reason already.
func TestFailedWriteEndsTheWriter(t *testing.T) {
	l := start(t, testLimits())
	near, far := net.Pipe()
	near.Close()
	far.Close()
	c := newConn(l, near)
	c.decide(ReadError)
	chunk := netx.NewChunk(10)
	chunk.B = append(chunk.B, "PONG\r\n"...)
	c.out.queue, c.out.pending, c.out.writing = []*netx.Chunk{chunk}, int64(len(chunk.B)), true
	ended := make(chan struct{})
	go func() {
		c.writeLoop()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(patience):
		t.Fatal("the writer goes on")
	}
	if c.out.pending != 0 || c.out.writing {
		t.Fatalf("%d bytes pending", c.out.pending)
	}
}
