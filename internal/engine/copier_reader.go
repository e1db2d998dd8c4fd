package engine

import (
	"time"

	"myelin/internal/apierr"
	"myelin/internal/base62"
	"myelin/internal/replica"
	"myelin/internal/stream"
)

// Messages of a work queue go once they are acknowledged, and those of a stream with interest are there only for its
// consumers. So such an origin is read through a consumer of it, the reader, which its machine keeps: the copier tells it
// what the stream has taken (stream.Taken). Nothing is ever delivered to anybody through it.
//
// A reader belongs to one origin of one incarnation of a stream, and its name says so. Whatever becomes of the process, a
// stream finds its reader again, and one that nobody owns any more is found and dropped.

// copierKey is in the metadata of a reader: the incarnation of the stream that it is for.
const copierKey = "_myelin.copier"

// The keys of that metadata by which stock servers say what a consumer is for begin with these.
const (
	sourceMeta = "_nats.src."
	mirrorMeta = "_nats.mirror."
)

// readerName is the name of the reader of an origin; its last base62.HashChars bytes are its own.
func readerName(dest *Stream, mirror bool, key string) string {
	kind := "JS_SRC_"
	if mirror {
		kind = "JS_MIRROR_"
	}
	return kind + base62.Hash(incarnation(dest)+"\n"+key)
}

// reading is where the reader of an origin is. Its number is 0 if the origin is read without one.
type reading struct {
	number    uint32
	delivered uint64
	last      uint64 // of the origin
	paused    int64  // until when; 0: it is not
}

// reading finds the reader of the origin, or sees to it that there will be one. ok is false while there is none that
// should be.
func (c *copier) reading(o *stream.Origin, from *Stream) (r reading, ok bool) {
	if c.own && from.Config().Retention == stream.Limits {
		return r, true
	}
	var view stream.ConsumerView
	from.View(func(state *stream.State) {
		view, ok = state.Consumer(c.reader)
		r.last = state.Info().Last
	})
	switch {
	case !ok && c.own:
		c.appoint(o, from)
		return r, false
	case !ok:
		c.note(apierr.ConsumerNotFound.Err())
		return r, false
	}
	if !c.own {
		if err := unsuitable(o, &view, c.dest.Info().Last, incarnation(from)); err != nil {
			c.note(err)
			return r, false
		}
	}
	r.number, r.delivered, r.paused = view.Number, view.Delivered.Stream, view.PausedUntil()
	c.hush(from)
	return r, true
}

// unsuitable says why a consumer that was made beforehand cannot be the reader of an origin, or is nil.
func unsuitable(o *stream.Origin, view *stream.ConsumerView, last uint64, incarnation string) *apierr.Error {
	needsFC := apierr.SourceConsumerRequiresAckFC
	if o.Mirror {
		needsFC = apierr.MirrorConsumerRequiresAckFC
	}
	switch {
	case view.Config.Ack != stream.AckFlowControl:
		return needsFC.Err()
	case view.Config.DeliverSubject != o.Source.Consumer.DeliverSubject:
		return setupFailed(o).With("the consumer has another deliver subject")
	case o.Mirror && o.Identity != incarnation && view.Delivered.Stream < last:
		return setupFailed(o).With("the consumer has to be reset behind the last sequence of the mirror")
	}
	return nil
}

// hush keeps a consumer from delivering to anybody else.
func (c *copier) hush(from *Stream) {
	if k := from.Consumer(c.reader); k != nil && !k.copied.Swap(true) {
		from.events.do(func() { from.dispatch.interest(k) })
	}
}

// appoint has a reader made, unless that is under way or was refused a moment ago.
func (c *copier) appoint(o *stream.Origin, from *Stream) {
	now := c.engine.clock.Now()
	c.mu.Lock()
	wait := c.unwelcome.Sub(now)
	busy := c.appointing
	c.appointing = busy || wait <= 0
	c.mu.Unlock()
	switch {
	case busy:
		return
	case wait > 0:
		c.later(wait)
		return
	}
	config, err := c.readerConfig(o, from)
	if err != nil {
		c.appointed(err)
		return
	}
	from.propose(stream.AddConsumer{Config: config, Action: stream.ConsumerCreate}.Encode(nil), false, func(r stream.Reply) { c.appointed(r.Err) })
}

