package stream

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"myelin/internal/subject"
)

// consumerModel is a stream with consumers as one would write it without a thought for speed: every question
// is answered by a walk through all messages.
type consumerModel struct {
	cfg       *Config
	last      uint64
	first     uint64 // of a stream without messages
	messages  []consumerMessage
	consumers []*modelConsumer // by number
	number    uint32
	kept      map[uint64]bool // from before the stream went by interest, which no consumer has seen yet
	dead      modelDead
}

type consumerMessage struct {
	seq     uint64
	subject string
	time    int64
}

type modelConsumer struct {
	number     uint32
	cfg        *ConsumerConfig
	delivered  Position
	floor      Position
	pending    map[uint64]*modelPending
	early      map[uint64]bool
	initial    map[uint64]bool // nil: none
	initialEnd uint64
	dead       *modelDead
}

type modelPending struct {
	dseq      uint64
	count     uint32
	abandoned bool
}

func (m *consumerModel) firstSeq() uint64 {
	if len(m.messages) > 0 {
		return m.messages[0].seq
	}
	return max(m.first, min(m.last, 1)*(m.last+1))
}

func (c *modelConsumer) matches(msg consumerMessage) bool {
	filters := c.cfg.Filters()
	return len(filters) == 0 || slices.ContainsFunc(filters, func(f string) bool { return subject.Matches(f, msg.subject) })
}

// begins reports whether the subject of a message begins as a filter says that ends in a wildcard.
func (c *modelConsumer) begins(msg consumerMessage) bool {
	return slices.ContainsFunc(c.cfg.Filters(), func(f string) bool {
		p, ok := subject.ParsePrefix(f)
		return ok && p.Matches([]byte(msg.subject))
	})
}

// wants reports whether c is still to be given a message.
func (c *modelConsumer) wants(msg consumerMessage) bool {
	return msg.seq > c.delivered.Stream && !c.early[msg.seq] && c.concerns(msg)
}

// concerns reports whether a message is one of those that c was, or is to be, given.
func (c *modelConsumer) concerns(msg consumerMessage) bool {
	if c.initial != nil && msg.seq <= c.initialEnd {
		return c.initial[msg.seq] && !c.dead.hidden[msg.seq]
	}
	return c.matches(msg) && !c.dead.hidden[msg.seq]
}

func (m *consumerModel) named(name string) *modelConsumer {
	for _, c := range m.consumers {
		if c.cfg.Name == name {
			return c
		}
	}
	return nil
}

func (m *consumerModel) message(seq uint64) (consumerMessage, bool) {
	for _, msg := range m.messages {
		if msg.seq == seq {
			return msg, true
		}
	}
	return consumerMessage{}, false
}

// removeIf removes messages, and takes them from those who wait for acks of them.
func (m *consumerModel) removeIf(gone func(consumerMessage) bool) {
	m.messages = slices.DeleteFunc(m.messages, gone)
	m.forget()
}

// forget takes from those who wait for acks what is gone or hidden.
func (m *consumerModel) forget() {
	there := func(seq uint64) bool {
		_, there := m.message(seq)
		return there && !m.dead.hidden[seq]
	}
	maps.DeleteFunc(m.dead.hidden, func(seq uint64, _ bool) bool { return !m.lives(seq) })
	for _, c := range m.consumers {
		for _, seq := range slices.Sorted(maps.Keys(c.pending)) {
			if !there(seq) {
				waited := !c.pending[seq].abandoned
				delete(c.pending, seq)
				if waited {
					c.settle(seq)
				}
			}
		}
		for _, set := range []map[uint64]bool{c.early, c.initial} {
			maps.DeleteFunc(set, func(seq uint64, _ bool) bool { return !there(seq) })
		}
	}
}

// settle moves the floor if what went was the lowest.
func (c *modelConsumer) settle(gone uint64) {
	lowest := uint64(math.MaxUint64)
	for seq, p := range c.pending {
		if !p.abandoned {
			lowest = min(lowest, seq)
		}
	}
	if lowest == math.MaxUint64 {
		c.floor.Stream, c.floor.Consumer = c.delivered.Stream, c.delivered.Consumer
	} else if gone < lowest && lowest-1 > c.floor.Stream {
		c.floor.Stream = lowest - 1
		if c.pending[lowest].count > 0 {
			c.floor.Consumer = c.pending[lowest].dseq - 1
		}
	}
	if c.floor.Stream >= c.initialEnd {
		c.initial, c.initialEnd = nil, 0
	}
}

// sweep removes what nobody wants, where that is so.
func (m *consumerModel) sweep() {
	if m.cfg.Retention != Interest {
		m.kept = nil
		return
	}
	m.removeUnwanted(func(msg consumerMessage) bool {
		if slices.ContainsFunc(m.consumers, func(c *modelConsumer) bool { return c.wants(msg) || c.pending[msg.seq] != nil }) {
			delete(m.kept, msg.seq)
			return false
		}
		return !m.kept[msg.seq]
	})
}

