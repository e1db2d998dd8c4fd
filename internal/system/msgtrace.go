package system

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"

	"github.com/klauspost/compress/s2"

	"myelin/internal/broker"
	"myelin/internal/header"
	"myelin/internal/msgtrace"
	"myelin/internal/router"
)

// traced is what is told of a message.
type traced struct {
	Server *Server `json:"server"`
	*msgtrace.Event
}

// Trace publishes what became of a message in the account that it came from. A server without a system account tells nothing.
func (g *Guest) Trace(account *broker.Account, t *msgtrace.Trace) {
	if g.account == nil {
		return
	}
	g.traces.add(func() {
		body, err := json.Marshal(traced{g.server(), t.Event()})
		if err != nil {
			g.opt.Log.Errorf("What became of a message cannot be encoded: %v", err)
			return
		}
		m := &router.Message{Subject: []byte(t.Dest), Payload: body}
		if t.Encoding != msgtrace.Plain {
			m.Payload = compressed(t.Encoding, body)
			m.Header = header.AppendEnd(header.AppendField(header.AppendStart(nil), "Content-Encoding", string(t.Encoding)))
		}
		session := account.Open(nil)
		session.Send(m.Subject, m, true) // no mapping applies
		session.Rest()
	})
}

// compressed is a body in an encoding. Writing to memory does not fail.
func compressed(e msgtrace.Encoding, body []byte) []byte {
	var buf bytes.Buffer
	var w io.WriteCloser = gzip.NewWriter(&buf)
	if e == msgtrace.Snappy {
		w = s2.NewWriter(&buf, s2.WriterSnappyCompat(), s2.WriterConcurrency(1))
	}
	_, _ = w.Write(body)
	_ = w.Close()
	return buf.Bytes()
}

// Trace implements router.Tracer. What an account other than the system's asks for is answered in that.
func (e *entrance) Trace(m *router.Message, b *router.Batch, _ bool) bool {
	if system := e.guest.account; e.account != system {
		m.Trace.Import(system.Name(), string(m.Subject), e.asked(string(m.Subject)))
		if m.Trace.Only {
			return false // a trace ends where the account does, and so does what is traced only
		}
	}
	return m.Trace.Only || e.Deliver(m, b)
}

// asked is the subject in the system account that a request of another account stands for.
func (e *entrance) asked(literal string) string {
	switch k := e.kind.(type) {
	case userKind:
		return "$SYS.REQ.USER." + e.account.Name() + ".INFO"
	case ownKind:
		return "$SYS.REQ.ACCOUNT." + e.account.Name() + "." + k.view
	}
	return literal
}
