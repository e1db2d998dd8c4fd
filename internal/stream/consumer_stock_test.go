package stream

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"myelin/internal/machine"
)

// stockRun plays what was done to a stock server: a stream of ten messages on s.0, s.1 and s.2 in turn, and a
// consumer, whose figures are compared after each step.
type stockRun struct {
	t     *testing.T
	state *State
	fx    Effects
}

func newStockRun(t *testing.T, config string) *stockRun {
	cfg := Config{Name: "S", Subjects: []string{"s.>"}}
	if err := json.Unmarshal([]byte(config), &cfg); err != nil {
		t.Fatal(err)
	}
	checked, err := Check(cfg, Bounds{}, false)
	if err != nil {
		t.Fatal(err)
	}
	r := &stockRun{t: t, state: new(State)}
	r.apply(Configure{checked})
	return r
}

func (r *stockRun) apply(command any) Reply {
	r.fx.Reset()
	r.state.Apply(machine.Entry{Time: r.state.now + 1, Data: encode(command)}, &r.fx)
	return r.fx.Replies[0]
}

func (r *stockRun) consumer() ConsumerView {
	v, _ := r.state.Consumer("C")
	return v
}

// do plays one step and returns the error that it gave.
func (r *stockRun) do(step string) string {
	word, rest, _ := strings.Cut(step, " ")
	var n uint64
	_, _ = fmt.Sscan(rest, &n) // 0 if there is none
	var reply Reply
	switch word {
	case "publish":
		for i := range n {
			r.apply(&Append{Span: 1, Subject: fmt.Appendf(nil, "s.%d", i%3)})
		}
	case "consumer":
		cfg := ConsumerConfig{Name: "C", Durable: "C", Ack: AckExplicit}
		if err := json.Unmarshal([]byte("{"+rest+"}"), &cfg); err != nil {
			r.t.Fatal(err)
		}
		checked, err := CheckConsumer(cfg, r.state.Config(), ConsumerBounds{}, false)
		if err != nil {
			return err.Description
		}
		reply = r.apply(AddConsumer{Config: checked})
	case "pull":
		r.pull(int(n))
	case "again":
		reply = r.apply(&Delivered{1, []Delivery{{n, r.consumer().Delivered.Consumer + 1, 2}}})
	case "ack", "term", "wpi", "abandon":
		kind := map[string]AckKind{"ack": AckDone, "term": AckTerm, "wpi": AckProgress, "abandon": AckAbandon}[word]
		reply = r.apply(&Ack{1, []AckItem{{Kind: kind, Seq: n}}})
		if reply.Acks[0] == AckIgnored {
			return "no answer"
		}
	case "delete":
		reply = r.apply(Delete{Seq: n})
	case "purge":
		var p Purge
		if err := json.Unmarshal([]byte("{"+rest+"}"), &p); err != nil {
			r.t.Fatal(err)
		}
		reply = r.apply(p)
	case "reset":
		reply = r.apply(ResetConsumer{"C", n})
	}
	if reply.Err != nil {
		return reply.Err.Description
	}
	return ""
}

func (r *stockRun) pull(n int) {
	d := &Delivered{Consumer: 1}
	at, src := r.consumer().Delivered, r.state.Source(1)
	for seq, ok := src.Next(at.Stream + 1); ok && n > 0; seq, ok = src.Next(seq + 1) {
		at.Consumer++
		n--
		d.At = append(d.At, Delivery{seq, at.Consumer, 1})
	}
	r.apply(d)
}

// show writes the figures as consumer sequence/stream sequence.
func (r *stockRun) show() string {
	v := r.consumer()
	return fmt.Sprintf("d%d/%d f%d/%d ap%d rd%d np%d", v.Delivered.Consumer, v.Delivered.Stream, v.Floor.Consumer, v.Floor.Stream,
		v.NumAckPending, v.NumRedelivered, v.NumPending)
}

