package wire

import (
	"bytes"

	"myelin/internal/header"
)

// AppendDeliveryHeader appends the header block of a delivered message: its own, and behind its fields those
// that the consumer adds, the size of a body that is left out (below 0: it is not) and who is pinned (empty:
// nobody). A message without header to which nothing is added has none.
func AppendDeliveryHeader(dst, own []byte, size int, pin string) []byte {
	if size < 0 && pin == "" {
		return append(dst, own...)
	}
	if len(own) == 0 {
		dst = header.AppendStart(dst)
	} else {
		own = bytes.TrimSuffix(own, []byte(crlf))
		dst = append(dst, own...)
		if !bytes.HasSuffix(own, []byte(crlf)) { // nothing that ends as a block does
			dst = append(dst, crlf...)
		}
	}
	if size >= 0 {
		dst = appendNumber(dst, "Nats-Msg-Size: ", uint64(size))
	}
	if pin != "" {
		dst = append(append(append(dst, "Nats-Pin-Id: "...), pin...), crlf...)
	}
	return header.AppendEnd(dst)
}
