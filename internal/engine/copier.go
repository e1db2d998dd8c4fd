package engine

import (
	"encoding/hex"
	"sync"
	"time"

	"myelin/internal/apierr"
	"myelin/internal/replica"
	"myelin/internal/stream"
)

const (
	// copyBytes and copyMessages bound the copies in one proposal, but for a single larger message; copyFlights
	// the proposals of a copier that are not answered.
	copyBytes    = 256 << 10
	copyMessages = replica.MaxCommands
	copyFlights  = 2
	// skipEvery is how many sequences without a message to copy are passed before that is recorded: a restart
	// looks at no more of them again.
	skipEvery = 4096
	// A copier that was refused waits from minCopyWait to maxCopyWait, each time twice as long. One that finds
	// too much in memory waits for crowdedWait.
	minCopyWait = 50 * time.Millisecond
	maxCopyWait = 2 * time.Second
	crowdedWait = 10 * time.Millisecond
)

// copier copies one origin into a stream, which keeps the progress itself (see stream.Copy). It has a
// goroutine only while there is something to copy: whoever wakes it starts one, unless it runs.
//
// Each round looks at what is and does what is to be done, so that it does not matter what woke it: the origin
// took a message, appeared or went; the stream answered, or has another configuration.
type copier struct {
	errand
	engine *Engine
	dest   *Stream
	key    string // of the origin within the configuration of dest
	name   string // of the origin
	reader string // the consumer of the origin by which it is read, if it is one that needs that
	own    bool   // which is the copier's, and was not made beforehand
	// external says that only the API reaches the origin, be it in another account or domain, or not.
	external bool

	// of the holder of the token
	number uint64        // of the origin, as it is copied; 0: to be found out
	sent   uint64        // the last sequence that was proposed
	wait   time.Duration // after the last refusal; 0 if something was taken since
	buf    []byte
	// foreign is of an origin that is external.
	foreign foreign

	mu      sync.Mutex    // guards all below
	flights int           // proposals that are not answered
	refused *apierr.Error // the first refusal since somebody looked
	taken   bool          // something was not refused since then
	seen    uint64        // all up to this sequence of the origin was looked at,
	seenOf  uint64        // while it had this number
	err     *apierr.Error // why nothing is copied now
	heard   int64         // when the origin was last found well, ns since 1970; 0 for never
	remote  *receiver     // of an origin that is external and was found well

	appointing bool      // the reader is being made
	unwelcome  time.Time // when that may be asked for again
	confirming bool      // the reader is being told what was taken
}

func newCopier(dest *Stream, key string, o *stream.Origin) *copier {
	c := &copier{engine: dest.engine, dest: dest, key: key, name: o.Source.Name, own: o.Source.Consumer == nil, external: o.Source.External != nil}
	if c.own {
		c.reader = readerName(dest, o.Mirror, o.Key)
	} else {
		c.reader = o.Source.Consumer.Name
	}
	c.errand.init(dest.engine.clock, c.look)
	return c
}

// look does what there is to be done now.
func (c *copier) look() {
	flights, refused := c.answers()
	if refused != nil {
		if flights == 0 {
			c.retry(refused)
		}
		return
	}
	o, ok := c.origin()
	if !ok {
		return // the configuration names it no more
	}
	if c.external {
		c.lookAbroad(&o, flights)
		return
	}
	from := c.engine.Stream(c.dest.Account(), c.name)
	if err := c.obstacle(&o, from); err != nil {
		c.note(err)
		if c.dest.Config().Sealed { // for good
			c.leave()
		}
		return
	}
	r, ok := c.reading(&o, from)
	if !ok {
		return
	}
	if o.Number != c.number || o.Identity != incarnation(from) {
		if flights == 0 {
			c.begin(&o, from, &r)
		}
		return
	}
	c.well()
	c.confirm(&o, from, &r)
	if !c.rest(&r) {
		c.copy(&o, from, &r, flights)
	}
}

// answers returns how many proposals are under way, and why one was refused.
func (c *copier) answers() (flights int, refused *apierr.Error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.taken {
		c.taken, c.wait = false, 0
	}
	return c.flights, c.refused
}

// retry goes back to where the stream stands, after a while.
func (c *copier) retry(refused *apierr.Error) {
	c.mu.Lock()
	c.refused, c.err, c.seen, c.seenOf = nil, refused, 0, 0
	c.mu.Unlock()
	c.number = 0
	c.wait = min(max(2*c.wait, minCopyWait), maxCopyWait)
	c.later(c.wait)
}

// origin is what the stream says of the origin.
func (c *copier) origin() (o stream.Origin, ok bool) {
	c.dest.View(func(state *stream.State) {
		for _, o = range state.Origins() {
			if ok = originKey(&o) == c.key; ok {
				return
			}
		}
	})
	return o, ok
}

// incarnation tells a stream from all others, for good.
func incarnation(s *Stream) string { return hex.EncodeToString(s.asset.ID[:]) }

