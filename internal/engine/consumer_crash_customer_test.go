package engine

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"myelin/internal/consumer"
	"myelin/internal/router"
	"myelin/internal/stream"
	"myelin/internal/subject"
)

// debt is what a consumer owes its client of one message.
type debt uint8

const (
	unclear debt = iota // anything may become of it
	owed                // it is to be delivered, again and again
	maybe               // an acknowledgement was sent
	done                // and confirmed
)

// customer is the client of one consumer, and what is known of that.
type customer struct {
	shop     *shop
	name     string
	filters  []string // all that may be in force: what it wants for sure matches each
	policy   stream.AckPolicy
	metadata map[string]string
	wait     time.Duration // for acknowledgements; 0: long
	most     int           // max_ack_pending
	memory   bool
	moves    bool // its filter changes
	drawn

	exists bool // for sure
	debts  map[uint64]debt
	hand   map[uint64]held   // delivered and not acknowledged, in this life or before
	debtor uint32            // number of the consumer that has these debts
	begins uint64            // where it started
	births uint64            // how often it was to begin
	buried map[uint64]bool   // terminated, which was confirmed
	sure   map[uint64]uint32 // deliveries that a crash cannot take back

	// of this life
	sub     *router.Sub       // to what it pushes; nil: nobody listens
	counted map[uint64]uint32 // deliveries of which the machine has heard
	number  uint32
	dseq    uint64
	counts  map[uint64]uint32
	out     map[uint64]string // delivered and not acknowledged, with the key
	loose   map[uint64]bool   // what is confirmed might be on its way already
	past    map[uint64]bool   // what was delivered in another life, and may have been refused there
	upTo    uint64            // all up to here was acknowledged, if that is the policy
	// answered are messages that may be on their way once more, decided before their acknowledgement was heard.
	answered []uint64
	early    bool // something was acknowledged that the machine may not know
	torn     bool // deliveries may be missing
	altered  bool // what is on its way may be so by another configuration
	hurried  bool // waits for acknowledgements are short
}

// held is what the subject for acknowledgements of a message has.
type held struct {
	dseq uint64
	time int64
}

func (k *customer) wants(text string) bool {
	return !slices.ContainsFunc(k.filters, func(filter string) bool { return !subject.Matches(filter, text) })
}

func (k *customer) key(text string) string {
	if k.metadata[stream.MetaOrderKey] == "" {
		return ""
	}
	return strings.Split(text, ".")[2]
}

// start forgets what was of an earlier life, or of another consumer of the name.
func (k *customer) start(view *stream.ConsumerView) {
	k.number, k.dseq, k.upTo = view.Number, view.Delivered.Consumer, 0
	k.early, k.torn, k.altered = false, false, false
	k.counts, k.out, k.loose = map[uint64]uint32{}, map[uint64]string{}, map[uint64]bool{}
	k.counted, k.past = nil, map[uint64]bool{}
}

// resume is start with what waits for acknowledgements.
func (k *customer) resume(state *stream.State, view *stream.ConsumerView) {
	k.start(view)
	for p := range state.Source(view.Number).Pending() {
		if p.Count > 0 {
			m, _ := state.Get(p.Seq)
			k.counts[p.Seq], k.out[p.Seq] = p.Count, k.key(string(m.Subject))
			k.past[p.Seq] = true
		}
	}
	for seq := range k.debts {
		if k.policy == stream.AckNone && seq <= view.Delivered.Stream {
			delete(k.debts, seq) // it was delivered, or decided to be
		}
	}
}

// begin takes in what there is of each consumer.
func (m *market) begin() {
	for _, p := range m.shops {
		s := m.n.Stream(account, p.name)
		for _, k := range p.customers {
			k.number, k.exists, k.sub = 0, k.exists && !k.memory, nil
			if s == nil || s.Err() != nil {
				continue
			}
			if k.memory {
				clear(k.debts)
				continue
			}
			s.View(func(state *stream.State) {
				if view, ok := state.Consumer(k.name); ok {
					k.resume(state, &view)
				}
				k.disclaim(state)
			})
		}
	}
}

