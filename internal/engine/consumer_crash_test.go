package engine

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"myelin/internal/stream"
	"myelin/internal/subject"
	"myelin/internal/vfs"
)

// shop is a stream whose messages customers get, and what is known of it.
type shop struct {
	name      string
	retention stream.Retention
	maxMsgs   int64
	memory    bool
	exists    bool
	lossy     bool // something that was known is forgotten
	next      int
	subjects  map[uint64]string // of what was acknowledged to its publisher
	removed   map[uint64]bool   // a command may have removed it
	customers []*customer
}

func (p *shop) String() string { return fmt.Sprintf("\n%s %v\n", p.name, p.customers) }

// market is some shops of a node, and how its lives are.
type market struct {
	t       *testing.T
	rnd     *rand.Rand
	relaxed bool // what was confirmed may be lost with the power
	slow    bool // some clients do not read for a while
	full    bool // the disk is full for a while
	buries  bool // there are dead letters
	shops   []*shop
	keep    time.Duration // how long the longest acknowledgement is waited for

	// of this life
	n       *node
	clerk   *clerk
	process *vfs.Fault
	replies int
}

func newMarket(t *testing.T, seed uint64) *market {
	m := &market{
		t: t, rnd: rand.New(rand.NewPCG(seed, 9)), relaxed: seed%4 == 3, slow: seed%3 == 1, full: seed%6 == 2, keep: time.Hour,
	}
	order := map[string]string{stream.MetaOrderKey: "subject:3"}
	work := &shop{name: "W", retention: stream.WorkQueue, customers: []*customer{
		{name: "w1", filters: []string{"W.a.>"}, policy: stream.AckExplicit},
		{name: "w2", filters: []string{"W.b.>"}, policy: stream.AckExplicit, metadata: order},
	}}
	interest := &shop{name: "I", retention: stream.Interest, customers: []*customer{
		{name: "i1", filters: []string{"I.>"}, policy: stream.AckExplicit, wait: 5 * time.Millisecond},
		{name: "i2", filters: []string{"I.a.>"}, policy: stream.AckAll},
		{name: "i3", filters: []string{"I.b.>"}, policy: stream.AckNone},
	}}
	limits := &shop{name: "L", customers: []*customer{
		{name: "l1", filters: []string{"L.a.>"}, policy: stream.AckExplicit, moves: true},
		{name: "l2", filters: []string{"L.>"}, policy: stream.AckExplicit, metadata: order, wait: 5 * time.Millisecond},
		{name: "l3", filters: []string{"L.>"}, policy: stream.AckExplicit, memory: true},
		{name: "l4", filters: []string{"L.>"}, policy: stream.AckAll, most: 10},
	}}
	if seed%5 == 0 {
		limits.maxMsgs = 50
	}
	memory := &shop{name: "M", retention: stream.WorkQueue, memory: true, customers: []*customer{
		{name: "m1", filters: []string{"M.a.>"}, policy: stream.AckExplicit, metadata: order},
		{name: "m2", filters: []string{"M.b.>"}, policy: stream.AckExplicit, wait: 5 * time.Millisecond},
	}}
	return m.found(work, interest, limits, memory)
}

// found gives a market its shops.
func (m *market) found(shops ...*shop) *market {
	m.shops = shops
	for _, p := range m.shops {
		p.subjects, p.removed = map[uint64]string{}, map[uint64]bool{}
		for _, k := range p.customers {
			k.shop, k.debts, k.hand = p, map[uint64]debt{}, map[uint64]held{}
			k.buried, k.sure = map[uint64]bool{}, map[uint64]uint32{}
		}
	}
	return m
}

func (p *shop) storage() stream.Storage {
	if p.memory {
		return stream.Memory
	}
	return stream.File
}

// open starts a node over a disk, with its own ledgers of what happens in this life.
func (m *market) open(fs vfs.FS) error {
	m.clerk = newClerk(m.rnd.Uint64(), m.slow)
	n, err := open(m.t, fs, func(o *Options) {
		o.TailBytes = 1 << 20
		o.Courier = func(*Stream) Courier { return m.clerk.of() }
		if m.relaxed {
			o.SyncEvery = 2 * time.Millisecond
		}
	})
	if m.n = n; err != nil {
		return err
	}
	n.listenTo("inbox")
	if m.n.Stream(account, deadStream) == nil && m.buries && m.rnd.IntN(2) == 0 {
		_, _, _ = n.tryCreate(deadStream)
	}
	return nil
}

// stream returns the stream of a shop, which is made if need be; nil if the process is dead.
func (m *market) stream(p *shop) *Stream {
	s := m.n.Stream(account, p.name)
	if s == nil {
		if p.exists {
			m.t.Fatalf("stream %s is gone", p.name)
		}
		s, _, _ = m.n.tryCreate(p.name, func(c *stream.Config) { c.Retention, c.MaxMsgs, c.Storage = p.retention, p.maxMsgs, p.storage() })
	}
	if s == nil || s.Err() != nil || s.Config() == nil {
		return nil
	}
	p.exists = true
	return s
}

// publish sends messages and waits for the answers.
func (m *market) publish(p *shop, s *Stream) {
	type answer struct {
		subject string
		r       stream.Reply
	}
	count := 1 + m.rnd.IntN(12)
	answers := make(chan answer, count)
	for range count {
		p.next++
		subject := fmt.Sprintf("%s.%c.k%d", p.name, 'a'+m.rnd.IntN(2), m.rnd.IntN(3))
		body := make([]byte, 20+m.rnd.IntN(1500))
		copy(body, subject+" "+fmt.Sprint(p.next))
		s.Append(stream.Append{Span: 1, Subject: []byte(subject), Body: body}, func(r stream.Reply) { answers <- answer{subject, r} })
	}
	for range count {
		if a := <-answers; a.r.Err == nil {
			if was, ok := p.subjects[a.r.Seq]; ok {
				m.t.Fatalf("%s %d is %s, and was %s", p.name, a.r.Seq, a.subject, was)
			}
			p.subjects[a.r.Seq] = a.subject
			for _, k := range p.customers {
				if k.exists && k.wants(a.subject) && k.debts[a.r.Seq] == unclear && a.r.Seq > k.begins {
					k.debts[a.r.Seq] = owed
				}
			}
			m.fence(p)
		}
	}
}

