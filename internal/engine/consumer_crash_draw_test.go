package engine

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"myelin/internal/consumer"
	"myelin/internal/router"
	"myelin/internal/stream"
)

// deadStream takes the dead letters of all shops.
const deadStream = "DEAD"

// drawn is what is drawn by lot of a consumer's configuration.
type drawn struct {
	tries    int             // max_deliver; 0: any number
	steps    []time.Duration // backoff
	dead     bool            // what it gives up is a dead letter
	deliver  stream.DeliverPolicy
	startSeq uint64
	push     bool
	group    string // of those who are pushed to
	flow     bool   // control
	priority stream.PriorityPolicy
	pinned   time.Duration // how long a pin lasts
	mayGo    bool          // when nobody wants it
	choices  []string      // of filters
}

// newDrawnMarket is a market of which the consumers' configurations are drawn by lot.
func newDrawnMarket(t *testing.T, seed uint64) *market {
	m := &market{
		t: t, rnd: rand.New(rand.NewPCG(seed, 190)), relaxed: seed%8 == 5, slow: seed%3 == 1, full: seed%12 == 2, buries: true, keep: time.Hour,
	}
	work := &shop{name: "W", retention: stream.WorkQueue}
	if m.rnd.IntN(3) == 0 {
		work.customers = []*customer{m.draw(work, "w", ".>", ".*.*")}
	} else {
		work.customers = []*customer{m.draw(work, "wa", ".a.>", ".a.*", ".a.k1"), m.draw(work, "wb", ".b.>", ".b.k2")}
	}
	shops := []*shop{work}
	for _, p := range []*shop{{name: "I", retention: stream.Interest}, {name: "L"}, {name: "M", memory: true, retention: stream.Retention(m.rnd.IntN(2))}} {
		for i := range 1 + m.rnd.IntN(4) {
			p.customers = append(p.customers, m.draw(p, p.name+strconv.Itoa(i), ".a.>", ".b.>", ".>", ".*.k1"))
		}
		shops = append(shops, p)
	}
	if m.rnd.IntN(5) == 0 {
		shops[2].maxMsgs = 50
	}
	return m.found(shops...)
}

// draw draws a consumer's configuration.
func (m *market) draw(p *shop, name string, filters ...string) *customer {
	one := func(in int) bool { return m.rnd.IntN(in) == 0 }
	k := &customer{name: name, policy: stream.AckExplicit}
	k.choices = filters
	k.filters = []string{p.name + filters[0]}
	if p.retention != stream.WorkQueue {
		k.filters[0] = p.name + filters[m.rnd.IntN(len(filters))]
		k.policy = []stream.AckPolicy{stream.AckExplicit, stream.AckExplicit, stream.AckAll, stream.AckNone}[m.rnd.IntN(4)]
		k.deliver = stream.DeliverPolicy(m.rnd.IntN(6))
		if k.deliver == stream.DeliverByStartTime || one(2) {
			k.deliver = stream.DeliverAll
		}
		if k.deliver == stream.DeliverByStartSequence {
			k.startSeq = 1 + m.rnd.Uint64N(30)
		}
	}
	k.memory, k.moves, k.mayGo = one(6), one(4), one(5)
	if k.push = one(3); k.push {
		k.flow = one(2)
		if one(2) {
			k.group = "workers"
		}
	} else if one(2) {
		k.priority = stream.PriorityPolicy(1 + m.rnd.IntN(3))
		k.pinned = []time.Duration{2 * time.Millisecond, time.Hour}[m.rnd.IntN(2)]
	}
	if k.policy != stream.AckNone {
		m.drawAcks(k)
	}
	return k
}

// drawAcks draws what is about acknowledgements.
func (m *market) drawAcks(k *customer) {
	one := func(in int) bool { return m.rnd.IntN(in) == 0 }
	if one(2) {
		k.wait = 5 * time.Millisecond
	}
	if one(2) {
		k.tries = 1 + m.rnd.IntN(4)
	}
	if one(4) {
		k.steps = []time.Duration{time.Millisecond, 4 * time.Millisecond, 2 * time.Millisecond}
		if k.tries > 0 {
			k.steps = k.steps[:min(k.tries, 3)]
		}
		k.wait = k.steps[0]
	}
	if one(3) {
		k.most = 3 + m.rnd.IntN(10)
	}
	k.metadata = map[string]string{}
	if k.dead = one(2); k.dead {
		k.metadata[stream.MetaDeadLetter] = deadStream
	}
	if k.policy == stream.AckExplicit && one(3) {
		k.metadata[stream.MetaOrderKey] = "subject:3"
	}
}

