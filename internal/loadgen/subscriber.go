package loadgen

import (
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// A Subscriber counts what arrives on one connection.
type Subscriber struct {
	conn     *Conn
	received atomic.Int64
	bytes    atomic.Int64 // of payloads and headers
	first    atomic.Int64 // when the first message arrived, Unix nanoseconds
	last     atomic.Int64 // when the last message arrived

	// Owned by the reading goroutine.
	count   int64 // not yet added to received
	size    int64
	now     int64 // time of the current read, when it brought messages
	latency *hdrhistogram.Histogram

	muted atomic.Bool // do not record latencies for now
}

// NewSubscriber returns a subscriber for conn, which still has to SUB. With
// uniform, all messages that arrive must have frames of one size: same length
// of subject, subscription id and payload; counting them is then nearly free.
func NewSubscriber(conn *Conn, uniform bool) *Subscriber {
	conn.in.uniform = uniform
	return &Subscriber{conn: conn}
}

// RecordLatency makes the subscriber read the stamps in payloads. It is called
// before Run.
func (s *Subscriber) RecordLatency() {
	s.latency = newHistogram()
	s.conn.in.wantHead = stampBytes
}

// Mute stops or resumes the recording of latencies, so that a warm-up can be
// left out.
func (s *Subscriber) Mute(on bool) { s.muted.Store(on) }

// Latency returns what was recorded; it is read after Run has returned.
func (s *Subscriber) Latency() *hdrhistogram.Histogram { return s.latency }

// Received returns how many messages arrived so far.
func (s *Subscriber) Received() int64 { return s.received.Load() }

// Bytes returns how many bytes of payload and header arrived so far.
func (s *Subscriber) Bytes() int64 { return s.bytes.Load() }

// Run reads until the connection ends; the error is nil after its Close.
func (s *Subscriber) Run() error { return s.conn.read(s) }

// Span returns the time between the first and the last message.
func (s *Subscriber) Span() time.Duration {
	return time.Duration(s.last.Load() - s.first.Load())
}

func (s *Subscriber) message(ev *event) error {
	if s.now == 0 {
		s.now = time.Now().UnixNano()
	}
	s.count += int64(ev.count)
	s.size += int64(ev.count) * int64(ev.size)
	if s.latency != nil && !s.muted.Load() {
		s.record(ev)
	}
	return nil
}

func (s *Subscriber) endRead() error {
	if s.count == 0 {
		return nil
	}
	if s.first.Load() == 0 {
		s.first.Store(s.now)
	}
	s.last.Store(s.now)
	s.bytes.Add(s.size)
	s.received.Add(s.count)
	s.count, s.size, s.now = 0, 0, 0
	return nil
}

// record adds the latencies of the messages in ev. Messages that were stamped
// and read together have the same, and are recorded at once.
func (s *Subscriber) record(ev *event) {
	if ev.run == nil {
		if at, ok := readStamp(ev.head); ok {
			recordLatency(s.latency, s.now-at, 1)
		}
		return
	}
	frame := len(ev.run) / ev.count
	var at, same int64
	for end := frame; end <= len(ev.run); end += frame {
		t, ok := readStamp(ev.run[end-2-ev.size : end-2])
		if !ok {
			continue
		}
		if t != at && same > 0 {
			recordLatency(s.latency, s.now-at, same)
			same = 0
		}
		at = t
		same++
	}
	if same > 0 {
		recordLatency(s.latency, s.now-at, same)
	}
}

// maxLatency bounds what histograms hold; anything longer counts as that.
const maxLatency = time.Minute

func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(100, int64(maxLatency), 3)
}

func recordLatency(h *hdrhistogram.Histogram, nanos, n int64) {
	nanos = min(max(nanos, 0), int64(maxLatency))
	_ = h.RecordValues(nanos, n) // cannot fail: the value is within bounds
}