// remove has messages removed by a command. Meanwhile something else happens.
func (m *market) remove(p *shop, s *Stream, meanwhile func()) {
	last := s.Info().Last
	if last == 0 {
		return
	}
	at := 1 + m.rnd.Uint64N(last)
	var filter string
	from, to := uint64(1), at
	command := stream.Purge{Before: at + 1}
	dice := m.rnd.IntN(4)
	switch dice {
	case 0, 1:
		from = at
	case 2:
		filter = p.name + ".a.>"
		command.Filter = filter
	}
	for seq := from; seq <= to; seq++ {
		if text, ok := p.subjects[seq]; filter == "" || !ok || subject.Matches(filter, text) {
			p.removed[seq] = true
			for _, k := range p.customers {
				delete(k.debts, seq)
				k.torn = true
			}
		}
	}
	erase, removed := m.rnd.IntN(2) == 0, make(chan bool)
	go func() {
		defer close(removed)
		if dice < 2 {
			s.DeleteMessage(at, erase)
		} else {
			s.Propose(command.Encode(nil), true)
		}
	}()
	meanwhile()
	<-removed
}

// step does something in one of the shops.
func (m *market) step() {
	p := m.shops[m.rnd.IntN(len(m.shops))]
	s := m.stream(p)
	if s == nil {
		return
	}
	k := p.customers[m.rnd.IntN(len(p.customers))]
	c := m.enter(k, s)
	switch dice := m.rnd.IntN(40); {
	case c == nil:
	case dice < 14:
		m.publish(p, s)
	case dice < 25:
		m.pull(k, c)
	case dice < 35:
		m.acknowledge(k, c)
	case dice == 35:
		m.remove(p, s, func() {
			if m.rnd.IntN(2) == 0 {
				m.acknowledge(k, c)
			}
		})
	case dice == 36:
		m.drop(k, s)
	case dice == 37:
		m.reset(k, s)
	case dice == 38:
		until := time.Now().Add(time.Hour).UnixNano()
		if m.rnd.IntN(3) > 0 {
			until = 0
		}
		_ = s.PauseConsumer(k.name, until)
	case k.moves && k.choices != nil && k.policy != stream.AckNone && m.rnd.IntN(2) == 0:
		m.alter(k, s)
	case k.moves:
		m.move(k, s)
	}
	if m.rnd.IntN(3) == 0 && c != nil {
		m.balance(k, c)
	}
}

// life uses a node until it dies, or for a while.
func (m *market) life(fs vfs.FS) {
	m.process = vfs.NewFault(fs)
	m.process.Inject(vfs.Rule{Kinds: vfs.OpChange, Skip: m.rnd.IntN(500), Err: vfs.ErrKilled})
	if m.open(m.process) != nil {
		return
	}
	m.begin()
	for range 20 + m.rnd.IntN(80) {
		m.step()
	}
	if m.full {
		m.fill()
	}
	_ = m.n.Close()
	m.hear()
}

// fill has the disk be full for a while.
func (m *market) fill() {
	for _, p := range m.shops {
		for _, k := range p.customers {
			k.torn = true
		}
	}
	process := m.process
	process.SetSpace(0)
	time.AfterFunc(5*time.Millisecond, func() { process.SetSpace(-1) })
	for range 60 {
		m.step()
	}
	p := m.shops[m.rnd.IntN(len(m.shops))]
	s := m.stream(p)
	m.n.await("the disk to have space again", func() bool {
		if s == nil || s.Err() != nil || m.n.wal.Err() != nil {
			return true
		}
		before := len(p.subjects)
		m.publish(p, s)
		return len(p.subjects) > before
	})
}

// What consumers were told lasts, while the process dies at a random operation, the system with it or not. A confirmed
// acknowledgement is the last of its message, and what nobody acknowledged comes again; streams that keep what somebody wants keep
// that, and nothing else. Positions, counts and what waits are what clients have seen. Of one key one message is out at a time.
func TestConsumersThroughCrashes(t *testing.T) {
	seeds(t, 6, func(t *testing.T, seed uint64) { newMarket(t, seed).lives(5) })
}

// lives has a market go through some lives, and checks it behind each.
func (m *market) lives(count int) {
	disk := vfs.NewMem()
	for life := range count {
		m.life(disk)
		lossy := false
		switch m.rnd.IntN(3) {
		case 0:
			disk = disk.Crash(vfs.ProcessDeath)
		case 1:
			disk, lossy = disk.Crash(vfs.Policy{}), m.relaxed
		default:
			disk, lossy = disk.Crash(vfs.PowerLoss(m.rnd.Uint64())), m.relaxed
		}
		for _, p := range m.shops {
			if lossy || p.memory {
				p.forget()
			}
		}
		if err := m.open(disk.Crash(vfs.ProcessDeath)); err != nil {
			m.t.Fatalf("life %d: %v", life, err)
		}
		if err := m.check(); err != nil {
			m.t.Fatalf("life %d: %v\n%s\n%v", life, err, m.n.logs.all(), m.shops)
		}
		if err := m.n.Close(); err != nil {
			m.t.Fatal(err)
		}
	}
}
