package wire

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func newReader() *Reader {
	return &Reader{MaxControlLine: 64, MaxPayload: 32, Headers: true}
}

// show writes an operation the way the tables below do.
func show(op *Op) string {
	switch op.Verb {
	case Connect:
		return fmt.Sprintf("connect %s", op.Arg)
	case Ping:
		return "ping"
	case Pong:
		return "pong"
	case Info:
		return fmt.Sprintf("info %s", op.Arg)
	case Nothing:
		return "nothing"
	case Sub:
		return fmt.Sprintf("sub %s|%s|%s", op.Subject, op.Queue, op.SID)
	case Unsub:
		return fmt.Sprintf("unsub %s|%d", op.SID, op.Max)
	}
	header := "-"
	if op.Header != nil {
		header = fmt.Sprintf("%q", op.Header)
	}
	return fmt.Sprintf("pub %s|%s|%s|%q", op.Subject, op.Reply, header, op.Payload)
}

// readAll reads a stream that arrives in pieces of the given size.
func readAll(stream string, piece int) (ops []string, err error) {
	r := newReader()
	var window []byte
	for len(stream) > 0 || len(window) > 0 {
		n := min(piece, len(stream))
		window = append(bytes.Clone(window), stream[:n]...)
		stream = stream[n:]
		r.Feed(window)
		var op Op
		for err = r.Next(&op); err == nil; err = r.Next(&op) {
			ops = append(ops, show(&op))
		}
		window = r.Rest()
		if !errors.Is(err, ErrShort) || (n == 0 && len(window) > 0) {
			return ops, err
		}
	}
	return ops, nil
}

// What each operation means, and that neither case nor white space matters, nor where the stream is cut.
func TestOperations(t *testing.T) {
	for _, row := range []struct{ in, want string }{
		{"PING\r\n", "ping"}, {"ping\n", "ping"}, {"PING  \r\n", "ping"}, {"PONG\r\n", "pong"},
		{"+OK\r\n", "nothing"}, {"INFO {}\r\n", "info {}"},
		{"CONNECT {\"a\":1}\r\n", `connect {"a":1}`}, {"CONNECT\r\n", "connect "},
		{"SUB a 1\r\n", "sub a||1"}, {"sub\ta.b  q\t7 \r\n", "sub a.b|q|7"}, {"SUB a\r1\r\r\n", "sub a||1"},
		{"UNSUB 1\r\n", "unsub 1|0"}, {"UNSUB 1 5\r\n", "unsub 1|5"}, {"UNSUB 1 x\r\n", "unsub 1|0"}, {"UNSUB 1 -1\r\n", "unsub 1|0"},
		{"PUB a 0\r\n\r\n", `pub a||-|""`}, {"PUB a 5\r\nhello\r\n", `pub a||-|"hello"`},
		{"PUB a\rr 2\r\nhi\r\n", "pub a\rr||-|\"hi\""}, {"PUB a r 2\r\n\r\n\r\n", `pub a|r|-|"\r\n"`}, {"pub  a\tr  005 \nhello\r\n", `pub a|r|-|"hello"`},
		{"HPUB a 12 17\r\nNATS/1.0\r\n\r\nhello\r\n", `pub a||"NATS/1.0\r\n\r\n"|"hello"`},
		{"HPUB a r 0 1\r\nx\r\n", `pub a|r|-|"x"`},
		{"HPUB  a  12  12\r\nNATS/1.0\r\n\r\n\r\n", `pub a||"NATS/1.0\r\n\r\n"|""`},
		{"PUB a 1\r\nx\r\nPING\r\nPUB b 1\r\ny\r\n", `pub a||-|"x";ping;pub b||-|"y"`},
	} {
		for piece := 1; piece <= len(row.in); piece++ {
			got, err := readAll(row.in, piece)
			if err != nil || strings.Join(got, ";") != row.want {
				t.Errorf("%q in pieces of %d: %q, %v; want %q", row.in, piece, got, err, row.want)
			}
		}
	}
}

