package jetstream

import (
	"encoding/json"
	"math/rand/v2"
	"strconv"

	"myelin/internal/apierr"
	"myelin/internal/broker"
	"myelin/internal/header"
	"myelin/internal/must"
	"myelin/internal/router"
	"myelin/internal/stream"
	"myelin/internal/subject"
)

// Outlet tells publishers what became of their messages, and publishes again what a stream stored, if it is
// configured to. It belongs to one goroutine at a time, and allocates nothing per message.
type Outlet struct {
	api     *API
	session *broker.Session
	config  func() *stream.Config

	acked  []byte // what an answer begins with, up to the sequence
	failed []byte // what an answer to a refused message ends with
	buf    []byte
	msg    router.Message

	// of the configuration that was seen last
	current   *stream.Config
	transform *subject.Transform // of republish; nil without it
	to        []byte
}

// Outlet returns the outlet of a stream of an account, whose configuration config tells.
func (a *API) Outlet(account *broker.Account, name string, config func() *stream.Config) *Outlet {
	o := &Outlet{api: a, session: account.Open(nil), config: config}
	o.acked = append(strconv.AppendQuote([]byte(`{"stream":`), name), ',')
	if a.opt.Domain != "" {
		o.acked = append(strconv.AppendQuote(append(o.acked, `"domain":`...), a.opt.Domain), ',')
	}
	o.acked = append(o.acked, `"seq":`...)
	o.failed = append(append([]byte(`},"stream":`), must.Get(json.Marshal(name))...), `,"seq":0}`...)
	return o
}

// tooMany is the header of the answer to a message that there was no room for.
var tooMany = header.AppendEnd(header.AppendStatus(nil, 429, "Too Many Requests"))

// Ack answers the publisher of a message. A stream without acknowledgements says nothing, not even what is
// wrong.
func (o *Outlet) Ack(reply []byte, r *stream.Reply) {
	if c := o.config(); c != nil && c.NoAck {
		return
	}
	o.msg = router.Message{Subject: reply}
	switch {
	case r.Fast:
		o.frames(r)
		return
	case r.Silent:
		o.buf = o.buf[:0]
	default:
		o.finish(r)
	}
	o.msg.Payload = o.buf
	o.session.Reply(&o.msg)
}

// finish makes the last answer to a message, or the only one.
func (o *Outlet) finish(r *stream.Reply) {
	if r.Err == nil {
		o.buf = appendAck(o.buf[:0], o.acked, r)
		return
	}
	o.buf = appendRefusal(o.buf[:0], r.Err, o.failed)
	if r.Err.ErrCode == apierr.StreamTooManyRequests {
		o.msg.Header = tooMany
	}
}

// frames publishes the answers to a message of a fast batch.
func (o *Outlet) frames(r *stream.Reply) {
	reply := o.msg.Subject
	for i := range r.Frames {
		o.msg = router.Message{Subject: reply}
		if f := &r.Frames[i]; f.Kind == stream.FrameDone {
			o.finish(r)
		} else {
			o.buf = appendFlow(o.buf[:0], f)
		}
		o.msg.Payload = o.buf
		o.session.Reply(&o.msg)
	}
}

// appendFlow appends what the publisher of a fast batch is told on the way.
func appendFlow(dst []byte, f *stream.Frame) []byte {
	switch f.Kind {
	case stream.FrameAck:
		dst = strconv.AppendUint(append(dst, `{"type":"ack","seq":`...), f.Seq, 10)
		dst = strconv.AppendUint(append(dst, `,"msgs":`...), f.Other, 10)
	case stream.FrameGap:
		dst = strconv.AppendUint(append(dst, `{"type":"gap","last_seq":`...), f.Other, 10)
		dst = strconv.AppendUint(append(dst, `,"seq":`...), f.Seq, 10)
	case stream.FrameErr:
		dst = strconv.AppendUint(append(dst, `{"type":"err","seq":`...), f.Seq, 10)
		dst = append(appendError(append(dst, `,"error":`...), f.Err), '}')
	}
	return append(dst, '}')
}

// appendError appends an error as JSON, but for its last brace.
func appendError(dst []byte, err *apierr.Error) []byte {
	dst = strconv.AppendInt(append(dst, `{"code":`...), int64(err.Code), 10)
	dst = strconv.AppendUint(append(dst, `,"err_code":`...), uint64(err.ErrCode), 10)
	return appendJSONText(append(dst, `,"description":`...), err.Description)
}

// appendAck appends a PubAck. The blank before true is a stock server's.
func appendAck(dst, start []byte, r *stream.Reply) []byte {
	dst = strconv.AppendUint(append(dst, start...), r.Seq, 10)
	if r.Duplicate {
		dst = append(dst, `,"duplicate": true`...)
	}
	if len(r.Value) > 0 {
		dst = append(append(append(dst, `,"val":"`...), r.Value...), '"')
	}
	if len(r.Batch) > 0 {
		dst = appendJSONText(append(dst, `,"batch":`...), r.Batch)
		dst = strconv.AppendInt(append(dst, `,"count":`...), int64(r.Count), 10)
	}
	return append(dst, '}')
}

// appendRefusal appends the answer to a message that was not stored.
func appendRefusal(dst []byte, err *apierr.Error, end []byte) []byte {
	return append(appendError(append(dst, `{"error":`...), err), end...)
}

// appendJSONText appends a JSON string as encoding/json does. Plain text, nearly all there is, allocates
// nothing.
func appendJSONText[T string | []byte](dst []byte, text T) []byte {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			return append(dst, must.Get(json.Marshal(string(text)))...)
		}
	}
	return append(append(append(dst, '"'), text...), '"')
}

// Stored publishes again what was stored, if the stream is configured to.
func (o *Outlet) Stored(m *stream.Stored) {
	c := o.follow()
	if o.transform == nil {
		return
	}
	to, ok := o.transform.Apply(o.to[:0], m.Subject, rand.Uint32N)
	if !ok || len(to) == 0 {
		return
	}
	o.to = to
	o.buf = appendRepublished(o.buf[:0], c, m)
	o.msg = router.Message{Subject: to, Header: o.buf, Payload: m.Body}
	if c.Republish.HeadersOnly {
		o.msg.Payload = nil
	}
	o.session.Publish(&o.msg)
}

// follow notices a new configuration. One that cannot be followed was refused when it was checked.
func (o *Outlet) follow() *stream.Config {
	c := o.config()
	if c == o.current {
		return c
	}
	o.current, o.transform = c, nil
	if c != nil && c.Republish != nil && c.Republish.Dest != "" {
		if t, err := subject.NewTransform(c.Republish.Src, c.Republish.Dest); err == nil {
			o.transform = t
		}
	}
	return c
}

// appendRepublished appends the header of a message that is published again: its own fields come first.
func appendRepublished(dst []byte, c *stream.Config, m *stream.Stored) []byte {
	dst = appendOrigin(dst, m.Header, c.Name, m.Subject, m.Seq, m.Time)
	dst = appendNumber(dst, "Nats-Last-Sequence: ", m.Previous)
	if c.Republish.HeadersOnly {
		dst = appendNumber(dst, "Nats-Msg-Size: ", uint64(len(m.Body)))
	}
	return header.AppendEnd(dst)
}

// Acknowledged answers, without a word, a client that waits for its acknowledgement of a message to be taken.
func (o *Outlet) Acknowledged(reply []byte) {
	o.msg = router.Message{Subject: reply}
	o.session.Reply(&o.msg)
}

// Flush pushes what the others published.
func (o *Outlet) Flush() { o.session.Flush() }
