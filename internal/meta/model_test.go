package meta

import (
	"bytes"
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"myelin/internal/apierr"
	"myelin/internal/machine"
	"myelin/internal/stream"
	"myelin/internal/subject"
)

// model is the machine as one would write it without a thought for speed: a list of streams, walked through
// for everything.
type model struct {
	streams  []modelStream
	deleting []uint64
	last     uint64
}

type modelStream struct {
	group   uint64
	account string
	created int64
	cfg     *stream.Config
}

func (m *model) find(account, name string) int {
	return slices.IndexFunc(m.streams, func(x modelStream) bool { return x.account == account && x.cfg.Name == name })
}

func (m *model) config(account, name string) *stream.Config {
	if i := m.find(account, name); i >= 0 {
		return m.streams[i].cfg
	}
	return nil
}

// apply answers in the form of answer.
func (m *model) apply(now int64, command any) string {
	switch c := command.(type) {
	case *CreateStream:
		return m.create(now, (*Request)(c))
	case *UpdateStream:
		return m.update((*Request)(c))
	case DeleteStream:
		i := m.find(c.Account, c.Name)
		if i < 0 {
			return failure(apierr.StreamNotFound)
		}
		x := m.streams[i]
		m.streams = slices.Delete(m.streams, i, i+1)
		m.deleting = append(m.deleting, x.group)
		return answered(x.group, false, x.cfg)
	case RemovedStream:
		m.deleting = slices.DeleteFunc(m.deleting, func(g uint64) bool { return g == c.Group })
	}
	return ""
}

func failure(id apierr.ID) string { return id.Err().Error() }

// answer is a Reply in a comparable form.
func answer(r Reply) string {
	if r.Err != nil {
		return r.Err.Error()
	}
	if r.Stream == nil {
		return ""
	}
	return answered(r.Stream.Group, r.Created, r.Stream.Config)
}

func answered(group uint64, created bool, c *stream.Config) string {
	return fmt.Sprintf("%d %v %q", group, created, c.Append(nil))
}

func (m *model) create(now int64, q *Request) string {
	old := m.config(q.Account, q.Config.Name)
	count := int64(0)
	for _, x := range m.streams {
		if x.account == q.Account {
			count++
		}
	}
	if old == nil && q.Limits.MaxStreams > 0 && count >= q.Limits.MaxStreams {
		return failure(apierr.MaximumStreamsLimit)
	}
	if q.Config.MaxBytes != 0 {
		if err := m.room(q, old, &q.Config); err != nil {
			return err.Error()
		}
	}
	cfg, err := stream.Check(q.Config, q.Bounds, q.Pedantic)
	if err == nil {
		err = m.alone(q, cfg)
	}
	if err != nil {
		return err.Error()
	}
	if i := m.find(q.Account, cfg.Name); i >= 0 {
		if !old.Equal(cfg) {
			return failure(apierr.StreamNameExist)
		}
		return answered(m.streams[i].group, false, old)
	}
	if err := m.place(q, nil, cfg); err != nil {
		return err.Error()
	}
	m.last++
	m.streams = append(m.streams, modelStream{m.last + 1, q.Account, now, cfg})
	return answered(m.last+1, true, cfg)
}

func (m *model) update(q *Request) string {
	i := m.find(q.Account, q.Config.Name)
	if i < 0 {
		cfg, err := stream.Check(q.Config, q.Bounds, q.Pedantic)
		if err == nil {
			err = m.alone(q, cfg)
		}
		if err == nil {
			err = apierr.StreamNotFound.Err()
		}
		return err.Error()
	}
	x := &m.streams[i]
	cfg, fault := stream.CheckUpdate(x.cfg, q.Config, q.Bounds, q.Pedantic)
	alone := cfg
	if fault != nil {
		alone, _ = stream.Check(q.Config, q.Bounds, q.Pedantic)
	}
	err := fault
	if alone != nil {
		if e := m.alone(q, alone); e != nil {
			err = e
		}
	}
	if err == nil {
		err = m.place(q, x.cfg, cfg)
	}
	if err != nil {
		return err.Error()
	}
	x.cfg = cfg
	return answered(x.group, false, cfg)
}

// alone checks origins and the limits of one stream, and inherits direct reads.
func (m *model) alone(q *Request, c *stream.Config) *apierr.Error {
	small := func(origin *stream.Config) bool {
		return origin != nil && origin.MaxMsgSize > 0 && c.MaxMsgSize > 0 && c.MaxMsgSize < origin.MaxMsgSize
	}
	if c.Mirror != nil {
		origin := m.config(q.Account, c.Mirror.Name)
		switch {
		case small(origin):
			return apierr.MirrorMaxMessageSizeTooBig.Err()
		case origin != nil && origin.AllowDirect != c.MirrorDirect && q.Pedantic:
			return apierr.Pedantic.With("origin stream has direct get set, mirror has it disabled")
		case origin != nil:
			c.MirrorDirect = origin.AllowDirect
		}
	}
	for _, x := range c.Sources {
		if small(m.config(q.Account, x.Name)) {
			return apierr.SourceMaxMessageSizeTooBig.Err()
		}
	}
	if m.reaches(q.Account, c, c.Name, len(m.streams)+1) {
		return apierr.StreamInvalidConfig.With("detected cycle")
	}
	size, limit := c.MaxBytes, q.Limits.MaxStorageStream
	if c.Storage == stream.Memory {
		limit = q.Limits.MaxMemoryStream
	}
	switch {
	case size <= 0 && q.Limits.MaxBytesRequired:
		return apierr.StreamMaxBytesRequired.Err()
	case limit > 0 && size > limit:
		return apierr.StreamMaxStreamBytesExceeded.Err()
	}
	return nil
}

