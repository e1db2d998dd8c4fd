package stream

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"myelin/internal/header"
	"myelin/internal/machine"
	"myelin/internal/subject"
)

// encode gives the Data of an entry with these commands.
func encode(commands ...any) (data []byte) {
	for _, command := range commands {
		switch c := command.(type) {
		case *Append:
			data = c.Encode(data)
		case interface{ Encode([]byte) []byte }:
			data = c.Encode(data)
		}
	}
	return data
}

// eachSeed visits so many seeds, or as many as the environment variable SEEDS says, or as there is time for
// beside the other tests.
func eachSeed(t *testing.T, n int, visit func(seed int)) {
	if text := os.Getenv("SEEDS"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			t.Fatalf("SEEDS is %q instead of a number", text)
		}
	}
	end, bounded := t.Deadline()
	end = end.Add(-time.Until(end) * 3 / 4)
	for seed := range n {
		if bounded && time.Now().After(end) {
			t.Logf("there was time for %d seeds", seed)
			return
		}
		visit(seed)
	}
}

// timed is a command and when it came.
type timed struct {
	at      int64
	command any
}

// generator draws commands that collide often: few subjects and ids, small limits.
type generator struct {
	*rand.Rand
	now  int64
	last uint64 // roughly
	cfg  Config
}

func newGenerator(seed int) *generator {
	g := &generator{Rand: rand.New(rand.NewPCG(uint64(seed), 7)), now: 1e18}
	g.cfg = Config{
		Name: "T", Retention: Retention(g.IntN(8) / 7), Storage: Storage(g.IntN(2)), FirstSeq: uint64(g.IntN(3) / 2 * 40),
		DuplicateWindow: time.Duration(g.IntN(3)) * 400 * time.Millisecond,
	}
	return g
}

func (g *generator) commands(n int) (list []timed) {
	list = append(list, timed{g.now, g.configure()})
	for range n {
		if g.IntN(3) == 0 {
			g.now += int64(g.IntN(4)) * int64(50*time.Millisecond)
		}
		list = append(list, timed{g.now, g.command()})
	}
	return list
}

func (g *generator) command() any {
	switch n := g.IntN(100); {
	case n < 75:
		return g.append()
	case n < 85:
		return Delete{g.seq(), g.IntN(2) == 0}
	case n < 92:
		return g.purge()
	case n < 95:
		return g.configure()
	}
	return Tick{}
}

func (g *generator) seq() uint64 { return uint64(max(0, int(g.last)-g.IntN(40)+3)) }

func (g *generator) subject() []byte {
	return fmt.Appendf(nil, "%s.%d", []string{"a", "b", "a.longer.than.others.by.far"}[g.IntN(3)], g.IntN(1+g.IntN(6)))
}

func (g *generator) pattern() string {
	return []string{"", ">", "a.*", "*.1", "a.>", "b.0", "none", string(g.subject())}[g.IntN(8)]
}

func (g *generator) append() *Append {
	a := &Append{Span: 1, Subject: g.subject(), Body: make([]byte, g.IntN(60))}
	if g.IntN(10) == 0 {
		a.Span = 1 + uint32(g.IntN(5))
	}
	if g.IntN(2) == 0 {
		a.Header = header.AppendStart(nil)
		for range g.IntN(3) {
			a.Header = g.field(a.Header)
		}
		a.Header = header.AppendEnd(a.Header)
	}
	g.last += uint64(a.Span)
	return a
}

func (g *generator) field(block []byte) []byte {
	number := func(n uint64) string { return strconv.FormatUint(n, 10) }
	switch g.IntN(13) {
	case 9, 10:
		return header.AppendField(block, "Nats-TTL", []string{"1", "2s", "1500ms", "3s", "never", "bad"}[g.IntN(6)])
	case 11:
		return header.AppendField(block, "Nats-Marker-Reason", "MaxAge")
	case 12:
		return header.AppendField(block, "KV-Operation", []string{"PURGE", "DEL"}[g.IntN(2)])
	case 0, 1, 2:
		return header.AppendField(block, "Nats-Msg-Id", number(g.Uint64N(20)))
	case 3:
		return header.AppendField(block, "Nats-Expected-Last-Sequence", number(g.last+g.Uint64N(3)))
	case 4:
		return header.AppendField(block, "Nats-Expected-Last-Subject-Sequence", number(g.Uint64N(2)*g.seq()))
	case 5:
		block = header.AppendField(block, "Nats-Expected-Last-Subject-Sequence", number(g.Uint64N(2)*g.seq()))
		return header.AppendField(block, "Nats-Expected-Last-Subject-Sequence-Subject", g.pattern())
	case 6:
		return header.AppendField(block, "Nats-Rollup", []string{"sub", "ALL", "sub", "other"}[g.IntN(4)])
	case 7:
		return header.AppendField(block, "Nats-Expected-Stream", []string{"T", "U"}[g.IntN(2)])
	}
	return header.AppendField(block, "Nats-Expected-Last-Msg-Id", number(g.Uint64N(20)))
}

