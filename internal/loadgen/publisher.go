package loadgen

import (
	"context"
	"sync/atomic"
	"time"
)

// A Publisher publishes precomputed messages over one connection.
type Publisher struct {
	conn   *Conn
	blocks []*block
	sent   atomic.Int64

	Window *Window // shared with the receiving side when that is ours too
	Stamp  bool    // put the time into payloads, for latency; they must have room for it
	Rate   float64 // messages per second, as fast as possible when 0
}

// A paced publisher rests for minTick, or until a message is due again. The
// first keeps bursts small at high rates and is still long against what waking
// up costs, the other bounds how late the end of the context is seen.
const (
	minTick = 250 * time.Microsecond
	maxTick = 100 * time.Millisecond
)

// NewPublisher returns a publisher of messages of size payload bytes that goes
// through the subjects in their order, again and again.
func NewPublisher(conn *Conn, subjects []string, size int) *Publisher {
	return &Publisher{conn: conn, blocks: blocks(subjects, size)}
}

// Sent returns how many messages were written so far.
func (p *Publisher) Sent() int64 { return p.sent.Load() }

// Run publishes limit messages, or until the context ends when limit is 0, and
// returns when the server has processed all of them. The connection must be
// being read.
func (p *Publisher) Run(ctx context.Context, limit int64) error {
	if err := p.publish(ctx, limit); err != nil && ctx.Err() == nil {
		return p.conn.cause(err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	return p.conn.Flush(ctx)
}

func (p *Publisher) publish(ctx context.Context, limit int64) error {
	start := time.Now()
	current, from := 0, 0 // block, message in it
	for ctx.Err() == nil && (limit == 0 || p.Sent() < limit) {
		b := p.blocks[current]
		n := b.messages() - from
		if limit > 0 {
			n = int(min(int64(n), limit-p.Sent()))
		}
		if p.Rate > 0 {
			if n = min(n, p.due(start)); n == 0 {
				continue
			}
		}
		if err := p.write(ctx, b, from, n); err != nil {
			return err
		}
		if from += n; from == b.messages() {
			current, from = (current+1)%len(p.blocks), 0
		}
	}
	return nil
}

// due returns how many messages the rate calls for now, after a pause when
// there are none.
func (p *Publisher) due(start time.Time) int {
	due := int64(p.Rate*time.Since(start).Seconds()) - p.Sent()
	if due > 0 {
		return int(due)
	}
	next := time.Duration(float64(time.Second) / p.Rate)
	pause(min(max(next, minTick), maxTick))
	return 0
}

// write publishes n messages of b.
func (p *Publisher) write(ctx context.Context, b *block, from, n int) error {
	if p.Window != nil {
		if err := p.Window.acquire(ctx, n); err != nil {
			return err
		}
	}
	if p.Stamp {
		b.stamp(from, n, time.Now().UnixNano())
	}
	if err := p.conn.Write(b.slice(from, n)); err != nil {
		return err
	}
	p.sent.Add(int64(n))
	return nil
}
