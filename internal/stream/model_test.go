package stream

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"myelin/internal/header"
	"myelin/internal/subject"
)

// model is a stream as one would write it without a thought for speed: a list of messages, walked through
// for everything. It says in its own words what State should do.
type model struct {
	cfg      *Config
	now      int64
	last     uint64
	floor    uint64
	lastTime int64
	lastID   string
	messages []modelMessage
	ids      []modelID
}

type modelMessage struct {
	seq, span uint64
	time      int64
	size      int
	subject   string
}

type modelID struct {
	id   string
	seq  uint64
	time int64
}

// answer is a Reply in a comparable form.
func answer(r Reply) string {
	if r.Err != nil {
		return r.Err.Error()
	}
	return fmt.Sprint(r.Seq, r.Removed, r.Duplicate)
}

func accepted(seq uint64, duplicate bool) string { return fmt.Sprint(seq, 0, duplicate) }

func (m *model) apply(now int64, command any) string {
	m.now = max(m.now, now)
	if c, ok := command.(Configure); ok {
		return m.configure(c.Config)
	}
	if m.cfg == nil {
		return "stream not found (10059)"
	}
	switch c := command.(type) {
	case *Append:
		return m.append(c)
	case Delete:
		return m.delete(c)
	case Purge:
		return m.purge(c)
	case Tick:
		if m.cfg.MaxAge > 0 && !m.cfg.Sealed {
			m.removeIf(func(x modelMessage) bool { return x.time <= m.now-int64(m.cfg.MaxAge) })
		}
	}
	return accepted(0, false)
}

func (m *model) configure(c *Config) string {
	if m.cfg == nil && c.FirstSeq > 0 {
		m.last, m.floor = c.FirstSeq-1, c.FirstSeq
	}
	m.cfg = c
	m.limit()
	return accepted(0, false)
}

func (m *model) removeIf(which func(modelMessage) bool) (removed uint64) {
	m.messages = slices.DeleteFunc(m.messages, func(x modelMessage) bool {
		if which(x) {
			removed += x.span
			return true
		}
		return false
	})
	return removed
}

func (m *model) count(which func(modelMessage) bool) (n uint64) {
	for _, x := range m.messages {
		if which(x) {
			n += x.span
		}
	}
	return n
}

func (m *model) bytes() (n int64) {
	for _, x := range m.messages {
		n += int64(x.size)
	}
	return n
}

func all(modelMessage) bool { return true }

func of(subject string) func(modelMessage) bool {
	return func(x modelMessage) bool { return x.subject == subject }
}

// limit removes, oldest first, what is over the limits of its subject, then what is over those of all.
func (m *model) limit() {
	if m.cfg.MaxMsgsPer > 0 {
		for i := 0; i < len(m.messages); {
			if x := m.messages[i]; m.count(of(x.subject)) > uint64(m.cfg.MaxMsgsPer) {
				m.messages = slices.Delete(m.messages, i, i+1)
			} else {
				i++
			}
		}
	}
	if m.cfg.Discard == DiscardNew {
		return
	}
	for m.cfg.MaxMsgs > 0 && m.count(all) > uint64(m.cfg.MaxMsgs) || m.cfg.MaxBytes > 0 && m.bytes() > m.cfg.MaxBytes {
		m.messages = m.messages[1:]
	}
}

