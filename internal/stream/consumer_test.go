package stream

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"myelin/internal/bin"
	"myelin/internal/machine"
	"myelin/internal/subject"
)

// consumerRun drives a State and the model of it by the same random commands.
type consumerRun struct {
	t     testing.TB
	rng   *rand.Rand
	state *State
	model consumerModel
	now   int64
	fx    Effects
	log   []string
	data  [][]byte // of all entries
	times []int64
}

var (
	modelSubjects = []string{"a", "b", "c.1", "c.2", "c.3", "c.31", "d.1.x"}
	modelFilters  = [][]string{nil, nil, {"a"}, {"b"}, {"c.*"}, {"c.1"}, {"c.>", "a"}, {"d.>"}, {"none"}, {">"}, {"c.*", "d.*.x", "b"}, {"a", "c.>"}, {"c.3*"}, {"d>", "c.2*", "b"}, {"*.1*", "c.3>", "d.2*"}}
	modelNames    = []string{"A", "B", "C", "D", "E"}
)

// The consumers of a State are those of the model after every command, num_pending as counted anew, with
// restarts, and views that stay as they were.
func TestConsumersAgreeWithModel(t *testing.T) {
	eachSeed(t, 60, func(seed int) {
		r := newConsumerRun(t, seed)
		var view func([]byte) []byte
		var snapshot []byte
		for step := range 400 {
			r.step()
			if step == 370 && seed%2 == 0 {
				r.seal()
			}
			if got, want := shown(r.state), r.model.show(); got != want {
				t.Fatalf("seed %d, step %d, %v:\n%v\nis\n%s\nnot\n%s", seed, step, r.model.cfg.Retention, r.log[max(0, len(r.log)-12):], got, want)
			}
			if r.rng.IntN(20) == 0 {
				r.restart(seed)
			}
			if r.rng.IntN(10) == 0 {
				if view != nil && !bytes.Equal(view(nil), snapshot) {
					t.Fatalf("seed %d, step %d: a view changed", seed, step)
				}
				view, snapshot = r.state.Freeze(), r.state.Snapshot(nil)
			}
		}
		r.again(seed)
	})
}

// again applies the same commands once more, those of the same time as one entry.
func (r *consumerRun) again(seed int) {
	var s State
	for i := 0; i < len(r.data); {
		e := machine.Entry{Time: r.times[i]}
		for ; i < len(r.data) && r.times[i] == e.Time; i++ {
			e.Data = append(e.Data, r.data[i]...)
		}
		r.fx.Reset()
		s.Apply(e, &r.fx)
	}
	if !bytes.Equal(s.Snapshot(nil), r.state.Snapshot(nil)) {
		r.t.Fatalf("seed %d: commands in other entries make another state", seed)
	}
}

func newConsumerRun(tb testing.TB, seed int) *consumerRun {
	cfg := Config{Name: "M", Subjects: []string{">"}, NoAck: true, Retention: Retention(seed % 3)}
	rng := rand.New(rand.NewPCG(uint64(seed), 4))
	if rng.IntN(3) == 0 {
		cfg.MaxMsgs = 5 + rng.Int64N(20)
	}
	if rng.IntN(3) == 0 {
		cfg.MaxMsgsPer = 1 + rng.Int64N(4)
	}
	if rng.IntN(4) == 0 {
		cfg.MaxConsumers = 1 + rng.IntN(4)
	}
	checked, err := Check(cfg, Bounds{}, false)
	if err != nil {
		tb.Fatal(err)
	}
	r := &consumerRun{t: tb, rng: rng, state: new(State), now: 1000, model: consumerModel{cfg: checked}}
	r.apply(Configure{checked})
	return r
}