func (g *generator) purge() Purge {
	p := Purge{Filter: g.pattern()}
	switch g.IntN(8) {
	case 0, 1, 2:
		p.Keep = g.Uint64N(12)
	case 3, 4, 5:
		p.Before = g.seq()
	case 6:
		p.Keep, p.Before = g.Uint64N(2), g.Uint64N(2)
	}
	return p
}

func (g *generator) configure() Configure {
	c := g.cfg
	limit := func(most int64) int64 { return (1 + g.Int64N(most)) * g.Int64N(2) }
	c.MaxMsgs, c.MaxMsgsPer, c.MaxBytes = limit(40), limit(4), limit(3000)
	c.MaxMsgSize = int32(limit(80))
	c.MaxAge = time.Duration(limit(int64(3 * time.Second)))
	c.Discard = Discard(g.IntN(2))
	c.DiscardNewPer = c.Discard == DiscardNew && c.MaxMsgsPer > 0 && g.IntN(2) == 0
	c.AllowRollup = g.IntN(2) == 0
	if c.AllowTTL = g.IntN(3) > 0; c.AllowTTL {
		c.MarkerTTL = time.Duration(g.IntN(3)) * 1100 * time.Millisecond
	}
	c.DenyDelete, c.DenyPurge, c.Sealed = g.IntN(9) == 0, !c.AllowRollup && g.IntN(9) == 0, g.IntN(30) == 0
	return Configure{&c}
}

// The machine does what the model does: replies, state, and effects, which keep a copy of the stream.
func TestStateAgreesWithModel(t *testing.T) {
	eachSeed(t, 200, func(seed int) {
		g := newGenerator(seed)
		var s State
		var fx Effects
		m, held := &model{}, map[uint64]uint32{}
		for i, c := range g.commands(400) {
			fx.Reset()
			s.Apply(machine.Entry{Time: c.at, Data: encode(c.command)}, &fx)
			got, want := answer(fx.Replies[0]), m.apply(c.at, c.command)
			if len(fx.Replies) != 1 || got != want {
				t.Fatalf("seed %d, command %d %+v: %q, want %q", seed, i, c.command, got, want)
			}
			g.last = s.last
			replay(held, &fx)
			if err := agree(&s, m, held); err != nil {
				t.Fatalf("seed %d, command %d %+v: %v\n%+v", seed, i, c.command, err, s.config)
			}
		}
	})
}

// replay does to a copy of the stream what effects say.
func replay(held map[uint64]uint32, fx *Effects) {
	for _, stored := range fx.Stored {
		held[stored.Seq] = stored.Span
	}
	for _, gone := range fx.Gone {
		maps.DeleteFunc(held, func(seq uint64, _ uint32) bool { return gone.First <= seq && seq <= gone.Last })
	}
}

// agree compares all that can be read.
func agree(s *State, m *model, held map[uint64]uint32) error {
	want := Info{Messages: m.count(all), Bytes: uint64(m.bytes()), First: m.first(), Last: m.last, LastTime: m.lastTime}
	subjects := map[string]uint64{}
	for _, x := range m.messages {
		subjects[x.subject] += x.span
	}
	want.Subjects = len(subjects)
	if len(m.messages) > 0 {
		want.FirstTime = m.messages[0].time
		want.Deleted = m.last + 1 - want.First - want.Messages
	}
	if got := s.Info(); got != want {
		return fmt.Errorf("%+v, want %+v", got, want)
	}
	if len(held) != len(m.messages) {
		return fmt.Errorf("the effects leave %d messages of %d", len(held), len(m.messages))
	}
	for subject, n := range s.Subjects("") {
		if subjects[string(subject)] != n {
			return fmt.Errorf("%d messages of %s, want %d", n, subject, subjects[string(subject)])
		}
	}
	next := uint64(0)
	for _, x := range m.messages {
		r, ok := s.Next(next, "")
		got := modelMessage{r.Seq, uint64(r.Span), r.Time, int(r.Size), string(r.Subject), x.expires, x.silent}
		if !ok || got != x || uint64(held[x.seq]) != x.span {
			return fmt.Errorf("after %d comes %+v, want %+v", next, got, x)
		}
		next = x.seq + x.span
	}
	return agreeAt(s, m, next)
}

