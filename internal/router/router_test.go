package router

import (
	"bytes"
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"sync"
	"testing"

	"myelin/internal/subject"
)

// inbox is a destination that remembers lines, and may be told to refuse.
type inbox struct {
	id   uint64
	name string
	log  *[]string // of pushes, shared by the inboxes of a test

	mu     sync.Mutex
	lines  []string
	refuse bool
	pushes int
}

func (d *inbox) Push(f *Frames) Answer {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.log != nil {
		*d.log = append(*d.log, d.name)
	}
	if d.refuse {
		return Refused
	}
	d.pushes++
	for _, c := range f.Chunks {
		d.lines = append(d.lines, strings.Fields(string(c.B))...)
		c.Free()
	}
	f.Chunks = f.Chunks[:0]
	return Taken
}

func (d *inbox) Relief() (<-chan struct{}, bool) { return nil, false }

func (d *inbox) Unpack(f *Frames, visit func(*Sub, *Message)) {
	run, left := -1, 0
	for _, c := range f.Chunks {
		for _, line := range bytes.SplitAfter(c.B, []byte("\n")) {
			if len(line) == 0 {
				continue
			}
			if left == 0 {
				run++
				left = f.Runs[run].Bytes
			}
			left -= len(line)
			text := bytes.TrimSuffix(line, []byte("\n"))
			visit(f.Runs[run].Sub, &Message{Subject: text})
		}
	}
}

// sink delivers the subject as a line to its inbox, at most max times.
type sink struct {
	Sub
	dest *inbox
	max  int // 0: no end
	got  int
	off  bool

	drops func(literal []byte) bool
}

func (s *sink) Filters() bool             { return s.drops != nil }
func (s *sink) Drops(literal []byte) bool { return s.drops != nil && s.drops(literal) }

func (s *sink) Deliver(m *Message, b *Batch) bool {
	if s.off || s.max > 0 && s.got >= s.max {
		return false
	}
	s.got++
	f := b.To(s.dest, s.dest.id)
	f.Commit(append(append(f.Reserve(len(m.Subject)+1), m.Subject...), '\n'), &s.Sub, 0)
	return true
}

func subscribe(r *Router, d *inbox, pattern, queue string) *sink {
	s := &sink{dest: d}
	s.Pattern, s.Queue, s.Sink = pattern, queue, s
	r.Subscribe(&s.Sub)
	return s
}

func message(subject string) *Message { return &Message{Subject: []byte(subject)} }

// The router must deliver what a plain list of subscriptions would, whatever comes and goes between the
// messages, through one publisher whose cache lives all the time.
func TestDeliversLikeAList(t *testing.T) {
	tokens := []string{"a", "b", "c", "*", ">"}
	draw := func(rnd *rand.Rand, from []string) string {
		parts := make([]string, 1+rnd.Intn(3))
		for i := range parts {
			parts[i] = from[rnd.Intn(len(from))]
		}
		return strings.Join(parts, ".")
	}
	for seed := range int64(30) {
		rnd := rand.New(rand.NewSource(seed))
		r := New()
		if seed%5 == 0 {
			r = NewUncached()
		}
		p := r.Publisher(nil)
		var subs []*sink
		for step := range 400 {
			switch rnd.Intn(4) {
			case 0:
				pattern := draw(rnd, tokens)
				if !subject.ValidPattern(pattern) {
					continue
				}
				queue := []string{"", "", "q1", "q2"}[rnd.Intn(4)]
				subs = append(subs, subscribe(r, &inbox{id: uint64(step + 1)}, pattern, queue))
			case 1:
				if len(subs) > 0 {
					i := rnd.Intn(len(subs))
					r.Unsubscribe(&subs[i].Sub)
					subs = slices.Delete(subs, i, i+1)
				}
			default:
				publish := p.Publish
				if rnd.Intn(2) == 0 {
					publish = p.PublishOnce
				}
				checkOne(t, seed, step, p, publish, subs, draw(rnd, tokens[:3]))
			}
		}
		if got := r.Stats().Subs; got != len(subs) {
			t.Fatalf("seed %d: %d subscriptions counted, %d there", seed, got, len(subs))
		}
	}
}