// enter returns the consumer, which is made if need be; nil if the process is dead.
func (m *market) enter(k *customer, s *Stream) *Consumer {
	if c := s.Consumer(k.name); c != nil && k.exists && k.number == c.number {
		return c
	}
	cfg := k.config(m.keep)
	checked, err := stream.CheckConsumer(cfg, s.Config(), stream.ConsumerBounds{}, false)
	if err != nil {
		m.t.Fatal(err)
	}
	if s.Consumer(k.name) == nil {
		m.leave(k) // so that it can be seen where it begins
	}
	c, created, err := s.AddConsumer(checked, stream.ConsumerEither)
	if err != nil {
		return nil
	}
	if k.exists && created && !k.mayGo {
		m.t.Fatalf("consumer %s is gone", k.name)
	}
	k.filters = []string{cfg.FilterSubject}
	k.exists = true
	s.View(func(state *stream.State) {
		view, _ := state.Consumer(k.name)
		if created {
			k.born(&view)
			k.owe(state, view.Delivered.Stream+1)
		} else if k.number != c.number {
			if k.debtor != view.Number { // its creation was never answered
				k.born(&view)
			}
			k.resume(state, &view)
		}
	})
	return c
}

// owe has the consumer owe all that is there from a sequence on.
func (k *customer) owe(state *stream.State, from uint64) {
	view, _ := state.Consumer(k.name)
	next := state.Source(view.Number).Next // see recount; what is a dead letter already is not owed
	for seq, ok := next(from); ok; seq, ok = next(seq + 1) {
		if msg, found := state.Get(seq); found && k.wants(string(msg.Subject)) && !k.shop.removed[seq] {
			k.debts[seq] = owed
		}
	}
}

// drop drops a consumer, which may fail.
func (m *market) drop(k *customer, s *Stream) {
	k.exists = false
	clear(k.debts)
	clear(k.hand)
	_ = s.DropConsumer(k.name)
	m.hear()
}

// reset has a consumer start again. In a work queue it skips nothing.
func (m *market) reset(k *customer, s *Stream) {
	seq := m.rnd.Uint64N(s.Info().Last + 1)
	if k.shop.retention == stream.WorkQueue {
		seq = min(seq, s.Info().First)
	}
	clear(k.debts)
	clear(k.hand)
	clear(k.sure)
	k.births++
	began, err := s.ResetConsumer(k.name, seq)
	if err != nil {
		return
	}
	m.settle(k, s.Consumer(k.name))
	number := k.number
	k.number = 0
	m.hear() // what came to it before, and what came since
	k.number = number
	s.View(func(state *stream.State) {
		if view, ok := state.Consumer(k.name); ok {
			k.resume(state, &view)
			k.owe(state, began.Delivered.Stream+1)
			k.torn = true // something may be on its way to the machine
		}
	})
}

// move changes the consumer's filter.
func (m *market) move(k *customer, s *Stream) {
	clear(k.debts)
	choices := k.choices
	if choices == nil {
		choices = []string{".a.>", ".b.>", ".>"}
	}
	k.filters = append(k.filters, k.shop.name+choices[m.rnd.IntN(len(choices))])
	k.exists = false
	k.exists = m.enter(k, s) != nil
}

// pull asks for messages.
func (m *market) pull(k *customer, c *Consumer) {
	r := consumer.Request{To: []byte("inbox"), Batch: 1 + m.rnd.IntN(20), NoWait: true}
	if m.rnd.IntN(6) == 0 {
		r.NoWait, r.Expires = false, int64(time.Hour)
	}
	if k.push {
		m.listen(k, c)
	} else {
		m.group(k, c, &r)
		m.n.pull(c, r)
	}
	m.settle(k, c)
	m.hear()
}

// settle returns when what was asked of a consumer is done and sent, or never will be.
func (m *market) settle(k *customer, c *Consumer) {
	if c == nil {
		return
	}
	c.Status()
	heard := maps.Clone(k.counts)
	if _, ok := c.Status(); ok && c.stream.Err() == nil && k.number == c.number {
		k.counted = heard
	}
	d := c.stream.dispatch.deliverer
	m.n.await(k.name+" to be sent its messages", func() bool {
		d.mu.Lock()
		idle := !d.working && len(d.queue)+len(d.relaxed) == 0 || d.closed
		d.mu.Unlock()
		return idle && c.transit.deliveries.Load() == 0 || c.stream.Err() != nil
	})
}

