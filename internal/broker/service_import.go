package broker

import (
	"bytes"
	"time"

	"myelin/internal/header"
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

// infoField is the header field that tells who sent a request from another account.
const infoField = "Nats-Request-Info"

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
func (i *serviceImport) Deliver(m *router.Message, b *router.Batch) bool {
	p := b.Passage(i.there)
	if p == nil || b.Streamed() {
		return false
	}
	by := b.By(m)
	to, ok := rewrite(i.Transform, &p.Subject, by, b)
	if !ok {
		return false
	}
	if maps := i.exporter.mappings.Load(); maps != nil {
		mapped, ok := maps.Map(p.Mapped[:0], to, b.Rand)
		if !ok {
			return false
		}
		if &mapped[0] != &to[0] {
			p.Mapped = mapped
		}
		to = mapped
	}
	p.Message = *m
	p.Message.Trace = nil
	if bytes.Equal(by, m.Subject) {
		p.Message.Subject = to
	}
	if introduce := i.importer.broker.introduce.Load(); introduce != nil && m.From != 0 {
		p.Info = (*introduce)(p.Info[:0], m.From, i.importer.name, i.Share)
		p.Header = header.Set(p.Header[:0], m.Header, infoField, p.Info)
		p.Message.Original, p.Message.Added = m.Published(), true
		p.Message.Header, p.Message.Tail = p.Header, nil
	}
	var measured *measurement
	if i.Latency != nil {
		measured = i.sample(m, p.Info, b.Rand)
	}
	if len(m.Reply) == 0 {
		measured.tell(StatusBadRequest, 0)
		return p.Forward(to, false) > 0
	}
	key := i.exporter.replies().expect(&reply{to: bytes.Clone(m.Reply), service: i, crossing: i.back, response: i.Response, measured: measured})
	p.Message.Reply, p.Message.Tail = key, nil
	if p.Forward(to, false) > 0 {
		return true
	}
	measured.tell(StatusUnavailable, 0)
	i.exporter.replies().forget(key)
	return false
}