// done removes messages that a consumer is done with from a work queue.
func (m *consumerModel) done(seqs ...uint64) {
	if m.cfg.Retention == WorkQueue {
		m.removeUnwanted(func(msg consumerMessage) bool { return slices.Contains(seqs, msg.seq) })
	}
}

// publish returns an error's number, or "ok".
func (m *consumerModel) publish(subject string, now int64) string {
	msg := consumerMessage{m.last + 1, subject, now}
	switch {
	case m.cfg.Sealed:
		return "10109"
	case m.cfg.Retention == Interest && !slices.ContainsFunc(m.consumers, func(c *modelConsumer) bool { return c.wants(msg) }):
		m.last++
		return "ok"
	case m.cfg.Discard == DiscardNew && m.cfg.MaxMsgs > 0 && len(m.messages) >= int(m.cfg.MaxMsgs) && !m.replaces(subject):
		return "10077"
	}
	m.last++
	m.messages = append(m.messages, msg)
	m.limit()
	return "ok"
}

func (m *consumerModel) purge(p Purge) string {
	if m.cfg.Sealed {
		return "10109"
	}
	m.empty(p)
	return "ok"
}

func (m *consumerModel) empty(p Purge) {
	before := len(m.messages)
	if p.Filter == "" && p.Keep == 0 && (p.Before == 0 || p.Before > m.last) {
		m.removeIf(func(consumerMessage) bool { return true })
		if p.Before > 0 {
			m.last = max(m.last, p.Before-1)
		} else {
			m.first = m.last + 1
		}
	} else {
		left := uint64(0)
		for _, msg := range m.messages {
			if p.Filter == "" || subject.Matches(p.Filter, msg.subject) {
				left++
			}
		}
		m.removeIf(func(msg consumerMessage) bool {
			if p.Filter != "" && !subject.Matches(p.Filter, msg.subject) || p.Before > 0 && msg.seq >= p.Before || p.Keep > 0 && left <= p.Keep {
				return false
			}
			left--
			return true
		})
	}
	for _, c := range m.consumers {
		to := max(m.firstSeq(), 1) - 1
		if p.Filter != "" {
			if before == len(m.messages) || !overlap(c.cfg.Filters(), []string{p.Filter}) {
				continue
			}
			if !slices.ContainsFunc(m.messages, func(msg consumerMessage) bool { return c.concerns(msg) }) {
				to = m.last
			}
		}
		c.delivered.Stream = max(c.delivered.Stream, to)
		if c.floor.Stream < to {
			c.settle(0)
		}
	}
}

// add returns the consumer that was added or changed, or an error's number.
func (m *consumerModel) add(a AddConsumer) string {
	cfg := *a.Config
	c := m.named(cfg.Name)
	switch {
	case c == nil && a.Action == ConsumerUpdate:
		return "10149"
	case c == nil && m.cfg.MaxConsumers > 0 && len(m.consumers) >= m.cfg.MaxConsumers:
		return "10026"
	case c != nil && a.Action == ConsumerCreate && (c.cfg.Durable == "" || !c.cfg.Equal(&cfg)):
		return "10148"
	case c != nil && a.Action == ConsumerCreate:
		return "ok"
	case c != nil && (c.cfg.Deliver != cfg.Deliver || c.cfg.Ack != cfg.Ack || c.cfg.StartSeq != cfg.StartSeq || c.cfg.StartTime != cfg.StartTime):
		return "10012"
	}
	for _, other := range m.consumers {
		switch {
		case m.cfg.Retention != WorkQueue || other == c:
		case len(cfg.Filters()) == 0:
			return "10099"
		case overlap(cfg.Filters(), other.cfg.Filters()):
			return "10100"
		}
	}
	if c != nil {
		if filterKey(cfg.Filters()) != filterKey(c.cfg.Filters()) {
			c.initial, c.initialEnd = nil, 0
		}
		cfg.PauseUntil = c.cfg.PauseUntil
		c.cfg = &cfg
		maps.DeleteFunc(c.early, func(seq uint64, _ bool) bool {
			msg, _ := m.message(seq)
			return !c.matches(msg)
		})
		return "ok"
	}
	m.number++
	c = &modelConsumer{number: m.number, cfg: &cfg, pending: map[uint64]*modelPending{}, early: map[uint64]bool{}, dead: &m.dead}
	c.delivered.Stream = m.start(c) - 1
	c.floor = c.delivered
	m.consumers = append(m.consumers, c)
	return "ok"
}