// reaches reports whether a path of at most so many origins leads from c to the stream of that name.
func (m *model) reaches(account string, c *stream.Config, name string, steps int) bool {
	if c == nil || steps == 0 {
		return false
	}
	if c.Mirror != nil && (c.Mirror.Name == name || m.reaches(account, m.config(account, c.Mirror.Name), name, steps-1)) {
		return true
	}
	return slices.ContainsFunc(c.Sources, func(x stream.Source) bool {
		if x.Name == name {
			return x.FilterSubject == ""
		}
		return m.reaches(account, m.config(account, x.Name), name, steps-1)
	})
}

// room compares sums of any size.
func (m *model) room(q *Request, old, c *stream.Config) *apierr.Error {
	bytes := func(c *stream.Config) *big.Int { return big.NewInt(max(0, c.MaxBytes)) }
	own, all := new(big.Int), new(big.Int)
	for _, x := range m.streams {
		if x.cfg.Storage != c.Storage || x.cfg == old {
			continue
		}
		all.Add(all, bytes(x.cfg))
		if x.account == q.Account {
			own.Add(own, bytes(x.cfg))
		}
	}
	if old != nil && old.Storage == c.Storage && max(0, c.MaxBytes) <= max(0, old.MaxBytes) {
		return nil
	}
	fault, limits := apierr.StorageResourcesExceeded, []int64{q.Limits.MaxStorage, q.Limits.ServerStorage}
	if c.Storage == stream.Memory {
		fault, limits = apierr.MemoryResourcesExceeded, []int64{q.Limits.MaxMemory, q.Limits.ServerMemory}
	}
	for i, sum := range []*big.Int{own, all} {
		limit := big.NewInt(limits[i])
		if limits[i] >= 0 && (sum.Cmp(limit) >= 0 || new(big.Int).Add(sum, bytes(c)).Cmp(limit) > 0) {
			return fault.Err()
		}
	}
	return nil
}

// place looks for room and for streams in the way.
func (m *model) place(q *Request, old, c *stream.Config) *apierr.Error {
	if err := m.room(q, old, c); err != nil {
		return err
	}
	for _, x := range m.streams {
		if x.account != q.Account || x.cfg == old {
			continue
		}
		for _, a := range x.cfg.Subjects {
			for _, b := range c.Subjects {
				if subject.Overlap(a, b) {
					return apierr.StreamSubjectOverlap.Err()
				}
			}
		}
	}
	return nil
}

// generator makes commands that often meet each other.
type generator struct{ rng *rand.Rand }

func newGenerator(seed uint64) *generator { return &generator{rand.New(rand.NewPCG(seed, 0))} }

func pick[T any](g *generator, list ...T) T { return list[g.rng.IntN(len(list))] }

func (g *generator) often(percent int) bool { return g.rng.IntN(100) < percent }

func (g *generator) name() string { return pick(g, "A", "B", "C", "D", "E", "F") }

func (g *generator) pattern() string {
	s := pick(g, "a", "b", "*")
	for g.often(50) {
		s += "." + pick(g, "a", "b", "c", "d", "e", "f", "*")
	}
	if g.often(15) {
		s += ".>"
	}
	return s
}

func (g *generator) source() stream.Source {
	s := stream.Source{Name: g.name()}
	if g.often(20) {
		s.FilterSubject = "a"
	}
	return s
}

func (g *generator) config() stream.Config {
	c := stream.Config{Name: g.name(), AllowDirect: g.often(30), Storage: pick(g, stream.File, stream.File, stream.Memory)}
	switch {
	case g.often(15):
		s := g.source()
		c.Mirror, c.MirrorDirect = &s, g.often(30)
	case g.often(30):
		c.Sources = []stream.Source{g.source()}
		fallthrough
	default:
		for range g.rng.IntN(3) {
			c.Subjects = append(c.Subjects, g.pattern())
		}
	}
	if g.often(40) {
		c.MaxBytes = pick[int64](g, -1, 1, 100, 200, 300, 1<<63-1)
	}
	if g.often(30) {
		c.MaxMsgSize = pick[int32](g, 10, 20)
	}
	if g.often(10) {
		c.Retention = stream.WorkQueue
	}
	return c
}