// The figures of a stock server, but that under AckAll its floor names the consumer sequence of the ack, where
// ours counts deliveries.
func TestConsumerFiguresAreStocks(t *testing.T) {
	for _, c := range []struct {
		name, config string
		steps        []string // a step, then what it shows; or an error
	}{
		{"explicit", `{}`, []string{
			"publish 10", "", "consumer", "d0/0 f0/0 ap0 rd0 np10", "pull 5", "d5/5 f0/0 ap5 rd0 np5", "ack 3", "d5/5 f0/0 ap4 rd0 np5",
			"ack 1", "d5/5 f1/1 ap3 rd0 np5", "again 2", "d6/5 f1/1 ap3 rd1 np5", "ack 2", "d6/5 f3/3 ap2 rd0 np5",
			"ack 4", "d6/5 f4/4 ap1 rd0 np5", "ack 5", "d6/5 f6/5 ap0 rd0 np5",
		}},
		{"old ones redelivered", `{}`, []string{
			"publish 10", "", "consumer", "", "pull 5", "", "again 1", "d6/5 f0/0 ap5 rd1 np5", "ack 2", "d6/5 f0/0 ap4 rd1 np5",
			"ack 3", "d6/5 f0/0 ap3 rd1 np5", "again 4", "d7/5 f0/0 ap3 rd2 np5", "ack 1", "d7/5 f3/3 ap2 rd1 np5",
			"ack 5", "d7/5 f3/3 ap1 rd1 np5", "ack 4", "d7/5 f7/5 ap0 rd0 np5",
			"ack 7", "no answer", "ack 100", "no answer", "ack 0", "d7/5 f7/5 ap0 rd0 np5", "pull 2", "d9/7 f7/5 ap2 rd0 np3",
			"ack 6", "d9/7 f8/6 ap1 rd0 np3",
		}},
		{"all", `{}`, []string{
			"publish 10", "", `consumer "ack_policy":"all"`, "", "pull 6", "", "ack 3", "d6/6 f3/3 ap3 rd0 np4", "again 4", "d7/6 f3/3 ap3 rd1 np4",
			"ack 5", "d7/6 f5/5 ap1 rd0 np4", "ack 6", "d7/6 f7/6 ap0 rd0 np4", "ack 9", "no answer",
		}},
		{"all, term", `{}`, []string{
			"publish 10", "", `consumer "ack_policy":"all"`, "", "pull 6", "", "term 3", "d6/6 f3/3 ap3 rd0 np4",
		}},
		{"none", `{}`, []string{"publish 10", "", `consumer "ack_policy":"none"`, "", "pull 3", "d3/3 f3/3 ap0 rd0 np7", "reset", "d0/3 f0/3 ap0 rd0 np7"}},
		{"term", `{}`, []string{
			"publish 10", "", "consumer", "", "pull 3", "", "term 1", "d3/3 f1/1 ap2 rd0 np7", "term 3", "d3/3 f1/1 ap1 rd0 np7",
			"wpi 2", "d3/3 f1/1 ap1 rd0 np7",
		}},
		{"messages vanish", `{}`, []string{
			"publish 10", "", "consumer", "", "pull 5", "", "delete 2", "d5/5 f0/0 ap4 rd0 np5", "delete 1", "d5/5 f2/2 ap3 rd0 np5",
			"delete 9", "d5/5 f2/2 ap3 rd0 np4", `purge "Before":5`, "d5/5 f4/4 ap1 rd0 np4", "purge", "d5/10 f5/10 ap0 rd0 np0",
			"publish 1", "d5/10 f5/10 ap0 rd0 np1", "pull 1", "d6/11 f5/10 ap1 rd0 np0",
		}},
		{"purged beyond", `{}`, []string{"publish 10", "", "consumer", "", "pull 3", "", `purge "Before":50`, "d3/49 f3/49 ap0 rd0 np0"}},
		{"purged before anything", `{}`, []string{"consumer", "d0/0 f0/0 ap0 rd0 np0", "purge", "d0/0 f0/0 ap0 rd0 np0", "publish 1", "d0/0 f0/0 ap0 rd0 np1"}},
		{"purged by subject", `{}`, []string{
			"publish 9", "", "consumer", "", `purge "Filter":"s.0","Keep":1`, "d0/1 f0/1 ap0 rd0 np7", `purge "Filter":"nope"`, "d0/1 f0/1 ap0 rd0 np7",
			`purge "Filter":"s.*"`, "d0/9 f0/9 ap0 rd0 np0",
		}},
		{"purged of its subject", `{}`, []string{
			"publish 9", "", `consumer "filter_subject":"s.1"`, "", "pull 2", "d2/5 f0/0 ap2 rd0 np1", `purge "Filter":"s.2"`, "d2/5 f0/0 ap2 rd0 np1",
			`purge "Filter":"s.1"`, "d2/9 f2/9 ap0 rd0 np0", "publish 2", "d2/9 f2/9 ap0 rd0 np1", "pull 1", "d3/11 f2/9 ap1 rd0 np0",
		}},
		{"abandoned, then purged", `{}`, []string{
			"publish 3", "", "consumer", "", "pull 2", "", "abandon 1", "", "abandon 2", "d2/2 f0/0 ap0 rd0 np1", "delete 1", "d2/2 f0/0 ap0 rd0 np1",
			`purge "Keep":1`, "d2/2 f2/2 ap0 rd0 np1", "purge", "d2/3 f2/3 ap0 rd0 np0",
		}},
		{"evicted", `{"max_msgs":10}`, []string{
			"publish 10", "", "consumer", "", "pull 3", "", "publish 2", "d3/3 f2/2 ap1 rd0 np9", "publish 3", "d3/3 f3/3 ap0 rd0 np10",
			"pull 1", "d4/6 f3/3 ap1 rd0 np9",
		}},
		{"filter", `{}`, []string{
			"publish 9", "", `consumer "filter_subject":"s.1"`, "d0/0 f0/0 ap0 rd0 np3", "pull 3", "d3/8 f0/0 ap3 rd0 np0", "ack 5", "d3/8 f0/0 ap2 rd0 np0",
			"ack 2", "d3/8 f2/7 ap1 rd0 np0", "ack 8", "d3/8 f3/8 ap0 rd0 np0",
		}},
		{"another filter", `{}`, []string{
			"publish 9", "", `consumer "filter_subject":"s.1"`, "", "pull 2", "d2/5 f0/0 ap2 rd0 np1", `consumer "filter_subject":"s.2"`, "d2/5 f0/0 ap2 rd0 np2",
			"pull 2", "d4/9 f0/0 ap4 rd0 np0", "consumer", "d4/9 f0/0 ap4 rd0 np0",
		}},
		{"reset", `{}`, []string{
			"publish 10", "", "consumer", "", "pull 5", "", "ack 1", "d5/5 f1/1 ap4 rd0 np5", "reset", "d0/1 f0/1 ap0 rd0 np9", "pull 3", "d3/4 f0/1 ap3 rd0 np6",
			"ack 5", "no answer", "reset 8", "d0/7 f0/7 ap0 rd0 np3", "reset 2", "d0/1 f0/1 ap0 rd0 np9", "reset 100", "d0/99 f0/99 ap0 rd0 np0",
		}},
		{"last", `{}`, []string{
			"publish 10", "", `consumer "deliver_policy":"last","filter_subject":"s.1"`, "d0/7 f0/7 ap0 rd0 np1", "pull 2", "d1/8 f0/7 ap1 rd0 np0",
			"reset 3", "invalid reset: not allowed",
		}},
		{"last per subject", `{}`, []string{
			"publish 10", "", `consumer "deliver_policy":"last_per_subject","filter_subject":"s.>"`, "d0/7 f0/7 ap0 rd0 np3", "pull 2", "d2/9 f0/7 ap2 rd0 np1",
			"publish 2", "d2/9 f0/7 ap2 rd0 np3",
		}},
		{"by start sequence", `{"max_msgs":5}`, []string{
			"publish 10", "", `consumer "deliver_policy":"by_start_sequence","opt_start_seq":3`, "d0/5 f0/5 ap0 rd0 np5", "reset 2", "invalid reset: below start seq",
		}},
		{"new", `{}`, []string{"publish 10", "", `consumer "deliver_policy":"new"`, "d0/10 f0/10 ap0 rd0 np0"}},
		{"of nothing yet", `{"first_seq":100}`, []string{`consumer`, "d0/99 f0/99 ap0 rd0 np0"}},
		{"abandoned", `{"retention":"workqueue"}`, []string{
			"publish 4", "", "consumer", "", "pull 3", "", "abandon 1", "", "abandon 2", "", "abandon 3", "", "pull 1", "d4/4 f0/0 ap1 rd0 np0",
			"ack 1", "d4/4 f0/0 ap1 rd0 np0",
			"ack 4", "d4/4 f4/4 ap0 rd0 np0",
		}},
	} {
		r := newStockRun(t, c.config)
		for i := 0; i < len(c.steps); i += 2 {
			got, want := r.do(c.steps[i]), c.steps[i+1]
			if got == "" {
				got = r.show()
			}
			if want != "" && got != want {
				t.Errorf("%s, step %d, %s: %s, want %s", c.name, i/2, c.steps[i], got, want)
			}
		}
	}
}

