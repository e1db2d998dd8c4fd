package jetstream

import (
	"bytes"

	"myelin/internal/jetstream/wire"
	"myelin/internal/router"
	"myelin/internal/stream"
)

// What clients say to consumers goes into the batch of whoever publishes it, and with that to the consumer's
// stream. Nobody waits, and nothing is allocated unless JSON is to be read. What there is no consumer for is not
// taken, so that who waits for an answer hears at once that nobody responds.

// Patterns of what clients say to consumers.
const (
	ackPattern  = "$JS.ACK.>"
	flowPattern = "$JS.FC.>"
)

// consumerOf finds a consumer in passing; nil if there is none.
func (d *door) consumerOf(of, name []byte) *Consumer {
	s := d.api.engine.Find(d.account, of)
	if s == nil {
		return nil
	}
	return s.FindConsumer(name)
}

// scoped reports whether a subject of the second form is for this account; the first form says nothing of it.
func (d *door) scoped(domain, account []byte) bool {
	if len(account) == 0 {
		return true
	}
	if string(account) != d.hash {
		return false
	}
	if own := d.api.opt.Domain; own != "" {
		return string(domain) == own
	}
	return string(domain) == "_"
}

// pull takes a request for messages; rest names the stream and the consumer. One without a reply subject asks
// for nothing.
func (d *door) pull(rest []byte, m *router.Message, b *router.Batch) bool {
	of, name, ok := bytes.Cut(rest, []byte("."))
	if !ok || bytes.IndexByte(name, '.') >= 0 {
		return false
	}
	c := d.consumerOf(of, name)
	if c == nil {
		return false
	}
	if len(m.Reply) == 0 {
		return true
	}
	if !levelServed(m.Header) {
		c.Refuse(b, m.Reply, wrongLevel)
		return true
	}
	r, problem := wire.ParsePull(m.Payload, m.Reply)
	if problem != "" {
		c.Refuse(b, m.Reply, problem)
	} else {
		c.Pull(b, &r)
	}
	return true
}

// acks is the Sink of acknowledgements.
type acks struct{ door *door }

// Deliver implements router.Sink.
func (k *acks) Deliver(m *router.Message, b *router.Batch) bool {
	a, ok := wire.ParseAckSubject(m.Subject)
	if !ok || !k.door.scoped(a.Domain, a.Account) {
		return false
	}
	c := k.door.consumerOf(a.Stream, a.Consumer)
	if c == nil || c.Config().Ack == stream.AckNone {
		return false
	}
	item := a.Item()
	switch wire.ParseAck(m.Payload, &item) {
	case wire.AckPlain:
		c.Acknowledge(b, m.Reply, &item)
	case wire.AckWithNext:
		acknowledgeNext(c, &item, m, b)
	default:
		c.Unknown(b, m.Reply)
	}
	return true
}

// acknowledgeNext takes an acknowledgement that asks for more. It counts whatever becomes of the request.
func acknowledgeNext(c *Consumer, item *stream.AckItem, m *router.Message, b *router.Batch) {
	if len(m.Reply) == 0 {
		c.Acknowledge(b, nil, item)
		return
	}
	r, problem := wire.NextRequest(m.Payload, m.Reply)
	if problem != "" {
		c.Acknowledge(b, nil, item)
		c.Refuse(b, m.Reply, problem)
		return
	}
	c.AcknowledgeNext(b, item, &r)
}

// flows is the Sink of answers to flow-control requests.
type flows struct{ door *door }

// Deliver implements router.Sink. Where such answers acknowledge, that comes first: it makes room for what the
// answer asks for.
func (k *flows) Deliver(m *router.Message, b *router.Batch) bool {
	f, ok := wire.ParseFlowSubject(m.Subject)
	if !ok || !k.door.scoped(f.Domain, f.Account) {
		return false
	}
	c := k.door.consumerOf(f.Stream, f.Consumer)
	if c == nil || !c.Config().FlowControl {
		return false
	}
	if c.Config().Ack == stream.AckFlowControl {
		if seq, dseq, ok := wire.FlowFloor(m.Header); ok {
			c.Acknowledge(b, nil, &stream.AckItem{Kind: stream.AckDone, Seq: seq, DSeq: dseq})
		}
	}
	c.FlowReply(b, f.Token)
	return true
}
