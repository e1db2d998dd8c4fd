package broker

import (
	"bytes"
	"time"

	"myelin/internal/header"
	"myelin/internal/msgtrace"
	"myelin/internal/router"
	"myelin/internal/subject"
)

// ServiceImport says which requests of an account are answered by another.
type ServiceImport struct {
	Local string // pattern in the importing account
	// Transform rewrites its subjects to those of the exporting account; nil: they are the same.
	Transform *subject.Transform
	Response  Response
	// Threshold is how long an answer may take, and the next one after it; 0: two minutes.
	Threshold time.Duration
	Share     bool // who answers is told who asked, not only the account
	// Latency says which requests are measured; nil: none.
	Latency *Latency
	// AllowTrace has traces go on in the exporting account.
	AllowTrace bool
}

// Response is how many answers a service gives to a request.
type Response uint8

// What a service answers.
const (
	Singleton Response = iota // once
	Streamed                  // until the empty message
	Chunked                   // the same
)

const defaultThreshold = 2 * time.Minute

// Introducer describes in JSON who sends a request, for who answers it in another account: the connection with that id, in
// full or only its account. importer is the account that the request leaves. nil for a connection that is gone.
type Introducer func(dst []byte, cid uint64, importer string, full bool) []byte

// InfoField is the header field that tells who sent a request from another account.
const InfoField = "Nats-Request-Info"

// serviceImport passes requests on to the exporting account.
type serviceImport struct {
	router.Sub // in the importing account
	ServiceImport
	importer, exporter *Account
	there, back        *router.Crossing
}

// ImportService begins to pass requests on. The returned function ends it.
func (a *Account) ImportService(exporter *Account, s ServiceImport) (end func()) {
	if s.Threshold == 0 {
		s.Threshold = defaultThreshold
	}
	i := &serviceImport{
		ServiceImport: s, importer: a, exporter: exporter,
		there: router.NewCrossing(exporter.router), back: router.NewCrossing(a.router),
	}
	i.Pattern, i.Sink = s.Local, i
	a.router.Subscribe(&i.Sub)
	return func() { a.router.Unsubscribe(&i.Sub) }
}

// ImportsService reports whether requests to a literal subject are passed on to another account.
func (a *Account) ImportsService(literal string) (imported bool) {
	a.router.Matching([]byte(literal), func(s *router.Sub) bool {
		_, imported = s.Sink.(*serviceImport)
		return !imported
	})
	return imported
}

// Deliver passes a request on; see router.Sink. It was taken if somebody is there to answer.
func (i *serviceImport) Deliver(m *router.Message, b *router.Batch) bool { return i.pass(m, b, nil) }

// Trace is Deliver for a message with a trace, which ends here unless the export lets it go on; see router.Tracer.
func (i *serviceImport) Trace(m *router.Message, b *router.Batch, denied bool) bool {
	return !denied && i.pass(m, b, m.Trace)
}

func (i *serviceImport) pass(m *router.Message, b *router.Batch, trace *msgtrace.Trace) bool {
	p := b.Passage(i.there)
	if p == nil || b.Streamed() {
		return false
	}
	by := b.By(m)
	to, ok := rewrite(i.Transform, &p.Subject, by, b)
	if !ok {
		return false
	}
	if trace != nil {
		trace.Import(i.exporter.name, string(by), string(to))
		if trace.Only && !i.AllowTrace {
			return false
		}
	}
	if to, ok = i.remap(p, to, b, trace); !ok {
		return false
	}
	p.Message = *m
	p.Message.Trace = nil
	if bytes.Equal(by, m.Subject) {
		p.Message.Subject = to
	}
	if trace != nil {
		i.retrace(&p.Message, trace)
	}
	if introduce := i.importer.broker.introduce.Load(); introduce != nil && m.From != 0 {
		p.Info = (*introduce)(p.Info[:0], m.From, i.importer.name, i.Share)
		p.Header = header.Set(p.Header[:0], p.Message.Header, InfoField, p.Info)
		p.Message.Original, p.Message.Added = m.Published(), true
		p.Message.Header, p.Message.Tail = p.Header, nil
	}
	return i.forward(p, m, to, b)
}

// remap applies the exporting account's mappings.
func (i *serviceImport) remap(p *router.Passage, to []byte, b *router.Batch, trace *msgtrace.Trace) (mapped []byte, ok bool) {
	maps := i.exporter.mappings.Load()
	if maps == nil {
		return to, true
	}
	mapped, ok = maps.Map(p.Mapped[:0], to, b.Rand)
	if !ok {
		return nil, false
	}
	if &mapped[0] != &to[0] {
		p.Mapped = mapped
		if trace != nil {
			trace.Map(mapped)
		}
	}
	return mapped, true
}

// retrace has the trace go on with the message, or not, and says so in its header: what others tell of it later, who get it, comes
// to where it was asked for.
func (i *serviceImport) retrace(m *router.Message, trace *msgtrace.Trace) {
	m.Tail = nil
	if !i.AllowTrace {
		m.Header = msgtrace.Disabled(nil, m.Header)
		return
	}
	m.Trace = trace
	dest := i.exporter.replies().expect(&reply{to: []byte(trace.Dest), service: i, crossing: i.back, response: Streamed})
	m.Header = msgtrace.Elsewhere(nil, m.Header, dest)
}

// forward offers the passage's message, which is m on its way, and waits for the answer.
func (i *serviceImport) forward(p *router.Passage, m *router.Message, to []byte, b *router.Batch) bool {
	var measured *measurement
	if i.Latency != nil && (m.Trace == nil || !m.Trace.Only) {
		measured = i.sample(m, p.Info, b.Rand)
	}
	offer := func() bool {
		if p.Message.Trace != nil {
			return p.ForwardTraced(to, i.exporter.name) > 0
		}
		return p.Forward(to, false) > 0
	}
	if len(m.Reply) == 0 {
		measured.tell(StatusBadRequest, 0)
		return offer()
	}
	key := i.exporter.replies().expect(&reply{to: bytes.Clone(m.Reply), service: i, crossing: i.back, response: i.Response, measured: measured})
	p.Message.Reply, p.Message.Tail = key, nil
	if offer() {
		return true
	}
	measured.tell(StatusUnavailable, 0)
	i.exporter.replies().forget(key)
	return false
}
