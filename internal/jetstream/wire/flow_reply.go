package wire

import "myelin/internal/header"

// FlowFloor reads the header of an answer to a flow-control request of a consumer whose policy is that such answers
// acknowledge: the sequence in the stream, and that of the consumer, up to which the client has all messages. It reports
// false if the header does not say both.
func FlowFloor(block []byte) (seq, dseq uint64, ok bool) {
	seq, ok = parseUint(header.Get(block, "Nats-Last-Stream"))
	if !ok {
		return 0, 0, false
	}
	if dseq, ok = parseUint(header.Get(block, "Nats-Last-Consumer")); !ok {
		return 0, 0, false
	}
	return seq, dseq, true
}