func (m *model) append(a *Append) string {
	c := m.cfg
	if c.Sealed {
		return "invalid operation on sealed stream (10109)"
	}
	h := func(key string) string { return string(header.Get(a.Header, key)) }
	wrong := func(have uint64, want string) bool { return want != "" && want != strconv.FormatUint(have, 10) }
	per := h("Nats-Expected-Last-Subject-Sequence-Subject")
	if per == "" {
		per = string(a.Subject)
	}
	lastPer := uint64(0)
	for _, x := range m.messages {
		if subject.Matches(per, x.subject) {
			lastPer = x.seq
		}
	}
	id := h("Nats-Msg-Id")
	known := slices.IndexFunc(m.ids, func(x modelID) bool { return x.id == id && x.time > m.now-int64(c.DuplicateWindow) })
	rollup := strings.ToLower(h("Nats-Rollup"))
	size := len(a.Header) + len(a.Body)
	switch {
	case h("Nats-Expected-Stream") != "" && h("Nats-Expected-Stream") != c.Name:
		return "expected stream does not match (10060)"
	case wrong(lastPer, h("Nats-Expected-Last-Subject-Sequence")):
		return fmt.Sprintf("wrong last sequence: %d (10071)", lastPer)
	case wrong(m.last, h("Nats-Expected-Last-Sequence")):
		return fmt.Sprintf("wrong last sequence: %d (10071)", m.last)
	case id != "" && c.DuplicateWindow > 0 && known >= 0:
		return accepted(m.ids[known].seq, true)
	case h("Nats-Expected-Last-Msg-Id") != "" && h("Nats-Expected-Last-Msg-Id") != m.lastID:
		return "wrong last msg ID: " + m.lastID + " (10070)"
	case rollup != "" && !c.AllowRollup:
		return "rollup not permitted (10111)"
	case rollup != "" && rollup != "sub" && rollup != "all":
		return "rollup value invalid: " + strconv.Quote(h("Nats-Rollup")) + " (10111)"
	case c.MaxMsgSize > 0 && size > int(c.MaxMsgSize):
		return "message size exceeds maximum allowed (10054)"
	}
	x := modelMessage{m.last + 1, uint64(a.Span), m.now, size + len(a.Subject) + 16, string(a.Subject)}
	if c.Storage == File {
		x.size += 14
		if len(a.Header) > 0 {
			x.size += 4
		}
	}
	if refused := m.full(x, rollup); refused != "" && c.Retention != Interest {
		return refused + " (10077)"
	}
	m.last, m.lastTime, m.lastID = m.last+x.span, m.now, id
	if id != "" && c.DuplicateWindow > 0 {
		m.ids = slices.DeleteFunc(m.ids, func(x modelID) bool { return x.id == id })
		m.ids = append(m.ids, modelID{id, x.seq, m.now})
	}
	if c.Retention == Interest {
		return accepted(x.seq, false)
	}
	m.messages = append(m.messages, x)
	m.limit()
	if rollup != "" {
		m.removeIf(func(old modelMessage) bool {
			return old.seq < x.seq && (rollup == "all" || old.subject == x.subject)
		})
	}
	return accepted(x.seq, false)
}

func (m *model) full(x modelMessage, rollup string) string {
	c := m.cfg
	if c.Discard != DiscardNew {
		return ""
	}
	var freed, freedBytes uint64
	if c.MaxMsgsPer > 0 && m.count(of(x.subject))+x.span > uint64(c.MaxMsgsPer) {
		if i := slices.IndexFunc(m.messages, of(x.subject)); i >= 0 {
			if c.DiscardNewPer && rollup == "" {
				return "maximum messages per subject exceeded"
			}
			freed, freedBytes = m.messages[i].span, uint64(m.messages[i].size)
		}
	}
	switch {
	case c.MaxMsgs > 0 && m.count(all)+x.span > uint64(c.MaxMsgs) && freed < x.span:
		return "maximum messages exceeded"
	case c.MaxBytes > 0 && m.bytes()+int64(x.size) > c.MaxBytes && freedBytes < uint64(x.size):
		return "maximum bytes exceeded"
	}
	return ""
}

func (m *model) first() uint64 {
	switch {
	case len(m.messages) > 0:
		return m.messages[0].seq
	case m.last > 0:
		return m.last + 1
	}
	return m.floor
}

func (m *model) delete(c Delete) string {
	switch {
	case m.cfg.Sealed:
		return "invalid operation on sealed stream (10109)"
	case m.cfg.DenyDelete:
		return "message delete not permitted (10057)"
	case m.cfg.Storage == File && c.Seq > m.last:
		return "stream store EOF (10057)"
	case m.cfg.Storage == File && (c.Seq == 0 || c.Seq < m.first()):
		return "no message found (10057)"
	}
	if m.removeIf(func(x modelMessage) bool { return x.seq <= c.Seq && c.Seq < x.seq+x.span }) == 0 {
		return fmt.Sprintf("sequence %d not found (10043)", c.Seq)
	}
	return accepted(0, false)
}

func (m *model) purge(c Purge) string {
	switch {
	case m.cfg.Sealed:
		return "invalid operation on sealed stream (10109)"
	case m.cfg.DenyPurge:
		return "stream purge not permitted (10110)"
	case c.Before > 0 && c.Keep > 0:
		return "bad request (10003)"
	}
	matches := func(x modelMessage) bool { return c.Filter == "" || subject.Matches(c.Filter, x.subject) }
	left, done := m.count(matches), false
	removed := m.removeIf(func(x modelMessage) bool {
		done = done || matches(x) && (c.Keep > 0 && left-x.span < c.Keep || c.Before > 0 && x.seq+x.span > c.Before)
		if done || !matches(x) {
			return false
		}
		left -= x.span
		return true
	})
	if (c.Filter == "" || c.Filter == ">") && c.Keep == 0 {
		if c.Before > m.last {
			m.last = c.Before - 1
		}
		if c.Before == 0 {
			m.floor = m.last + 1
		}
	}
	return fmt.Sprint(0, removed, false)
}