// When the wait for an ack ends: after the backoff of so many deliveries, or as late as the client asked for.
func TestAckWaits(t *testing.T) {
	r := newStockRun(t, `{}`)
	r.do("publish 10")
	r.do(`consumer "backoff":[1000,2000,3000]`)
	r.do("pull 2")
	ends := func(want ...int64) {
		t.Helper()
		i := 0
		for p := range r.state.Source(1).Pending() {
			if got := p.Time + int64(r.consumer().Config.Wait(p.Count)) - r.state.now; got != want[i] {
				t.Errorf("the wait for %d ends in %d, want %d", p.Seq, got, want[i])
			}
			i++
		}
	}
	ends(1000, 1000)
	r.do("again 1")
	ends(2000, 999)
	r.do("wpi 2")
	ends(1999, 1000)
	r.apply(&Ack{1, []AckItem{{Kind: AckNak, Seq: 1, Delay: 50}, {Kind: AckNak, Seq: 2}}})
	ends(50, 0)
	for range 3 {
		r.apply(&Delivered{1, []Delivery{{2, 9, 7}}})
	}
	ends(47, 3000)
}

// Events tell what happened, and to whom.
func TestConsumerEvents(t *testing.T) {
	r := newStockRun(t, `{}`)
	r.do("publish 5")
	for _, c := range []struct{ step, want string }{
		{"consumer", "added"},
		{`consumer "description":"x"`, "changed"},
		{"pull 4", ""},
		{"ack 1", "acked done 1"},
		{"ack 1", ""},
		{"ack 5", ""},
		{"wpi 2", "acked progress 2"},
		{"abandon 2", "acked abandon 2"},
		{"delete 3", "vanished 3"},
		{"delete 5", ""},
		{"purge", "emptied"},
		{"reset", "restarted"},
	} {
		r.do(c.step)
		var got []string
		for _, e := range r.fx.Consumers {
			text := e.Kind.String()
			if e.Ack.Kind != 0 {
				text += " " + e.Ack.Kind.String()
			}
			if e.Ack.Seq != 0 {
				text += fmt.Sprint(" ", e.Ack.Seq)
			}
			got = append(got, text)
			if e.Consumer != 1 {
				t.Errorf("%s: an event of consumer %d", c.step, e.Consumer)
			}
		}
		if text := strings.Join(got, ", "); text != c.want {
			t.Errorf("%s: %q, want %q", c.step, text, c.want)
		}
	}
	until := r.state.now + 1000
	if reply := r.apply(PauseConsumer{"C", until}); reply.Err != nil {
		t.Fatal(reply.Err)
	}
	if v := r.consumer(); v.PausedUntil() != until || v.Config.Metadata[metaRequired] != "1" {
		t.Errorf("it pauses until %d with level %s", v.PausedUntil(), v.Config.Metadata[metaRequired])
	}
	r.do(`consumer "description":"y"`)
	if v := r.consumer(); v.PausedUntil() != until {
		t.Errorf("after an update it pauses until %d", v.PausedUntil())
	}
	src := r.state.Source(1)
	r.apply(PauseConsumer{Name: "C"})
	r.apply(DropConsumer{Name: "C"})
	if v := r.consumer(); v.Number != 0 || len(r.fx.Consumers) != 1 || r.fx.Consumers[0].Kind != ConsumerDropped {
		t.Errorf("after its end there is %+v and %+v", v, r.fx.Consumers)
	}
	if _, ok := src.Next(0); ok || src.CountFrom(0) != 0 || r.state.Source(1) != nil {
		t.Error("a consumer that is gone has messages")
	}
	for _, command := range []any{&Delivered{Consumer: 1}, &Ack{Consumer: 1}, DropConsumer{Name: "C"}, PauseConsumer{Name: "C"}, ResetConsumer{Name: "C"}} {
		if reply := r.apply(command); reply.Err == nil || reply.Err.ErrCode != 10014 {
			t.Errorf("%T of a consumer that is gone: %v", command, reply.Err)
		}
	}
}

