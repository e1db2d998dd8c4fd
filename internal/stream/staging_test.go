package stream

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"myelin/internal/apierr"
)

// stage gives a message of a batch to a Staging, and describes what comes of it.
func stage(g *Staging, now int64, body string, fields ...string) string {
	a := &Append{1, []byte("a"), headerOf(fields...), []byte(body)}
	proposal, r := g.Take(now, &Config{Name: "T", AllowAtomic: true}, a.Encode(nil))
	switch {
	case proposal != nil:
		return "commits"
	case r.Silent:
		return "staged"
	}
	return r.Err.Error()
}

// What is quiet for ten seconds is abandoned, one at a time, and so is what loses a message.
func TestStagingAbandons(t *testing.T) {
	g := &Staging{}
	second := int64(time.Second)
	for i, id := range []string{"a", "b", "c", "a"} {
		number := 1 + i/3
		if got := stage(g, int64(i)*second, "", "Nats-Batch-Id: "+id, fmt.Sprint("Nats-Batch-Sequence: ", number)); got != "staged" {
			t.Fatal(got)
		}
	}
	if got := g.Deadline(); got != 11*second { // b came first of those that are left alone
		t.Errorf("deadline %d", got)
	}
	g.Expire(12 * second)
	if got := fmt.Sprint(g.Abandoned()); got != "[{b timeout} {c timeout}]" {
		t.Errorf("abandoned %s", got)
	}
	if got := stage(g, 12*second, "", "Nats-Batch-Id: b", "Nats-Batch-Sequence: 2"); got != "atomic publish batch is incomplete (10176)" {
		t.Error(got)
	}
	if got := stage(g, 12*second, "", "Nats-Batch-Id: a", "Nats-Batch-Sequence: 4"); got != "atomic publish batch is incomplete (10176)" {
		t.Error(got)
	}
	if got := fmt.Sprint(g.Abandoned(), g.Deadline(), g.bytes); got != "[{a incomplete}] 0 0" {
		t.Error(got)
	}
}

// The bounds of a server are its own.
func TestStagingLimits(t *testing.T) {
	g := &Staging{Limits: BatchLimits{PerStream: 2, Messages: 3, Idle: 2 * time.Second}}
	var got []string
	for _, m := range []string{"a 1", "b 1", "c 1", "a 2", "a 3", "a 4", "d 5"} {
		id, seq, _ := strings.Cut(m, " ")
		got = append(got, m+": "+stage(g, 1, "", "Nats-Batch-Id: "+id, "Nats-Batch-Sequence: "+seq))
	}
	want := []string{
		"a 1: staged", "b 1: staged", "c 1: atomic publish too many inflight (10210)", "a 2: staged", "a 3: staged",
		"a 4: atomic publish batch is too large: 3 (10199)", "d 5: atomic publish batch is too large: 3 (10199)",
	}
	if !slices.Equal(got, want) || g.Deadline() != 1+int64(2*time.Second) {
		t.Errorf("%q, %d", got, g.Deadline())
	}
	g.Expire(g.Deadline())
	if got := fmt.Sprint(g.Abandoned()); got != "[{a large} {b timeout}]" {
		t.Error(got)
	}
}

// The numbers of batches and of messages, and their bytes, are bounded, and what is claimed is released.
func TestStagingIsBounded(t *testing.T) {
	claimed := 0
	g := &Staging{Claim: func() bool { claimed++; return true }, Release: func() { claimed-- }}
	for i := range maxBatches {
		stage(g, 0, "", fmt.Sprint("Nats-Batch-Id: ", i), "Nats-Batch-Sequence: 1")
	}
	if got := stage(g, 0, "", "Nats-Batch-Id: x", "Nats-Batch-Sequence: 1"); got != "atomic publish too many inflight (10210)" || claimed != maxBatches {
		t.Error(got, claimed)
	}
	g.Close()
	if claimed != 0 || g.bytes != 0 || g.Deadline() != 0 {
		t.Error(claimed, g.bytes, g.Deadline())
	}
	for i := 1; i <= maxBatchMessages; i++ {
		stage(g, 0, "", "Nats-Batch-Id: x", fmt.Sprint("Nats-Batch-Sequence: ", i))
	}
	if got := stage(g, 0, "", "Nats-Batch-Id: x", "Nats-Batch-Sequence: 1001"); got != "atomic publish batch is too large: 1000 (10199)" {
		t.Error(got)
	}
	large := strings.Repeat("x", maxBatchBytes/2)
	stage(g, 0, large, "Nats-Batch-Id: y", "Nats-Batch-Sequence: 1")
	if got := stage(g, 0, large, "Nats-Batch-Id: y", "Nats-Batch-Sequence: 2"); got != "atomic publish batch is too large: 67108864 (10199)" {
		t.Error(got)
	}
	if got := fmt.Sprint(g.Abandoned(), g.bytes, claimed); got != "[{x large} {y large}] 0 0" {
		t.Error(got)
	}
	g.Claim = func() bool { return false }
	if got := stage(g, 0, "", "Nats-Batch-Id: x", "Nats-Batch-Sequence: 1"); got != "atomic publish too many inflight (10210)" {
		t.Error(got)
	}
}