func (m *consumerModel) start(c *modelConsumer) uint64 {
	first := max(1, m.firstSeq())
	last := map[string]uint64{}
	for _, msg := range m.messages {
		if c.matches(msg) || c.cfg.Deliver == DeliverLastPerSubject && c.begins(msg) { // hidden or not
			last[msg.subject] = msg.seq
		}
	}
	switch c.cfg.Deliver {
	case DeliverNew:
		return m.last + 1
	case DeliverLast:
		for _, seq := range last {
			first = max(first, seq)
		}
	case DeliverByStartSequence:
		return max(first, c.cfg.StartSeq)
	case DeliverByStartTime:
		for _, msg := range m.messages {
			if msg.time >= c.cfg.StartTime.UnixNano() {
				return msg.seq
			}
		}
		return m.last + 1
	case DeliverLastPerSubject:
		maps.DeleteFunc(last, func(_ string, seq uint64) bool { return m.dead.hidden[seq] })
		if len(last) == 0 {
			return m.last + 1
		}
		c.initial, c.initialEnd = map[uint64]bool{}, m.last
		for _, seq := range last {
			c.initial[seq] = true
		}
		return slices.Min(slices.Collect(maps.Values(last)))
	}
	return first
}

func (m *consumerModel) drop(d DropConsumer) string {
	c := m.named(d.Name)
	if c == nil || d.Number != 0 && d.Number != c.number {
		return "10014"
	}
	m.consumers = slices.DeleteFunc(m.consumers, func(other *modelConsumer) bool { return other == c })
	return "ok"
}

func (m *consumerModel) reset(r ResetConsumer) string {
	c := m.named(r.Name)
	if c == nil {
		return "10014"
	}
	to := c.floor.Stream
	if r.Seq > 0 {
		if c.cfg.Deliver != DeliverAll && (c.cfg.Deliver != DeliverByStartSequence || r.Seq < c.cfg.StartSeq) && !m.resettableByTime(c, r.Seq) {
			return "10204"
		}
		to = r.Seq - 1
	}
	c.delivered = Position{Stream: to}
	c.floor = c.delivered
	clear(c.pending)
	clear(c.early)
	return "ok"
}

// resettableByTime reports whether the next message from a sequence on is not older than where a consumer by time starts.
func (m *consumerModel) resettableByTime(c *modelConsumer, seq uint64) bool {
	if c.cfg.Deliver != DeliverByStartTime {
		return false
	}
	for _, msg := range m.messages {
		if msg.seq >= seq {
			return msg.time >= c.cfg.StartTime.UnixNano()
		}
	}
	return true
}

func (m *consumerModel) deliver(c *modelConsumer, at []Delivery) {
	var finished []uint64
	for _, d := range at {
		if d.Seq > m.last {
			continue
		}
		c.delivered.Consumer = max(c.delivered.Consumer, d.DSeq)
		if d.Seq <= c.delivered.Stream {
			if p := c.pending[d.Seq]; p != nil && !p.abandoned {
				if p.count == 0 && d.Count > 0 {
					p.dseq = d.DSeq
				}
				p.count = max(p.count, d.Count)
			}
			continue
		}
		msg, there := m.message(d.Seq)
		wanted := there && c.wants(msg)
		c.delivered.Stream = d.Seq
		maps.DeleteFunc(c.early, func(seq uint64, _ bool) bool { return seq <= d.Seq })
		if wanted && c.cfg.Ack == AckNone {
			finished = append(finished, d.Seq)
		} else if wanted {
			c.pending[d.Seq] = &modelPending{dseq: d.DSeq, count: d.Count}
		}
	}
	if len(c.pending) == 0 {
		c.settle(0)
	}
	m.done(finished...)
}

func (m *consumerModel) answer(c *modelConsumer, a AckItem) AckResult {
	done, upTo := a.Kind == AckDone || a.Kind == AckTerm, c.cfg.Ack == AckAll
	if a.Seq > c.delivered.Stream {
		return m.answerEarly(c, a, done, upTo)
	}
	p := c.pending[a.Seq]
	switch {
	case done && upTo:
		if p != nil && a.Kind == AckTerm {
			m.bury(c, a, p.count)
		}
		return m.finish(c, a.Seq)
	case p == nil:
		return AckKnown
	case p.count == 0:
		return AckIgnored
	case done, a.Kind == AckAbandon && !p.abandoned && c.target() != "":
		if a.Kind != AckDone {
			m.bury(c, a, p.count)
		}
		delete(c.pending, a.Seq)
		if !p.abandoned {
			c.settle(a.Seq)
		}
		m.done(a.Seq)
	case p.abandoned:
		return AckKnown
	case a.Kind == AckAbandon:
		p.abandoned = true
	}
	return AckApplied
}

