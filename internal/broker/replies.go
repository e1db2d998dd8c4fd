package broker

import (
	"bytes"
	crand "crypto/rand"
	"math/rand/v2"
	"sync"
	"time"

	"myelin/internal/base62"
	"myelin/internal/must"
	"myelin/internal/router"
)

// replyPrefix begins the subjects that answers to requests of other accounts go to.
const replyPrefix = "_R_."

// maxReplies bounds the requests of other accounts that an account has not answered yet. Beyond it the oldest are forgotten.
const maxReplies = 1 << 18

// keyLetters is how long the random part of a reply subject is: nobody guesses one of 62 to the power of 16.
const keyLetters = 16

type replyKey [keyLetters]byte

// reply is where the answers to one request go.
type reply struct {
	to       []byte // subject, beyond the crossing
	service  *serviceImport
	crossing *router.Crossing
	response Response
	expires  time.Time
	asked    bool // it leads from who asked to who answered: the answer asked back
	measured *measurement
}

// replies are all that an account may answer to others. It is one subscription in the account.
type replies struct {
	router.Sub
	account *Account
	prefix  string

	mu      sync.Mutex
	rnd     *rand.ChaCha8
	open    map[replyKey]*reply
	inOrder []replyKey // of those that came, the oldest first; some of them are gone
}

// replies returns those of the account, which listens for them from the first time on.
func (a *Account) replies() *replies {
	a.replying.Do(func() {
		r := &replies{account: a, open: make(map[replyKey]*reply)}
		var seed [32]byte
		must.Get(crand.Read(seed[:]))
		r.rnd = rand.NewChaCha8(seed)
		key := r.draw()
		r.prefix = replyPrefix + string(key[:6]) + "."
		r.Pattern, r.Sink = r.prefix+"*", r
		a.router.Subscribe(&r.Sub)
		a.answers.Store(r)
	})
	return a.answers.Load()
}

// draw returns letters and digits that nobody foresees.
func (r *replies) draw() (key replyKey) {
	for i := 0; i < len(key); {
		for bits := r.rnd.Uint64(); bits != 0 && i < len(key); bits >>= 6 {
			if n := bits & 63; n < uint64(len(base62.Digits)) {
				key[i] = base62.Digits[n]
				i++
			}
		}
	}
	return key
}

// expect makes a subject on which an answer is passed on.
func (r *replies) expect(e *reply) []byte {
	now := r.account.broker.clock.Now()
	e.expires = now.Add(e.service.Threshold)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.trim(now)
	key := r.draw()
	r.open[key] = e
	r.inOrder = append(r.inOrder, key)
	return append(append(make([]byte, 0, len(r.prefix)+keyLetters), r.prefix...), key[:]...)
}

// trim forgets the oldest that have expired, and makes place for one more.
func (r *replies) trim(now time.Time) {
	n := 0
	for _, key := range r.inOrder {
		e := r.open[key]
		if e != nil && now.Before(e.expires) && len(r.open) < maxReplies {
			break
		}
		if e != nil {
			e.measured.tell(StatusTimeout, 0)
		}
		delete(r.open, key)
		n++
	}
	r.inOrder = r.inOrder[n:]
	if len(r.inOrder) > 2*len(r.open)+1024 { // some old one keeps those behind it, which are gone
		alive := make([]replyKey, 0, len(r.open)+1)
		for _, key := range r.inOrder {
			if r.open[key] != nil {
				alive = append(alive, key)
			}
		}
		r.inOrder = alive
	}
}

// keyOf reads the random part of a subject.
func (r *replies) keyOf(subject []byte) (key replyKey, ok bool) {
	return key, len(subject) == len(r.prefix)+keyLetters && copy(key[:], subject[len(r.prefix):]) == keyLetters
}

func (r *replies) forget(subject []byte) {
	if key, ok := r.keyOf(subject); ok {
		r.mu.Lock()
		delete(r.open, key)
		r.mu.Unlock()
	}
}

// take returns where a message goes, if anywhere; last says that none follows it where several may.
func (r *replies) take(subject []byte, last bool) *reply {
	key, ok := r.keyOf(subject)
	if !ok {
		return nil
	}
	now := r.account.broker.clock.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.open[key]
	switch {
	case e == nil:
		return nil
	case !now.Before(e.expires):
		delete(r.open, key)
		return nil
	case e.response == Singleton || last:
		delete(r.open, key)
	default:
		e.expires = now.Add(e.service.Threshold)
	}
	return e
}

// Filters implements router.Filter.
func (r *replies) Filters() bool { return true }

// Drops reports whether no answer is expected; see router.Filter.
func (r *replies) Drops(literal []byte) bool {
	key, ok := r.keyOf(literal)
	if !ok {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.open[key] == nil
}

// Deliver passes an answer on; see router.Sink.
func (r *replies) Deliver(m *router.Message, b *router.Batch) bool {
	by := b.By(m)
	e := r.take(by, len(m.Payload) == 0 && len(m.Header) == 0)
	if e == nil {
		return false
	}
	e.measured.tell(StatusOK, m.From)
	p := b.Passage(e.crossing)
	if p == nil || b.Streamed() {
		return false
	}
	p.Message = *m
	p.Message.Trace = nil
	if bytes.Equal(by, m.Subject) {
		p.Message.Subject = e.to
	}
	var asked []byte
	beyond := e.beyond()
	if len(m.Reply) > 0 && !bytes.HasPrefix(m.Reply, ackPrefix) {
		asked = beyond.expect(e.turned(bytes.Clone(m.Reply)))
		p.Message.Reply, p.Message.Tail = asked, nil
	}
	if p.Forward(e.to, true) > 0 {
		return true
	}
	r.forget(by)
	if asked != nil {
		beyond.forget(asked)
	}
	return false
}

// beyond are the replies of the account that this one leads to.
func (e *reply) beyond() *replies {
	if e.asked {
		return e.service.exporter.replies()
	}
	return e.service.importer.replies()
}

// turned is the way back from there.
func (e *reply) turned(to []byte) *reply {
	back := &reply{to: to, service: e.service, crossing: e.service.there, response: Singleton, asked: !e.asked}
	if e.asked {
		back.crossing = e.service.back
	}
	return back
}
