package jetstream

import (
	"bytes"
	"strconv"
	"time"

	"myelin/internal/header"
)

const lineEnd = "\r\n"

// appendOrigin appends the header of a message of a stream, without its end, and fields that say where it
// comes from.
func appendOrigin(dst, own []byte, name string, subject []byte, seq uint64, nanos int64) []byte {
	if len(own) == 0 {
		dst = header.AppendStart(dst)
	} else {
		dst = append(dst, bytes.TrimSuffix(own, []byte(lineEnd))...)
	}
	dst = append(append(append(dst, "Nats-Stream: "...), name...), lineEnd...)
	dst = append(append(append(dst, "Nats-Subject: "...), subject...), lineEnd...)
	dst = appendNumber(dst, "Nats-Sequence: ", seq)
	dst = time.Unix(0, nanos).UTC().AppendFormat(append(dst, "Nats-Time-Stamp: "...), time.RFC3339Nano)
	return append(dst, lineEnd...)
}

// appendNumber appends a field whose key stands before a colon and a blank.
func appendNumber(dst []byte, key string, n uint64) []byte {
	return append(strconv.AppendUint(append(dst, key...), n, 10), lineEnd...)
}
