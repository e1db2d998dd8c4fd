package stream

import (
	"bytes"
	"strconv"
	"strings"

	"myelin/internal/apierr"
	"myelin/internal/header"
)

// MetaOrderKey is the key of a consumer's metadata that names the messages which are handed out one after the other:
// "subject:N", those with the same N-th token of their subject, from 1, or "header:Name", those with the same
// value of a header.
const MetaOrderKey = "myelin.order_key"

// OrderKey says what the key of a message is.
type OrderKey struct {
	Token  int    // of the subject, from 1; 0: it is in a header
	Header string // its name
}

// maxOrderToken bounds the position of a token.
const maxOrderToken = 64

// OrderKey returns what the consumer's metadata says about the order of its messages; ok is false if nothing.
func (c *ConsumerConfig) OrderKey() (key OrderKey, ok bool) {
	text, there := c.Metadata[MetaOrderKey]
	if !there {
		return key, false
	}
	return parseOrderKey(text)
}

func parseOrderKey(text string) (key OrderKey, ok bool) {
	if position, is := strings.CutPrefix(text, "subject:"); is {
		n, err := strconv.Atoi(position)
		return OrderKey{Token: n}, err == nil && n >= 1 && n <= maxOrderToken
	}
	name, is := strings.CutPrefix(text, "header:")
	return OrderKey{Header: name}, is && name != "" && !strings.ContainsAny(name, ": \t\r\n")
}

// Of returns the key of a message, in its subject or its header. Without one a message has no order: ok is false.
func (k OrderKey) Of(subject, block []byte) (key []byte, ok bool) {
	if k.Token == 0 {
		key = header.Get(block, k.Header)
		return key, len(key) > 0
	}
	for n := 1; ; n++ {
		token, rest, more := bytes.Cut(subject, []byte("."))
		switch {
		case n == k.Token:
			return token, true
		case !more:
			return nil, false
		}
		subject = rest
	}
}

// orderKey refuses a key that cannot be understood or kept.
func (c *consumerCheck) orderKey() *apierr.Error {
	text, there := c.Metadata[MetaOrderKey]
	if !there {
		return nil
	}
	if _, ok := parseOrderKey(text); !ok {
		return apierr.ConsumerCreate.With("metadata " + MetaOrderKey + ` must be "subject:N" or "header:NAME"`)
	}
	if c.Ack != AckExplicit {
		return apierr.ConsumerCreate.With("metadata " + MetaOrderKey + " requires explicit ack policy")
	}
	return nil
}
