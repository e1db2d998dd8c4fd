package wire

import (
	"bytes"
	"fmt"
)

// verb is one row of the protocol.
type verb struct {
	name string // upper case
	verb Verb
	args bool // white space must follow the name
	// parse fills op from the arguments; body is the offset in `in` that follows the line.
	parse func(r *Reader, op *Op, args, in []byte, body int) error
}

// verbs in the order in which they are tried; of those with equal starts the first that fits.
var verbs = [...]verb{
	{"PUB", Pub, true, parsePub},
	{"HPUB", Pub, true, parseHPub},
	{"SUB", Sub, true, parseSub},
	{"UNSUB", Unsub, true, parseUnsub},
	{"PING", Ping, false, parseBare},
	{"PONG", Pong, false, parseBare},
	{"CONNECT", Connect, false, parseDocument},
	{"+OK", Nothing, false, parseBare},
	{"INFO", Info, false, parseDocument},
	{"-ERR", Nothing, true, parsePeerError},
}

// lookUpVerb finds the verb that in starts with, or could start with once it is longer. Names are case
// insensitive.
func lookUpVerb(in []byte) *verb {
	for i := range verbs {
		v := &verbs[i]
		n := min(len(in), len(v.name))
		if equalUpper(in[:n], v.name[:n]) {
			return v
		}
	}
	return nil
}

func equalUpper(in []byte, upper string) bool {
	for i, c := range in {
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		if c != upper[i] {
			return false
		}
	}
	return true
}

func parseBare(r *Reader, _ *Op, _, _ []byte, body int) error { return r.done(body) }

func parsePeerError(_ *Reader, _ *Op, args, _ []byte, _ int) error {
	return &Error{PeerError, "the peer reports " + string(args)}
}

func parseDocument(r *Reader, op *Op, args, _ []byte, body int) error {
	op.Arg = args
	return r.done(body)
}

func parseSub(r *Reader, op *Op, args, _ []byte, body int) error {
	var word [4][]byte
	switch n := split(args, word[:], isBlank); n {
	case 2:
		op.Subject, op.SID = word[0], word[1]
	case 3:
		op.Subject, op.Queue, op.SID = word[0], word[1], word[2]
	default:
		return malformed("SUB wants 2 or 3 arguments: %q", args)
	}
	return r.done(body)
}

func parseUnsub(r *Reader, op *Op, args, _ []byte, body int) error {
	var word [3][]byte
	switch n := split(args, word[:], isBlank); n {
	case 1:
	case 2:
		// Anything that is not a number means "at once", as on the stock server.
		op.Max = max(0, number(word[1]))
	default:
		return malformed("UNSUB wants 1 or 2 arguments: %q", args)
	}
	op.SID = word[0]
	return r.done(body)
}

func parsePub(r *Reader, op *Op, args, in []byte, body int) error {
	var word [4][]byte
	n := split(args, word[:], isSpace)
	if n != 2 && n != 3 {
		return malformed("PUB wants 2 or 3 arguments: %q", args)
	}
	if n == 3 {
		op.Reply = word[1]
	}
	op.Subject = word[0]
	return r.message(op, in, body, noHeader, number(word[n-1]))
}

func parseHPub(r *Reader, op *Op, args, in []byte, body int) error {
	if !r.Headers {
		return malformed("message headers not supported")
	}
	var word [5][]byte
	n := split(args, word[:], isSpace)
	if n != 3 && n != 4 {
		return malformed("HPUB wants 3 or 4 arguments: %q", args)
	}
	if n == 4 {
		op.Reply = word[1]
	}
	op.Subject = word[0]
	header, total := number(word[n-2]), number(word[n-1])
	if header < 0 || header > total {
		return malformed("HPUB with a header of %q bytes in %q", word[n-2], word[n-1])
	}
	if header == 0 {
		header = noHeader
	}
	if err := r.message(op, in, body, header, total); err != nil {
		return err
	}
	if op.Header != nil && canonicalTail(in[:body], op, n) {
		start := len("HPUB ") + len(op.Subject)
		op.Tail = in[start : body+total+2]
	}
	return nil
}

// canonicalTail reports whether the control line of an HPUB with n arguments is made of single spaces
// and a CR LF only.
func canonicalTail(line []byte, op *Op, n int) bool {
	end := len(line) - len("\r\n")
	return !isSpace(line[5]) && !isSpace(line[end-1]) && bytes.IndexByte(line, '\r') == end &&
		bytes.IndexByte(line, '\t') < 0 && bytes.Count(line, []byte(" ")) == n && !bytes.Contains(line, []byte("  "))
}

// noHeader is the size of the header block where there is none.
const noHeader = -1

// message takes header and payload, total bytes that start at body, and the line end behind them.
func (r *Reader) message(op *Op, in []byte, body, header, total int) error {
	if total < 0 {
		return malformed("bad message size in %q", in[:body])
	}
	if total > r.MaxPayload {
		return &Error{PayloadTooBig, fmt.Sprintf("maximum payload exceeded: %d vs %d", total, r.MaxPayload)}
	}
	end := body + total
	if len(in) < end+2 {
		r.need = end + 2
		return ErrShort
	}
	if in[end] != '\r' || in[end+1] != '\n' {
		return unknownOperation(in[end : end+2])
	}
	if header != noHeader {
		op.Header = in[body : body+header : body+header]
		body += header
	}
	op.Payload = in[body:end:end]
	return r.done(end + 2)
}

// isBlank is isSpace for SUB and UNSUB, where a carriage return parts words, too.
func isBlank(c byte) bool { return isSpace(c) || c == '\r' }

// split cuts args at white space into at most len(words) words; it returns how many there are, or
// len(words) when there are more.
func split(args []byte, words [][]byte, isSpace func(byte) bool) int {
	n := 0
	for i := 0; i < len(args); {
		for i < len(args) && isSpace(args[i]) {
			i++
		}
		start := i
		for i < len(args) && !isSpace(args[i]) {
			i++
		}
		if start == i {
			break
		}
		if n == len(words) {
			return n
		}
		words[n] = args[start:i:i]
		n++
	}
	return n
}

// maxDigits is how long a number may be, as on the stock server; it bounds what trailingNumber reads.
const maxDigits = 9

// number reads a decimal number without sign; -1 when it is none or too long.
func number(b []byte) int {
	if len(b) == 0 || len(b) > maxDigits {
		return -1
	}
	n := 0
	for _, c := range b {
		if c < '0' || c > '9' {
			return -1
		}
		n = n*10 + int(c-'0')
	}
	return n
}
