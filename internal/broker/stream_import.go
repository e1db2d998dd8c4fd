package broker

import (
	"bytes"
	"sync"

	"myelin/internal/msgtrace"
	"myelin/internal/router"
	"myelin/internal/subject"
)

// StreamImport says which messages of another account are to be had in one.
type StreamImport struct {
	Subject string // in the exporting account
	Local   string // pattern of the subjects that they get in the importing one
	// Transform rewrites the former to the latter; nil: they are the same.
	Transform *subject.Transform
	// AllowTrace has traces go on in the importing account.
	AllowTrace bool
}

// streamImport passes on what is published in the exporting account. While nobody in the importing account listens to
// any of it, it is no subscription there.
type streamImport struct {
	router.Sub // in the exporting account
	StreamImport
	from     *router.Router
	to       *router.Router
	crossing *router.Crossing
	account  string // the importing one

	switching sync.Mutex // held by who makes it a subscription or none; never within mu

	mu       sync.RWMutex // a leaf
	counts   map[string]int
	wanted   subject.Index[*struct{}] // patterns whose count is above zero
	listened bool                     // it is a subscription; written with switching held
}

var present = new(struct{})

// ImportStream begins to pass on. The returned function ends it.
func (a *Account) ImportStream(exporter *Account, s StreamImport) (end func()) {
	i := &streamImport{
		StreamImport: s, from: exporter.router, to: a.router, crossing: router.NewCrossing(a.router), counts: make(map[string]int),
		account: a.name,
	}
	i.Pattern, i.Sink = s.Subject, i
	a.router.Follow(i, i.Local)
	return func() { a.router.Unfollow(i, i.Local) }
}

// Deliver passes a message on; see router.Sink. What was sent by another subject than its own, as messages of consumers are,
// keeps that.
func (i *streamImport) Deliver(m *router.Message, b *router.Batch) bool { return i.pass(m, b, nil) }

// Trace is Deliver for a message with a trace, which ends here unless the import lets it go on; see router.Tracer.
func (i *streamImport) Trace(m *router.Message, b *router.Batch, denied bool) bool {
	return !denied && i.pass(m, b, m.Trace)
}

func (i *streamImport) pass(m *router.Message, b *router.Batch, trace *msgtrace.Trace) bool {
	p := b.Passage(i.crossing)
	if p == nil {
		return false
	}
	by := b.By(m)
	to, ok := rewrite(i.Transform, &p.Subject, by, b)
	if !ok {
		return false
	}
	p.Message, p.Streams = *m, true
	p.Message.Trace = nil
	if bytes.Equal(by, m.Subject) {
		p.Message.Subject = to
	}
	if trace != nil {
		trace.Export(i.account, string(to))
		if i.AllowTrace {
			p.Message.Trace = trace
			return p.ForwardTraced(to, i.account) > 0
		}
		if trace.Only {
			p.Message = router.Message{}
			return false
		}
	}
	return p.Forward(to, false) > 0
}

// rewrite applies a transform, if there is one.
func rewrite(t *subject.Transform, buf *[]byte, from []byte, b *router.Batch) (to []byte, ok bool) {
	if t == nil {
		return from, true
	}
	*buf, ok = t.Apply((*buf)[:0], from, b.Rand)
	return *buf, ok
}

// Drops reports whether nobody wants what is sent by a literal subject; see router.Filter.
func (i *streamImport) Drops(literal []byte) bool {
	if i.Transform != nil {
		var ok bool
		if literal, ok = i.Transform.Apply(nil, literal, func(uint32) uint32 { return 0 }); !ok {
			return true
		}
	}
	i.mu.RLock()
	defer i.mu.RUnlock()
	return len(i.wanted.Match(literal, nil)) == 0
}

// Filters implements router.Filter.
func (i *streamImport) Filters() bool { return true }

// Changed follows the subscriptions of the importing account; see router.Follower.
func (i *streamImport) Changed(s *router.Sub, delta int) {
	switch s.Sink.(type) {
	case *serviceImport, *replies: // a message that is shared is nobody's request
		return
	}
	i.switching.Lock()
	defer i.switching.Unlock()
	changed, some := i.count(s.Pattern, delta)
	switch {
	case !changed:
	case some && i.listened:
		i.from.Refilter(&i.Sub)
	case some:
		i.listened = true
		i.from.Subscribe(&i.Sub)
	case i.listened:
		i.listened = false
		i.from.Unsubscribe(&i.Sub)
	}
}

// count reports whether it changes what is wanted, and whether anything is.
func (i *streamImport) count(pattern string, delta int) (changed, some bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	before := i.counts[pattern]
	after := before + delta
	if i.counts[pattern] = after; after == 0 {
		delete(i.counts, pattern)
	}
	switch {
	case before <= 0 && after > 0:
		i.wanted.Set(pattern, present)
	case before > 0 && after <= 0:
		i.wanted.Set(pattern, nil)
	default:
		return false, false
	}
	return true, i.wanted.Len() > 0
}