// checkOne publishes one message and compares who got it with who should.
func checkOne(t *testing.T, seed int64, step int, p *Publisher, publish func(*Message) int, subs []*sink, literal string) {
	t.Helper()
	before := make([]int, len(subs))
	for i, s := range subs {
		before[i] = s.got
	}
	taken := publish(message(literal))
	p.Flush()
	want, groups := 0, map[string]int{}
	for i, s := range subs {
		got := s.got - before[i]
		matches := subject.Matches(s.Pattern, literal)
		switch {
		case !matches && got != 0 || got > 1:
			t.Fatalf("seed %d step %d: %q got %q %d times", seed, step, s.Pattern, literal, got)
		case s.Queue != "" && matches:
			groups[s.Queue] += got
		case matches:
			want++
			if got != 1 {
				t.Fatalf("seed %d step %d: %q did not get %q", seed, step, s.Pattern, literal)
			}
		}
	}
	for name, got := range groups {
		want++
		if got != 1 {
			t.Fatalf("seed %d step %d: group %s got %q %d times", seed, step, name, literal, got)
		}
	}
	if taken != want {
		t.Fatalf("seed %d step %d: %q taken %d times, want %d", seed, step, literal, taken, want)
	}
}

// Subjects that begin alike are looked up once, if nobody looks at what comes behind; what concerns one of them alone, or comes to
// concern them, is not overlooked.
func TestStems(t *testing.T) {
	r := New()
	all := subscribe(r, &inbox{id: 1}, "ack.s.>", "")
	subscribe(r, &inbox{id: 2}, "ack.*.c.*.last", "")
	p := r.Publisher(nil)
	publish := func(literal string, want int, hit bool) {
		t.Helper()
		hits := p.cache.hits
		if got := p.PublishOnce(message(literal)); got != want || (p.cache.hits > hits) != hit {
			t.Fatalf("%s was taken by %d of %d, by a stem: %v", literal, got, want, p.cache.hits > hits)
		}
	}
	publish("ack.s.c.1", 1, false)
	publish("ack.s.c.2", 1, true)
	publish("ack.s.c..2", 0, false)
	publish("ack.s.c.1.2", 1, false) // where a pattern looks at the last token
	publish("ack.s.c.1.last", 2, false)
	publish("ack.s.d.1", 1, false)
	publish("ack.t.c.2", 0, false)
	publish("other.1", 0, false)
	publish("other.2", 0, true)
	literal := subscribe(r, &inbox{id: 3}, "other.3", "")
	publish("other.3", 1, false)
	publish("other.4", 0, true)
	r.Unsubscribe(&literal.Sub)
	publish("other.3", 0, true)
	publish("ack.s.d.2", 1, false) // two are remembered
	publish("ack.s.d.3", 1, true)
	all.drops = func(literal []byte) bool { return string(literal) == "ack.s.d.4" }
	r.Refilter(&all.Sub)
	publish("ack.s.d.4", 0, false)
	publish("ack.s.d.5", 1, false)
	all.drops = nil
	r.Refilter(&all.Sub)
	publish("ack.s.d.4", 1, false)
	publish("ack.s.d.5", 1, true)
	subscribe(r, &inbox{id: 4}, ">", "")
	publish("ack.s.d.6", 2, false)
}

// Members of a queue group share evenly.
func TestQueueGroupIsFair(t *testing.T) {
	r := New()
	members := make([]*sink, 4)
	for i := range members {
		members[i] = subscribe(r, &inbox{id: uint64(i + 1)}, "jobs", "workers")
	}
	p := r.Publisher(nil)
	const n = 40_000
	for range n {
		p.Publish(message("jobs"))
	}
	p.Flush()
	for i, s := range members {
		if s.got < n/4*9/10 || s.got > n/4*11/10 {
			t.Errorf("member %d got %d of %d", i, s.got, n)
		}
	}
}

