package stream

import (
	"maps"
	"slices"
	"time"
)

// replaces reports whether a message takes the place of the oldest of its subject.
func (m *consumerModel) replaces(subject string) bool {
	have := 0
	for _, msg := range m.messages {
		if msg.subject == subject {
			have++
		}
	}
	return m.cfg.MaxMsgsPer > 0 && have >= int(m.cfg.MaxMsgsPer)
}

// limit removes what is over the limits.
func (m *consumerModel) limit() {
	if per := int(m.cfg.MaxMsgsPer); per > 0 {
		have := map[string]int{}
		m.removeIfLast(func(msg consumerMessage) bool { have[msg.subject]++; return have[msg.subject] > per })
	}
	if limit := int(m.cfg.MaxMsgs); limit > 0 && m.cfg.Discard == DiscardOld {
		have := 0
		m.removeIfLast(func(consumerMessage) bool { have++; return have > limit })
	}
}

// remove removes a message by a command. What a stream says of one that is not there depends on much.
func (m *consumerModel) remove(seq uint64) string {
	switch {
	case m.cfg.Sealed:
		return "10109"
	case !m.lives(seq):
		return "gone"
	}
	m.removeIf(func(msg consumerMessage) bool { return msg.seq == seq })
	return "ok"
}

// tick removes what is too old.
func (m *consumerModel) tick(now int64) {
	m.removeIf(func(msg consumerMessage) bool { return m.cfg.MaxAge > 0 && msg.time+int64(m.cfg.MaxAge) <= now })
}

// pause makes a consumer pause, which changes nothing of what it is to be given.
func (m *consumerModel) pause(p PauseConsumer) string {
	c := m.named(p.Name)
	if c == nil {
		return "10014"
	}
	cfg := *c.cfg
	cfg.Metadata = maps.Clone(cfg.Metadata)
	cfg.PauseUntil, cfg.Metadata[metaRequired] = nil, "0"
	if p.Until != 0 {
		until := time.Unix(0, p.Until).UTC()
		cfg.PauseUntil, cfg.Metadata[metaRequired] = &until, "1"
	}
	c.cfg = &cfg
	return "ok"
}

// removeIfLast is removeIf that asks from the last message on.
func (m *consumerModel) removeIfLast(gone func(consumerMessage) bool) {
	drop := map[uint64]bool{}
	for _, msg := range slices.Backward(m.messages) {
		if gone(msg) {
			drop[msg.seq] = true
		}
	}
	m.removeIf(func(msg consumerMessage) bool { return drop[msg.seq] })
}