// acknowledge answers for some of what was delivered.
func (m *market) acknowledge(k *customer, c *Consumer) {
	waiting, terms := map[string]uint64{}, map[string]bool{}
	var answered []uint64
	m.n.ask(func(b *router.Batch) {
		for _, seq := range slices.Sorted(maps.Keys(k.hand)) {
			if m.rnd.IntN(2) == 0 {
				continue
			}
			item := stream.AckItem{Kind: stream.AckDone, Seq: seq, DSeq: k.hand[seq].dseq, Time: k.hand[seq].time}
			var reply []byte
			switch dice := m.rnd.IntN(20); {
			case dice < 2:
				item.Kind = stream.AckNak
			case dice < 4:
				item.Kind, item.Delay = stream.AckNak, int64(time.Millisecond)
			case dice < 6:
				item.Kind = stream.AckProgress
			case dice < 7:
				item.Kind = stream.AckTerm
			}
			if m.rnd.IntN(2) == 0 {
				m.replies++
				reply = fmt.Appendf(nil, "ack.%d", m.replies)
			}
			if item.Kind == stream.AckDone || item.Kind == stream.AckTerm {
				if reply != nil {
					waiting[string(reply)] = seq
					terms[string(reply)] = item.Kind == stream.AckTerm && k.debts[seq] == owed && !k.shop.removed[seq] && k.shop.maxMsgs == 0
				}
				k.answer(seq, maybe)
				answered = append(answered, seq)
			} else {
				k.loose[seq] = true
			}
			c.Acknowledge(b, reply, &item)
		}
	})
	m.settle(k, c)
	k.answered = answered
	m.hear()
	k.answered = nil
	m.n.acks.mu.Lock()
	defer m.n.acks.mu.Unlock()
	for reply := range m.n.acks.got {
		if seq, ok := waiting[reply]; ok {
			k.answer(seq, done)
			if terms[reply] {
				k.buried[seq] = true
			}
			m.fence(k.shop)
		}
	}
	clear(m.n.acks.got)
}

// answer notes that a message, and by policy all before it, was acknowledged.
func (k *customer) answer(seq uint64, is debt) {
	each := func(seq uint64) {
		_, out := k.out[seq]
		if k.wait > 0 || !out {
			k.loose[seq] = true
		}
		k.early = k.early || !out && k.policy == stream.AckAll
		delete(k.hand, seq)
		delete(k.out, seq)
		if !k.shop.removed[seq] {
			k.debts[seq] = max(k.debts[seq], is)
		}
	}
	if each(seq); k.policy == stream.AckAll {
		k.upTo = max(k.upTo, seq)
		for _, list := range [][]uint64{slices.Collect(maps.Keys(k.debts)), slices.Collect(maps.Keys(k.out)), slices.Collect(maps.Keys(k.hand))} {
			for _, other := range list {
				if other < seq {
					each(other)
				}
			}
		}
	}
}

// hear takes in what was delivered.
func (m *market) hear() {
	for _, d := range m.clerk.take() {
		for _, p := range m.shops {
			s := m.n.Stream(account, p.name)
			for _, k := range p.customers {
				if k.name == d.consumer && k.number == d.number {
					if err := k.take(s, &d); err != nil {
						m.t.Fatalf("%s is given %s %d: %v\n%v", k.name, p.name, d.Seq, err, k)
					}
				}
			}
		}
	}
}

