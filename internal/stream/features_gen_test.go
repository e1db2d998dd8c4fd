package stream

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"myelin/internal/bin"
	"myelin/internal/machine"
)

// featureGenerator draws commands for a stream that has one or more of the features that most do not.
type featureGenerator struct {
	*rand.Rand
	now int64
	cfg Config
}

func newFeatureGenerator(seed int) *featureGenerator {
	g := &featureGenerator{Rand: rand.New(rand.NewPCG(uint64(seed), 11)), now: 1e18}
	g.cfg = Config{Name: "T", Subjects: []string{"a.*", "b.*"}, Storage: Storage(g.IntN(2)), DuplicateWindow: time.Second, AllowRollup: true}
	switch g.IntN(5) {
	case 0:
		g.cfg.Mirror, g.cfg.Subjects = &Source{Name: "O"}, nil
	case 1:
		g.cfg.Sources = []Source{{Name: "O"}, {Name: "O", Transforms: []SubjectTransform{{"a.*", "b.$1"}}}, {Name: "P"}}
		g.cfg.AllowCounter = g.IntN(2) == 0
	case 2:
		g.cfg.AllowCounter = true
	default:
		g.cfg.AllowSchedules, g.cfg.AllowTTL = true, g.IntN(2) == 0
	}
	if g.cfg.Mirror == nil {
		g.cfg.AllowAtomic, g.cfg.AllowBatched = true, true
	}
	return g
}

func (g *featureGenerator) commands(n int) (list []timed) {
	for i := range n {
		if g.IntN(3) == 0 {
			g.now += int64(g.IntN(4)) * int64(500*time.Millisecond)
		}
		command := g.command()
		if i == 0 {
			command = g.configure()
		}
		list = append(list, timed{g.now, command})
	}
	return list
}

func (g *featureGenerator) configure() Configure {
	c := g.cfg
	c.MaxMsgs, c.MaxMsgsPer = g.Int64N(2)*(5+g.Int64N(30)), g.Int64N(2)*(1+g.Int64N(4))
	if len(c.Sources) > 0 {
		c.Sources = slices.Clone(c.Sources[g.IntN(2):])
		g.Shuffle(len(c.Sources), func(i, j int) { c.Sources[i], c.Sources[j] = c.Sources[j], c.Sources[i] })
	}
	return Configure{&c}
}

func (g *featureGenerator) command() any {
	switch n := g.IntN(100); {
	case n < 25:
		a := g.append()
		return &a
	case n < 45:
		c := &Copy{Origin: 1 + g.Uint64N(6), Seq: 1 + g.Uint64N(60), Time: g.now - g.Int64N(1e9), Append: g.append()}
		if g.cfg.AllowCounter {
			c.Body = fmt.Appendf(nil, `{"val":"%d"}`, g.IntN(100))
		}
		return c
	case n < 55:
		b := &Batch{ID: []byte("x"), Ended: g.IntN(2) == 0}
		for range 1 + g.IntN(4) {
			b.Messages = append(b.Messages, g.append())
		}
		return b
	case n < 75:
		return &Fast{[]byte(strconv.Itoa(g.IntN(3))), uint16(1 + g.IntN(5)), g.IntN(2) == 0, 1 + g.Uint64N(5), FastOp(g.IntN(6)), g.append()}
	case n < 80:
		return Skip{1 + g.Uint64N(6), g.Uint64N(60), g.IntN(2) == 0}
	case n < 82:
		return Follow{1 + g.Uint64N(6), []string{"one", "two", ""}[g.IntN(3)], g.Uint64N(20), ""}
	case n < 86:
		return &Fire{g.Uint64N(60), g.now, headerOf("Nats-Schedule-Target: b.1"), headerOf("A: b"), []byte("x")}
	case n < 88:
		return Zone{[]string{"Here", "There"}[g.IntN(2)], ZoneRules(time.FixedZone("X", g.IntN(4)*3600), time.Unix(1e9, 0))}
	case n < 91:
		return Delete{g.Uint64N(60), false}
	case n < 93:
		return Purge{Filter: []string{"", "a.*", "b.1"}[g.IntN(3)], Keep: g.Uint64N(4)}
	case n < 95:
		return g.configure()
	}
	return Tick{}
}