// What a stock server stores and removes where messages go once they are acknowledged.
func TestRetentionIsStocks(t *testing.T) {
	r := newStockRun(t, `{"retention":"interest"}`)
	messages := func(want uint64) {
		t.Helper()
		if got := r.state.Info().Messages; got != want {
			t.Fatalf("there are %d messages, want %d", got, want)
		}
	}
	add := func(name, filter string, ack AckPolicy) {
		t.Helper()
		checked, err := CheckConsumer(ConsumerConfig{Name: name, FilterSubject: filter, Ack: ack}, r.state.Config(), ConsumerBounds{}, false)
		if err != nil {
			t.Fatal(err)
		}
		if reply := r.apply(AddConsumer{Config: checked}); reply.Err != nil {
			t.Fatal(reply.Err)
		}
	}
	r.do("publish 3")
	messages(0)
	add("X", "s.1", AckExplicit)
	add("Y", "", AckExplicit)
	r.do("publish 6")
	messages(6)
	y, _ := r.state.Consumer("Y")
	d, a := &Delivered{Consumer: y.Number}, &Ack{Consumer: y.Number}
	for i := range uint64(6) {
		d.At = append(d.At, Delivery{4 + i, 1 + i, 1})
		a.Acks = append(a.Acks, AckItem{Kind: AckDone, Seq: 4 + i})
	}
	r.apply(d)
	r.apply(a)
	messages(2)
	add("X", "s.2", AckExplicit)
	messages(0)
	r.apply(DropConsumer{Name: "Y"})
	r.do("publish 3")
	messages(1)
	r.apply(DropConsumer{Name: "X"})
	messages(0)
	add("N", "s.1", AckNone)
	r.do("publish 6")
	messages(2)
	n, _ := r.state.Consumer("N")
	seq, _ := r.state.Source(n.Number).Next(0)
	r.apply(&Delivered{n.Number, []Delivery{{seq, 1, 1}}})
	messages(1)
}

