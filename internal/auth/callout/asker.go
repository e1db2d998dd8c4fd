package callout

import (
	"crypto/rand"
	"errors"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"

	"myelin/internal/auth"
	"myelin/internal/clock"
)

// Messenger carries requests into accounts.
type Messenger interface {
	// Send sends a request, with a block of headers or nil, to whoever is asked who somebody is in an account. The channel gets
	// the first answer; until end is called. Without anybody there ok is false, and end is nil.
	Send(account string, header, body []byte) (answer <-chan []byte, end func(), ok bool)
}

// Log is told what an operator should know. Peers can provoke that at any rate.
type Log interface {
	Warnf(format string, args ...any)
	Debugf(format string, args ...any)
}

// Options are what an Asker needs.
type Options struct {
	Server    func() jwt.ServerID // as the server introduces itself, without exchange key
	Key       nkeys.KeyPair       // signs requests
	Exchange  nkeys.KeyPair       // opens answers
	Messenger Messenger
	Timeout   func() time.Duration // for an answer
	Clock     clock.Clock
	Log       Log
}

// Asker asks services. It may be used by many at a time.
type Asker struct {
	opt    Options
	public string // exchange key
}

// New returns an Asker.
func New(opt Options) (*Asker, error) {
	public, err := opt.Exchange.PublicKey()
	return &Asker{opt, public}, err
}

// Inquiry is what a service is asked.
type Inquiry struct {
	Account string // in which the service is
	Subject string // of the request: whom the service speaks for
	XKey    string // public key that the request is encrypted for; "" for plain text
	NameTag string // name of the user whose JWT the connection has shown

	Request *auth.Request

	// May reports whether an answer may be signed by a key, on behalf of the account that it names or "". nil: by any, since the
	// claims that it holds are signed as well.
	May func(key, account string) bool
}

// Answer is the user that a service has answered with.
type Answer struct {
	Token  string
	Claims *jwt.UserClaims
}

// retry is how often somebody is looked for who can be asked.
const retry = 50 * time.Millisecond

// ErrStopped says that the server ends before there is an answer.
var ErrStopped = errors.New("stopped while a service was asked")

// Ask asks and returns the answer, an *auth.Error, or ErrStopped. The claims of the user are well formed and valid at this time; who has
// signed them is not looked at.
func (a *Asker) Ask(q *Inquiry, stop <-chan struct{}) (*Answer, error) {
	user, err := newUser()
	if err != nil {
		return nil, a.Refuse(q, auth.Failed, "%v", err)
	}
	timeout := a.opt.Timeout()
	header, body, err := a.request(q, user, timeout)
	if err != nil {
		return nil, a.Refuse(q, auth.Failed, "%v", err)
	}
	over := a.opt.Clock.After(timeout)
	answer, end, err := a.send(q, header, body, over, stop)
	if err != nil {
		return nil, err
	}
	defer end()
	select {
	case payload := <-answer:
		return a.read(q, user, payload)
	case <-over:
		return nil, a.late(q)
	case <-stop:
		return nil, ErrStopped
	}
}

// send sends a request as soon as there is somebody who takes it: the service may be about to come back.
func (a *Asker) send(q *Inquiry, header, body []byte, over <-chan time.Time, stop <-chan struct{}) (<-chan []byte, func(), error) {
	for {
		if answer, end, ok := a.opt.Messenger.Send(q.Account, header, body); ok {
			return answer, end, nil
		}
		select {
		case <-a.opt.Clock.After(retry):
		case <-over:
			return nil, nil, a.late(q)
		case <-stop:
			return nil, nil, ErrStopped
		}
	}
}

// newUser is the public key of a user that nobody has the other half of: who answers with it, answers this request.
func newUser() (string, error) {
	var random [32]byte
	rand.Read(random[:]) // never fails
	public, err := nkeys.Encode(nkeys.PrefixByteUser, random[:])
	return string(public), err
}

func (a *Asker) late(q *Inquiry) *auth.Error {
	a.opt.Log.Debugf("Authorization callout response not received in time on account %q", q.Account)
	return auth.RefuseAnswer(auth.Failed, q.Request, q.Account, "")
}

// Refuse says why the answer to an inquiry lets nobody in.
func (a *Asker) Refuse(q *Inquiry, reason auth.Reason, format string, args ...any) *auth.Error {
	why := sentence(format, args...)
	a.opt.Log.Warnf("%s", why)
	return auth.RefuseAnswer(reason, q.Request, q.Account, why)
}