// Whatever commands about consumers say, a refused one changes nothing, and the state survives a restart.
func FuzzConsumers(f *testing.F) {
	for seed := range 6 {
		r := newConsumerRun(f, seed)
		for range 60 {
			r.step()
		}
		f.Add(bytes.Join(r.data, nil))
		commands := letterCommands(f, r.state)
		for v := range r.state.Consumers() {
			rec, _ := r.state.ConsumerRecord(v.Number)
			r.data = append(r.data, encode(DropConsumer{Name: v.Config.Name}, &RestoreConsumer{rec}))
		}
		r.data = append(r.data, commands...)
		f.Add(bytes.Join(r.data, nil))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var s State
		var fx Effects
		for len(data) > 0 {
			_, tail, ok := cutBytes(data)
			if !ok {
				return
			}
			before := s.Snapshot(nil)
			fx.Reset()
			s.Apply(machine.Entry{Time: 1, Data: data[:len(data)-len(tail)]}, &fx)
			if fx.Replies[0].Err != nil && !bytes.Equal(before, s.Snapshot(nil)) {
				t.Fatalf("a command that was refused, %v, changed the state", fx.Replies[0].Err)
			}
			data = tail
		}
		restarted := new(State)
		if err := machine.Copy(restarted, &s); err != nil {
			t.Fatal(err)
		}
		if shown(restarted) != shown(&s) {
			t.Fatalf("after a restart it shows\n%s, not\n%s", shown(restarted), shown(&s))
		}
	})
}

// A snapshot with consumers is refused, or makes a state that works.
func FuzzRestoreConsumers(f *testing.F) {
	for seed := range 12 {
		r := newConsumerRun(f, seed)
		for range 100 {
			r.step()
		}
		f.Add(r.state.Snapshot(nil))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var s State
		if s.Restore(bin.NewReader(data)) != nil {
			return
		}
		var fx Effects
		var entry []byte
		for v := range s.Consumers() {
			d := &Delivered{Consumer: v.Number}
			if seq, ok := s.Source(v.Number).Next(v.Delivered.Stream + 1); ok {
				d.At = append(d.At, Delivery{seq, v.Delivered.Consumer + 1, 1})
			}
			entry = d.Encode(entry)
			entry = (&Ack{v.Number, []AckItem{{Kind: AckDone, Seq: v.Delivered.Stream}}}).Encode(entry)
		}
		entry = append(entry, encode(&Append{Span: 1, Subject: []byte("a")}, Purge{Filter: "c.*"})...)
		s.Apply(machine.Entry{Time: 1e18, Data: entry}, &fx)
		if err := machine.Copy(new(State), &s); err != nil {
			t.Fatal(err)
		}
	})
}

func (r *consumerRun) restart(seed int) {
	next := new(State)
	if err := machine.Copy(next, r.state); err != nil {
		r.t.Fatalf("seed %d: %v", seed, err)
	}
	r.state = next
}

func (r *consumerRun) apply(command any) Reply {
	r.now += int64(r.rng.IntN(3))
	r.fx.Reset()
	data := encode(command)
	r.state.Apply(machine.Entry{Time: r.now, Data: data}, &r.fx)
	r.data, r.times = append(r.data, data), append(r.times, r.now)
	if a, ok := command.(AddConsumer); ok {
		command = fmt.Sprintf("%d %+v", a.Action, *a.Config)
	}
	r.log = append(r.log, fmt.Sprintf("%T%+v\n", command, command))
	return r.fx.Replies[0]
}

func (r *consumerRun) pick(list []string) string { return list[r.rng.IntN(len(list))] }

func (r *consumerRun) step() {
	m := &r.model
	switch n := r.rng.IntN(100); {
	case n < 30:
		s := r.pick(modelSubjects)
		reply := r.apply(&Append{Span: 1, Subject: []byte(s)})
		r.touched(s)
		r.expect(reply, m.publish(s, r.now))
	case n < 50:
		r.deliver()
	case n < 75:
		r.acks()
	case n < 82:
		r.add()
	case n < 84:
		r.take()
	case n < 87:
		c := DropConsumer{Name: r.pick(modelNames)}
		if r.rng.IntN(3) == 0 {
			c.Number = 1 + r.rng.Uint32N(m.number+1)
		}
		r.expect(r.apply(c), m.drop(c))
	case n < 90:
		c := ResetConsumer{Name: r.pick(modelNames)}
		if r.rng.IntN(2) == 0 {
			c.Seq = 1 + r.rng.Uint64N(m.last+3)
		}
		r.expect(r.apply(c), m.reset(c))
	case n < 94:
		seq := 1 + r.rng.Uint64N(m.last+1)
		reply := r.apply(Delete{Seq: seq, Erase: r.rng.IntN(2) == 0})
		if want := m.remove(seq); want != "gone" || reply.Err == nil {
			r.expect(reply, want)
		}
	case n < 95:
		p := PauseConsumer{Name: r.pick(modelNames), Until: r.rng.Int64N(2) * (r.now + 100)}
		r.expect(r.apply(p), m.pause(p))
	case n < 97:
		r.purge()
	case n < 98:
		r.expect(r.apply(Tick{}), "ok")
		m.tick(r.now)
	case n < 99:
		if r.rng.IntN(2) == 0 {
			r.relay()
		} else {
			r.deposit()
		}
	default:
		r.configure()
	}
	m.sweep()
}