// Frames reach others before they reach the publisher's own connection, and each destination is pushed
// to once per flush, with its frames in order.
func TestOwnConnectionIsPushedToLast(t *testing.T) {
	var order []string
	self := &inbox{id: 1, name: "self", log: &order}
	one := &inbox{id: 2, name: "one", log: &order}
	two := &inbox{id: 3, name: "two", log: &order}
	r := New()
	for _, d := range []*inbox{self, one, two} {
		subscribe(r, d, ">", "")
	}
	p := r.Publisher(self)
	for i := range 100 {
		p.Publish(message(fmt.Sprintf("m.%d", i)))
	}
	if len(order) != 0 {
		t.Fatalf("pushed before the flush: %v", order)
	}
	p.Flush()
	if len(order) != 3 || order[2] != "self" {
		t.Fatalf("pushed in the order %v", order)
	}
	for _, d := range []*inbox{self, one, two} {
		for i, line := range d.lines {
			if line != fmt.Sprintf("m.%d", i) {
				t.Fatalf("%s: line %d is %q", d.name, i, line)
			}
		}
	}
}

// Many small messages to many destinations are flushed before they pile up without bound.
func TestBatchIsBounded(t *testing.T) {
	r := New()
	dests := make([]*inbox, 200)
	for i := range dests {
		dests[i] = &inbox{id: uint64(i + 1)}
		subscribe(r, dests[i], "x.*", "")
	}
	p := r.Publisher(nil)
	long := "x." + strings.Repeat("y", 1000)
	for range 100 {
		p.Publish(message(long))
		if p.bytes > MaxBatchBytes+len(long)+1 {
			t.Fatalf("the batch holds %d bytes", p.bytes)
		}
	}
	if dests[0].pushes == 0 {
		t.Fatal("nothing was flushed early")
	}
	p.Flush()
	for _, d := range dests {
		if len(d.lines) != 100 {
			t.Fatalf("destination %d got %d messages", d.id, len(d.lines))
		}
	}
}

// A member that has its fill is passed over from the next message of the same buffer on.
func TestExhaustedMemberIsPassedOver(t *testing.T) {
	r := New()
	short := subscribe(r, &inbox{id: 1}, "q", "g")
	short.max = 3
	rest := subscribe(r, &inbox{id: 2}, "q", "g")
	p := r.Publisher(nil)
	for range 100 {
		if p.Publish(message("q")) != 1 {
			t.Fatal("a message was lost")
		}
	}
	p.Flush()
	if short.got != 3 || rest.got != 97 {
		t.Fatalf("got %d and %d", short.got, rest.got)
	}
	rest.off = true
	if p.Publish(message("q")) != 0 {
		t.Fatal("nobody should have taken it")
	}
}

// A member whose connection goes between match and push has its messages given to another member;
// plain subscriptions of a gone connection lose theirs.
func TestRefusedMessagesAreGivenToAnotherMember(t *testing.T) {
	r := New()
	gone, other := &inbox{id: 1}, &inbox{id: 2}
	leaver := subscribe(r, gone, "q", "g")
	p := r.Publisher(nil)
	for i := range 10 {
		p.Publish(message("q"))
		if i == 4 {
			subscribe(r, gone, "plain", "")
			p.Publish(message("plain"))
		}
	}
	subscribe(r, other, "q", "g")
	gone.refuse, leaver.off = true, true
	p.Flush()
	if len(other.lines) != 10 || slices.Contains(other.lines, "plain") {
		t.Fatalf("the other member got %v", other.lines)
	}
}

// What was sent by another subject than its own finds the other members there, and nobody by its own subject.
func TestRefusedMessagesAreSentAgain(t *testing.T) {
	r := New()
	gone, other, stranger := &inbox{id: 1}, &inbox{id: 2}, &inbox{id: 3}
	leaver := subscribe(r, gone, "to", "g")
	p := r.Publisher(nil)
	p.Send([]byte("to"), message("orders"))
	subscribe(r, other, "to", "g")
	subscribe(r, stranger, "orders", "g")
	gone.refuse, leaver.off = true, true
	p.Flush()
	if len(other.lines) != 1 || len(stranger.lines) != 0 {
		t.Fatalf("the other member got %v, and somebody else %v", other.lines, stranger.lines)
	}
}

