package engine

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"myelin/internal/apierr"
	"myelin/internal/consumer"
	"myelin/internal/router"
	"myelin/internal/stream"
)

// Courier sends what the consumers of one stream are to get. One goroutine at a time uses it, and the outlets that
// it has opened.
type Courier interface {
	// Open is called once for each consumer, within a turn: it must not use what the other methods do.
	Open(c *Consumer) ConsumerOutlet
	// Flush pushes what was sent. It returns who wants the sender to slow down.
	Flush() []router.Dest
	// Rest says that nothing will be sent for a while.
	Rest()
}

// ConsumerOutlet sends what one consumer's clients are to get, and tells what happens to it.
type ConsumerOutlet interface {
	// AckPrefix is how many bytes the subjects of acknowledgements have before the delivery count.
	AckPrefix() int
	// Deliver sends a message, which is valid during the call.
	Deliver(d *consumer.Delivery, m *Message)
	Status(s *consumer.Status)
	// Refused answers a request that could not be read.
	Refused(to []byte, problem string)
	Advise(a *consumer.Advisory)
	Created()
	Dropped()
}

// Consumer is one consumer of a stream on this node.
type Consumer struct {
	stream  *Stream
	name    string
	created int64
	config  atomic.Pointer[stream.ConsumerConfig]
	number  uint32
	copied  atomic.Bool // a copier reads the stream by way of it: nothing is delivered to anybody

	// of the holder of the stream's token
	dispatcher *consumer.Dispatcher
	source     *stream.ConsumerSource
	outlet     ConsumerOutlet    // and of the deliverer
	watch      *router.Watch     // of the deliver subject; nil: there is none
	shipment   *shipment         // what was decided and not handed to the deliverer; nil: nothing
	acks       *acknowledgements // what was heard and not proposed; nil: nothing
	filter     uint64
	timer      int   // its place among the timers, from 1; 0: none
	place      int   // its place among those who want what is stored next, from 1; 0: it does not
	frozen     int   // commands under way until which nothing is to be delivered
	void       *bool // what was proposed since it began is dropped from now on, since something of that was
	underway   int   // proposals of what was decided that are neither applied nor dropped
	starts     int   // how often it began again
	stirred    bool  // it is to be looked after in this turn
	lost       bool  // the machine does not know what was delivered: it begins again from there
	leaving    bool  // its removal is proposed

	stalled bool // of the deliverer
	transit transit
	backlog []*shipment // of the deliverer
}

// transit counts the deliveries that the deliverer was handed and has not sent.
type transit struct {
	deliveries atomic.Int64
	held       atomic.Bool // the dispatcher waits for it to become less
}

// Stream is the stream that it reads from.
func (c *Consumer) Stream() *Stream { return c.stream }

// Name is the consumer's name.
func (c *Consumer) Name() string { return c.name }

// Number names the consumer within its stream, for good.
func (c *Consumer) Number() uint32 { return c.number }

// Created is when it was created, in nanoseconds since 1970.
func (c *Consumer) Created() int64 { return c.created }

// Config is the configuration that is in force. It never changes; an update gives another.
func (c *Consumer) Config() *stream.ConsumerConfig { return c.config.Load() }

// roster finds the consumers of a stream by name.
type roster struct {
	mu     sync.RWMutex
	byName map[string]*Consumer
}

func (r *roster) put(c *Consumer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byName == nil {
		r.byName = map[string]*Consumer{}
	}
	r.byName[c.name] = c
}

func (r *roster) remove(c *Consumer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byName[c.name] == c {
		delete(r.byName, c.name)
	}
}

func (r *roster) empty() bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.byName) == 0
}

// Consumer returns the consumer of that name, or nil.
func (s *Stream) Consumer(name string) *Consumer {
	s.roster.mu.RLock()
	defer s.roster.mu.RUnlock()
	return s.roster.byName[name]
}

// FindConsumer is Consumer for a name in passing; it does not allocate.
func (s *Stream) FindConsumer(name []byte) *Consumer {
	s.roster.mu.RLock()
	defer s.roster.mu.RUnlock()
	return s.roster.byName[string(name)]
}

