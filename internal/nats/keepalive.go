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
	next   time.Time // when it is to fire
	sent   time.Time // of the ping that is not answered yet
	unpaid int       // pings without an answer
	timed  bool      // a ping was answered
}

// start plans the first look at the connection.
func (k *keepAlive) start(c *Conn) {
	d := k.until(c, jitter(c.l.limits().PingInterval))
	k.next = c.clock().Now().Add(d)
	k.timer = c.clock().AfterFunc(d, c.interrupt)
}

// plan has the next look at the connection be after d, or when its time is over.
func (k *keepAlive) plan(c *Conn, d time.Duration) {
	d = k.until(c, d)
	k.next = c.clock().Now().Add(d)
	k.timer.Reset(d)
}

func (k *keepAlive) stop() { k.timer.Stop() }

// until is d, or less if the connection's time is over before.
func (k *keepAlive) until(c *Conn, d time.Duration) time.Duration {
	if due := c.due(); !due.IsZero() {
		return min(d, max(due.Sub(c.clock().Now()), 0))
	}
	return d
}

// connected plans an early ping after CONNECT. Until that is answered, the round trip is taken for what it took the client
// to connect.
func (k *keepAlive) connected(c *Conn) {
	c.rtt.Store(int64(max(c.clock().Now().Sub(c.start), 1)))
	k.plan(c, jitter(min(firstPing, c.l.limits().PingInterval)))
}

// tick pings a connection that has been silent, unless it was interrupted for another reason before it is time: clients do not
// expect a ping just after CONNECT, and a ping that was just sent is not unanswered. One that is idle releases what it does not need.
func (k *keepAlive) tick(c *Conn) *fatal {
	const idle = time.Second
	interval := c.l.limits().PingInterval
	now := c.clock().Now()
	if f := c.overdue(now); f != nil || c.login.locked {
		k.plan(c, jitter(interval))
		return f
	}
	if left := k.next.Sub(now); left > 0 {
		k.plan(c, min(left, jitter(interval)))
		return nil
	}
	silent := now.Sub(time.Unix(0, c.activity.Load()))
	if silent >= interval || !k.timed && k.unpaid == 0 {
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
	k.plan(c, jitter(interval))
	return nil
}

// pong is the answer to a ping.
func (k *keepAlive) pong(c *Conn) {
	k.unpaid = 0
	if !k.sent.IsZero() {
		c.rtt.Store(int64(max(c.clock().Now().Sub(k.sent), 1)))
		k.sent, k.timed = time.Time{}, true
	}
}

// jitter spreads the pings of connections that came together.
func jitter(d time.Duration) time.Duration {
	return d + time.Duration(rand.Int64N(int64(d)/5+1))
}