// A cached match is used until something that concerns its subject changes, and only then looked up anew.
func TestCacheIsInvalidatedByWhatConcernsIt(t *testing.T) {
	r := New()
	d := &inbox{id: 1}
	subscribe(r, d, "orders.new", "")
	p := r.Publisher(nil)
	misses := func() uint64 {
		p.Publish(message("orders.new"))
		p.Flush()
		st := r.Stats()
		return st.Matches - st.CacheHits
	}
	if first, second := misses(), misses(); first != 1 || second != 1 {
		t.Fatal("the second look-up should hit")
	}
	for i := range 100 {
		s := subscribe(r, d, fmt.Sprintf("_INBOX.%d", i), "")
		w := subscribe(r, d, fmt.Sprintf("_INBOX.%d.*", i), "")
		r.Unsubscribe(&s.Sub)
		r.Unsubscribe(&w.Sub)
	}
	// One of a thousand literal subjects shares a counter with ours, and one of 256 first tokens: a
	// few misses are possible, one per change is not.
	if n := misses(); n > 3 {
		t.Fatalf("%d misses after changes elsewhere", n)
	}
	for i, pattern := range []string{"orders.new", "orders.*", "*.new", ">"} {
		before := misses()
		s := subscribe(r, d, pattern, "")
		if misses() != before+1 {
			t.Errorf("%q did not invalidate", pattern)
		}
		d.lines = nil
		misses()
		if len(d.lines) != 2+i {
			t.Errorf("after %q a message was delivered %d times", pattern, len(d.lines))
		}
		_ = s
	}
}

// More subjects than a cache holds, and more subscriptions than it may refer to, cost time and not memory.
func TestCacheIsBounded(t *testing.T) {
	r := New()
	d := &inbox{id: 1}
	for range 1000 {
		subscribe(r, d, "many.*", "")
	}
	p := r.Publisher(nil)
	for i := range 3 * maxCacheEntries {
		p.Publish(message(fmt.Sprintf("few.%d", i)))
		if i%20 == 0 {
			p.Publish(message(fmt.Sprintf("many.%d", i)))
		}
		if len(p.cache.entries) > maxCacheEntries || p.cache.refs > maxCachedSubs {
			t.Fatalf("%d entries, %d references", len(p.cache.entries), p.cache.refs)
		}
	}
	p.Close()
	if n := r.Stats().Cached; n != 0 {
		t.Fatalf("%d entries counted after Close", n)
	}
}

// Subscriptions come and go while publishers work; the race detector watches, and no stable
// subscription misses a message.
func TestConcurrentUse(t *testing.T) {
	r := New()
	const publishers, messages = 4, 2000
	stable := &inbox{id: 1}
	s := &countingSink{dest: stable}
	s.Pattern, s.Sink = "work.>", s
	r.Subscribe(&s.Sub)
	var wg sync.WaitGroup
	for n := range publishers {
		wg.Add(2)
		go func() {
			defer wg.Done()
			p := r.Publisher(nil)
			for i := range messages {
				p.Publish(message(fmt.Sprintf("work.%d.%d", n, i%50)))
				if i%100 == 0 {
					p.Flush()
				}
			}
			p.Flush()
		}()
		go func() {
			defer wg.Done()
			for i := range messages {
				x := &countingSink{dest: stable, deaf: true}
				x.Pattern, x.Sink = fmt.Sprintf("work.%d.%d", n, i%50), x
				r.Subscribe(&x.Sub)
				r.Unsubscribe(&x.Sub)
			}
		}()
	}
	wg.Wait()
	if len(stable.lines) != publishers*messages {
		t.Fatalf("%d messages arrived, want %d", len(stable.lines), publishers*messages)
	}
}