// A batch may hold its messages' whole number of sequences or none of it; a message of a batch that no
// Staging has seen is refused.
func TestBatchIsAllOrNothing(t *testing.T) {
	x := newLab(t, Config{AllowAtomic: true, AllowRollup: true, MaxMsgs: 3, Discard: DiscardNew, Transform: &SubjectTransform{"in.*", "out.$1"}})
	message := func(subject string, fields ...string) Append {
		return Append{1, []byte(subject), headerOf(fields...), nil}
	}
	one := message("in.a", "Nats-Batch-Id: 1")
	x.want(x.do(&one), "atomic publish batch is incomplete (10176)", "")
	b := &Batch{ID: []byte("7"), Messages: []Append{message("in.a"), message("in.b", "Nats-Expected-Last-Sequence: 1"), message("c")}}
	x.want(x.do(b), "wrong last sequence (10164)", "")
	b.Messages[1] = message("in.b")
	b.Messages = append(b.Messages, message("d"))
	x.want(x.do(b), "maximum messages exceeded (10077)", "")
	b.Messages, b.Ended = b.Messages[:2], true
	r := x.do(b)
	x.want(r, "2 0 false", "1 out.a \"\" \n2 out.b \"NATS/1.0\\r\\nNats-Batch-Commit: 1\\r\\n\\r\\n\" \n")
	if string(r.Batch) != "7" || r.Count != 2 {
		t.Errorf("%+v", r)
	}
	x.configure(Config{})
	x.want(x.do(b), apierr.AtomicPublishDisabled.Err().Error(), "")
	for _, bad := range [][]byte{nil, {1, '7'}, {1, '7', 2}, {1, '7', 0}, {1, '7', 0, 3, kindAppend, 1, 0}, {1, '7', 0, 1, kindTick}} {
		x.want(x.state.commit(bad, 0, &x.fx), "bad request (10003)", x.stored())
	}
}

// Counters count what is there: after the last message of one is deleted, it goes on from the one before.
// Counts of messages that are gone do not pile up.
func TestCounterForgets(t *testing.T) {
	x := newLab(t, Config{AllowCounter: true, MaxMsgs: 10})
	add := func(subject, n string) *Append {
		return &Append{1, []byte(subject), headerOf("Nats-Incr: " + n), nil}
	}
	for _, n := range []string{"1", "+20", "-300"} {
		x.do(add("a", n))
	}
	x.do(Delete{Seq: 3})
	if r := x.do(add("a", "4000")); string(r.Value) != "4021" {
		t.Errorf("%s", r.Value)
	}
	for range 3 * blockRecords {
		x.state.Apply(entryOf(x.now, add("b", "1")), &x.fx)
	}
	if n := len(x.state.counters.tallies); n > 2*10+blockRecords {
		t.Errorf("%d counts are kept of 10 messages", n)
	}
	x.do(Purge{})
	if r := x.do(add("b", "5")); string(r.Value) != "5" {
		t.Errorf("%s", r.Value)
	}
}

// A counter of sources counts their values, whatever became of messages between; what is no counter's
// message is passed over.
func TestCounterOfSources(t *testing.T) {
	x := newLab(t, Config{AllowCounter: true, Sources: []Source{{Name: "A", Transforms: []SubjectTransform{{"a.x", "all"}}}, {Name: "B", Transforms: []SubjectTransform{{"b.x", "all"}}}}})
	message := func(origin int, seq uint64, subject, body string, fields ...string) *Copy {
		return &Copy{x.state.Origins()[origin].Number, seq, 0, 1, Append{1, []byte(subject), headerOf(fields...), []byte(body)}}
	}
	x.want(x.do(message(0, 1, "a.x", `{"val":"3"}`, "Nats-Incr: +1")), "1 0 false",
		"1 all \"NATS/1.0\\r\\nNats-Incr: 3\\r\\nNats-Stream-Source: A 1 a.x all a.x\\r\\nNats-Counter-Sources: {\\\"A\\\":{\\\"a.x\\\":\\\"3\\\"}}\\r\\n\\r\\n\" {\"val\":\"3\"}\n")
	x.do(&Append{1, []byte("all"), headerOf("Nats-Incr: 10"), nil})
	x.want(x.do(message(1, 4, "b.x", `{"val":"-2"}`, "Nats-Counter-Sources: {}", "Nats-Incr: -1")), "3 0 false",
		"3 all \"NATS/1.0\\r\\nNats-Counter-Sources: {\\\"A\\\":{\\\"a.x\\\":\\\"3\\\"},\\\"B\\\":{\\\"b.x\\\":\\\"-2\\\"}}\\r\\nNats-Incr: -2\\r\\nNats-Stream-Source: B 4 b.x all b.x\\r\\n\\r\\n\" {\"val\":\"11\"}\n")
	x.do(message(0, 9, "a.x", `{"val":"2"}`, "Nats-Incr: +7"))
	if got := x.stored(); !strings.Contains(got, "Nats-Incr: -1\\r\\n") || !strings.Contains(got, `{"val":"10"}`) {
		t.Error(got)
	}
	x.want(x.do(message(0, 10, "a.x", "no counter")), "0 0 true", "")
	if seq := x.state.Origins()[0].Seq; seq != 10 {
		t.Errorf("the progress is %d", seq)
	}
}