// expect compares a reply with what the model says.
func (r *consumerRun) expect(reply Reply, want string) {
	r.t.Helper()
	got := "ok"
	if reply.Err != nil {
		got = strconv.Itoa(int(reply.Err.ErrCode))
	}
	if got != want {
		r.t.Fatalf("%v\n%s, want %s", r.log[len(r.log)-1], got, want)
	}
}

// configure changes limits, or what messages are kept for.
func (r *consumerRun) configure() {
	cfg := *r.model.cfg
	switch n := r.rng.IntN(6); {
	case n == 0:
		cfg.MaxMsgs = r.rng.Int64N(2) * (5 + r.rng.Int64N(20))
	case n == 1:
		cfg.MaxMsgsPer = r.rng.Int64N(2) * (1 + r.rng.Int64N(4))
	case n == 2:
		cfg.MaxAge = time.Duration(r.rng.Int64N(2) * (20 + r.rng.Int64N(100)))
	case n == 3:
		cfg.Discard = DiscardNew - cfg.Discard
	case cfg.Retention == WorkQueue:
		return
	default:
		cfg.Retention = Interest - cfg.Retention
	}
	r.change(&cfg)
}

func (r *consumerRun) change(cfg *Config) {
	was := r.model.cfg.Retention
	r.apply(Configure{cfg})
	r.model.cfg = cfg
	if cfg.Retention == Interest && was != Interest && len(r.model.consumers) == 0 {
		r.model.kept = map[uint64]bool{}
		for _, msg := range r.model.messages {
			r.model.kept[msg.seq] = true
		}
	}
	r.model.limit()
}

// seal ends all that changes the stream from outside. Consumers go on.
func (r *consumerRun) seal() {
	cfg := *r.model.cfg
	cfg.Sealed, cfg.DenyDelete, cfg.DenyPurge, cfg.MaxAge, cfg.Discard = true, true, true, 0, DiscardNew
	r.change(&cfg)
	r.model.sweep()
}

func (r *consumerRun) purge() {
	var p Purge
	if r.rng.IntN(2) == 0 {
		p.Filter = r.pick([]string{"a", "c.*", "d.>", "c.2"})
	}
	switch r.rng.IntN(3) {
	case 0:
		p.Before = 1 + r.rng.Uint64N(r.model.last+3)
	case 1:
		p.Keep = 1 + r.rng.Uint64N(4)
	}
	r.expect(r.apply(p), r.model.purge(p))
}

func (r *consumerRun) add() {
	cfg := ConsumerConfig{Name: r.pick(modelNames), Ack: AckPolicy(r.rng.IntN(3)), Deliver: DeliverPolicy(r.rng.IntN(6))}
	if old := r.model.named(cfg.Name); old != nil && r.rng.IntN(3) > 0 {
		cfg = *old.cfg
		cfg.FilterSubject, cfg.FilterSubjects = "", nil
	} else if r.rng.IntN(2) == 0 {
		cfg.Deliver = DeliverAll
	}
	cfg.FilterSubjects = modelFilters[r.rng.IntN(len(modelFilters))]
	if r.rng.IntN(2) == 0 {
		cfg.Durable = cfg.Name
	}
	if r.rng.IntN(2) == 0 {
		cfg.Metadata = map[string]string{MetaDeadLetter: r.pick([]string{"DEAD", "MORGUE"})}
	}
	switch cfg.Deliver {
	case DeliverByStartSequence:
		if cfg.StartSeq == 0 {
			cfg.StartSeq = 1 + r.rng.Uint64N(r.model.last+5)
		}
	case DeliverByStartTime:
		if cfg.StartTime == nil {
			at := time.Unix(0, r.now-r.rng.Int64N(60)).UTC()
			cfg.StartTime = &at
		}
	case DeliverLastPerSubject:
		if cfg.FilterSubjects == nil {
			cfg.FilterSubjects = []string{">"}
		}
	}
	checked, err := CheckConsumer(cfg, r.model.cfg, ConsumerBounds{}, false)
	if err != nil {
		return // a work queue is choosy
	}
	a := AddConsumer{checked, ConsumerAction(r.rng.IntN(3))}
	r.expect(r.apply(a), r.model.add(a))
}

