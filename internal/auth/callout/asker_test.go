package callout

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"

	"myelin/internal/auth"
	"myelin/internal/clock"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

var start = time.Unix(1_700_000_000, 0)

// watched is a clock that tells of alarms.
type watched struct {
	*clock.Fake
	alarms chan time.Duration
}

func (c *watched) After(d time.Duration) <-chan time.Time {
	alarm := c.Fake.After(d)
	c.alarms <- d
	return alarm
}

// world is an Asker and the service that it asks.
type world struct {
	clock  *watched
	asker  *Asker
	issuer nkeys.KeyPair

	mu     sync.Mutex
	sent   int                 // attempts
	absent int                 // how often nobody is there
	serve  func(string) []byte // nil: no answer
	ended  int

	lines []string
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{clock: &watched{clock.NewFake(start), make(chan time.Duration, 100)}, issuer: must(nkeys.CreateAccount())}
	key := must(nkeys.CreateServer())
	w.asker = must(New(Options{
		Server: func() jwt.ServerID { return jwt.ServerID{Name: "A", ID: must(key.PublicKey())} },
		Key:    key, Exchange: must(nkeys.CreateCurveKeys()), Messenger: w, Clock: w.clock, Log: w,
		Timeout: func() time.Duration { return time.Second },
	}))
	return w
}

func (w *world) Send(_ string, _, body []byte) (<-chan []byte, func(), bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.sent++; w.sent <= w.absent {
		return nil, nil, false
	}
	answer := make(chan []byte, 1)
	if w.serve != nil {
		answer <- w.serve(string(body))
	}
	return answer, func() { w.ended++ }, true
}

func (w *world) Warnf(format string, args ...any) {
	w.lines = append(w.lines, fmt.Sprintf(format, args...))
}
func (w *world) Debugf(format string, args ...any) { w.Warnf(format, args...) }

// good answers a request well.
func (w *world) good(request string) []byte {
	r := must(jwt.DecodeAuthorizationRequestClaims(request))
	outer := jwt.NewAuthorizationResponseClaims(r.UserNkey)
	outer.Audience, outer.Jwt = r.Server.ID, must(jwt.NewUserClaims(r.UserNkey).Encode(w.issuer))
	return []byte(must(outer.Encode(w.issuer)))
}

// ask asks until there is an answer, letting time pass unless it is to be stopped.
func (w *world) ask(stop chan struct{}) (*Answer, error) {
	q := &Inquiry{Account: "AUTH", Subject: must(w.issuer.PublicKey()), Request: &auth.Request{User: "bob"}}
	type result struct {
		answer *Answer
		err    error
	}
	done := make(chan result)
	go func() {
		answer, err := w.asker.Ask(q, stop)
		done <- result{answer, err}
	}()
	for {
		select {
		case r := <-done:
			return r.answer, r.err
		case d := <-w.clock.alarms:
			if stop == nil && (d == retry || w.serve == nil && w.absent == 0) {
				w.clock.Advance(d)
			}
		}
	}
}

// A service that is not there yet is looked for; one that does not answer in time has not let anybody in.
func TestAskWaits(t *testing.T) {
	for _, row := range []struct {
		name   string
		absent int
		serve  func(*world) func(string) []byte
		stop   bool
		why    string
	}{
		{name: "at once", serve: func(w *world) func(string) []byte { return w.good }},
		{name: "it comes", absent: 3, serve: func(w *world) func(string) []byte { return w.good }},
		{name: "it does not answer", why: "not received in time"},
		{name: "it is not there", absent: 1 << 30, why: "not received in time"},
		{name: "stopped", absent: 1 << 30, stop: true},
		{name: "stopped while it is asked", stop: true},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t)
			if w.absent = row.absent; row.serve != nil {
				w.serve = row.serve(w)
			}
			var stop chan struct{}
			if row.stop {
				stop = make(chan struct{})
				close(stop)
			}
			answer, err := w.ask(stop)
			var refused *auth.Error
			switch {
			case row.stop:
				if err != ErrStopped || len(w.lines) > 0 {
					t.Errorf("%v, %q", err, w.lines)
				}
			case row.why == "":
				if err != nil || answer.Claims.Issuer != must(w.issuer.PublicKey()) || answer.Token == "" || w.ended != 1 {
					t.Errorf("%+v, %v", answer, err)
				}
			case !errors.As(err, &refused) || refused.Account != "AUTH" || refused.Text() != "Authorization Violation":
				t.Errorf("%v", err)
			case len(w.lines) != 1 || !strings.Contains(w.lines[0], row.why):
				t.Errorf("the log says %q", w.lines)
			}
		})
	}
}

// What is too long is not even read, and texts of a service cannot pass for lines of the log.
func TestAskBounds(t *testing.T) {
	for want, answer := range map[string]string{
		"Authorization response of more than": strings.Repeat("x", MaxAnswer+1),
		"Token size":                          strings.Repeat("x", jwt.MaxTokenSize+1),
	} {
		w := newWorld(t)
		w.serve = func(string) []byte { return []byte(answer) }
		var refused *auth.Error
		if _, err := w.ask(nil); !errors.As(err, &refused) || !strings.HasPrefix(refused.Why, want) || len(refused.Why) > 1000 {
			t.Errorf("%v", refused)
		}
	}
	w := newWorld(t)
	e := w.asker.Refuse(&Inquiry{Request: &auth.Request{}}, auth.Failed, "it says %s", "a\n[INF] all is well"+strings.Repeat("x", 9999))
	if strings.Contains(e.Why, "\n") || len(e.Why) > 400 {
		t.Errorf("%q", e.Why)
	}
}

// FuzzAnswer reads what services may answer: who did not get the request has nobody let in.
func FuzzAnswer(f *testing.F) {
	w := newWorld(f)
	q := &Inquiry{Account: "AUTH", XKey: must(w.asker.opt.Exchange.PublicKey()), Request: &auth.Request{}}
	user := must(newUser())
	_, request, err := w.asker.request(&Inquiry{Subject: must(w.issuer.PublicKey()), Request: &auth.Request{}}, user, time.Second)
	if err != nil {
		f.Fatal(err)
	}
	good := w.good(string(request))
	f.Add(good)
	f.Add(must(w.asker.opt.Exchange.Seal(good, q.XKey)))
	f.Add(good[:len(good)-1])
	f.Add([]byte(must(jwt.NewUserClaims(user).Encode(w.issuer))))
	f.Add([]byte("eyJ.e30.x"))
	other := must(newUser())
	f.Fuzz(func(t *testing.T, payload []byte) {
		if answer, err := w.asker.read(q, other, payload); err == nil {
			t.Errorf("let in: %+v", answer)
		}
		w.lines = nil
	})
}
