package jetstream

import (
	"encoding/binary"

	"myelin/internal/bin"
	"myelin/internal/router"
)

// request is a message to the API, as it waits in the memory of a batch:
//
//	u32      bytes that follow
//	u64      the connection that it came from, 0: none
//	bytes    subject without the API's prefix
//	bytes    reply
//	bytes    header
//	...      payload
//
// Slices point into that memory.
type request struct {
	from                         uint64
	verb, reply, header, payload []byte
	batch                        *JSApiMsgGetRequest // a direct get of many messages, parsed; nil for API requests
	kind                         int                 // see lanes
}

// maxFrameExtra bounds what a frame takes besides the bytes of the message.
const maxFrameExtra = 4 + 8 + 3*binary.MaxVarintLen32

// appendFrame appends the message as a frame to what Reserve returned for it.
func appendFrame(dst, verb []byte, m *router.Message) []byte {
	start := len(dst)
	dst = bin.AppendU64(bin.AppendU32(dst, 0), m.From)
	dst = bin.AppendBytes(bin.AppendBytes(bin.AppendBytes(dst, verb), m.Reply), m.Header)
	dst = append(dst, m.Payload...)
	binary.LittleEndian.PutUint32(dst[start:], uint32(len(dst)-start-4))
	return dst
}

func frameBound(verb []byte, m *router.Message) int {
	return maxFrameExtra + len(verb) + len(m.Reply) + len(m.Header) + len(m.Payload)
}

// cutFrame takes the first frame off b, which holds whole frames.
func cutFrame(b []byte) (q request, rest []byte) {
	end := 4 + int(binary.LittleEndian.Uint32(b))
	r := bin.NewReader(b[4:end])
	q.from = r.U64()
	q.verb, q.reply, q.header, q.payload = r.Bytes(), r.Bytes(), r.Bytes(), r.Rest()
	return q, b[end:]
}

// token returns the nth token of the verb, counted from 0, or "" if it has not so many.
func token(verb []byte, n int) []byte {
	for {
		end := 0
		for end < len(verb) && verb[end] != '.' {
			end++
		}
		if n == 0 || end == len(verb) {
			if n > 0 {
				return nil
			}
			return verb[:end]
		}
		verb, n = verb[end+1:], n-1
	}
}
