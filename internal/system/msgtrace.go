package system

import (
	"encoding/json"

	"myelin/internal/broker"
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
		m := encoded(t.Encoding, []byte(t.Dest), body)
		session := account.Open(nil)
		session.Send(m.Subject, m, true) // no mapping applies
		session.Rest()
	})
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