// agreeAt looks at the end, at what is missing, and through filters.
func agreeAt(s *State, m *model, end uint64) error {
	if _, ok := s.Next(end, ""); ok {
		return fmt.Errorf("there is more after %d", end)
	}
	missing := uint64(0)
	for first, last := range s.Deleted() {
		missing += last - first + 1
		if _, ok := s.Get(first); ok {
			return fmt.Errorf("%d is not deleted", first)
		}
	}
	if want := s.Info().Deleted; missing != want {
		return fmt.Errorf("%d sequences are missing, want %d", missing, want)
	}
	from := m.first() + (m.last-m.first()+1)/2
	for _, filter := range []string{"a.*", "b.0", "*.1", "none"} {
		matches := func(x modelMessage) bool { return subject.Matches(filter, x.subject) }
		last := uint64(0)
		for _, x := range m.messages {
			if matches(x) {
				last = x.seq
			}
		}
		if got := s.LastOf([]byte(filter)); got != last {
			return fmt.Errorf("the last of %s is %d, want %d", filter, got, last)
		}
		want := uint64(0)
		if i := slices.IndexFunc(m.messages, func(x modelMessage) bool { return x.seq+x.span > from && matches(x) }); i >= 0 {
			want = m.messages[i].seq
		}
		if r, _ := s.Next(from, filter); r.Seq != want {
			return fmt.Errorf("the next of %s from %d is %d, want %d", filter, from, r.Seq, want)
		}
	}
	return nil
}

// How commands are batched, and whether the machine was restarted between entries, makes no difference to
// state and replies.
func TestBatchesAndRestartsDoNotMatter(t *testing.T) {
	eachSeed(t, 200, func(seed int) {
		g := newGenerator(seed)
		commands := g.commands(600)
		alone, _ := run(t, commands, func() int { return 1 }, nil)
		want := machine.Hash(alone.state)
		for range 3 {
			batched, _ := run(t, commands, func() int { return 1 + g.IntN(50) }, g.Rand)
			if machine.Hash(batched.state) != want || !slices.Equal(batched.replies, alone.replies) {
				t.Fatalf("seed %d: batches or restarts change the outcome", seed)
			}
			if !slices.Equal(batched.gone, alone.gone) || !slices.Equal(batched.stored, alone.stored) {
				t.Fatalf("seed %d: batches or restarts change the effects", seed)
			}
		}
	})
}

// outcome is all that came of commands.
type outcome struct {
	state   *State
	replies []string
	stored  []string
	gone    []string // sequence by sequence, since ranges join within an entry
}

// run applies commands in entries of up to batch() commands of one time, with restarts at random.
func run(t testing.TB, commands []timed, batch func() int, restarts *rand.Rand) (o outcome, _ int) {
	t.Helper()
	o.state = new(State)
	var fx Effects
	for i := 0; i < len(commands); {
		entry := machine.Entry{Time: commands[i].at}
		for n := batch(); n > 0 && i < len(commands) && commands[i].at == entry.Time; n-- {
			entry.Data = append(entry.Data, encode(commands[i].command)...)
			i++
		}
		fx.Reset()
		o.state.Apply(entry, &fx)
		o.note(&fx)
		if restarts != nil && restarts.IntN(10) == 0 {
			next := new(State)
			if err := machine.Copy(next, o.state); err != nil {
				t.Fatal(err)
			}
			if next.Deadline() != o.state.Deadline() {
				t.Fatalf("the deadline becomes %d, was %d", next.Deadline(), o.state.Deadline())
			}
			o.state = next
		}
	}
	return o, len(commands)
}

func (o *outcome) note(fx *Effects) {
	for _, r := range fx.Replies {
		o.replies = append(o.replies, answer(r))
	}
	for _, s := range fx.Stored {
		o.stored = append(o.stored, fmt.Sprint(s.Seq, s.Previous, s.Time, s.Span, string(s.Subject), string(s.Header), string(s.Body)))
	}
	for _, g := range fx.Gone {
		for seq := g.First; seq <= g.Last; seq++ {
			o.gone = append(o.gone, fmt.Sprint(seq, g.Reason))
		}
	}
}
