package wire

import (
	"strconv"

	"myelin/internal/consumer"
	"myelin/internal/header"
)

// AppendStatus appends the header block of a status. flowPrefix is what AppendFlowPrefix gave for the consumer; a
// heartbeat while a reply is missing names its subject.
func AppendStatus(dst []byte, s *consumer.Status, flowPrefix []byte) []byte {
	dst = header.AppendStatus(dst, s.Code, s.Text)
	switch s.Kind {
	case consumer.Unserved:
		dst = appendNumber(dst, "Nats-Pending-Messages: ", s.First)
		dst = appendNumber(dst, "Nats-Pending-Bytes: ", s.Second)
	case consumer.Beat:
		dst = appendNumber(dst, "Nats-Last-Consumer: ", s.First)
		dst = appendNumber(dst, "Nats-Last-Stream: ", s.Second)
		if s.Token != "" {
			dst = append(append(dst, "Nats-Consumer-Stalled: "...), flowPrefix...)
			dst = append(append(dst, s.Token...), crlf...)
		}
	}
	return header.AppendEnd(dst)
}

// AppendStatusReply appends the reply subject of a status: of a flow-control request; others have none.
func AppendStatusReply(dst []byte, s *consumer.Status, flowPrefix []byte) []byte {
	if s.Kind != consumer.Flow {
		return dst
	}
	return append(append(dst, flowPrefix...), s.Token...)
}

// AppendBadRequest appends the header block that answers a request which ParsePull found a problem in.
func AppendBadRequest(dst []byte, problem string) []byte {
	return header.AppendEnd(header.AppendStatus(dst, BadRequestCode, problem))
}

const crlf = "\r\n"

// appendNumber appends a field, whose key comes with its colon and blank.
func appendNumber(dst []byte, key string, n uint64) []byte {
	return append(strconv.AppendUint(append(dst, key...), n, 10), crlf...)
}
