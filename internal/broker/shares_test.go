package broker

import (
	"slices"
	"strings"
	"testing"
	"time"

	"myelin/internal/clock"
	"myelin/internal/must"
	"myelin/internal/router"
	"myelin/internal/subject"
)

// told is a subscriber that notes subject, reply and payload.
type told struct {
	router.Sub
	got   []string
	reply string
}

func (l *told) Deliver(m *router.Message, _ *router.Batch) bool {
	l.got = append(l.got, string(m.Subject)+" "+string(m.Payload))
	l.reply = string(m.Reply)
	return true
}

func hear(a *Account, pattern, queue string) *told {
	l := &told{}
	l.Pattern, l.Queue, l.Sink = pattern, queue, l
	a.router.Subscribe(&l.Sub)
	return l
}

func say(a *Account, subject, reply, body string) int {
	s := a.Open(nil)
	defer s.Rest()
	return s.Publish(&router.Message{Subject: []byte(subject), Reply: []byte(reply), Payload: []byte(body)})
}

func (l *told) expect(t *testing.T, want ...string) {
	t.Helper()
	if !slices.Equal(l.got, want) {
		t.Errorf("%s got %q instead of %q", l.Pattern, l.got, want)
	}
	l.got = nil
}

func transform(src, dest string) *subject.Transform { return must.Get(subject.NewTransform(src, dest)) }

// What is published in one account is had in another while somebody there listens for it, and only what is imported.
func TestStreamImport(t *testing.T) {
	b := New(router.New(), nil)
	from, to := b.Add("A"), b.Add("B")
	end := to.ImportStream(from, StreamImport{Subject: "x.*", Local: "from.*", Transform: transform("x.*", "from.$1")})
	if n := from.router.Stats().Subs; n != 0 {
		t.Errorf("%d subscriptions while nobody listens", n)
	}
	one := hear(to, "from.1", "")
	all := hear(to, ">", "")
	if n := say(from, "x.1", "", "a"); n != 1 {
		t.Errorf("taken %d times", n)
	}
	say(from, "y.1", "", "private")
	one.expect(t, "from.1 a")
	all.expect(t, "from.1 a")
	if say(to, "x.1", "", "own") != 1 || say(to, "from.2", "", "own") != 1 {
		t.Error("the importing account's own messages are its own")
	}
	all.expect(t, "x.1 own", "from.2 own")
	to.Unsubscribe(&all.Sub)
	if n := say(from, "x.2", "in", "b"); n != 0 {
		t.Errorf("taken %d times, and nobody listens to that one", n)
	}
	end()
	if n := from.router.Stats().Subs; n != 0 || say(from, "x.1", "", "late") != 0 {
		t.Errorf("%d subscriptions after the end", n)
	}
	one.expect(t)
}

// What was published before is no reason not to hear what comes after somebody listens, and the other way round.
func TestStreamImportFollowsInterest(t *testing.T) {
	b := New(router.New(), nil)
	from, to := b.Add("A"), b.Add("B")
	to.ImportStream(from, StreamImport{Subject: ">", Local: ">"})
	session := from.Open(nil)
	publish := func(s string) int { return session.Publish(&router.Message{Subject: []byte(s)}) }
	var subs []*told
	for range 3 {
		if publish("a") != 0 {
			t.Error("taken before anybody listened")
		}
		subs = append(subs, hear(to, "a", ""), hear(to, "b", ""))
		if publish("a") != 1 || publish("b") != 1 || publish("c") != 0 {
			t.Error("not taken")
		}
		for _, s := range subs {
			to.Unsubscribe(&s.Sub)
		}
		subs = nil
	}
}

// A chain of imports leads on, and a circle, however it came to be, ends where it began.
func TestStreamImportChain(t *testing.T) {
	b := New(router.New(), nil)
	one, two, three := b.Add("A"), b.Add("B"), b.Add("C")
	two.ImportStream(one, StreamImport{Subject: "a", Local: "b", Transform: transform("a", "b")})
	three.ImportStream(two, StreamImport{Subject: "b", Local: "c", Transform: transform("b", "c")})
	l := hear(three, "c", "")
	say(one, "a", "", "x")
	l.expect(t, "c x")
	three.Unsubscribe(&l.Sub)
	if one.router.Stats().Subs+two.router.Stats().Subs != 0 {
		t.Error("the chain stays when nobody listens")
	}
	one.ImportService(two, ServiceImport{Local: "q"})
	two.ImportService(one, ServiceImport{Local: "q"})
	if n := say(one, "q", "in", "?"); n != 0 {
		t.Errorf("a request in a circle was taken %d times", n)
	}
}

