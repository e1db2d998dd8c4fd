package consumer

import "math"

// flow is the window of flow control. It grows while clients keep up.
type flow struct {
	window int64  // bytes that may be on their way
	sent   int64  // bytes that are
	asked  int64  // bytes up to where a reply is asked for
	token  string // of the reply; empty: none is asked for
}

// The window begins at the first, and doubles with each reply up to the second.
const (
	minWindowBytes = 2 << 20
	maxWindowBytes = 32 << 20
)

func (f *flow) reset() { *f = flow{window: minWindowBytes} }

// stalled says whether nothing may be sent until there is a reply.
func (f *flow) stalled() bool { return f.token != "" && f.sent >= f.window }

// wants says whether a reply should be asked for.
func (f *flow) wants() bool { return f.token == "" && f.sent > f.window/2 }

func (f *flow) ask(token string) { f.token, f.asked = token, f.sent }

func (f *flow) reply(token string) bool {
	if token == "" || token != f.token {
		return false
	}
	f.sent = max(f.sent-f.asked, 0)
	f.token, f.asked = "", 0
	f.window = min(2*f.window, maxWindowBytes)
	return true
}

// bucket limits a rate.
type bucket struct {
	rate   float64 // bytes a second
	burst  float64
	tokens float64
	at     int64
}

// newBucket is full at a time; nil without a rate, which lets everything through.
func newBucket(rate uint64, maxBytes int, now int64) *bucket {
	if rate == 0 {
		return nil
	}
	burst := max(float64(rate), float64(maxBytes))
	return &bucket{float64(rate), burst, burst, now}
}

// ready is when so many bytes may be sent; now, if they may be.
func (b *bucket) ready(now int64, bytes int) int64 {
	if b == nil {
		return now
	}
	b.tokens = min(b.burst, b.tokens+b.rate*float64(now-b.at)/1e9)
	b.at = now
	lacking := min(float64(bytes), b.burst) - b.tokens
	if lacking <= 0 {
		return now
	}
	return now + int64(math.Ceil(lacking/b.rate*1e9))
}

func (b *bucket) take(bytes int) {
	if b != nil {
		b.tokens -= float64(bytes)
	}
}

// replay delivers stored messages in the time in which they came. nil lets them go at once.
type replay struct {
	any  bool  // one was delivered
	sent int64 // when
	time int64 // when it was stored
}

// ready is when a message that was stored at a time may be sent.
func (r *replay) ready(now, time int64) int64 {
	if r == nil || !r.any || time <= r.time {
		return now
	}
	return max(now, r.sent+time-r.time)
}

func (r *replay) note(now, time int64) {
	if r != nil {
		r.any, r.sent, r.time = true, now, time
	}
}