func (g *featureGenerator) append() Append {
	a := Append{Span: 1, Subject: fmt.Appendf(nil, "%c.%d", 'a'+rune(g.IntN(2)), g.IntN(3))}
	if g.IntN(8) == 0 {
		a.Span = 3
	}
	var fields []string
	if g.cfg.AllowCounter && g.IntN(8) > 0 {
		fields = append(fields, fmt.Sprintf("Nats-Incr: %d", g.IntN(20)-10))
	} else {
		a.Body = make([]byte, g.IntN(20))
	}
	for range g.IntN(3) {
		fields = append(fields, g.field())
	}
	a.Header = headerOf(fields...)
	return a
}

func (g *featureGenerator) field() string {
	switch g.IntN(10) {
	case 0:
		return fmt.Sprintf("Nats-Msg-Id: %d", g.IntN(30))
	case 1:
		return fmt.Sprintf("Nats-Expected-Last-Subject-Sequence: %d", g.IntN(40))
	case 2:
		return fmt.Sprintf("Nats-Expected-Last-Sequence: %d", g.IntN(40))
	case 3:
		return "Nats-Rollup: " + []string{"sub", "all"}[g.IntN(2)]
	case 4:
		return "Nats-TTL: " + []string{"1s", "3s", "no"}[g.IntN(3)]
	case 5:
		return "Nats-Schedule-Next: purge\r\nNats-Scheduler: a." + strconv.Itoa(g.IntN(3))
	case 6:
		return `Nats-Counter-Sources: {"O":{"a.1":"5"}}`
	}
	when := []string{"@every 1s", "@every 1500ms", "* * * * * *", "@at " + time.Unix(0, g.now+1e9).UTC().Format(time.RFC3339Nano), "@daily", "bad"}[g.IntN(6)]
	return "Nats-Schedule: " + when + "\r\nNats-Schedule-Target: b.7" + []string{"", "\r\nNats-Schedule-Source: b.1", "\r\nNats-Schedule-Time-Zone: Here"}[g.IntN(3)]
}

// With all features, too, it makes no difference how commands are batched, and whether the machine was
// restarted between entries; and effects keep a copy of the stream.
func TestFeaturesSurviveBatchesAndRestarts(t *testing.T) {
	eachSeed(t, 100, func(seed int) {
		g := newFeatureGenerator(seed)
		commands := g.commands(300)
		alone, _ := run(t, commands, func() int { return 1 }, nil)
		want := machine.Hash(alone.state)
		for range 2 {
			batched, _ := run(t, commands, func() int { return 1 + g.IntN(40) }, g.Rand)
			if machine.Hash(batched.state) != want || !slices.Equal(batched.replies, alone.replies) {
				t.Fatalf("seed %d: batches or restarts change the outcome", seed)
			}
			if !slices.Equal(batched.gone, alone.gone) || !slices.Equal(batched.stored, alone.stored) {
				t.Fatalf("seed %d: batches or restarts change the effects", seed)
			}
		}
	})
}