// appointed notes what became of it. It is called within a turn of the origin.
func (c *copier) appointed(err *apierr.Error) {
	c.mu.Lock()
	c.appointing = false
	if err != nil {
		c.err, c.unwelcome = err, c.engine.clock.Now().Add(maxCopyWait)
	}
	c.mu.Unlock()
	c.wake()
}

// consumerConfig is what the consumers by which an origin is read have in common, be it here or elsewhere, and the letter
// that their deliver subjects have.
func (c *copier) consumerConfig(o *stream.Origin) (cfg stream.ConsumerConfig, letter string) {
	kind, letter := sourceMeta, "S"
	if o.Mirror {
		kind, letter = mirrorMeta, "M"
	}
	cfg.Sourcing = true
	cfg.Metadata = map[string]string{kind + "stream": c.dest.Name(), kind + "acc": c.dest.Account()}
	if f := filterOf(o.Source); len(f) == 1 {
		cfg.FilterSubject = f[0]
	} else {
		cfg.FilterSubjects = f
	}
	return cfg, letter
}

// readerConfig is how the reader of an origin is made: it begins where the stream goes on.
func (c *copier) readerConfig(o *stream.Origin, from *Stream) (*stream.ConsumerConfig, *apierr.Error) {
	cfg, letter := c.consumerConfig(o)
	cfg.Durable, cfg.Ack = c.reader, stream.AckFlowControl
	cfg.DeliverSubject = "$JS." + letter + "." + c.reader[len(c.reader)-base62.HashChars:]
	cfg.Metadata[copierKey] = incarnation(c.dest)
	after := o.Seq
	if o.Identity != incarnation(from) {
		after = c.beginning(o, from)
	}
	switch {
	case o.Identity == "" && o.Source.StartTime != nil && after == start(o.Source, from):
		cfg.Deliver, cfg.StartTime = stream.DeliverByStartTime, o.Source.StartTime
	case after > 0:
		cfg.Deliver, cfg.StartSeq = stream.DeliverByStartSequence, after+1
	}
	return stream.CheckConsumer(cfg, from.Config(), stream.ConsumerBounds{}, false)
}

// reserve makes the readers of a stream before its messages go once nobody wants them.
func (f *followers) reserve(s *Stream, next *stream.Config) {
	if now := s.Config(); now == nil || now.Retention != stream.Limits || next.Retention == stream.Limits {
		return
	}
	for _, c := range s.followed() {
		o, ok := c.origin()
		if !ok || !c.own || c.obstacle(&o, s) != nil {
			continue
		}
		if config, err := c.readerConfig(&o, s); err == nil {
			_, _, _ = s.AddConsumer(config, stream.ConsumerCreate) // if it is refused, the copier tries again
		}
	}
}

// free drops the readers of a stream that need not be any more, after its configuration was another.
func (f *followers) free(s *Stream, before *stream.Config) {
	if before == nil || before.Retention == stream.Limits || s.Config().Retention != stream.Limits {
		return
	}
	for _, c := range s.followed() {
		if c.own {
			s.dismiss(c.reader, 0)
		}
	}
}

// confirm tells the reader what the stream has taken. Who asks for it need not wait for the disk: if that is lost, it is
// told again, and the log cannot lose what was taken and keep this.
func (c *copier) confirm(o *stream.Origin, from *Stream, r *reading) {
	if r.number == 0 || o.Seq <= r.delivered || o.Seq > r.last {
		return
	}
	c.mu.Lock()
	busy := c.confirming
	c.confirming = true
	c.mu.Unlock()
	if busy {
		return
	}
	answered := func(stream.Reply) {
		c.mu.Lock()
		c.confirming = false
		c.mu.Unlock()
		c.wake()
	}
	if !from.events.post(replica.Event{Proposal: replica.Proposal{
		Data: stream.Taken{Consumer: r.number, Seq: o.Seq}.Encode(nil), Urgent: true, Lazy: true,
		Ticket: replica.Ticket{Commands: 1, Cookie: answered},
	}}) {
		answered(stream.Reply{})
	}
}

