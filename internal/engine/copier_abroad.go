package engine

import (
	"cmp"
	"time"

	"myelin/internal/apierr"
	"myelin/internal/base62"
	"myelin/internal/stream"
)

// An origin that is external is reached by the JetStream API alone, under the prefix that its configuration names: in another
// account, where exports and imports let it be, or in another domain. So it is read as clients read: a consumer of it pushes
// messages, with heartbeats and flow control. What is missing is noticed by the numbers of the deliveries, and by heartbeats
// that do not come: then another consumer takes its place, which begins where the stream stands.

const (
	remoteHeartbeat = time.Second
	// remoteSilence is how long nothing may come, and remoteAnswer how long an answer may take.
	remoteSilence = 3 * remoteHeartbeat
	remoteAnswer  = 5 * time.Second
	// remoteInactive is how long a consumer stays that nobody listens to any more.
	remoteInactive = 10 * time.Second
	// remoteAckWait is long: messages that are not acknowledged are not sent again, but by another consumer.
	remoteAckWait = 22 * time.Hour
	// A copier that was refused asks again after minRemoteWait to maxRemoteWait, each time twice as long.
	minRemoteWait = 250 * time.Millisecond
	maxRemoteWait = 10 * time.Second
)

// foreign is what a copier knows of an origin that is external. It belongs to the holder of the token.
type foreign struct {
	receiver *receiver // nil: nothing was asked for
	asked    time.Time
	wait     time.Duration // before the next request, after the last one failed
	next     time.Time     // when something may be asked for again; zero: now
	identity string        // of the incarnation that is there, if that is known
	durable  bool          // the consumer stays, and starts again where it is told to
	deliver  string        // where it delivers to, if that is known
	api      string        // where it was asked for
}

// lookAbroad is look for an origin that is external.
func (c *copier) lookAbroad(o *stream.Origin, flights int) {
	if err := c.obstacle(o, nil); err != nil {
		c.note(err)
		c.hangUp()
		return
	}
	f, now := &c.foreign, c.engine.clock.Now()
	if f.receiver == nil {
		if wait := f.next.Sub(now); wait > 0 {
			c.later(wait)
		} else if flights == 0 {
			c.dial(o)
		}
		return
	}
	r := f.receiver
	r.mu.Lock()
	begun, broken, heard := r.begun, r.broken, r.heard
	r.mu.Unlock()
	switch {
	case begun == nil && now.Sub(f.asked) >= remoteAnswer:
		c.refusedAbroad(o, setupFailed(o).With("the API of the origin does not answer"))
		return
	case begun == nil:
		c.later(remoteAnswer - now.Sub(f.asked))
		return
	case begun.Err != nil:
		c.refusedAbroad(o, begun.Err)
		return
	case broken || now.Sub(heard) >= remoteSilence:
		c.again(minRemoteWait)
		return
	}
	f.wait, f.durable, f.deliver = 0, f.durable || begun.Acknowledged, begun.Deliver
	if f.identity = begun.Identity; f.identity == "" { // it is not told
		f.identity = o.Identity
	}
	if o.Number != c.number || o.Identity != f.identity {
		if flights == 0 {
			c.beginAbroad(o)
		}
		return
	}
	c.wellAbroad(heard)
	for _, flow := range r.trim(o.Seq) {
		if begun.Acknowledged {
			r.reception.Answer(flow, r.floor.seq, r.floor.dseq)
		} else {
			r.reception.Answer(flow, 0, 0)
		}
	}
	c.copyAbroad(r, flights)
}

// dial asks for a consumer that delivers what follows.
func (c *copier) dial(o *stream.Origin) {
	f, x := &c.foreign, o.Source.External
	f.asked, f.api = c.engine.clock.Now(), x.API
	f.receiver = &receiver{copier: c, clock: c.engine.clock, fresh: f.identity != "" && f.identity != o.Identity, again: f.durable || !c.own}
	f.receiver.after = c.startAbroad(o, f.receiver.fresh)
	request := &Request{
		Account: c.dest.Account(), API: x.API, Stream: c.name, Config: c.remoteConfig(o, f.receiver.after),
		Again: f.receiver.again,
	}
	if o.Identity != "" {
		request.After = f.receiver.after
	}
	f.receiver.reception = c.engine.abroad.Consume(request, f.receiver)
	c.later(remoteAnswer)
}

// startAbroad is the sequence behind which copying goes on, or begins in another incarnation.
func (c *copier) startAbroad(o *stream.Origin, fresh bool) (after uint64) {
	if !fresh || o.Identity == "" { // then it is what a backup says
		after = o.Seq
	}
	if o.Source.StartSeq > 0 {
		after = max(after, o.Source.StartSeq-1)
	}
	if o.Mirror { // whose own sequences never go back
		after = max(after, c.dest.Info().Last)
	}
	return after
}

