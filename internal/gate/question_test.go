package gate

import (
	"errors"
	"testing"
	"time"

	"myelin/internal/auth"
	"myelin/internal/clock"
)

// asking is a Judge that has a service asked about everybody but ann.
type asking struct {
	auth.Judge
	ask func(stop <-chan struct{}) (*auth.Identity, error)
}

func (a asking) Authenticate(r *auth.Request) (*auth.Identity, error) {
	if r.User == "ann" {
		return a.Judge.Authenticate(r)
	}
	return nil, &auth.Question{Ask: a.ask}
}

// While a service does not answer about an address, others of it are checked, but only so many are asked about.
func TestQuestionsHaveTheirOwnPlaces(t *testing.T) {
	users, err := auth.New(ann)
	if err != nil {
		t.Fatal(err)
	}
	fake := clock.NewFake(start)
	answers, asked := make(chan error), make(chan bool)
	judge := asking{users, func(stop <-chan struct{}) (*auth.Identity, error) {
		asked <- true
		select {
		case err := <-answers:
			if err == nil {
				return &auth.Identity{}, nil
			}
			return nil, err
		case <-stop:
			return nil, ErrStopped
		}
	}}
	g := New(judge, fake, 1)
	until, stop, done := start.Add(time.Minute), make(chan struct{}), make(chan error)
	bob := &auth.Request{User: "bob", Address: here, Type: auth.Standard}
	enter := func() {
		_, err := g.Enter(bob, until, stop)
		done <- err
	}
	for range places {
		go enter()
		<-asked
	}
	go enter()
	waitFor(t, func() bool { return len(g.look(here).lanes[questions].line) == 1 })
	if _, err := g.Enter(request(here, "good"), until, stop); err != nil {
		t.Errorf("somebody else: %v", err)
	}
	var refused *auth.Error
	answers <- auth.Refuse(bob)
	if err := <-done; !errors.As(err, &refused) {
		t.Errorf("refused: %v", err)
	}
	if len(g.look(here).lanes[questions].line) != 1 {
		t.Error("a refusal has given its place back at once")
	}
	fake.Advance(refusalHold)
	<-asked // the one in line
	answers <- nil
	if err := <-done; err != nil {
		t.Errorf("let in: %v", err)
	}
	close(stop)
	for range places - 1 {
		if err := <-done; err != ErrStopped {
			t.Errorf("stopped: %v", err)
		}
	}
	if n := g.known(); n != 0 {
		t.Errorf("%d addresses are remembered", n)
	}
}