// countingSink may be shared by publishers.
type countingSink struct {
	Sub
	dest *inbox
	deaf bool
}

func (s *countingSink) Deliver(m *Message, b *Batch) bool {
	if s.deaf {
		return false
	}
	f := b.To(s.dest, s.dest.id)
	f.Commit(append(append(f.Reserve(len(m.Subject)+1), m.Subject...), '\n'), &s.Sub, 0)
	return true
}

// nowhere takes everything and frees it.
type nowhere struct{ inbox }

func (d *nowhere) Push(f *Frames) Answer {
	for _, c := range f.Chunks {
		c.Free()
	}
	f.Chunks = f.Chunks[:0]
	return Taken
}

type nowhereSink struct {
	Sub
	dest *nowhere
}

func (s *nowhereSink) Deliver(m *Message, b *Batch) bool {
	f := b.To(s.dest, s.dest.id)
	f.Commit(append(f.Reserve(len(m.Subject)), m.Subject...), &s.Sub, 0)
	return true
}

func BenchmarkPublish(b *testing.B) {
	for _, fanout := range []int{1, 4} {
		for _, subjects := range []int{1, 1000, 100_000} {
			b.Run(fmt.Sprintf("fanout=%d/subjects=%d", fanout, subjects), func(b *testing.B) {
				r := New()
				for i := range fanout {
					s := &nowhereSink{dest: &nowhere{inbox{id: uint64(i + 1)}}}
					s.Pattern, s.Sink = "bench.*", s
					r.Subscribe(&s.Sub)
				}
				msgs := make([]*Message, subjects)
				for i := range msgs {
					msgs[i] = message(fmt.Sprintf("bench.%d", i))
				}
				p := r.Publisher(nil)
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					p.Publish(msgs[i%subjects])
					if i%1000 == 0 {
						p.Flush()
					}
				}
			})
		}
	}
}

// A cached match stays good, and becomes stale, also when a router changes from few counters to many.
func TestCacheWhileTheRouterGrows(t *testing.T) {
	r := New()
	p := r.Publisher(nil)
	d := &inbox{id: 7}
	for i := range 3 * manySubs {
		subscribe(r, d, fmt.Sprintf("s.%d", i%7), "")
		for k := range 7 {
			want := (i + 7 - k) / 7
			if got := p.Publish(message(fmt.Sprintf("s.%d", k))); got != want {
				t.Fatalf("with %d subscriptions %d got s.%d instead of %d", i+1, got, k, want)
			}
		}
		p.Flush()
	}
}

// What a subscription must not get is not matched, neither with a cached match nor without, nor as a member of a queue
// group; a change counts from the next message on.
func TestDrops(t *testing.T) {
	r := New()
	d, other := &inbox{id: 1}, &inbox{id: 2}
	plain, member := subscribe(r, d, "a.>", ""), subscribe(r, d, "a.*", "g")
	subscribe(r, other, "a.x", "g")
	p := r.Publisher(nil)
	no := func(literal []byte) bool { return string(literal) == "a.x" }
	for _, row := range []struct {
		drops       func([]byte) bool
		want, wantY int
	}{{nil, 2, 2}, {no, 1, 2}, {nil, 2, 2}} {
		for _, s := range []*sink{plain, member} {
			s.drops = row.drops
			r.Refilter(&s.Sub)
		}
		for range 20 {
			if got := p.Publish(message("a.x")); got != row.want {
				t.Fatalf("%d took a.x instead of %d", got, row.want)
			}
			if got := p.PublishOnce(message("a.y")); got != row.wantY {
				t.Fatalf("%d took a.y instead of %d", got, row.wantY)
			}
		}
		found := 0
		r.Matching([]byte("a.x"), func(*Sub) bool { found++; return true })
		if want := map[int]int{1: 1, 2: 3}[row.want]; found != want {
			t.Errorf("%d match a.x instead of %d", found, want)
		}
	}
}
