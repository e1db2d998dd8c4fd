package stream

import (
	"bytes"
	"strings"

	"myelin/internal/header"
)

// instructions are what the header of a message says to the stream. Empty values say nothing.
type instructions struct {
	id             []byte
	stream         []byte // expected name
	lastID         []byte // expected id of the last message
	lastSeq        []byte // expected last sequence
	lastPer        []byte // expected last sequence of the subject
	lastPerSubject []byte // or of the subjects that this pattern matches
	rollup         []byte
	ttl            []byte
	marker         []byte // reason of a delete marker
	increment      []byte
	counted        []byte // by source, of a counter
	source         []byte
	batch          []byte
	schedule       []byte
	scheduler      []byte
	scheduleNext   []byte
}

const headerPrefix = "Nats-"

// field returns where the value of a key belongs; nil for those that mean nothing here.
func (h *instructions) field(key []byte) *[]byte {
	switch string(key) {
	case "Nats-Msg-Id":
		return &h.id
	case "Nats-Expected-Stream":
		return &h.stream
	case "Nats-Expected-Last-Msg-Id":
		return &h.lastID
	case "Nats-Expected-Last-Sequence":
		return &h.lastSeq
	case "Nats-Expected-Last-Subject-Sequence":
		return &h.lastPer
	case "Nats-Expected-Last-Subject-Sequence-Subject":
		return &h.lastPerSubject
	case "Nats-Rollup":
		return &h.rollup
	case messageTTL:
		return &h.ttl
	case markerReason:
		return &h.marker
	case counterIncrement:
		return &h.increment
	case counterSources:
		return &h.counted
	case streamSource:
		return &h.source
	case "Nats-Batch-Id":
		return &h.batch
	case "Nats-Schedule":
		return &h.schedule
	case "Nats-Scheduler":
		return &h.scheduler
	case "Nats-Schedule-Next":
		return &h.scheduleNext
	}
	return nil
}

// read finds the instructions in a header block; of a repeated key the first counts.
func (h *instructions) read(block []byte) {
	if !bytes.Contains(block, []byte(headerPrefix)) {
		return
	}
	for key, value := range header.Fields(block) {
		if len(key) <= len(headerPrefix) || string(key[:len(headerPrefix)]) != headerPrefix {
			continue
		}
		if field := h.field(key); field != nil && *field == nil {
			*field = value
		}
	}
}

// sequence reads a sequence number: digits only.
func sequence(text []byte) (seq uint64, ok bool) {
	for _, c := range text {
		if c < '0' || c > '9' || seq > (1<<64-1-uint64(c-'0'))/10 {
			return 0, false
		}
		seq = seq*10 + uint64(c-'0')
	}
	return seq, len(text) > 0
}

func isRollup(value []byte, what string) bool { return strings.EqualFold(string(value), what) }
