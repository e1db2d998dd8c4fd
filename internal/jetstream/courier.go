package jetstream

import (
	"time"

	"github.com/nats-io/nuid"

	"myelin/internal/broker"
	"myelin/internal/consumer"
	"myelin/internal/engine"
	"myelin/internal/header"
	"myelin/internal/jetstream/wire"
	"myelin/internal/router"
)

// courier sends what the consumers of one stream are to get. It belongs to one goroutine at a time, with all its
// outlets, and allocates nothing per message.
type courier struct {
	api     *API
	account string
	stream  string
	session *broker.Session

	head, reply, flow []byte
	msg               router.Message
}

var _ engine.Courier = (*courier)(nil)

// CourierOf is what an engine asks for the courier of a stream.
func (a *API) CourierOf(s *engine.Stream) engine.Courier {
	return &courier{api: a, account: s.Account(), stream: s.Name(), session: a.opt.Broker.Add(s.Account()).Open(nil)}
}

// Open implements engine.Courier.
func (k *courier) Open(c *Consumer) engine.ConsumerOutlet {
	return &consumerOutlet{courier: k, consumer: c, ack: wire.AppendAckPrefix(nil, wire.Scope{}, k.stream, c.Name())}
}

// Flush implements engine.Courier.
func (k *courier) Flush() []router.Dest { return k.session.Flush() }

// Rest implements engine.Courier.
func (k *courier) Rest() {
	k.session.Rest()
	k.head, k.reply, k.flow, k.msg = nil, nil, nil, router.Message{}
}

// consumerOutlet sends what one consumer is to get.
type consumerOutlet struct {
	courier  *courier
	consumer *Consumer
	ack      []byte // what its reply subjects begin with
}

// AckPrefix implements engine.ConsumerOutlet.
func (o *consumerOutlet) AckPrefix() int { return len(o.ack) }

// Deliver sends a message to who is to get it, who sees the subject that it was stored under. It has a reply
// subject also where nothing is to be acknowledged: it has the numbers.
func (o *consumerOutlet) Deliver(d *consumer.Delivery, m *Message) {
	k, config := o.courier, o.consumer.Config()
	k.reply = wire.AppendAckSubject(k.reply[:0], o.ack, d.Count, d.Seq, d.DSeq, m.Time, d.Pending)
	k.msg = router.Message{Subject: m.Subject, Reply: k.reply, Header: m.Header, Payload: m.Body}
	size := -1
	if config.HeadersOnly {
		size, k.msg.Payload = len(m.Body), nil
	}
	if size >= 0 || d.Pin != "" {
		k.head = wire.AppendDeliveryHeader(k.head[:0], m.Header, size, d.Pin)
		k.msg.Header = k.head
	}
	if len(k.msg.Header) == 0 {
		k.msg.Header = nil
	}
	k.session.Send(d.To, &k.msg, false)
}

// Status implements engine.ConsumerOutlet.
func (o *consumerOutlet) Status(s *consumer.Status) {
	k := o.courier
	k.flow = k.flow[:0]
	if s.Token != "" {
		k.flow = wire.AppendFlowPrefix(k.flow, wire.Scope{}, k.stream, o.consumer.Name())
	}
	k.head = wire.AppendStatus(k.head[:0], s, k.flow)
	k.reply = wire.AppendStatusReply(k.reply[:0], s, k.flow)
	k.send(s.To)
}

// send sends a status with the header and the reply subject that were made.
func (k *courier) send(to []byte) {
	k.msg = router.Message{Subject: to, Reply: k.reply, Header: k.head}
	k.session.Send(to, &k.msg, false)
}

// Refused answers a request that pull found a problem in.
func (o *consumerOutlet) Refused(to []byte, problem string) {
	k := o.courier
	if problem == wrongLevel {
		k.head = header.AppendEnd(header.AppendStatus(k.head[:0], wrongLevelCode, problem))
	} else {
		k.head = wire.AppendBadRequest(k.head[:0], problem)
	}
	k.reply = k.reply[:0]
	k.send(to)
}

// Advise tells of an event, if anybody listens.
func (o *consumerOutlet) Advise(a *consumer.Advisory) {
	var until time.Time
	if t := o.consumer.Config().PauseUntil; t != nil {
		until = *t
	}
	t := o.teller()
	o.tell(t.Advise(a, until))
}

// Created tells that the consumer came, and that it pauses if it does.
func (o *consumerOutlet) Created() {
	t := o.teller()
	o.tell(t.Created())
	if p := wire.PauseOf(o.consumer.Config().PauseUntil, t.Time); p.Paused {
		t = o.teller()
		o.tell(t.Pause(true, p.Until))
	}
}

// Dropped tells that the consumer went.
func (o *consumerOutlet) Dropped() {
	t := o.teller()
	o.tell(t.Deleted())
}

func (o *consumerOutlet) teller() wire.Teller {
	k := o.courier
	return wire.Teller{
		Account: k.account, Stream: k.stream, Consumer: o.consumer.Name(), Domain: k.api.opt.Domain, ID: nuid.Next(), Time: k.api.now(),
	}
}

func (o *consumerOutlet) tell(a wire.Advisory) {
	if k := o.courier; k.heard([]byte(a.Subject)) {
		publishBody(k.api, k.session, a)
	}
}

// heard reports whether somebody listens to a subject. Events of a consumer may be as many as its messages.
func (k *courier) heard(subject []byte) (heard bool) {
	k.session.Matching(subject, func(*router.Sub) bool {
		heard = true
		return false
	})
	return heard
}