// What breaks the protocol, found at the same operation wherever the stream is cut.
func TestViolations(t *testing.T) {
	long := strings.Repeat("a", 100)
	for _, row := range []struct {
		in   string
		want ErrorKind
	}{
		{"FOO", UnknownOperation}, {"\r\n", UnknownOperation}, {"PUX", UnknownOperation}, {"SUB\r\n", UnknownOperation},
		{"PUB\r\n", UnknownOperation}, {"UNSUB\r\n", UnknownOperation}, {"MSG a 1 0\r\n\r\n", UnknownOperation},
		{"SUB\rx 1\r\n", UnknownOperation}, {"-ERR\r\n", UnknownOperation}, {"PUB a 2\r\r\nhi\r\n", Malformed},
		{"PUB a 1\r\nxyz", UnknownOperation}, {"PUB a 0\r\n\n\n", UnknownOperation},
		{"-ERR 'x'\r\n", PeerError},
		{"SUB a\r\n", Malformed}, {"SUB a b c d\r\n", Malformed}, {"UNSUB 1 2 3\r\n", Malformed},
		{"PUB a\r\n", Malformed}, {"PUB a b c 1\r\n", Malformed}, {"PUB a x\r\n", Malformed}, {"PUB a -1\r\n", Malformed},
		{"PUB a 99999999999999999999\r\n", Malformed}, {"PUB a 4294967297\r\n", Malformed},
		{"PUB a 0000000001\r\n", Malformed}, {"HPUB a 0000000002 0000000021\r\n", Malformed},
		{"HPUB a 3 2\r\n", Malformed}, {"HPUB a x 2\r\n", Malformed}, {"HPUB a 2\r\n", Malformed}, {"HPUB a -1 2\r\n", Malformed},
		{"PUB a 33\r\n", PayloadTooBig}, {"PUB a r 33\r\n", PayloadTooBig}, {"HPUB a 1 33\r\n", PayloadTooBig},
		{"SUB " + long + " 1\r\n", LineTooLong}, {"SUB " + long, LineTooLong}, {"PUB " + long + " 1\r\n", LineTooLong},
		{"PING" + strings.Repeat(" ", 200), LineTooLong}, {"CONNECT {" + long, LineTooLong},
	} {
		for piece := 1; piece <= len(row.in); piece++ {
			_, err := readAll(row.in, piece)
			var violation *Error
			if !errors.As(err, &violation) || violation.Kind != row.want {
				t.Errorf("%q in pieces of %d: %v, want kind %d", row.in, piece, err, row.want)
				break
			}
		}
	}
}

func TestTooBigSaysHowMuch(t *testing.T) {
	if _, err := readAll("PUB a 33\r\n", 10); err == nil || err.Error() != "maximum payload exceeded: 33 vs 32" {
		t.Error(err)
	}
}

func TestHeadersMustBeAllowed(t *testing.T) {
	r := newReader()
	r.Headers = false
	r.Feed([]byte("HPUB a 12 12\r\nNATS/1.0\r\n\r\n\r\n"))
	var violation *Error
	if err := r.Next(new(Op)); !errors.As(err, &violation) || violation.Kind != Malformed {
		t.Fatal(err)
	}
}

// An incomplete message tells how much it needs, so that a buffer can be made to fit.
func TestNeed(t *testing.T) {
	r := newReader()
	r.Feed([]byte("PING\r\nPUB a 20\r\nxx"))
	var op Op
	if err := r.Next(&op); err != nil {
		t.Fatal(err)
	}
	if err := r.Next(&op); !errors.Is(err, ErrShort) || r.Need() != len("PUB a 20\r\n")+22 {
		t.Fatal(err, r.Need())
	}
}

// frame builds the frame of a delivery twice, from the parts and from Tail, which must agree.
func frame(t *testing.T, op *Op, sid string) []byte {
	built := AppendTail(AppendHead(nil, op.Subject, sid, op.Header != nil), op.Reply, op.Header, op.Payload)
	if op.Tail != nil {
		quick := append(AppendHead(nil, op.Subject, sid, op.Header != nil), op.Tail...)
		if n, content := MeasureFrame(quick); n != len(quick) || content != len(op.Header)+len(op.Payload) {
			t.Errorf("frame %q is measured as %d and %d", quick, n, content)
		}
		if !bytes.Equal(built, quick) && !bytes.Contains(op.Tail[:bytes.IndexByte(op.Tail, '\n')], []byte(" 0")) {
			t.Errorf("frame from tail is %q, from parts %q", quick, built)
		}
	}
	if n, content := MeasureFrame(built); n != len(built) || content != len(op.Header)+len(op.Payload) {
		t.Errorf("frame %q is measured as %d and %d", built, n, content)
	}
	if subject, reply, header, payload := ParseFrame(built); !bytes.Equal(subject, op.Subject) || !bytes.Equal(reply, op.Reply) ||
		!bytes.Equal(header, op.Header) || !bytes.Equal(payload, op.Payload) {
		t.Errorf("frame %q is parsed as %q %q %q %q", built, subject, reply, header, payload)
	}
	if bound := FrameBound(len(op.Subject), len(sid), len(op.Reply), len(op.Header), len(op.Payload)); len(built) > bound {
		t.Errorf("frame of %d bytes, bound is %d", len(built), bound)
	}
	return built
}

