package wire

import (
	"bytes"
	"errors"
	"fmt"
)

// ErrShort says that the window ends inside of an operation; more input is needed.
var ErrShort = errors.New("operation is not complete")

// Reader cuts a stream of bytes into operations.
type Reader struct {
	// MaxControlLine bounds the arguments of an operation, in bytes.
	MaxControlLine int
	// MaxPayload bounds header and payload of a message, in bytes.
	MaxPayload int
	// Headers allows HPUB.
	Headers bool

	in   []byte // the window
	pos  int    // start of the next operation in the window
	need int    // bytes from pos that the operation there takes at the least, once known
}

// Feed gives the reader its next window, which starts with what Rest returned and holds more.
// The window must stay untouched while slices of an Op are in use.
func (r *Reader) Feed(window []byte) { r.in, r.pos = window, 0 }

// Rest is the part of the window that no operation has been made of yet.
func (r *Reader) Rest() []byte { return r.in[r.pos:] }

// Need is the number of bytes that the incomplete operation at the start of Rest takes at the least;
// 0 while that is not known.
func (r *Reader) Need() int { return r.need }

// Next reads the next operation of the window into op. It returns ErrShort at the end of the window, and
// an *Error when the peer broke the protocol, after which the reader must not be used again.
func (r *Reader) Next(op *Op) error {
	in := r.in[r.pos:]
	if len(in) < r.need || len(in) == 0 {
		return ErrShort
	}
	if len(in) > 4 && string(in[:4]) == "PUB " {
		if ok, err := r.quickPub(in, op); ok || err != nil {
			return err
		}
	}
	v := lookUpVerb(in)
	if v == nil {
		return unknownOperation(in)
	}
	end := bytes.IndexByte(in, '\n')
	if end < 0 {
		return r.incompleteLine(v, in)
	}
	if end < len(v.name) {
		return unknownOperation(in)
	}
	args, err := r.arguments(v, bytes.TrimSuffix(in[:end], []byte("\r")))
	if err != nil {
		return err
	}
	*op = Op{Verb: v.verb}
	return v.parse(r, op, args, in, end+1)
}

// incompleteLine says whether a line that has not ended yet may still become a good one.
func (r *Reader) incompleteLine(v *verb, in []byte) error {
	if len(in) <= len(v.name) {
		return ErrShort
	}
	if _, err := r.arguments(v, bytes.TrimSuffix(in, []byte("\r"))); err != nil {
		return err
	}
	return ErrShort
}

// arguments returns what stands between the verb and the end of the line, without white space around it.
// White space counts too, but less, or a line of nothing else would never be too long.
func (r *Reader) arguments(v *verb, line []byte) ([]byte, error) {
	args := line[len(v.name):]
	if v.args && (len(args) == 0 || !isSpace(args[0])) {
		return nil, unknownOperation(line)
	}
	padded := len(args)
	args = bytes.Trim(args, " \t")
	if len(args) > r.MaxControlLine || padded > 2*r.MaxControlLine {
		return nil, &Error{LineTooLong, fmt.Sprintf("control line of more than %d bytes", r.MaxControlLine)}
	}
	return args, nil
}

// done completes an operation that ends at the given offset from its start.
func (r *Reader) done(length int) error {
	r.pos += length
	r.need = 0
	return nil
}

// quickPub parses the common form of a publish: upper case, single spaces, CR LF. It reports false when
// the operation has another form (or is not complete), which is left to the general way.
func (r *Reader) quickPub(in []byte, op *Op) (bool, error) {
	end := bytes.IndexByte(in, '\n')
	if end < len("PUB s 0\r") || in[end-1] != '\r' {
		return false, nil
	}
	args := in[len("PUB ") : end-1]
	space := bytes.IndexByte(args, ' ')
	if space <= 0 || len(args) > r.MaxControlLine {
		return false, nil
	}
	tail := args[space+1:]
	size, digits := trailingNumber(tail)
	if digits == 0 || size > r.MaxPayload || bytes.IndexByte(args, '\t') >= 0 {
		return false, nil
	}
	var reply []byte
	if n := len(tail) - digits; n > 0 {
		if n == 1 || tail[n-1] != ' ' || bytes.IndexByte(tail[:n-1], ' ') >= 0 {
			return false, nil
		}
		reply = tail[:n-1]
	}
	start := end + 1
	total := start + size + 2
	if len(in) < total {
		r.need = total
		return true, ErrShort
	}
	if in[total-2] != '\r' || in[total-1] != '\n' {
		return true, unknownOperation(in[start+size : total])
	}
	op.Verb = Pub
	op.Subject, op.Reply, op.Header = args[:space:space], reply, nil
	op.Payload = in[start : start+size : start+size]
	op.Tail = in[len("PUB ")+space : total : total]
	r.pos += total
	r.need = 0
	return true, nil
}

// trailingNumber reads the decimal number at the end of b and how many digits it has; 0 and 0 where there
// is none, or one of more than maxDigits.
func trailingNumber(b []byte) (n, digits int) {
	scale := 1
	for i := len(b) - 1; i >= 0 && b[i] >= '0' && b[i] <= '9'; i-- {
		if digits == maxDigits {
			return 0, 0
		}
		n += int(b[i]-'0') * scale
		scale *= 10
		digits++
	}
	return n, digits
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' }

func malformed(format string, args ...any) error {
	return &Error{Malformed, fmt.Sprintf(format, args...)}
}

// unknownOperation quotes the start of what could not be understood.
func unknownOperation(in []byte) error {
	const quoted = 32
	return &Error{UnknownOperation, fmt.Sprintf("unknown protocol operation %q", in[:min(len(in), quoted)])}
}
