package jetstream

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"myelin/internal/apierr"
	"myelin/internal/router"
	"myelin/internal/stream"
)

// slow is an engine whose Delete waits until it is let go, and notes what was asked in which order.
type slow struct {
	*fakeEngine
	entered chan string
	release chan struct{}
	mu      sync.Mutex
	order   []string
}

func (e *slow) Delete(_, name string) *apierr.Error {
	e.entered <- name
	<-e.release
	e.mu.Lock()
	defer e.mu.Unlock()
	e.order = append(e.order, "delete "+name)
	return nil
}

func (e *slow) Create(_ string, c stream.Config, _ bool) (Stream, bool, *apierr.Error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.order = append(e.order, "create "+c.Description+c.Name)
	return nil, false, apierr.StreamNotFound.Err()
}

func newSlow(t *testing.T, max int) (*tester, *slow) {
	e := &slow{entered: make(chan string, 100), release: make(chan struct{}, 100)}
	x := newTester(t, func(o *Options) { o.MaxRequests = max })
	e.fakeEngine = x.api.engine.(*fakeEngine)
	x.api.engine = e
	return x, e
}

// send publishes requests in one batch and does not wait for what follows.
func (x *tester) send(requests ...[2]string) {
	for _, q := range requests {
		x.session.Publish(&router.Message{Subject: []byte(apiPrefix + q[0]), Reply: []byte("_I.1"), Payload: []byte(q[1])})
	}
	x.session.Flush()
}

// Requests for one stream are worked on in order, whatever others wait for.
func TestRequestsForAStreamStayInOrder(t *testing.T) {
	x, e := newSlow(t, 0)
	x.send([2]string{"STREAM.DELETE.A", ""}, [2]string{"STREAM.CREATE.A", `{"name":"A","description":"1"}`}, [2]string{"STREAM.CREATE.A", `{"name":"A","description":"2"}`})
	<-e.entered
	others := 0
	for i := range 50 {
		name := fmt.Sprintf("B%d", i)
		if l := &x.api.doors["$G"].lanes; l.hash([]byte(name)) != l.hash([]byte("A")) {
			x.send([2]string{"STREAM.CREATE." + name, `{"name":"` + name + `"}`})
			others++
		}
	}
	x.inbox.wait(t, others) // while the delete waits
	e.release <- struct{}{}
	x.settle()
	e.mu.Lock()
	defer e.mu.Unlock()
	var got []string
	for _, what := range e.order {
		if strings.HasSuffix(what, "A") {
			got = append(got, what)
		}
	}
	if want := "delete A, create 1A, create 2A"; strings.Join(got, ", ") != want || len(e.order) != others+3 {
		t.Errorf("%v", e.order)
	}
}

// When too many requests wait, those that wait are dropped, and whoever listens is told.
func TestTooManyRequestsAreDropped(t *testing.T) {
	x, e := newSlow(t, 10)
	events := x.listen("$JS.EVENT.ADVISORY.API.LIMIT_REACHED")
	x.send([2]string{"STREAM.DELETE.A", ""})
	<-e.entered // it does not wait any more
	for range 10 {
		x.send([2]string{"STREAM.DELETE.A", ""})
	}
	if n := len(events.take()); n != 0 {
		t.Fatalf("%d events at the limit", n)
	}
	if s := x.api.Stats("$G"); s.Inflight != 11 {
		t.Errorf("%+v", s)
	}
	x.send([2]string{"STREAM.DELETE.B", ""})
	got := events.take()
	if len(got) != 1 || !strings.Contains(got[0].body, `"server":"stock","dropped":10}`) {
		t.Fatalf("%v", got)
	}
	for range 2 {
		e.release <- struct{}{}
	}
	x.settle()
	if n := len(x.inbox.take()); n != 2 {
		t.Errorf("%d answers", n)
	}
	if s := x.api.Stats("$G"); s.Inflight != 0 {
		t.Errorf("%+v", s)
	}
}

// Close waits for what is worked on, and takes nothing more.
func TestClose(t *testing.T) {
	x, e := newSlow(t, 0)
	x.send([2]string{"STREAM.DELETE.A", ""}, [2]string{"STREAM.DELETE.A", ""})
	<-e.entered
	closed := make(chan struct{})
	go func() {
		x.api.Close()
		close(closed)
	}()
	select {
	case <-closed:
		t.Error("closed while a request is worked on")
	default:
	}
	close(e.release) // the second request may have been dropped, or not
	<-closed
	if m := (&router.Message{Subject: []byte("$JS.API.INFO")}); x.session.Publish(m) != 0 {
		t.Error("requests are taken after the end")
	}
}

// Requests that only ask for information are dropped by themselves.
func TestTooManyQuestionsAreDropped(t *testing.T) {
	x, e := newSlow(t, 0)
	x.api.opt.MaxInfoRequests = 3
	events := x.listen("$JS.EVENT.ADVISORY.API.LIMIT_REACHED")
	x.send([2]string{"STREAM.DELETE.A", ""})
	<-e.entered
	x.send([2]string{"STREAM.CREATE.A", `{"name":"A","description":"1"}`})
	for range 3 {
		x.send([2]string{"STREAM.INFO.A", ""})
	}
	x.send([2]string{"STREAM.CREATE.A", `{"name":"A","description":"2"}`}, [2]string{"CONSUMER.NAMES.A", ""})
	if got := events.take(); len(got) != 1 || !strings.Contains(got[0].body, `"dropped":3}`) {
		t.Fatalf("%v", got)
	}
	e.release <- struct{}{}
	x.settle()
	if n := len(x.inbox.take()); n != 4 {
		t.Errorf("%d answers", n)
	}
}

// Requests for one consumer, and for a stream itself, stay in order; those for different consumers do not wait for each other.
func TestLanesOfConsumers(t *testing.T) {
	x, _ := newSlow(t, 0)
	l := &newDoor(x.api, x.api.opt.Broker.Add("$G")).lanes
	lane := func(verb string) int { return l.laneOf(&request{verb: []byte(verb)}) }
	used := map[int]bool{}
	for i := range 100 {
		name := fmt.Sprintf("A.c%d", i)
		first := lane("CONSUMER.CREATE." + name + ".orders.*")
		for _, verb := range []string{"CONSUMER.INFO.", "CONSUMER.DELETE.", "CONSUMER.DURABLE.CREATE.", "CONSUMER.RESET."} {
			if got := lane(verb + name); got != first {
				t.Errorf("%s%s: lane %d instead of %d", verb, name, got, first)
			}
		}
		used[first] = true
		if lane("STREAM.UPDATE.A") != lane("STREAM.DELETE.A") {
			t.Error("requests for a stream are in different lanes")
		}
	}
	one, other := lane("CONSUMER.CREATE.A"), lane("CONSUMER.CREATE.A")
	if len(used) < numLanes/2 || one == other {
		t.Errorf("%d lanes used; those without a name use %d and %d", len(used), one, other)
	}
}
