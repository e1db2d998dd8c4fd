package loadgen

import (
	"errors"
	"fmt"
)

// A delivery is what the reply subject of a delivered message says about it:
//
//	$JS.ACK.<stream>.<consumer>.<times>.<stream seq>.<consumer seq>.<time>.<pending>
//	$JS.ACK.<domain>.<account>.<stream>.<consumer>.<times>. ... .<pending>[.<token>]
type delivery struct {
	times    int64 // how often the message was delivered, 1 for the first
	stream   int64 // sequence in the stream
	consumer int64 // sequence of the consumer
	pending  int64 // messages that it has still to deliver
}

const (
	ackTokens     = 9  // of the short form
	ackTokensLong = 11 // of the long one, the last may be missing
	ackNumbers    = 4  // where the numbers start in the short form
	ackDomain     = 2  // how many tokens the long one has before
)

var errAckSubject = errors.New("a message without the reply subject of a consumer")

// parseAckSubject reads a reply subject.
func parseAckSubject(reply []byte) (d delivery, err error) {
	var ends [ackTokensLong + 1]int
	n := 0
	for i, c := range reply {
		if c != '.' {
			continue
		}
		if n++; n == len(ends) {
			return d, errAckSubject
		}
		ends[n-1] = i
	}
	ends[n] = len(reply)
	n++
	first := ackNumbers
	if n >= ackTokensLong {
		first += ackDomain
	} else if n != ackTokens {
		return d, errAckSubject
	}
	ok := string(reply[:ends[1]]) == "$JS.ACK"
	number := func(token int) int64 {
		v, fine := parseInt64(reply[ends[token-1]+1 : ends[token]])
		ok = ok && fine
		return v
	}
	d = delivery{times: number(first), stream: number(first + 1), consumer: number(first + 2), pending: number(first + 4)}
	if !ok {
		return d, errAckSubject
	}
	return d, nil
}

// maxDigits is how many digits an int64 has at most without overflow.
const maxDigits = 18

func parseInt64(digits []byte) (int64, bool) {
	if len(digits) == 0 || len(digits) > maxDigits {
		return 0, false
	}
	n := int64(0)
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

// A tally checks that a consumer delivers each message once, and in order if it
// has to.
type tally struct {
	ordered bool     // consumer sequences without gaps, stream sequences ascending
	last    delivery // the last message
	count   int64
	seen    marks // sequences in the stream
}

// take enters a message by its reply subject.
func (t *tally) take(reply []byte) error {
	d, err := parseAckSubject(reply)
	if err != nil {
		return fmt.Errorf("%w: %q", err, reply)
	}
	switch {
	case d.stream > maxMark:
		return fmt.Errorf("a stream of %d messages", d.stream)
	case !t.seen.set(d.stream):
		return fmt.Errorf("message %d was delivered twice", d.stream)
	case d.times != 1:
		return fmt.Errorf("the first delivery of message %d counts as number %d", d.stream, d.times)
	case t.ordered && d.consumer != t.last.consumer+1:
		return fmt.Errorf("delivery %d comes after delivery %d", d.consumer, t.last.consumer)
	case t.ordered && d.stream <= t.last.stream:
		return fmt.Errorf("message %d comes after message %d", d.stream, t.last.stream)
	}
	t.last = d
	t.count++
	return nil
}

// marks is a set of small numbers.
type marks []uint64

// maxMark bounds the numbers, so that a set takes 128 MiB at most.
const maxMark = 1 << 30

// set enters n and returns false if it was there already.
func (m *marks) set(n int64) bool {
	word, bit := int(n/64), uint64(1)<<(n%64)
	for word >= len(*m) {
		*m = append(*m, 0)
	}
	if (*m)[word]&bit != 0 {
		return false
	}
	(*m)[word] |= bit
	return true
}