// remoteConfig is a consumer as stock servers make them.
func (c *copier) remoteConfig(o *stream.Origin, after uint64) *stream.ConsumerConfig {
	cfg, letter := c.consumerConfig(o)
	cfg.Name, cfg.Ack, cfg.AckWait, cfg.MaxDeliver = c.reader, stream.AckNone, remoteAckWait, 1
	cfg.FlowControl, cfg.Direct, cfg.Heartbeat, cfg.Inactive = true, true, remoteHeartbeat, remoteInactive
	switch {
	case !c.own:
		cfg.DeliverSubject = o.Source.Consumer.DeliverSubject
	case c.foreign.durable:
		cfg.DeliverSubject = c.foreign.deliver
	default:
		cfg.DeliverSubject = cmp.Or(o.Source.External.Deliver, "$JS") + "." + letter + "." + randomName(base62.HashChars)
	}
	switch {
	case after > 0:
		cfg.Deliver, cfg.StartSeq = stream.DeliverByStartSequence, after+1
	case o.Source.StartTime != nil:
		cfg.Deliver, cfg.StartTime = stream.DeliverByStartTime, o.Source.StartTime
	}
	return &cfg
}

// beginAbroad goes on where the stream stands: with the incarnation that it follows, or with another one.
func (c *copier) beginAbroad(o *stream.Origin) {
	r := c.foreign.receiver
	switch {
	case o.Identity == c.foreign.identity:
		c.number, c.sent = o.Number, o.Seq
		r.rewind()
		c.wake()
	case o.Identity != "" && !r.fresh: // it was asked for what follows in another incarnation
		c.logAnew()
		c.again(0)
		c.wake()
	default:
		p := c.parcel()
		p.add(stream.Follow{Origin: o.Number, Identity: c.foreign.identity, From: r.after}.Encode(p.data))
		c.propose(p)
	}
}

// copyAbroad proposes copies of what has come, until enough is under way or there is no more.
func (c *copier) copyAbroad(r *receiver, flights int) {
	c.later(remoteHeartbeat)
	for ; flights < copyFlights; flights++ {
		if c.engine.keeper.crowded() {
			c.later(crowdedWait)
			return
		}
		most, bytes := c.atOnce(), 0
		p := c.parcel()
		r.take(func(a *Arrival) bool {
			if bytes += len(a.Header) + len(a.Body); p.commands == most || p.commands > 0 && bytes > copyBytes {
				return false
			}
			copied := stream.Copy{Origin: c.number, Seq: a.Seq, After: c.sent, Time: a.Time, Append: stream.Append{
				Span: 1, Subject: a.Subject, Header: a.Header, Body: a.Body,
			}}
			p.add(copied.Encode(p.data))
			c.sent = a.Seq
			return true
		})
		if p.commands == 0 {
			p.free()
			return
		}
		if !c.propose(p) {
			return
		}
	}
}

// refusedAbroad notes why there is no consumer, and asks again after a while.
func (c *copier) refusedAbroad(o *stream.Origin, err *apierr.Error) {
	switch err.ErrCode {
	case apierr.ConsumerNameExist, apierr.ConsumerCreate: // it is there: the origin is a work queue, where it stays
		c.foreign.durable = c.own
	case apierr.ConsumerNotFound:
		c.foreign.durable = false
	}
	c.note(err)
	f := &c.foreign
	f.wait = min(max(2*f.wait, minRemoteWait), maxRemoteWait)
	c.again(f.wait)
}

// again has another consumer asked for after a while.
func (c *copier) again(wait time.Duration) {
	c.hangUp()
	c.foreign.next = c.engine.clock.Now().Add(wait)
	c.later(wait)
}

// hangUp ends what was asked for. It is for the holder of the token, if there is one.
func (c *copier) hangUp() {
	if r := c.foreign.receiver; r != nil {
		r.reception.Close()
		c.foreign.receiver = nil
		c.number = 0
	}
}

// wellAbroad notes that the origin is there.
func (c *copier) wellAbroad(heard time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heard, c.remote = heard.UnixNano(), c.foreign.receiver
	if c.wait == 0 {
		c.err = nil
	}
}

// describeAbroad completes the status of an origin that is external.
func (c *copier) describeAbroad(o *stream.Origin, status *OriginStatus) {
	c.mu.Lock()
	heard, r := c.heard, c.remote
	if status.Err == nil {
		status.Err = c.err
	}
	c.mu.Unlock()
	if r != nil {
		status.Lag = r.lag(o.Seq)
		r.mu.Lock()
		heard = max(heard, r.heard.UnixNano())
		r.mu.Unlock()
	}
	if heard > 0 {
		status.Active = max(0, time.Duration(c.engine.clock.Now().UnixNano()-heard))
	}
}

// close ends the copier; nobody has the token when it returns.
func (c *copier) close() {
	c.errand.close()
	c.hangUp()
}

// leaveAbroad gives an origin up that is external. A consumer that nobody listens to goes by itself, but for one that stays.
func (c *copier) leaveAbroad() {
	c.hangUp()
	if c.foreign.durable && c.own {
		c.engine.abroad.Dismiss(c.dest.Account(), c.foreign.api, c.name, c.reader)
	}
}