// deliver sends what a dispatcher would: the next messages, some again, and now and then one that is gone.
func (r *consumerRun) deliver() {
	if len(r.model.consumers) == 0 {
		return
	}
	c := r.model.consumers[r.rng.IntN(len(r.model.consumers))]
	d := &Delivered{Consumer: c.number}
	src, from, dseq := r.state.Source(c.number), c.delivered.Stream+1, c.delivered.Consumer
	for range 1 + r.rng.IntN(5) {
		dseq++
		switch n := r.rng.IntN(10); {
		case n < 6:
			if seq, ok := src.Next(from); ok && n == 0 && c.cfg.Ack == AckExplicit {
				d.At = append(d.At, Delivery{seq, 0, 0})
				from = seq + 1
				dseq--
			} else if ok {
				d.At = append(d.At, Delivery{seq, dseq, 1})
				from = seq + 1
			}
		case n < 9:
			if seq, ok := r.waiting(c); ok {
				d.At = append(d.At, Delivery{seq, dseq, c.pending[seq].count + 1})
			}
		default:
			d.At = append(d.At, Delivery{from, dseq, 1})
			from++
		}
	}
	r.apply(d)
	r.model.deliver(c, d.At)
}

// take says that somebody has all up to a sequence by way of a consumer.
func (r *consumerRun) take() {
	if len(r.model.consumers) == 0 {
		return
	}
	c := r.model.consumers[r.rng.IntN(len(r.model.consumers))]
	t := Taken{c.number, r.rng.Uint64N(r.model.last + 3)}
	r.apply(t)
	r.model.taken(c, t.Seq)
}

// touched finds whether the consumers that match a stored message are told.
func (r *consumerRun) touched(s string) {
	told := map[uint64]bool{}
	r.fx.Touched(func(filter uint64) { told[filter] = true })
	for _, c := range r.model.consumers {
		filters := c.cfg.Filters()
		matches := len(filters) == 0 || slices.ContainsFunc(filters, func(f string) bool { return subject.Matches(f, s) })
		if want := matches && len(r.fx.Stored) > 0; told[r.state.Source(c.number).Filter()] != want {
			r.t.Fatalf("%s: consumer %s told: %v", s, c.cfg.Name, !want)
		}
	}
}

// waiting picks a message that an ack is waited for.
func (r *consumerRun) waiting(c *modelConsumer) (seq uint64, ok bool) {
	list := slices.Sorted(maps.Keys(c.pending))
	if len(list) == 0 {
		return 0, false
	}
	return list[r.rng.IntN(len(list))], true
}

// acks answers: mostly what is waited for, sometimes anything, sometimes with the time of the message.
func (r *consumerRun) acks() {
	if len(r.model.consumers) == 0 {
		return
	}
	c := r.model.consumers[r.rng.IntN(len(r.model.consumers))]
	a := &Ack{Consumer: c.number}
	for range 1 + r.rng.IntN(3) {
		item := AckItem{Kind: AckKind(1 + r.rng.IntN(5)), Seq: r.rng.Uint64N(r.model.last + 4)}
		if r.rng.IntN(2) == 0 {
			item.Kind = AckDone
		}
		if seq, ok := r.waiting(c); ok && r.rng.IntN(4) > 0 {
			item.Seq = seq
		}
		if msg, ok := r.model.message(item.Seq); ok && r.rng.IntN(3) == 0 {
			item.Time, item.DSeq = msg.time, c.delivered.Consumer+1
		}
		if item.Kind == AckNak {
			item.Delay = r.rng.Int64N(100)
		}
		if item.Kind == AckTerm {
			item.Reason = []byte("why")
		}
		a.Acks = append(a.Acks, item)
	}
	probed := r.state.Source(c.number).Probe(&a.Acks[0])
	reply := r.apply(a)
	if reply.Acks[0] != probed {
		r.t.Fatalf("%v is %v, and was to become %v; %+v", r.log[len(r.log)-1], reply.Acks[0], probed, c)
	}
	for i, item := range a.Acks {
		want := r.model.answer(c, item)
		r.model.sweep()
		if reply.Acks[i] != want {
			r.t.Fatalf("%v item %d is %v, want %v; %+v", r.log[len(r.log)-1], i, reply.Acks[i], want, c)
		}
	}
}