// obstacle says what forbids copying until somebody changes it, or is nil. Whoever does wakes the copier.
func (c *copier) obstacle(o *stream.Origin, from *Stream) *apierr.Error {
	switch {
	case c.dest.Config().Sealed:
		return apierr.StreamSealed.Err()
	case c.external && c.engine.abroad == nil:
		return setupFailed(o).With("there is no way to streams of other accounts and domains")
	case c.external:
		return nil
	case from == nil:
		return apierr.StreamNotFound.Err()
	case from.Err() != nil:
		return apierr.StreamOfflineReason.With(from.Err().Error())
	case from.Config() == nil:
		return apierr.StreamNotFound.Err() // it is being created
	}
	return nil
}

// setupFailed is the error of an origin whose consumer is not as it should be.
func setupFailed(o *stream.Origin) apierr.ID {
	if o.Mirror {
		return apierr.MirrorConsumerSetupFailed
	}
	return apierr.SourceConsumerSetupFailed
}

// begin goes on where the stream stands: with the incarnation that it follows, or with another one.
func (c *copier) begin(o *stream.Origin, from *Stream, r *reading) {
	if o.Identity == incarnation(from) {
		c.number, c.sent = o.Number, o.Seq
		c.pass(o.Seq)
		c.wake()
		return
	}
	if o.Identity != "" {
		c.logAnew()
	}
	after := r.delivered // of which nothing may be taken for copied that was not
	if r.number == 0 {
		after = c.beginning(o, from)
	}
	p := c.parcel()
	p.add(stream.Follow{Origin: o.Number, Identity: incarnation(from), From: after, Shown: from.Identity()}.Encode(p.data))
	c.propose(p)
}

func (c *copier) logAnew() {
	c.engine.log.Noticef("Stream '%s > %s' copies '%s' anew, which was created again", c.dest.Account(), c.dest.Name(), c.name)
}

// beginning is the sequence after which an incarnation is copied that the stream does not follow yet.
func (c *copier) beginning(o *stream.Origin, from *Stream) (after uint64) {
	after = start(o.Source, from)
	if o.Identity == "" { // what a backup says
		after = max(after, o.Seq)
	}
	if o.Mirror { // whose own sequences never go back
		after = max(after, c.dest.Info().Last)
	}
	return after
}

// start is the sequence after which copying begins, as it is configured.
func start(source *stream.Source, from *Stream) (after uint64) {
	switch {
	case source.StartSeq > 0:
		return source.StartSeq - 1
	case source.StartTime == nil:
		return 0
	}
	at := source.StartTime.UnixNano()
	from.View(func(state *stream.State) {
		first, end := uint64(1), state.Info().Last+1
		for first < end {
			middle := first + (end-first)/2
			if r, ok := state.Next(middle, ""); !ok || r.Time >= at {
				end = middle
			} else {
				first = r.Seq + 1
			}
		}
		after = end - 1
	})
	return after
}

// copy proposes copies of what follows, until enough is under way or there is no more.
func (c *copier) copy(o *stream.Origin, from *Stream, r *reading, flights int) {
	wanted := filterOf(o.Source)
	for ; flights < copyFlights; flights++ {
		if c.engine.keeper.crowded() {
			c.later(crowdedWait)
			return
		}
		s := c.choose(from, wanted, r)
		if len(s.picks) == 0 {
			c.pass(s.seen)
			if flights == 0 {
				c.skip(o, &s, len(wanted) == 0 && c.own)
			}
			if !s.end {
				c.wake()
			}
			return
		}
		p, err := c.load(from, s.picks)
		if err != nil {
			c.unreadable(from, err)
			return
		}
		if !c.propose(p) {
			return
		}
		c.pass(s.seen) // now that it shows as being under way
	}
}

// atOnce is how many messages the next proposal may have: only one, if the last was refused, and this may be, too.
func (c *copier) atOnce() int {
	if c.wait > 0 {
		return 1
	}
	return copyMessages
}

// skip records that there was nothing to copy for long. A mirror of everything has the same last sequence as
// its origin, also when that has no message.
func (c *copier) skip(o *stream.Origin, s *selection, everything bool) {
	gone := o.Mirror && everything && s.end && c.dest.Info().Last < s.seen
	if gone || s.seen >= o.Seq+skipEvery {
		c.sent = s.seen
		p := c.parcel()
		p.add(stream.Skip{Origin: o.Number, Seq: s.seen, Gone: gone}.Encode(p.data))
		c.propose(p)
	}
}

func (c *copier) pass(seq uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen, c.seenOf = seq, c.number
}

// note keeps why nothing is copied now.
func (c *copier) note(err *apierr.Error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = err
}

// well notes that the origin is there. What was wrong is so until the stream has taken something again.
func (c *copier) well() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heard = c.engine.clock.Now().UnixNano()
	if c.wait == 0 {
		c.err = nil
	}
}
