package loadgen

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

type eventKind uint8

const (
	msgEvent eventKind = iota
	pingEvent
	pongEvent
	okEvent
	errEvent
	infoEvent
)

// An event is one control line, one message, or a run of messages of equal
// size that were not looked at one by one. Its slices are valid until the
// scanner's next call.
type event struct {
	kind    eventKind
	count   int    // messages
	size    int    // payload and header bytes of one message
	text    []byte // argument of a control line
	subject []byte // when the scanner wants addresses
	reply   []byte // when the scanner wants addresses
	status  bool   // the payload starts with a header
	head    []byte // first bytes of the payload, when the scanner wants them
	run     []byte // the frames of a run
}

// maxLine bounds a line of the server; INFO with many connect_urls is the
// longest.
const maxLine = 64 << 10 // bytes

// A scanner cuts a server's stream into events. Payloads that do not fit into
// the buffer are skipped as they arrive, so that its size does not depend on
// theirs; a message is reported when its last byte has arrived.
//
//	buf: | consumed | unread    | free |
//	     0          pos         end
type scanner struct {
	src io.Reader
	buf []byte
	pos int
	end int

	// What the reader wants to know.
	uniform       bool // all messages have frames of one size: count by bytes
	wantAddresses bool // subject and reply of each message
	wantHead      int  // bytes of payload

	// The message whose payload has not arrived as a whole.
	open bool
	skip int // bytes still to come, with the final CR LF
	msg  event

	frame int // bytes of the last frame, the expected size in a run
}

// fill reads once from the source.
func (s *scanner) fill() error {
	if s.pos > 0 {
		s.end = copy(s.buf, s.buf[s.pos:s.end])
		s.pos = 0
	}
	if s.end == len(s.buf) {
		if s.end >= maxLine {
			return errors.New("line too long")
		}
		s.buf = append(s.buf, make([]byte, len(s.buf))...)
	}
	n, err := s.src.Read(s.buf[s.end:])
	s.end += n
	if n > 0 {
		return nil
	}
	return err
}

// next returns false when it needs more data than is there.
func (s *scanner) next(ev *event) bool {
	if s.open {
		return s.finish(ev)
	}
	if s.uniform && s.frame > 0 && s.takeRun(ev) {
		return true
	}
	i := bytes.IndexByte(s.buf[s.pos:s.end], '\n')
	if i < 0 {
		return false
	}
	line := s.buf[s.pos : s.pos+i+1]
	if line[0] == 'M' || line[0] == 'H' {
		return s.message(line, ev)
	}
	s.pos += len(line)
	*ev = event{}
	controlLine(trimEOL(line), ev)
	return true
}

var msgVerb, crlf = []byte("MSG "), []byte("\r\n")

// takeRun takes all whole frames in the buffer at once when the last of them
// stands where frames of the expected size would put it. A control line in
// between shifts it, and the lines are then read one by one.
func (s *scanner) takeRun(ev *event) bool {
	n := (s.end - s.pos) / s.frame
	if n == 0 {
		return false
	}
	run := s.buf[s.pos : s.pos+n*s.frame]
	last := run[len(run)-s.frame:]
	if !bytes.HasPrefix(run, msgVerb) || !bytes.HasPrefix(last, msgVerb) || !bytes.HasSuffix(last, crlf) {
		return false
	}
	*ev = event{kind: msgEvent, count: n, size: s.msg.size, run: run}
	s.pos += len(run)
	return true
}

// message opens the message that line announces.
func (s *scanner) message(line []byte, ev *event) bool {
	m, err := parseMessageLine(line)
	if err != nil {
		*ev = event{kind: errEvent, text: []byte(err.Error())}
		s.pos += len(line)
		return true
	}
	want := min(m.size, s.wantHead)
	if s.end-s.pos < len(line)+want {
		return false
	}
	if s.wantAddresses {
		s.msg.subject = append(s.msg.subject[:0], m.subject...)
		s.msg.reply = append(s.msg.reply[:0], m.reply...)
	}
	s.msg.head = append(s.msg.head[:0], s.buf[s.pos+len(line):][:want]...)
	s.msg.count, s.msg.size, s.msg.status = 1, m.size, line[0] == 'H'
	s.pos += len(line)
	s.open, s.skip, s.frame = true, m.size+2, len(line)+m.size+2
	return s.finish(ev)
}

// finish consumes the rest of the open message.
func (s *scanner) finish(ev *event) bool {
	n := min(s.skip, s.end-s.pos)
	s.skip -= n
	s.pos += n
	if s.skip > 0 {
		return false
	}
	s.open = false
	*ev = s.msg
	return true
}

// parseMessageLine reads `MSG subject sid [reply] size` or
// `HMSG subject sid [reply] header-size size`; the event refers to line.
func parseMessageLine(line []byte) (ev event, err error) {
	sizes := 1
	if line[0] == 'H' {
		sizes = 2
	}
	line = trimEOL(line)
	var fields [6][]byte
	n := 0
	for ; len(line) > 0 && n < len(fields); n++ {
		i := bytes.IndexByte(line, ' ')
		if i < 0 {
			i = len(line)
		}
		fields[n], line = line[:i], line[min(i+1, len(line)):]
	}
	if len(line) > 0 || n < 3+sizes || n > 4+sizes {
		return ev, fmt.Errorf("bad message line with %d fields", n)
	}
	ev.subject = fields[1]
	if n == 4+sizes {
		ev.reply = fields[3]
	}
	var ok bool
	if ev.size, ok = parseInt(fields[n-1]); !ok {
		return ev, fmt.Errorf("bad message size %q", fields[n-1])
	}
	return ev, nil
}

func trimEOL(line []byte) []byte {
	line = line[:len(line)-1]
	return bytes.TrimSuffix(line, []byte{'\r'})
}

func parseInt(digits []byte) (int, bool) {
	if len(digits) == 0 || len(digits) > 9 {
		return 0, false
	}
	n := 0
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}

func controlLine(line []byte, ev *event) {
	verb, rest, _ := bytes.Cut(line, []byte{' '})
	switch string(verb) {
	case "PING":
		ev.kind = pingEvent
	case "PONG":
		ev.kind = pongEvent
	case "+OK":
		ev.kind = okEvent
	case "-ERR":
		ev.kind, ev.text = errEvent, rest
	case "INFO":
		ev.kind, ev.text = infoEvent, rest
	default:
		ev.kind, ev.text = errEvent, fmt.Appendf(nil, "unknown line %.40q", line)
	}
}