// config is the configuration of the consumer; keep is how long acknowledgements are waited for where that is long.
func (k *customer) config(keep time.Duration) stream.ConsumerConfig {
	cfg := stream.ConsumerConfig{
		Durable: k.name, Ack: k.policy, FilterSubject: k.filters[len(k.filters)-1], Metadata: maps.Clone(k.metadata), MemoryStorage: k.memory,
		AckWait: k.wait, MaxAckPending: k.most, MaxDeliver: k.tries, Backoff: k.steps, Deliver: k.deliver, StartSeq: k.startSeq, Priority: k.priority,
	}
	if k.wait == 0 && k.policy != stream.AckNone {
		cfg.AckWait = keep
	}
	if k.priority != stream.PriorityNone {
		cfg.PriorityGroups = []string{"g"}
		if k.priority == stream.PriorityPinned {
			cfg.PinnedTTL = k.pinned
		}
	}
	if k.push {
		cfg.DeliverSubject, cfg.DeliverGroup = "to."+k.name, k.group
		if k.flow {
			cfg.FlowControl, cfg.Heartbeat = true, time.Second
		}
	}
	if k.mayGo {
		cfg.Inactive = 20 * time.Millisecond
	}
	return cfg
}

// alter changes what is about acknowledgements.
func (m *market) alter(k *customer, s *Stream) {
	if k.tries > 0 {
		k.tries = 1 + m.rnd.IntN(4)
		k.steps = k.steps[:min(len(k.steps), k.tries)]
	}
	if len(k.steps) == 0 {
		k.wait = time.Duration(m.rnd.IntN(2)) * 5 * time.Millisecond
	}
	k.most = m.rnd.IntN(2) * (3 + m.rnd.IntN(10))
	k.torn, k.altered = true, true
	for seq := range k.counts {
		k.past[seq], k.loose[seq] = true, true
	}
	k.exists = false
	k.exists = m.enter(k, s) != nil
}

// born begins the ledger of a consumer that was created.
func (k *customer) born(view *stream.ConsumerView) {
	clear(k.debts)
	clear(k.hand)
	clear(k.sure)
	k.start(view)
	k.births++
	k.debtor, k.begins = view.Number, view.Delivered.Stream
}

// disclaim drops what is owed by a consumer that went because nobody wanted it.
func (k *customer) disclaim(state *stream.State) {
	if view, ok := state.Consumer(k.name); k.mayGo && (!ok || view.Number != k.debtor) {
		clear(k.debts)
		clear(k.hand)
		clear(k.sure)
	}
}

// gone reports whether the consumer is gone since nobody wanted it.
func (k *customer) gone(s *Stream) (gone bool) {
	s.View(func(state *stream.State) {
		view, ok := state.Consumer(k.name)
		gone = k.mayGo && (!ok || view.Number != k.debtor)
	})
	return gone
}

// spent reports whether a message may have been given up: it was delivered as often as may be, and the wait may be over.
func (k *customer) spent(seq uint64) bool {
	return k.tries > 0 && int(k.counts[seq]) >= k.tries && (k.wait > 0 || k.hurried || k.loose[seq] || k.past[seq])
}

// listen has a client begin or cease to listen, or answer a request of flow control.
func (m *market) listen(k *customer, c *Consumer) {
	if k.sub == nil {
		k.sub = &router.Sub{Pattern: "to." + k.name, Queue: k.group, Sink: deaf{}}
		m.n.routes.Subscribe(k.sub)
	} else if m.rnd.IntN(3) == 0 {
		m.leave(k)
	}
	m.replyFlow(c)
}

// leave has nobody listen.
func (m *market) leave(k *customer) {
	if k.sub != nil {
		m.n.routes.Unsubscribe(k.sub)
		k.sub = nil
	}
}

func (m *market) replyFlow(c *Consumer) {
	m.clerk.mu.Lock()
	token := m.clerk.flow[c]
	delete(m.clerk.flow, c)
	m.clerk.mu.Unlock()
	if token != "" {
		m.n.ask(func(b *router.Batch) { c.FlowReply(b, []byte(token)) })
	}
}