// refusedChangesNothing applies the commands in data one by one.
func refusedChangesNothing(t *testing.T, s *State, data []byte) {
	t.Helper()
	var fx Effects
	held := map[uint64]uint32{}
	for p, ok := s.table.first(); ok; p, ok = s.table.after(p) {
		held[s.table.seq(p)] = s.table.span(p)
	}
	for rest := data; len(rest) > 0; {
		_, tail, ok := cutBytes(rest)
		if !ok {
			tail = nil
		}
		before := s.Snapshot(nil)
		fx.Reset()
		s.Apply(machine.Entry{Time: s.now, Data: rest[:len(rest)-len(tail)]}, &fx)
		if len(fx.Replies) != 1 {
			t.Fatalf("%d replies to a command", len(fx.Replies))
		}
		if fx.Replies[0].Err != nil && !bytes.Equal(before, s.Snapshot(nil)) {
			t.Fatalf("a command that was refused, %v, changed the state", fx.Replies[0].Err)
		}
		for _, m := range fx.Stored {
			if a, err := ReadAppend(rest[min(int(m.Offset), len(rest)):]); !m.Changed && (err != nil || !bytes.Equal(a.Body, m.Body)) {
				t.Fatalf("message %d is not found by its offset", m.Seq)
			}
		}
		replay(held, &fx)
		rest = tail
	}
	if len(held) != s.table.records {
		t.Fatalf("the effects leave %d messages of %d", len(held), s.table.records)
	}
	if err := machine.Copy(new(State), s); err != nil {
		t.Fatal(err)
	}
	s.Deadline()
}

// Whatever the bytes of an entry are, streams with features give replies, change nothing when they refuse,
// and survive a restart.
func FuzzFeatures(f *testing.F) {
	for seed := range 10 {
		var data []byte
		for _, c := range newFeatureGenerator(seed).commands(40)[1:] {
			data = append(data, encode(c.command)...)
		}
		f.Add(seed, data)
	}
	f.Fuzz(func(t *testing.T, seed int, data []byte) {
		var s State
		var fx Effects
		g := newFeatureGenerator(seed % 100)
		s.Apply(entryOf(g.now, g.configure()), &fx)
		refusedChangesNothing(t, &s, data)
	})
}

// The same with commands that make sense, as time goes by.
func TestRefusedFeaturesChangeNothing(t *testing.T) {
	eachSeed(t, 50, func(seed int) {
		var s State
		for _, c := range newFeatureGenerator(seed).commands(300) {
			s.now = max(s.now, c.at)
			refusedChangesNothing(t, &s, encode(c.command))
		}
	})
}

// Restore takes no bytes of a stream with features amiss: it gives an error, or a state that works.
func FuzzRestoreFeatures(f *testing.F) {
	for seed := range 10 {
		o, _ := run(f, newFeatureGenerator(seed).commands(60), func() int { return 1 }, nil)
		f.Add(seed, o.state.Snapshot(nil))
	}
	f.Fuzz(func(t *testing.T, seed int, data []byte) {
		var s State
		if s.Restore(bin.NewReader(data)) != nil {
			return
		}
		for _, c := range newFeatureGenerator(seed % 100).commands(10)[1:] {
			refusedChangesNothing(t, &s, encode(c.command))
		}
		for range 3 {
			s.now = max(s.now, s.Deadline())
			refusedChangesNothing(t, &s, encode(Tick{}))
		}
	})
}

// A view of a stream with features shows what was there when it was frozen, whatever came later.
func TestFrozenFeaturesStay(t *testing.T) {
	eachSeed(t, 40, func(seed int) {
		g := newFeatureGenerator(seed)
		var s State
		var fx Effects
		var views []func([]byte) []byte
		var snapshots [][]byte
		for i, c := range g.commands(400) {
			fx.Reset()
			s.Apply(entryOf(c.at, c.command), &fx)
			if i%40 == 20 {
				views, snapshots = append(views, s.Freeze()), append(snapshots, s.Snapshot(nil))
			}
		}
		shown := make(chan bool)
		for i, view := range views {
			go func() { shown <- bytes.Equal(view(nil), snapshots[i]) }()
			for _, c := range g.commands(20)[1:] {
				fx.Reset()
				s.Apply(entryOf(c.at, c.command), &fx)
			}
			if !<-shown {
				t.Fatalf("seed %d: view %d shows something else", seed, i)
			}
		}
	})
}