func (m *consumerModel) finish(c *modelConsumer, seq uint64) AckResult {
	var finished []uint64
	for pending := range c.pending {
		if pending <= seq {
			finished = append(finished, pending)
		}
	}
	for _, seq := range finished {
		delete(c.pending, seq)
	}
	if finished == nil {
		return AckKnown
	}
	c.settle(seq)
	m.done(finished...)
	return AckApplied
}

func (m *consumerModel) answerEarly(c *modelConsumer, a AckItem, done, upTo bool) AckResult {
	msg, there := m.message(a.Seq)
	switch {
	case !done || c.cfg.Ack == AckNone || !there || msg.time != a.Time || !c.wants(msg) && !c.early[a.Seq]:
		return AckIgnored
	case c.early[a.Seq]:
		return AckKnown
	}
	if a.Kind == AckTerm {
		m.bury(c, a, 1)
	}
	switch {
	case upTo:
		var finished []uint64
		for seq := range c.pending {
			finished = append(finished, seq)
		}
		clear(c.pending)
		c.delivered.Stream, c.delivered.Consumer = a.Seq, max(c.delivered.Consumer, a.DSeq)
		c.settle(0)
		m.done(append(finished, a.Seq)...)
	default:
		c.early[a.Seq] = true
		m.done(a.Seq)
	}
	return AckApplied
}

// taken takes all up to a sequence as delivered and acknowledged.
func (m *consumerModel) taken(c *modelConsumer, seq uint64) {
	seq = min(seq, m.last)
	var finished []uint64
	for _, msg := range m.messages {
		if msg.seq > seq {
			break
		}
		if c.pending[msg.seq] != nil {
			finished = append(finished, msg.seq)
			delete(c.pending, msg.seq)
		} else if msg.seq > c.delivered.Stream && c.wants(msg) {
			finished = append(finished, msg.seq)
			c.delivered.Consumer++
		}
	}
	c.delivered.Stream = max(c.delivered.Stream, seq)
	maps.DeleteFunc(c.early, func(early uint64, _ bool) bool { return early <= seq })
	c.settle(seq)
	m.done(finished...)
}

// show writes what can be seen of the stream and its consumers.
func (m *consumerModel) show() string {
	var b strings.Builder
	for _, msg := range m.messages {
		needs := 0
		for _, c := range m.consumers {
			if m.cfg.Retention == Interest && (c.wants(msg) || c.pending[msg.seq] != nil) {
				needs++
			}
		}
		fmt.Fprintf(&b, "%d:%s:%d ", msg.seq, msg.subject, needs)
	}
	fmt.Fprintln(&b)
	for _, c := range m.consumers {
		pending, waiting, redelivered := 0, 0, 0
		var next []uint64
		for _, msg := range m.messages {
			if c.wants(msg) {
				pending++
				next = append(next, msg.seq)
			}
		}
		var list []string
		for _, seq := range slices.Sorted(maps.Keys(c.pending)) {
			p := c.pending[seq]
			if p.count == 0 {
				pending++
			} else if !p.abandoned {
				waiting++
			}
			if p.count > 1 {
				redelivered++
			}
			list = append(list, fmt.Sprint(seq, p.dseq, p.count, p.abandoned))
		}
		showConsumer(&b, c.number, c.cfg, c.delivered, c.floor, pending, waiting, redelivered, list, next)
	}
	m.dead.show(&b)
	return b.String()
}

func showConsumer(b *strings.Builder, number uint32, cfg *ConsumerConfig, delivered, floor Position, pending, waiting, redelivered int, list []string, next []uint64) {
	fmt.Fprintf(b, "%d %s %v %v: delivered %d/%d floor %d/%d pending %d waiting %d redelivered %d %v, next %v\n", number, cfg.Name,
		cfg.PauseUntil, cfg.Filters(), delivered.Consumer, delivered.Stream, floor.Consumer, floor.Stream, pending, waiting, redelivered, list, next)
}

// shown is the same of a State.
func shown(s *State) string {
	var b strings.Builder
	s.table.eachRecord(func(seq uint64, r *record) {
		fmt.Fprintf(&b, "%d:%s:%d ", seq, s.table.subjects.text(r.subject-1), s.consumers.needs.of(seq))
	})
	fmt.Fprintln(&b)
	for v := range s.Consumers() {
		src := s.Source(v.Number)
		var list []string
		for p := range src.Pending() {
			list = append(list, fmt.Sprint(p.Seq, p.DSeq, p.Count, p.Abandoned))
		}
		var next []uint64
		for seq, ok := src.Next(v.Delivered.Stream + 1); ok; seq, ok = src.Next(seq + 1) {
			next = append(next, seq)
		}
		showConsumer(&b, v.Number, v.Config, v.Delivered, v.Floor, int(v.NumPending), v.NumAckPending, v.NumRedelivered, list, next)
	}
	shownDead(&b, s)
	return b.String()
}