// group makes a request one of a group.
func (m *market) group(k *customer, c *Consumer, r *consumer.Request) {
	if k.priority == stream.PriorityNone {
		return
	}
	r.Group = "g"
	switch k.priority {
	case stream.PriorityOverflow:
		r.MinPending, r.MinAckPending = m.rnd.Int64N(4), m.rnd.Int64N(4)
	case stream.PriorityPrioritized:
		r.Priority = m.rnd.IntN(10)
	case stream.PriorityPinned:
		if st, ok := c.Status(); ok && m.rnd.IntN(4) > 0 {
			r.ID = st.Pin
		}
	}
}

// fence notes what no crash can take back, since something that is confirmed stands behind it in the log.
func (m *market) fence(of *shop) {
	if of.memory || m.relaxed {
		return
	}
	for _, p := range m.shops {
		for _, k := range p.customers {
			if p.memory || k.memory || k.torn || k.number != k.debtor {
				continue
			}
			for seq, count := range k.counted {
				k.sure[seq] = max(k.sure[seq], count)
			}
		}
	}
}

// String tells how the consumer is configured.
func (k *customer) String() string {
	cfg, _ := json.Marshal(k.config(time.Hour))
	return string(cfg)
}

// recount compares the figures of a consumer with what is found by looking at each message.
func (k *customer) recount(state *stream.State) error {
	view, ok := state.Consumer(k.name)
	if !ok {
		return nil
	}
	source := state.Source(view.Number)
	given := map[uint64]bool{}
	from := view.Delivered.Stream + 1
	pending := source.CountFrom(from)
	for seq, ok := source.Next(from); ok; seq, ok = source.Next(seq + 1) {
		given[seq] = true
	}
	if pending != uint64(len(given)) {
		return fmt.Errorf("counts %d messages, and finds %d", pending, len(given))
	}
	now := customer{filters: view.Config.Filters()}
	if k.deliver == stream.DeliverLastPerSubject {
		clear(given) // and of what is there, only some is to come
		from = state.Info().Last + 1
	}
	for seq, ok := state.NextLive(from); ok; seq, ok = state.NextLive(seq + 1) {
		msg, _ := state.Get(seq)
		if now.wants(string(msg.Subject)) == given[seq] {
			delete(given, seq)
		} else if given[seq] || k.debts[seq] == owed {
			return fmt.Errorf("%d (%s) is to come: %v, and its debt is %d", seq, msg.Subject, given[seq], k.debts[seq])
		}
	}
	if len(given) > 0 {
		return fmt.Errorf("%v are to come, and not there", given)
	}
	parked, waiting, low := uint64(0), 0, view.Delivered.Stream+1
	for p := range source.Pending() {
		switch {
		case p.Abandoned: // no floor waits for that, nor is it moved by it
			continue
		case p.Count == 0:
			parked++
		default:
			waiting++
		}
		low = min(low, p.Seq)
		if p.Count < k.sure[p.Seq] {
			return fmt.Errorf("%d was delivered %d times, and %d are known", p.Seq, k.sure[p.Seq], p.Count)
		}
	}
	switch {
	case view.NumPending != pending+parked:
		return fmt.Errorf("%d are parked and %d to come, told are %d", parked, pending, view.NumPending)
	case view.NumAckPending != waiting:
		return fmt.Errorf("%d wait, told are %d", waiting, view.NumAckPending)
	case view.Floor.Stream >= low:
		return fmt.Errorf("%d is not acknowledged, and the floor is %d", low, view.Floor.Stream)
	case k.tries == 0 && waiting+int(parked) == 0 && view.Floor.Stream != view.Delivered.Stream:
		return fmt.Errorf("nothing waits; the floor is %d and %d is delivered", view.Floor.Stream, view.Delivered.Stream)
	}
	return nil
}

// Consumers of any configuration keep their promises while the process dies at a random operation, the system with it or not. See
// TestConsumersThroughCrashes. What is delivered as often as may be, or terminated, is a dead letter once where that is wanted.
func TestDrawnConsumersThroughCrashes(t *testing.T) {
	seeds(t, 16, func(t *testing.T, seed uint64) { newDrawnMarket(t, seed).lives(4) })
}