// rest waits for the end of a pause, and reports whether there is one.
func (c *copier) rest(r *reading) bool {
	wait := time.Duration(r.paused - c.engine.clock.Now().UnixNano())
	if r.number == 0 || r.paused == 0 || wait <= 0 {
		return false
	}
	c.later(wait)
	return true
}

// leave gives the origin up: others may have what the stream has not taken. It is for the holder of the token, if there is
// one.
// The reader of another incarnation of the origin went with that.
func (c *copier) leave() {
	if c.external {
		c.leaveAbroad()
		return
	}
	from := c.engine.Stream(c.dest.Account(), c.name)
	switch {
	case from == nil || from.Err() != nil:
	case c.own:
		from.dismiss(c.reader, c.dest.tookOf(from, func(mirror bool, key string) bool { return readerName(c.dest, mirror, key) == c.reader }))
	default:
		if k := from.Consumer(c.reader); k != nil && k.copied.Swap(false) {
			from.events.do(func() {
				k.lost = true
				from.dispatch.interest(k)
			})
		}
	}
}

// tookOf is how far a stream has come with one of its origins, as long as it is an incarnation. It may be one that it has
// left.
func (s *Stream) tookOf(from *Stream, is func(mirror bool, key string) bool) (seq uint64) {
	s.View(func(state *stream.State) {
		for _, o := range append(state.Origins(), state.FormerOrigins()...) {
			if (is(true, o.Key) || is(false, o.Key)) && o.Identity == incarnation(from) {
				seq = max(seq, o.Seq)
			}
		}
	})
	return seq
}

// dismiss drops a reader of the stream, if there is one, which has everything up to a sequence.
func (s *Stream) dismiss(name string, taken uint64) {
	var view stream.ConsumerView
	var ok bool
	s.View(func(state *stream.State) { view, ok = state.Consumer(name) })
	if !ok {
		return
	}
	if taken > view.Delivered.Stream {
		s.Propose(stream.Taken{Consumer: view.Number, Seq: taken}.Encode(nil), true)
	}
	if err := s.DropConsumer(name); err != nil && !s.engine.closed.Load() {
		s.engine.log.Warnf("Consumer '%s > %s > %s' is needed no more and could not be dropped, which the next start tries again: %v",
			s.Account(), s.Name(), name, err)
	}
}

// dismissOrphans drops the readers of the stream that no copier needs, as after a crash.
func (s *Stream) dismissOrphans() {
	var readers []stream.ConsumerView
	s.View(func(state *stream.State) {
		for view := range state.Consumers() {
			if view.Config.Metadata[copierKey] != "" {
				readers = append(readers, view)
			}
		}
	})
	for i := range readers {
		s.dismissOrphan(readers[i].Config)
	}
}

func (s *Stream) dismissOrphan(reader *stream.ConsumerConfig) {
	of := reader.Metadata[sourceMeta+"stream"] + reader.Metadata[mirrorMeta+"stream"]
	dest := s.engine.Stream(s.Account(), of)
	switch {
	case dest == nil || incarnation(dest) != reader.Metadata[copierKey]:
		s.dismiss(reader.Name, 0)
	case dest.Err() != nil: // it may be well after the next start
	case s.Config().Retention == stream.Limits || !dest.reads(s.Name(), reader.Name):
		s.dismiss(reader.Name, dest.tookOf(s, func(mirror bool, key string) bool { return readerName(dest, mirror, key) == reader.Name }))
	}
}

// reads reports whether the stream copies an origin by way of a reader.
func (s *Stream) reads(origin, reader string) bool {
	s.copiers.mu.Lock()
	defer s.copiers.mu.Unlock()
	for _, c := range s.copiers.list {
		if c.name == origin && c.reader == reader {
			return true
		}
	}
	return false
}
