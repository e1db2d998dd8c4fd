package loadgen

import (
	"encoding/binary"
	"strconv"
)

// blockBytes is how much a publisher writes at a time: enough that system
// calls are cheap, little enough that the block stays in the processor's cache.
const blockBytes = 128 << 10

// A block is a sequence of frames, of which a publisher writes all or some.
type block struct {
	data []byte
	ends []int32 // end of each frame in data
	size int     // payload bytes of each frame
}

func (b *block) messages() int { return len(b.ends) }

// slice returns n frames, beginning with the one numbered from.
func (b *block) slice(from, n int) []byte {
	start := int32(0)
	if from > 0 {
		start = b.ends[from-1]
	}
	return b.data[start:b.ends[from+n-1]]
}

// stamp writes now into the payload of the same frames.
func (b *block) stamp(from, n int, now int64) {
	for _, end := range b.ends[from : from+n] {
		putStamp(b.data[int(end)-2-b.size:], now)
	}
}

// blocks lays out PUB frames of size payload bytes for the subjects in their
// order. A single subject is repeated to fill a block.
func blocks(subjects []string, size int) []*block {
	payload := make([]byte, size)
	for i := range payload {
		payload[i] = 'x'
	}
	repeat := 1
	if len(subjects) == 1 {
		repeat = max(1, blockBytes/len(appendPub(nil, subjects[0], "", payload)))
	}
	var all []*block
	last := &block{size: size}
	for range repeat {
		for _, subject := range subjects {
			if len(last.data) > 0 && len(last.data)+size+len(subject) > blockBytes {
				all = append(all, last)
				last = &block{size: size}
			}
			last.data = appendPub(last.data, subject, "", payload)
			last.ends = append(last.ends, int32(len(last.data)))
		}
	}
	return append(all, last)
}

func appendPub[Text string | []byte](b []byte, subject, reply Text, payload []byte) []byte {
	b = append(b, "PUB "...)
	b = append(b, subject...)
	b = append(b, ' ')
	if len(reply) > 0 {
		b = append(b, reply...)
		b = append(b, ' ')
	}
	b = strconv.AppendInt(b, int64(len(payload)), 10)
	b = append(b, crlf...)
	b = append(b, payload...)
	return append(b, crlf...)
}

// appendHeaderPub appends the HPUB of a message with a header, which ends with
// its empty line.
func appendHeaderPub(b, subject, reply, header, payload []byte) []byte {
	b = append(append(b, "HPUB "...), subject...)
	b = append(append(append(b, ' '), reply...), ' ')
	b = append(strconv.AppendInt(b, int64(len(header)), 10), ' ')
	b = strconv.AppendInt(b, int64(len(header)+len(payload)), 10)
	b = append(append(b, crlf...), header...)
	return append(append(b, payload...), crlf...)
}

func appendSub(b []byte, subject, queue string, sid int) []byte {
	b = append(b, "SUB "...)
	b = append(b, subject...)
	b = append(b, ' ')
	if queue != "" {
		b = append(b, queue...)
		b = append(b, ' ')
	}
	b = strconv.AppendInt(b, int64(sid), 10)
	return append(b, crlf...)
}

func appendUnsub(b []byte, sid int) []byte {
	b = append(b, "UNSUB "...)
	b = strconv.AppendInt(b, int64(sid), 10)
	return append(b, crlf...)
}

// A stamp at the start of a payload says when it was published:
//
//	| magic 8 bytes | Unix time, nanoseconds, 8 bytes big-endian |
const (
	stampMagic = "\x00NATSts\x01"
	stampBytes = len(stampMagic) + 8
)

func putStamp(payload []byte, now int64) {
	copy(payload, stampMagic)
	binary.BigEndian.PutUint64(payload[len(stampMagic):], uint64(now))
}

// readStamp returns the time in payload, or false when it has no stamp.
func readStamp(payload []byte) (int64, bool) {
	if len(payload) < stampBytes || string(payload[:len(stampMagic)]) != stampMagic {
		return 0, false
	}
	return int64(binary.BigEndian.Uint64(payload[len(stampMagic):])), true
}