// A request is answered once, in the account of who asked, and by nobody who was not asked.
func TestServiceImport(t *testing.T) {
	b := New(router.New(), nil)
	time0 := clock.NewFake(time.Unix(1e9, 0))
	b.SetClock(time0)
	from, to := b.Add("A"), b.Add("B")
	to.ImportService(from, ServiceImport{Local: "ask.*", Transform: transform("ask.*", "svc.$1")})
	if say(to, "ask.1", "in", "?") != 0 {
		t.Error("taken, and nobody is there")
	}
	service, in := hear(from, "svc.*", ""), hear(to, "in", "")
	if say(to, "ask.1", "in", "?") != 1 {
		t.Error("not taken")
	}
	service.expect(t, "svc.1 ?")
	if !strings.HasPrefix(service.reply, "_R_.") {
		t.Errorf("the service sees %q", service.reply)
	}
	if say(to, service.reply, "", "forged") != 0 || say(from, "in", "", "forged") != 0 || say(from, service.reply+"x", "", "forged") != 0 {
		t.Error("an answer from elsewhere was taken")
	}
	if say(from, service.reply, "", "!") != 1 || say(from, service.reply, "", "again") != 0 {
		t.Error("one answer is to be taken")
	}
	in.expect(t, "in !")
	say(to, "ask.2", "in", "?")
	time0.Advance(defaultThreshold)
	if say(from, service.reply, "", "late") != 0 {
		t.Error("taken after the time for it")
	}
	in.expect(t)
}

// Answers of several messages end with the empty one, or when the next takes too long.
func TestServiceImportOfManyAnswers(t *testing.T) {
	b := New(router.New(), nil)
	time0 := clock.NewFake(time.Unix(1e9, 0))
	b.SetClock(time0)
	from, to := b.Add("A"), b.Add("B")
	to.ImportService(from, ServiceImport{Local: "svc", Response: Streamed, Threshold: time.Second})
	service, in := hear(from, "svc", ""), hear(to, "in", "")
	say(to, "svc", "in", "?")
	for _, body := range []string{"1", "2", "", "3"} {
		say(from, service.reply, "", body)
	}
	in.expect(t, "in 1", "in 2", "in ")
	say(to, "svc", "in", "?")
	for _, body := range []string{"1", "2", "3"} {
		say(from, service.reply, "", body)
		time0.Advance(time.Second - 1)
	}
	time0.Advance(1)
	say(from, service.reply, "", "late")
	in.expect(t, "in 1", "in 2", "in 3")
}

// Requests that nobody answers are forgotten, and do not hold more than so many.
func TestRepliesAreBounded(t *testing.T) {
	b := New(router.New(), nil)
	time0 := clock.NewFake(time.Unix(1e9, 0))
	b.SetClock(time0)
	from, to := b.Add("A"), b.Add("B")
	to.ImportService(from, ServiceImport{Local: "slow", Threshold: time.Hour})
	to.ImportService(from, ServiceImport{Local: "svc", Threshold: time.Second})
	hear(from, ">", "")
	say(to, "slow", "in", "?")
	for range 10_000 {
		say(to, "svc", "in", "?")
	}
	r := from.replies()
	time0.Advance(time.Second)
	say(to, "slow", "in", "?")
	if n := len(r.open); n != 10_002 {
		t.Fatalf("%d are remembered behind one that lasts", n)
	}
	time0.Advance(time.Hour)
	say(to, "slow", "in", "?")
	if len(r.open) != 1 || len(r.inOrder) != 1 {
		t.Errorf("%d and %d are remembered", len(r.open), len(r.inOrder))
	}
}

// A request cannot cross by a stream: who listens to another account's messages does not answer them for it.
func TestRequestsDoNotCrossByStreams(t *testing.T) {
	b := New(router.New(), nil)
	from, to := b.Add("A"), b.Add("B")
	to.ImportStream(from, StreamImport{Subject: ">", Local: ">"})
	to.ImportService(from, ServiceImport{Local: "svc"})
	service := hear(from, "svc", "")
	say(from, "svc", "", "own")
	service.expect(t, "svc own")
	all := hear(to, ">", "")
	say(from, "svc", "", "own")
	service.expect(t, "svc own")
	all.expect(t, "svc own")
}
