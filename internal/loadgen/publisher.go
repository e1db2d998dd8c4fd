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

	Window   *Window       // shared with the receiving side when that is ours too
	Stamp    bool          // put the time into payloads, for latency; they must have room for it
	Rate     float64       // messages per second, as fast as possible when 0
	Tick     time.Duration // with Rate: how often to publish what is due; 250 µs when 0
	MaxBurst int           // messages written at a time, as many as fit into a block when 0
}

// defaultTick keeps bursts small at the rates of interest, and is still long
// against what waking up costs.
const defaultTick = 250 * time.Microsecond

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
	next := 0 // block
	for ctx.Err() == nil && (limit == 0 || p.Sent() < limit) {
		b := p.blocks[next]
		n := b.messages()
		if p.MaxBurst > 0 {
			n = min(n, p.MaxBurst)
		}
		if limit > 0 {
			n = int(min(int64(n), limit-p.Sent()))
		}
		if p.Rate > 0 {
			if n = min(n, p.due(start)); n == 0 {
				continue
			}
		}
		if err := p.write(ctx, b, n); err != nil {
			return err
		}
		next = (next + 1) % len(p.blocks)
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
	tick := p.Tick
	if tick == 0 {
		tick = defaultTick
	}
	pause(tick)
	return 0
}

// write publishes the first n messages of b.
func (p *Publisher) write(ctx context.Context, b *block, n int) error {
	if p.Window != nil {
		if err := p.Window.acquire(ctx, n); err != nil {
			return err
		}
	}
	if p.Stamp {
		b.stamp(n, time.Now().UnixNano())
	}
	if err := p.conn.Write(b.prefix(n)); err != nil {
		return err
	}
	p.sent.Add(int64(n))
	return nil
}
