package auth

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestAnswers shows which subjects become open by requests, how often and for how long. A step is `<- reply` for a
// request, `+seconds`, or a subject with what comes of publishing on it. What is said of single requests holds for a
// stock server.
func TestAnswers(t *testing.T) {
	for _, test := range []struct {
		name      string
		publish   Subjects
		responses Responses
		steps     string
	}{
		{"the default", Subjects{}, Responses{},
			"r.1 no, <- r.1, r.1 yes, r.1 no, other no, <- r.2, +119, r.2 yes, <- r.3, +120, r.3 no"},
		{"a number", Subjects{}, Responses{Max: 2}, "<- r, r yes, r yes, r no"},
		{"any number", Subjects{}, Responses{Max: -5, Expires: time.Second}, "<- r, r yes, r yes, r yes, +1, r no"},
		{"no end", Subjects{}, Responses{Max: 2, Expires: -1}, "<- r, r yes, +999999, r yes, r no"},
		{"beside what is allowed", Subjects{Allow: []string{"x"}}, Responses{}, "x yes, x yes, <- x, x yes, x yes, y no"},
		{"in spite of what is denied", Subjects{Deny: []string{"r"}}, Responses{}, "r no, <- r, r yes, r no, other no"},
		{"wildcards stand for themselves", Subjects{}, Responses{}, "<- a.*, a.b no, a.* yes"},
		{"each request may be answered", Subjects{}, Responses{}, "<- r, <- r, r yes, r yes, r no"},
		{"from the last request on", Subjects{}, Responses{Max: -1, Expires: time.Second}, "<- r, +0.9, <- r, +0.9, r yes, +0.1, r no"},
	} {
		g := NewGuard(rights(t, Permissions{Publish: test.publish, Responses: &test.responses}))
		now := time.Unix(0, 0)
		for step := range strings.SplitSeq(test.steps, ", ") {
			if seconds, ok := strings.CutPrefix(step, "+"); ok {
				after, err := time.ParseDuration(seconds + "s")
				if err != nil {
					t.Fatal(err)
				}
				now = now.Add(after)
				continue
			}
			if reply, ok := strings.CutPrefix(step, "<- "); ok {
				g.Received([]byte(reply), now)
				continue
			}
			name, want, _ := strings.Cut(step, " ")
			if got := g.CanPublish([]byte(name)) || g.CanAnswer([]byte(name), now); got != (want == "yes") {
				t.Errorf("%s: %s at %v: %v", test.name, step, now, got)
			}
		}
		g.Rest()
	}
}

// TestNoAnswersWithoutTheRight shows that requests open nothing for who has no right to answer, or has lost it.
func TestNoAnswersWithoutTheRight(t *testing.T) {
	now := time.Unix(0, 0)
	g := NewGuard(rights(t, Permissions{Publish: Subjects{Allow: []string{"x"}}}))
	g.Received([]byte("r"), now)
	g.Change(rights(t, Permissions{Responses: &Responses{}}))
	if g.CanAnswer([]byte("r"), now) || g.CanPublish([]byte("x")) {
		t.Error("what came before the right is open")
	}
	g.Received([]byte("r"), now)
	g.Received(nil, now)
	if g.CanAnswer(nil, now) {
		t.Error("a message that asks for no answer opens something")
	}
	g.Change(rights(t, Permissions{Publish: Subjects{Allow: []string{"x"}}}))
	if g.CanAnswer([]byte("r"), now) || !g.CanPublish([]byte("x")) {
		t.Error("what came before the right was lost is open")
	}
}

// TestRequestsAreBounded shows that neither requests that nobody answers nor those that name one subject again and again
// take memory without end, and that the latest count.
func TestRequestsAreBounded(t *testing.T) {
	now := time.Unix(0, 0)
	g := NewGuard(rights(t, Permissions{Responses: &Responses{}}))
	reply := func(i int) []byte { return fmt.Appendf(nil, "r.%d", i) }
	const sent = maxRequests + 1000
	for i := range sent {
		g.Received(reply(i), now)
	}
	q := &g.requests
	if len(q.open) != maxRequests || len(q.order) > 2*maxRequests+minOrder {
		t.Errorf("%d open, %d in order", len(q.open), len(q.order))
	}
	if g.CanAnswer(reply(999), now) || !g.CanAnswer(reply(1000), now) || !g.CanAnswer(reply(sent-1), now) {
		t.Error("others than the oldest are forgotten")
	}
	for range 10 * minOrder {
		g.Received([]byte("the same"), now.Add(time.Minute))
	}
	g.Received([]byte("late"), now.Add(time.Hour))
	if len(q.open) != 1 || len(q.order) != 1 {
		t.Errorf("after all expired: %d open, %d in order", len(q.open), len(q.order))
	}
	for range 10 * minOrder {
		g.Received([]byte("late"), now.Add(time.Hour))
	}
	if len(q.order) > 2+minOrder {
		t.Errorf("one subject: %d in order", len(q.order))
	}
}

