package stream

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

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
	expires   int64
	silent    bool
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
		for m.expire() {
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
	ttl := h("Nats-TTL")
	seconds := map[string]int64{"1": 1, "2s": 2, "1500ms": 1, "3s": 3}[ttl]
	if ttl == "never" {
		seconds = 1
	}
	switch {
	case h("Nats-Expected-Stream") != "" && h("Nats-Expected-Stream") != c.Name:
		return "expected stream does not match (10060)"
	case seconds > 0 && !c.AllowTTL:
		return "per-message TTL is disabled (10166)"
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
	if ttl != "" && seconds == 0 {
		return "invalid per-message TTL (10165)"
	}
	headerSize := len(a.Header)
	if least := int64(c.MarkerTTL / time.Second); ttl != "" && ttl != "never" && seconds < least && c.MaxMsgsPer != 1 {
		headerSize += len("Nats-TTL: \r\n") + len(strconv.FormatInt(least, 10))
		for value := range header.All(a.Header, "Nats-TTL") {
			headerSize -= len("Nats-TTL: \r\n") + len(value)
		}
		seconds = least
	}
	x := m.message(string(a.Subject), uint64(a.Span), headerSize, len(a.Body))
	x.silent = c.AllowTTL && (h("Nats-Marker-Reason") != "" || h("KV-Operation") == "PURGE")
	switch {
	case ttl == "never":
		x.expires = math.MaxInt64
	case ttl != "":
		x.expires = m.now + seconds*int64(time.Second)
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

// message is one as it would be stored now.
func (m *model) message(subject string, span uint64, header, body int) modelMessage {
	x := modelMessage{seq: m.last + 1, span: span, time: m.now, size: header + body + len(subject) + 16, subject: subject}
	if m.cfg.Storage == File {
		x.size += 14
		if header > 0 {
			x.size += 4
		}
	}
	return x
}

// expire removes the message whose end came first, and puts a delete marker in the place of the last of a
// subject.
func (m *model) expire() bool {
	c, best, end := m.cfg, -1, int64(math.MaxInt64)
	for i, x := range m.messages {
		if x.expires > 0 && x.expires < end {
			best, end = i, x.expires
		}
	}
	for i, x := range m.messages {
		if c.MaxAge > 0 && x.expires != math.MaxInt64 && x.time+int64(c.MaxAge) < end {
			best, end = i, x.time+int64(c.MaxAge)
		}
	}
	if best < 0 || end > m.now {
		return false
	}
	x := m.messages[best]
	m.messages = slices.Delete(m.messages, best, best+1)
	header := "NATS/1.0\r\nNats-Marker-Reason: MaxAge\r\nNats-TTL: " + c.MarkerTTL.Truncate(time.Second).String() + "\r\nNats-Rollup: sub\r\n\r\n"
	if c.MarkerTTL == 0 || c.Sealed || x.silent || m.count(of(x.subject)) > 0 || c.MaxMsgSize > 0 && len(header) > int(c.MaxMsgSize) {
		return true
	}
	marker := m.message(x.subject, 1, len(header), 0)
	marker.expires, marker.silent = m.now+int64(c.MarkerTTL.Truncate(time.Second)), true
	m.last, m.lastTime, m.lastID = m.last+1, m.now, ""
	m.messages = append(m.messages, marker)
	m.limit()
	return true
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