func (g *generator) command() any {
	account := pick(g, "x", "x", "x", "y")
	switch {
	case g.often(12):
		return DeleteStream{account, g.name()}
	case g.often(10):
		return RemovedStream{uint64(g.rng.IntN(20))}
	}
	q := Request{Account: account, Config: g.config(), Pedantic: g.often(10), Limits: Unlimited()}
	q.Limits.MaxBytesRequired = g.often(5)
	for _, limit := range q.Limits.numbers() {
		if g.often(15) {
			*limit = pick[int64](g, 0, 2, 100, 400, 500)
		}
	}
	if g.often(30) {
		return (*UpdateStream)(&q)
	}
	return (*CreateStream)(&q)
}

func encode(dst []byte, command any) []byte {
	switch c := command.(type) {
	case *CreateStream:
		return c.Encode(dst)
	case *UpdateStream:
		return c.Encode(dst)
	case DeleteStream:
		return c.Encode(dst)
	}
	return command.(RemovedStream).Encode(dst)
}

// Machine and model agree in every answer and in what there is, whatever the commands.
func TestModel(t *testing.T) {
	for seed := range uint64(60) {
		g := newGenerator(seed)
		var s State
		var m model
		for i := range 150 {
			var fx Effects
			c, now := g.command(), int64(i+1)
			s.Apply(machine.Entry{Time: now, Data: encode(nil, c)}, &fx)
			if got, want := answer(fx.Replies[0]), m.apply(now, c); got != want {
				t.Fatalf("seed %d, command %d: %+v\n got %s\nwant %s", seed, i, c, got, want)
			}
			m.compare(t, &s)
		}
	}
}

func (m *model) compare(t *testing.T, s *State) {
	t.Helper()
	slices.SortFunc(m.streams, func(a, b modelStream) int {
		return slices.Compare([]string{a.account, a.cfg.Name}, []string{b.account, b.cfg.Name})
	})
	i := 0
	for x := range s.All() {
		want := m.streams[i]
		if x.Group != want.group || x.Account != want.account || x.Created != want.created || !x.Config.Equal(want.cfg) || x.Deleting {
			t.Fatalf("stream %+v, want %+v", x, want)
		}
		i++
	}
	var deleting []uint64
	for _, x := range s.Deleting() {
		deleting = append(deleting, x.Group)
	}
	slices.Sort(m.deleting)
	if i != len(m.streams) || !slices.Equal(deleting, m.deleting) || s.LastGroup() != m.last+1 {
		t.Fatalf("%d streams, %v, %d; want %d, %v, %d", i, deleting, s.LastGroup(), len(m.streams), m.deleting, m.last+1)
	}
}

// How commands are batched, and restarts in between, make no difference to the state nor to the effects.
func TestBatchesAndRestarts(t *testing.T) {
	for seed := range uint64(40) {
		g := newGenerator(seed)
		whole, parts := new(State), new(State)
		var fx, fxParts Effects
		for now := int64(1); now < 30; now++ {
			var entry []byte
			for range g.rng.IntN(8) {
				command := encode(nil, g.command())
				entry = append(entry, command...)
				parts.Apply(machine.Entry{Time: now, Data: command}, &fxParts)
				if g.often(30) {
					restarted := new(State)
					if err := machine.Copy(restarted, parts); err != nil {
						t.Fatal(err)
					}
					parts = restarted
				}
			}
			whole.Apply(machine.Entry{Time: now, Data: entry}, &fx)
		}
		parts.Apply(machine.Entry{Time: 29}, &fxParts)
		if machine.Hash(whole) != machine.Hash(parts) {
			t.Fatalf("seed %d: the states differ", seed)
		}
		if got, want := describe(&fxParts), describe(&fx); got != want {
			t.Fatalf("seed %d: the effects differ:\n%s\n%s", seed, got, want)
		}
	}
}

// A frozen state is what it was, whatever is applied while it is being written, by several at once.
func TestFreeze(t *testing.T) {
	for seed := range uint64(10) {
		g, s := newGenerator(seed), populated(seed, 50)
		want := s.Snapshot(nil)
		frozen := s.Freeze()
		got := make(chan []byte)
		for range 2 {
			go func() { got <- frozen(nil) }()
		}
		for range 50 {
			s.Apply(machine.Entry{Time: 100, Data: encode(nil, g.command())}, new(Effects))
		}
		for range 2 {
			if !bytes.Equal(<-got, want) {
				t.Fatalf("seed %d: a frozen state changed", seed)
			}
		}
		if bytes.Equal(s.Snapshot(nil), want) {
			t.Fatalf("seed %d: nothing changed", seed)
		}
	}
}

// describe tells all of the effects.
func describe(fx *Effects) (text string) {
	for _, r := range fx.Replies {
		text += answer(r) + "\n"
	}
	for _, list := range [][]*Stream{fx.Changed, fx.Deleted} {
		for _, x := range list {
			text += fmt.Sprint(x.Group, x.Account, x.Created, x.ID, x.Deleting, string(x.Config.Append(nil))) + "\n"
		}
	}
	return text
}