// TestAnswersRace shows that deliveries from many sides and publications go together; the race detector looks on.
func TestAnswersRace(t *testing.T) {
	now := time.Unix(0, 0)
	open := rights(t, Permissions{Responses: &Responses{Max: 1}})
	g := NewGuard(open)
	var deliverers sync.WaitGroup
	for side := range 4 {
		deliverers.Go(func() {
			for i := range 500 {
				g.Received(fmt.Appendf(nil, "r.%d.%d", side, i), now)
			}
		})
	}
	answered := 0
	answer := func() {
		for side := range 4 {
			for i := range 500 {
				name := fmt.Appendf(nil, "r.%d.%d", side, i)
				if !g.CanPublish(name) && g.CanAnswer(name, now) {
					answered++
				}
			}
		}
	}
	answer()
	g.Change(open)
	deliverers.Wait()
	answer()
	g.Rest()
	if answered != 2000 {
		t.Errorf("%d answers to 2000 requests", answered)
	}
}

// TestVerdictsAreBounded shows that a flood of subjects neither makes a cache grow without end, nor changes a verdict, and
// that guards that rest have given back what they took.
func TestVerdictsAreBounded(t *testing.T) {
	before := verdictsTotal.Load()
	r := rights(t, Permissions{Publish: Subjects{Allow: []string{"a.*"}, Deny: []string{"a.3"}}})
	g := NewGuard(r)
	long := []byte("a." + strings.Repeat("x", maxCachedSubject))
	for i := range 2 * maxVerdicts {
		allowed, denied := fmt.Appendf(nil, "a.%d", i+10), fmt.Appendf(nil, "b.%d", i)
		if !g.CanPublish(allowed) || g.CanPublish(denied) || g.CanPublish([]byte("a.3")) || !g.CanPublish(long) {
			t.Fatalf("subject %d", i)
		}
	}
	guards := []*Guard{g}
	for range 1 + maxVerdictsTotal/maxVerdicts {
		g := NewGuard(r)
		for i := range maxVerdicts {
			g.CanPublish(fmt.Appendf(nil, "a.%d", i))
		}
		guards = append(guards, g)
	}
	for _, g := range guards {
		if len(g.cache) > maxVerdicts {
			t.Errorf("%d verdicts", len(g.cache))
		}
	}
	if n := verdictsTotal.Load(); n > maxVerdictsTotal {
		t.Errorf("%d verdicts of all guards", n)
	}
	for _, g := range guards {
		g.Rest()
		g.Rest()
	}
	if n := verdictsTotal.Load(); n != before {
		t.Errorf("%d verdicts are still counted", n-before)
	}
}

func BenchmarkCanPublish(b *testing.B) {
	p := Permissions{Publish: Subjects{Allow: []string{"orders.*.new", "metrics.>"}, Deny: []string{"metrics.secret.>"}}}
	subjects := func(n int) (list [][]byte) {
		for i := range n {
			list = append(list, fmt.Appendf(nil, "orders.%d.new", i))
		}
		return list
	}
	for _, bench := range []struct {
		name     string
		rights   *Rights
		subjects [][]byte
	}{
		{"unlimited", unlimited, subjects(1)},
		{"one subject", rights(b, p), subjects(1)},
		{"64 subjects", rights(b, p), subjects(64)},
		{"a flood of subjects", rights(b, p), subjects(1 << 16)},
	} {
		b.Run(bench.name, func(b *testing.B) {
			g := NewGuard(bench.rights)
			defer g.Rest()
			list, i := bench.subjects, 0
			for b.Loop() {
				if !g.CanPublish(list[i&(len(list)-1)]) {
					b.Fatal("refused")
				}
				i++
			}
		})
	}
	b.Run("without a cache", func(b *testing.B) {
		r, name := rights(b, p), subjects(1)[0]
		for b.Loop() {
			if !r.canPublish(name) {
				b.Fatal("refused")
			}
		}
	})
}

func BenchmarkFilter(b *testing.B) {
	for _, denied := range []string{"orders.secret", "orders.*.secret"} {
		r := rights(b, Permissions{Subscribe: Subjects{Deny: []string{denied}}})
		_, filter := r.CanSubscribe("orders.>", "")
		name := []byte("orders.17.new")
		b.Run(denied, func(b *testing.B) {
			for b.Loop() {
				if filter.Drops(name) {
					b.Fatal("dropped")
				}
			}
		})
	}
}

func BenchmarkAnswer(b *testing.B) {
	g := NewGuard(rights(b, Permissions{Responses: &Responses{}}))
	now := time.Unix(0, 0)
	replies := make([][]byte, 256)
	for i := range replies {
		replies[i] = fmt.Appendf(nil, "_INBOX.abcdefghijklmnopqrstuv.%d", i)
	}
	replies = slices.Clip(replies)
	for i := 0; b.Loop(); i++ {
		reply := replies[i%len(replies)]
		g.Received(reply, now)
		if !g.CanAnswer(reply, now) {
			b.Fatal("refused")
		}
	}
}
