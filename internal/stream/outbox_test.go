package stream

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"myelin/internal/apierr"
	"myelin/internal/bin"
	"myelin/internal/header"
	"myelin/internal/machine"
)

// target applies Deposits and remembers what must be true of them.
type target struct {
	t     *testing.T
	state *State
	taken map[string]bool // origin and ID
	fx    Effects
}

func newTarget(t *testing.T, change func(*Config)) *target {
	t.Helper()
	cfg := Config{Name: "DEAD", Subjects: []string{"none"}}
	if change != nil {
		change(&cfg)
	}
	checked, err := Check(cfg, Bounds{}, false)
	if err != nil {
		t.Fatal(err)
	}
	x := &target{t: t, state: new(State), taken: map[string]bool{}}
	x.apply(Configure{checked})
	return x
}

func (x *target) apply(command any) Reply {
	x.fx.Reset()
	x.state.Apply(machine.Entry{Time: 1, Data: encode(command)}, &x.fx)
	return x.fx.Replies[0]
}

func depositOf(origin byte, id, low uint64) *Deposit {
	return &Deposit{Origin: [16]byte{origin}, ID: id, Low: low, Append: Append{
		Span: 1, Subject: []byte("a.b"), Body: fmt.Appendf(nil, "%d %d", origin, id),
	}}
}

// Dead letters come in any order, again and again, through restarts and past refusals; each is taken once.
func TestDepositsAreTakenOnce(t *testing.T) {
	eachSeed(t, 30, func(seed int) {
		rng := rand.New(rand.NewPCG(uint64(seed), 9))
		x := newTarget(t, func(c *Config) { c.MaxMsgSize = 10; c.Retention = Retention(seed % 2 * int(WorkQueue)) })
		low := map[byte]uint64{}
		for range 300 {
			origin := byte(rng.IntN(3))
			c := depositOf(origin, 1+rng.Uint64N(40), 0)
			c.Low = min(c.ID, low[origin])
			tooLarge := rng.IntN(5) == 0
			if tooLarge {
				c.Body = make([]byte, 11)
			}
			key := fmt.Sprint(origin, c.ID)
			known := x.taken[key] || c.ID < low[origin]
			before := x.state.Snapshot(nil)
			reply := x.apply(c)
			switch {
			case known:
				if !reply.Duplicate || len(x.fx.Stored) > 0 {
					t.Fatalf("seed %d: %s taken again: %+v", seed, key, reply)
				}
			case tooLarge:
				if reply.Err == nil || !bytes.Equal(before, x.state.Snapshot(nil)) {
					t.Fatalf("seed %d: %s refused with %v, which changed the state", seed, key, reply.Err)
				}
			default:
				if reply.Err != nil || reply.Duplicate || len(x.fx.Stored) != 1 {
					t.Fatalf("seed %d: %s not taken: %+v", seed, key, reply)
				}
				x.taken[key] = true
			}
			for x.taken[fmt.Sprint(origin, low[origin]+1)] && rng.IntN(2) == 0 {
				low[origin]++ // it would be said of the next
			}
			if rng.IntN(10) == 0 {
				view, now := x.state.Freeze(), x.state.Snapshot(nil)
				next := new(State)
				if err := machine.Copy(next, x.state); err != nil {
					t.Fatal(err)
				}
				x.apply(depositOf(9, rng.Uint64N(100)+1, 0))
				if !bytes.Equal(view(nil), now) {
					t.Fatal("a view changed")
				}
				x.state = next
			}
		}
		if n := x.state.Info().Messages; n != uint64(len(x.taken)) {
			t.Fatalf("seed %d: %d messages of %d", seed, n, len(x.taken))
		}
	})
}

// What a target does not take is not remembered as taken.
func TestDepositsAreRefused(t *testing.T) {
	for want, change := range map[apierr.ID]func(*Config){
		apierr.StreamSealed:      nil,
		apierr.StreamStoreFailed: func(c *Config) { c.MaxMsgs, c.Discard = 1, DiscardNew },
		apierr.MessageIncrMissing: func(c *Config) {
			c.AllowCounter, c.Discard = true, DiscardOld
		},
		apierr.BadRequest: func(c *Config) { c.Subjects, c.Mirror = nil, &Source{Name: "O"} },
	} {
		x := newTarget(t, change)
		switch want {
		case apierr.StreamStoreFailed:
			x.apply(depositOf(1, 1, 1))
		case apierr.StreamSealed:
			sealed := *x.state.Config()
			sealed.Sealed = true
			x.apply(Configure{&sealed})
		}
		for range 2 {
			if r := x.apply(depositOf(1, 7, 2)); r.Err == nil || apierr.ID(r.Err.ErrCode) != want {
				t.Errorf("%+v, want %v", r.Err, want)
			}
		}
	}
}