// take takes a message.
func (k *customer) take(s *Stream, d *posting) error {
	var err error
	text, _, _ := strings.Cut(d.body, " ")
	key := k.key(text)
	for seq, other := range k.out {
		if key != "" && seq != d.Seq && other == key && s.lives(seq) && !k.spent(seq) {
			err = fmt.Errorf("%d of the same key is out", seq)
		}
	}
	switch was, known := k.shop.subjects[d.Seq]; {
	case err != nil:
	case known && was != text:
		err = fmt.Errorf("%s instead of %s", text, was)
	case !known && !k.shop.removed[d.Seq] && !strings.HasPrefix(text, k.shop.name):
		err = fmt.Errorf("is %q", d.body)
	case k.debts[d.Seq] == done && !k.loose[d.Seq] && k.policy != stream.AckNone:
		err = errors.New("its acknowledgement was confirmed")
	case d.Seq <= k.upTo && !k.torn && k.answered == nil && s.Err() == nil:
		err = fmt.Errorf("all to %d is acknowledged", k.upTo)
	case d.DSeq <= k.dseq && !k.torn || d.DSeq != k.dseq+1 && !k.skips():
		err = fmt.Errorf("delivery %d, after %d", d.DSeq, k.dseq)
	case k.tries > 0 && int(d.Count) > k.tries && !k.altered:
		err = fmt.Errorf("for the %d. time", d.Count)
	case d.Count != k.counts[d.Seq]+1 && !k.torn:
		err = fmt.Errorf("for the %d. time, after %d", d.Count, k.counts[d.Seq])
	}
	k.dseq, k.counts[d.Seq] = d.DSeq, d.Count
	if k.policy == stream.AckNone {
		k.debts[d.Seq] = done
		return err
	}
	if k.debts[d.Seq] != done && d.Seq > k.upTo && !slices.Contains(k.answered, d.Seq) {
		k.out[d.Seq], k.hand[d.Seq] = key, held{d.DSeq, d.time}
	}
	return err
}

// skips says whether deliveries may be missing: of what was given again, and acknowledged and gone meanwhile, too.
func (k *customer) skips() bool {
	return k.torn || k.early || k.shop.maxMsgs > 0 || k.dead && k.tries > 0 || k.shop.retention != stream.Limits && len(k.loose) > 0
}

// balance compares what waits for acknowledgements with what the client has.
func (m *market) balance(k *customer, c *Consumer) {
	var problem error
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		m.settle(k, c)
		m.hear()
		if problem = m.compare(k, c); problem == nil {
			return
		}
	}
	m.t.Fatalf("%s: %v\n%v", k.name, problem, k)
}

func (m *market) compare(k *customer, c *Consumer) (err error) {
	s := c.stream
	s.View(func(state *stream.State) {
		source := state.Source(k.number)
		if s.Err() != nil || k.torn || source == nil || s.Consumer(k.name) != c || k.number != c.number {
			return
		}
		view := source.View()
		if k.policy == stream.AckNone {
			for seq, is := range k.debts {
				if is == owed && seq <= view.Delivered.Stream && k.shop.maxMsgs == 0 {
					err = fmt.Errorf("%d was never delivered, and %d is delivered", seq, view.Delivered.Stream)
				}
			}
			return
		}
		waits := map[uint64]bool{}
		for p := range source.Pending() {
			if p.Count > 0 && !p.Abandoned {
				waits[p.Seq] = true
				if _, out := k.out[p.Seq]; !out {
					err = fmt.Errorf("%d waits, and is not out", p.Seq)
				}
			}
		}
		for seq := range k.out {
			if _, there := state.Get(seq); there && !waits[seq] && !k.spent(seq) {
				err = fmt.Errorf("%d is out, and does not wait", seq)
			}
		}
		if view.NumAckPending != len(waits) {
			err = fmt.Errorf("%d wait, told are %d", len(waits), view.NumAckPending)
		}
	})
	return err
}

// clerk keeps what is delivered, and has clients that do not read for a while.
type clerk struct {
	mu   sync.Mutex
	rnd  *rand.Rand
	slow bool
	got  []posting
	flow map[*Consumer]string // tokens that are to be answered
}

// posting is a delivery.
type posting struct {
	consumer, body string
	number         uint32
	time           int64
	consumer.Delivery
}

func newClerk(seed uint64, slow bool) *clerk {
	return &clerk{rnd: rand.New(rand.NewPCG(seed, 1)), slow: slow, flow: map[*Consumer]string{}}
}

func (k *clerk) take() []posting {
	k.mu.Lock()
	defer k.mu.Unlock()
	got := k.got
	k.got = nil
	return got
}
