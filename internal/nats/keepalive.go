package nats

import (
	"math/rand/v2"
	"time"

	"myelin/internal/clock"
	"myelin/internal/nats/wire"
)

// firstPing is when a new client is pinged for the first time, to learn the round trip.
const firstPing = 2 * time.Second

// keepAlive pings a silent peer and gives up on a dead one. It belongs to the reading goroutine, which
// its timer interrupts.
type keepAlive struct {
	timer  clock.Timer
	sent   time.Time // of the ping that is not answered yet
	unpaid int       // pings without an answer
}

// start plans the first look at the connection.
func (k *keepAlive) start(c *Conn) {
	k.timer = c.clock().AfterFunc(k.until(c, jitter(c.l.limits().PingInterval)), c.interrupt)
}

func (k *keepAlive) stop() { k.timer.Stop() }

// until is d, or less if the connection's time is over before.
func (k *keepAlive) until(c *Conn, d time.Duration) time.Duration {
	if due := c.due(); !due.IsZero() {
		return min(d, max(due.Sub(c.clock().Now()), 0))
	}
	return d
}

// connected plans an early ping after CONNECT.
func (k *keepAlive) connected(c *Conn) {
	k.timer.Reset(k.until(c, jitter(min(firstPing, c.l.limits().PingInterval))))
}

// tick pings a connection that has been silent. One that is idle releases what it does not need.
func (k *keepAlive) tick(c *Conn) *fatal {
	const idle = time.Second
	interval := c.l.limits().PingInterval
	now := c.clock().Now()
	if f := c.overdue(now); f != nil || c.login.locked {
		k.timer.Reset(k.until(c, jitter(interval)))
		return f
	}
	silent := now.Sub(time.Unix(0, c.activity.Load()))
	// Who is interrupted for another reason has not missed the answer to a ping that was just sent.
	waits := k.unpaid > 0 && now.Sub(k.sent) < interval
	if !waits && (silent >= interval || c.rtt.Load() == 0) {
		if k.unpaid >= c.l.limits().PingMax {
			c.l.totals.stale.Add(1)
			return &fatal{reason: StaleConnection, text: textStale}
		}
		k.unpaid++
		k.sent = now
		c.respond([]byte(wire.PingFrame))
		c.session.Flush()
	}
	if silent >= idle {
		c.rest()
	}
	k.timer.Reset(k.until(c, jitter(interval)))
	return nil
}

// pong is the answer to a ping.
func (k *keepAlive) pong(c *Conn) {
	k.unpaid = 0
	if !k.sent.IsZero() {
		c.rtt.Store(int64(max(c.clock().Now().Sub(k.sent), 1)))
		k.sent = time.Time{}
	}
}

// jitter spreads the pings of connections that came together.
func jitter(d time.Duration) time.Duration {
	return d + time.Duration(rand.Int64N(int64(d)/5+1))
}