// Of the streams that deposit, those are remembered that did so last.
func TestDepositorsAreForgotten(t *testing.T) {
	x := newTarget(t, nil)
	for i := range uint32(maxDepositors + 10) {
		c := depositOf(0, 5, 1)
		binary.BigEndian.PutUint32(c.Origin[:], i+1)
		x.apply(c)
		if i%100 == 0 {
			c.Origin = [16]byte{0, 0, 0, 1}
			if r := x.apply(c); !r.Duplicate {
				t.Fatalf("after %d: %+v", i, r)
			}
		}
	}
	c := depositOf(0, 5, 1)
	c.Origin = [16]byte{0, 0, 0, 2}
	if r := x.apply(c); r.Duplicate || len(x.state.deposits.by) != maxDepositors {
		t.Errorf("%+v, %d remembered", r, len(x.state.deposits.by))
	}
}

// dying returns a stream with three messages that were delivered to a consumer, which gives up what is terminated.
func dying(t *testing.T, retention Retention) *target {
	x := newTarget(t, func(c *Config) { c.Name, c.Retention = "WORK", retention })
	cfg, err := CheckConsumer(ConsumerConfig{
		Durable: "c", Ack: AckExplicit, Metadata: map[string]string{MetaDeadLetter: "DEAD"},
	}, x.state.Config(), ConsumerBounds{}, false)
	if err != nil {
		t.Fatal(err)
	}
	x.apply(AddConsumer{Config: cfg})
	for range 3 {
		x.apply(&Append{Span: 1, Subject: []byte("a")})
	}
	x.apply(&Delivered{1, []Delivery{{1, 1, 1}, {2, 2, 4}, {3, 3, 1}}})
	return x
}

// A message that was given up stays in a work queue, seen by no consumer, until it was relayed.
func TestDeadLettersStayUntilRelayed(t *testing.T) {
	x := dying(t, WorkQueue)
	x.apply(&Ack{1, []AckItem{{Kind: AckAbandon, Seq: 2}, {Kind: AckTerm, Seq: 3, Reason: []byte(strings.Repeat("x", 2*maxDetailBytes))}}})
	if !x.fx.Outbox || x.state.Outbox() != 2 || len(x.fx.Gone) != 0 {
		t.Fatalf("outbox %v of %d, gone %v", x.fx.Outbox, x.state.Outbox(), x.fx.Gone)
	}
	var got []string
	for d := range x.state.DeadLetters("DEAD", 0) {
		got = append(got, fmt.Sprintf("%d %v %d %d %s %s %d", d.ID, d.Reason, d.Seq, d.Deliveries, d.Subject, d.Consumer, len(d.Detail)))
	}
	if fmt.Sprint(got) != "[1 max_deliver 2 4 a c 0 2 terminated 3 1 a c 1024]" {
		t.Error(got)
	}
	v, _ := x.state.Consumer("c")
	if v.NumAckPending != 1 || v.NumPending != 0 || v.Floor.Stream != 0 || x.state.Info().Messages != 3 {
		t.Errorf("%+v", v)
	}
	x.apply(DropConsumer{Name: "c"})
	cfg := *v.Config
	cfg.Durable, cfg.Name = "d", "d"
	x.apply(AddConsumer{Config: &cfg})
	if v, _ = x.state.Consumer("d"); v.NumPending != 1 {
		t.Errorf("a new consumer is to get %d messages", v.NumPending)
	}
	x.apply(Relayed{"DEAD", []uint64{1, 2, 7}})
	if fmt.Sprint(x.fx.Gone) != fmt.Sprint([]Gone{{2, 3, Acked}}) || x.state.Outbox() != 0 || x.state.Info().Messages != 1 {
		t.Errorf("gone %v, %d messages", x.fx.Gone, x.state.Info().Messages)
	}
}

// A dead letter outlives its message.
func TestDeadLettersOutliveTheirMessages(t *testing.T) {
	for _, retention := range []Retention{Limits, Interest, WorkQueue} {
		x := dying(t, retention)
		x.apply(&Ack{1, []AckItem{{Kind: AckTerm, Seq: 1}, {Kind: AckTerm, Seq: 2}, {Kind: AckTerm, Seq: 3}}})
		x.apply(Delete{Seq: 2})
		x.apply(Purge{Before: 2})
		x.apply(Purge{})
		if x.state.outbox.hidden != nil || x.state.Outbox() != 3 || x.state.Info().Messages != 0 {
			t.Errorf("%v: %d of %d, hidden %v", retention, x.state.Outbox(), x.state.Info().Messages, x.state.outbox.hidden)
		}
		if err := machine.Copy(new(State), x.state); err != nil {
			t.Error(err)
		}
		x.apply(Relayed{"DEAD", []uint64{1, 2, 3}})
		if x.state.Outbox() != 0 || len(x.state.outbox.holds) != 0 {
			t.Errorf("%v: %+v", retention, x.state.outbox)
		}
	}
}