// What a work queue asks of its consumers, and all others.
func TestAddConsumerIsStocks(t *testing.T) {
	r := newStockRun(t, `{"retention":"workqueue","max_consumers":3}`)
	add := func(name string, action ConsumerAction, want string, filters ...string) {
		t.Helper()
		cfg := ConsumerConfig{Name: name, FilterSubjects: filters, Ack: AckExplicit}
		cfg.Durable = strings.TrimPrefix(name, "eph")
		if cfg.Durable != "" && cfg.Durable != name {
			cfg.Durable = ""
		}
		checked, err := CheckConsumer(cfg, r.state.Config(), ConsumerBounds{}, false)
		if err != nil {
			t.Fatal(err)
		}
		reply, got := r.apply(AddConsumer{checked, action}), ""
		if reply.Err != nil {
			got = reply.Err.Error()
		}
		if got != want {
			t.Errorf("%s %v: %q, want %q", name, filters, got, want)
		}
	}
	const unfiltered, unique = "multiple non-filtered consumers not allowed on workqueue stream (10099)", "filtered consumer not unique on workqueue stream (10100)"
	add("a", ConsumerUpdate, "consumer does not exist (10149)")
	add("a", ConsumerEither, "")
	add("b", ConsumerEither, unfiltered)
	add("c", ConsumerEither, unique, "s.1")
	r.apply(DropConsumer{Name: "a"})
	add("c", ConsumerCreate, "", "s.1")
	add("c", ConsumerCreate, "", "s.1")
	add("c", ConsumerCreate, "consumer already exists (10148)", "s.1", "s.2")
	add("d", ConsumerEither, unique, "s.1")
	add("d", ConsumerEither, unique, "s.*")
	add("d", ConsumerEither, unfiltered)
	add("d", ConsumerEither, "", "s.2", "s.3")
	add("e", ConsumerEither, unique, "s.4", "s.3")
	add("c", ConsumerUpdate, unique, "s.2")
	add("c", ConsumerUpdate, "", "s.5")
	add("eph", ConsumerCreate, "", "s.6")
	add("eph", ConsumerCreate, "consumer already exists (10148)", "s.6")
	add("f", ConsumerEither, "maximum consumers limit reached (10026)", "s.7")
	cfg := *r.state.Config()
	cfg.ConsumerLimits.MaxAckPending = 5
	if reply := r.apply(Configure{&cfg}); reply.Err == nil || reply.Err.Error() != "change to limits violates consumers: c, d, eph (10069)" {
		t.Errorf("limits that consumers exceed: %v", reply.Err)
	}
}

// The size that requests with max_bytes and rate limits count is that of subject, header and body, as on a stock server;
// what the limits of the stream add for each message is not in it.
func TestSizeOfAMessageForConsumers(t *testing.T) {
	for storage, header := range map[string]int{"file": fileHeaderOverhead, "memory": 0} {
		r := newStockRun(t, `{"storage": "`+storage+`"}`)
		r.do("consumer")
		r.apply(&Append{Span: 1, Subject: []byte("s.0"), Body: make([]byte, 10)})
		r.apply(&Append{Span: 1, Subject: []byte("s.0"), Header: []byte("NATS/1.0\r\nK: v\r\n\r\n"), Body: make([]byte, 10)})
		source := r.state.Source(r.consumer().Number)
		for seq, want := range []int{1: 3 + 10, 2: 3 + 10 + 18 + header} {
			if got, _, ok := source.Look(uint64(seq)); ok != (seq > 0) || got != want {
				t.Errorf("%s storage: message %d has a size of %d, not %d", storage, seq, got, want)
			}
		}
	}
}