func TestFrames(t *testing.T) {
	for _, row := range []struct {
		in, want string
		tail     bool
	}{
		{"PUB a 5\r\nhello\r\n", "MSG a 9 5\r\nhello\r\n", true},
		{"PUB a r 0\r\n\r\n", "MSG a 9 r 0\r\n\r\n", true},
		{"pub a r 0\r\n\r\n", "MSG a 9 r 0\r\n\r\n", false},
		{"PUB  a 5\r\nhello\r\n", "MSG a 9 5\r\nhello\r\n", false},
		{"HPUB a r 12 13\r\nNATS/1.0\r\n\r\nx\r\n", "HMSG a 9 r 12 13\r\nNATS/1.0\r\n\r\nx\r\n", true},
		{"HPUB a  12 13\r\nNATS/1.0\r\n\r\nx\r\n", "HMSG a 9 12 13\r\nNATS/1.0\r\n\r\nx\r\n", false},
	} {
		r := newReader()
		r.Feed([]byte(row.in))
		var op Op
		if err := r.Next(&op); err != nil {
			t.Fatal(row.in, err)
		}
		if got := frame(t, &op, "9"); string(got) != row.want || (op.Tail != nil) != row.tail {
			t.Errorf("%q became %q (tail %v)", row.in, got, op.Tail != nil)
		}
	}
	if got := AppendError(nil, "Invalid Subject"); string(got) != "-ERR 'Invalid Subject'\r\n" {
		t.Errorf("%q", got)
	}
	if got := AppendInfo(nil, []byte("{}")); string(got) != "INFO {} \r\n" {
		t.Errorf("%q", got)
	}
}

// Whatever the bytes are: no panic, progress, slices inside of the window, the same operations wherever
// the stream is cut, and a frame that says what the operation said.
func FuzzReader(f *testing.F) {
	for _, seed := range []string{
		"PUB a 5\r\nhello\r\n", "HPUB a r 12 13\r\nNATS/1.0\r\n\r\nx\r\nPING\r\n", "SUB a.* q 1\r\nUNSUB 1 3\r\n",
		"CONNECT {}\r\npub\ta  0\n\r\n", "PUB a 99999999999\r\n", "hpub a 0 0\r\n\r\n", "-ERR 'x'\r\n", "PUB a 007\r\n1234567\r\n",
	} {
		f.Add(seed, 3)
	}
	f.Fuzz(func(t *testing.T, stream string, piece int) {
		if len(stream) > 1<<10 {
			return
		}
		whole, wholeErr := readAll(stream, len(stream)+1)
		cut, cutErr := readAll(stream, 1+abs(piece)%7)
		if strings.Join(whole, ";") != strings.Join(cut, ";") || kindOf(wholeErr) != kindOf(cutErr) {
			t.Fatalf("whole: %q %v; cut: %q %v", whole, wholeErr, cut, cutErr)
		}
		r := newReader()
		r.Feed([]byte(stream))
		var op Op
		for r.Next(&op) == nil {
			if op.Verb == Pub {
				frame(t, &op, "9")
			}
		}
	})
}

func abs(n int) int { return max(n, -(n + 1)) }

func kindOf(err error) ErrorKind {
	var violation *Error
	if errors.As(err, &violation) {
		return violation.Kind
	}
	return 0
}

func BenchmarkReader(b *testing.B) {
	window := bytes.Repeat([]byte("PUB bench.subject 16\r\n0123456789abcdef\r\n"), 1000)
	r := &Reader{MaxControlLine: 4096, MaxPayload: 1 << 20}
	var op Op
	for i := 0; b.Loop(); i++ {
		if i%1000 == 0 {
			r.Feed(window)
		}
		if err := r.Next(&op); err != nil {
			b.Fatal(err)
		}
	}
}