// Consumers returns all consumers by name.
func (s *Stream) Consumers() []*Consumer {
	s.roster.mu.RLock()
	list := slices.Collect(maps.Values(s.roster.byName))
	s.roster.mu.RUnlock()
	slices.SortFunc(list, func(a, b *Consumer) int { return strings.Compare(a.name, b.name) })
	return list
}

// AddConsumer creates a consumer or changes one, as action says. The configuration was checked. It returns when that
// is applied.
func (s *Stream) AddConsumer(config *stream.ConsumerConfig, action stream.ConsumerAction) (c *Consumer, created bool, err *apierr.Error) {
	r := s.ProposeConsumer(stream.AddConsumer{Config: config, Action: action})
	if r.Err != nil {
		return nil, false, r.Err
	}
	if c = s.Consumer(config.Name); c == nil {
		return nil, false, apierr.ConsumerNotFound.Err() // it was dropped again
	}
	return c, r.Created, nil
}

// ProposeConsumer has an AddConsumer applied, and returns the answer. What is delivered on the way belongs to before.
func (s *Stream) ProposeConsumer(a stream.AddConsumer) stream.Reply {
	return s.change(a.Config.Name, a.Encode(nil))
}

// change has a command applied that changes what a consumer is to be given.
func (s *Stream) change(name string, command []byte) stream.Reply {
	if err := s.refusal(false); err != nil {
		return stream.Reply{Err: err}
	}
	answer := make(chan stream.Reply, 1)
	if !s.events.do(func() { s.dispatch.change(name, command, func(r stream.Reply) { answer <- r }) }) {
		return stream.Reply{Err: apierr.StreamNotFound.Err()}
	}
	return <-answer
}

// DropConsumer removes a consumer.
func (s *Stream) DropConsumer(name string) *apierr.Error {
	return s.Propose(stream.DropConsumer{Name: name}.Encode(nil), true).Err
}

// PauseConsumer makes a consumer pause until a time, in nanoseconds since 1970, or go on if that is 0.
func (s *Stream) PauseConsumer(name string, until int64) *apierr.Error {
	return s.Propose(stream.PauseConsumer{Name: name, Until: until}.Encode(nil), false).Err
}

// ResetConsumer makes a consumer start again: at a sequence, or behind its floor if that is 0. It returns how the
// consumer is then, before it is given anything. What is delivered on the way belongs to before.
func (s *Stream) ResetConsumer(name string, seq uint64) (*stream.ConsumerView, *apierr.Error) {
	r := s.change(name, stream.ResetConsumer{Name: name, Seq: seq}.Encode(nil))
	return r.View, r.Err
}

// Unpin lets another client be pinned, as who asks for a group. It reports whether anybody was.
func (c *Consumer) Unpin(group string) (pinned bool) {
	answer := make(chan bool, 1)
	if !c.stream.events.do(func() { answer <- c.stream.dispatch.unpin(c, group) }) {
		return false
	}
	return <-answer
}

// ConsumerStatus is how a consumer is.
type ConsumerStatus struct {
	View        stream.ConsumerView
	Waiting     int    // requests
	Listening   bool   // somebody listens to the deliver subject, or a copier reads by way of the consumer
	Pin         string // who is pinned
	PinnedSince int64
}

// Status tells how the consumer is once all is applied that was heard before. ok is false if it is gone.
func (c *Consumer) Status() (status ConsumerStatus, ok bool) {
	list := c.stream.ConsumerStatuses([]*Consumer{c})
	if len(list) == 0 {
		return status, false
	}
	return list[0], true
}

// ConsumerStatuses is Status for several, of which those are left out that are gone.
func (s *Stream) ConsumerStatuses(list []*Consumer) []ConsumerStatus {
	answer := make(chan []ConsumerStatus, 1)
	ask := func() {
		s.dispatch.whenSent(list, func() {
			s.dispatch.whenApplied(func() { answer <- s.dispatch.describe(list) })
		}, func() { answer <- nil })
	}
	if !s.events.do(ask) {
		return nil
	}
	return <-answer
}