// While there is no room for another dead letter, nothing is terminated, and what was delivered as often as may be stays.
func TestOutboxIsBounded(t *testing.T) {
	x := dying(t, WorkQueue)
	x.state.outbox.count = maxOutbox
	r := x.apply(&Ack{1, []AckItem{{Kind: AckTerm, Seq: 1}, {Kind: AckAbandon, Seq: 2}, {Kind: AckDone, Seq: 3}, {Kind: AckAbandon, Seq: 2}}})
	if fmt.Sprint(r.Acks) != "[ignored applied applied known]" || x.fx.Outbox || x.state.Info().Messages != 2 {
		t.Errorf("%v, %d messages", r.Acks, x.state.Info().Messages)
	}
}

// A snapshot from before there were dead letters is read.
func TestSnapshotWithoutOutbox(t *testing.T) {
	x := dying(t, Limits)
	data := x.state.Snapshot(nil)
	tail := x.state.consumers.snapshot(nil)
	box := x.state.deposits.snapshot(x.state.outbox.snapshot(nil))
	old := append(bytes.Clone(data[:len(data)-len(tail)-len(box)]), tail...)
	old[0] = snapshotWithoutBox
	next := new(State)
	if err := next.Restore(bin.NewReader(old)); err != nil || !bytes.Equal(next.Snapshot(nil), data) {
		t.Errorf("%v", err)
	}
}

// The target gets the message as it was, with what is told about it and without what its header would do again.
func TestDeadLetterMessage(t *testing.T) {
	d := &DeadLetter{
		ID: 1, Target: "DEAD", Consumer: "c", Reason: DeadTerminated, Detail: " no\r\nMyelin-Dead-Lost: true\x00\xff ", Deliveries: 3, Seq: 7,
		Subject: "a.b", Time: 1_700_000_000_123_456_789,
	}
	block := "NATS/1.0\r\nNats-Msg-Id: x\r\nColour: red\r\nNats-TTL: 1s\r\nNats-Expected-Stream: S\r\nNats-Schedule-Target: y\r\n" +
		"Nats-Scheduler: y\r\nNats-Rollup: all\r\nMyelin-Dead-Stream: before\r\ncolour: green\r\n\r\n"
	told := "Myelin-Dead-Reason: terminated\r\nMyelin-Dead-Detail: no  Myelin-Dead-Lost: true \uFFFD\r\nMyelin-Dead-Stream: S\r\n" +
		"Myelin-Dead-Consumer: c\r\nMyelin-Dead-Deliveries: 3\r\nMyelin-Dead-Subject: a.b\r\nMyelin-Dead-Sequence: 7\r\n" +
		"Myelin-Dead-Time: 2023-11-14T22:13:20.123456789Z\r\n"
	a := d.Message("S", []byte(block), []byte("body"))
	if want := "NATS/1.0\r\nColour: red\r\ncolour: green\r\n" + told + "\r\n"; string(a.Header) != want || string(a.Body) != "body" || string(a.Subject) != "a.b" {
		t.Errorf("%s %q %q", a.Subject, a.Header, a.Body)
	}
	if a = d.Message("S", nil, nil); string(a.Header) != "NATS/1.0\r\n"+told+"\r\n" {
		t.Errorf("%q", a.Header)
	}
	if a = d.Lost("S"); string(a.Header) != "NATS/1.0\r\n"+told+"Myelin-Dead-Lost: true\r\n\r\n" {
		t.Errorf("%q", a.Header)
	}
	large := header.AppendEnd(header.AppendField(header.AppendStart(nil), "Large", strings.Repeat("x", maxHeaderBytes-100)))
	if a = d.Message("S", large, nil); string(a.Header) != "NATS/1.0\r\n"+told+"Myelin-Dead-Header-Lost: true\r\n\r\n" || !header.Valid(a.Header) {
		t.Errorf("%q", a.Header)
	}
}

// A consumer names another stream for its dead letters.
func TestCheckDeadLetter(t *testing.T) {
	for target, want := range map[string]string{
		"DEAD": "", "": "is not the name of a stream", "a.b": "is not the name of a stream",
		strings.Repeat("x", maxNameBytes+1): "is not the name of a stream", "WORK": "names the stream that the consumer reads from",
	} {
		_, err := CheckConsumer(ConsumerConfig{Name: "c", Ack: AckExplicit, Metadata: map[string]string{MetaDeadLetter: target}},
			&Config{Name: "WORK"}, ConsumerBounds{}, false)
		switch {
		case want == "" && err != nil, want != "" && err == nil:
			t.Errorf("%q: %v", target, err)
		case err != nil && (apierr.ID(err.ErrCode) != apierr.ConsumerCreate || !strings.Contains(err.Description, want)):
			t.Errorf("%q: %+v", target, err)
		}
	}
}
