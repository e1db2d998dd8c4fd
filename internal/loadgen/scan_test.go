package loadgen

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
)

// pieces is a reader that hands out its pieces one by one.
type pieces [][]byte

func (p *pieces) Read(b []byte) (int, error) {
	if len(*p) == 0 {
		return 0, io.EOF
	}
	n := copy(b, (*p)[0])
	if (*p)[0] = (*p)[0][n:]; len((*p)[0]) == 0 {
		*p = (*p)[1:]
	}
	return n, nil
}

// scanAll describes everything that s finds until its source ends.
func scanAll(t *testing.T, s *scanner) []string {
	t.Helper()
	var found []string
	for {
		var ev event
		for s.next(&ev) {
			switch ev.kind {
			case msgEvent:
				for range ev.count {
					found = append(found, fmt.Sprintf("msg %s %s %d %q", ev.subject, ev.reply, ev.size, ev.head))
				}
			default:
				found = append(found, fmt.Sprintf("%d %s", ev.kind, ev.text))
			}
		}
		if err := s.fill(); err == io.EOF {
			return found
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// A stream is understood the same wherever the network cuts it, also when
// payloads are larger than the buffer.
func TestScannerCutsAnywhere(t *testing.T) {
	large := strings.Repeat("MSG x 1 0\r\n", 40)
	stream := "INFO {\"a\": 1}\r\nPING\r\nMSG a.b 12 5\r\nhello\r\nMSG a 1 in.box 0\r\n\r\n+OK\r\n" +
		"HMSG a.c 7 in.box 12 17\r\nNATS/1.0\r\n\r\nhello\r\nPONG\r\nMSG big 1 " + fmt.Sprint(len(large)) + "\r\n" + large + "\r\n" +
		"-ERR 'Stale Connection'\r\n"
	want := []string{
		`5 {"a": 1}`, `1 `, `msg a.b  5 "hello"`, `msg a in.box 0 ""`, `3 `, `msg a.c in.box 17 "NATS/1.0\r\n\r\nhello"`, `2 `,
		fmt.Sprintf("msg big  %d %q", len(large), large[:20]), `4 'Stale Connection'`,
	}
	for cut := range len(stream) {
		source := &pieces{[]byte(stream[:cut]), []byte(stream[cut:])}
		s := &scanner{src: source, buf: make([]byte, 64), wantAddresses: true, wantHead: 20}
		if cut == 0 {
			*source = (*source)[1:]
		}
		if got := scanAll(t, s); !slices.Equal(got, want) {
			t.Fatalf("cut at %d:\ngot  %q\nwant %q", cut, got, want)
		}
	}
}

// Frames of one size are counted by bytes, and a control line among them is
// neither lost nor counted.
func TestScannerCountsUniformFrames(t *testing.T) {
	frame := "MSG bench.load 1 16\r\nxxxxxxxxxxxxxxxx\r\n"
	for at := range 50 {
		stream := []byte(strings.Repeat(frame, at) + "PING\r\n" + strings.Repeat(frame, 50-at))
		for _, size := range []int{len(frame), 100, 333, 4096} {
			s := &scanner{src: bytes.NewReader(stream), buf: make([]byte, size), uniform: true}
			got := scanAll(t, s)
			pings := slices.Index(got, "1 ")
			if len(got) != 51 || pings != at {
				t.Fatalf("buffer of %d: %d events, PING as number %d instead of %d", size, len(got), pings, at)
			}
		}
	}
}

func TestScannerReportsNonsense(t *testing.T) {
	for _, line := range []string{"MSG a 1\r\n", "MSG a 1 b c 5\r\n", "MSG a 1 -5\r\n", "MSG a 1 5000000000\r\n", "HMSG a 1 5\r\n", "WHAT\r\n", "\n", "M\n"} {
		s := &scanner{src: strings.NewReader(line), buf: make([]byte, 64)}
		got := scanAll(t, s)
		if len(got) != 1 || !strings.HasPrefix(got[0], fmt.Sprint(errEvent)) {
			t.Errorf("%q is taken as %q", line, got)
		}
	}
}

func TestScannerBoundsLines(t *testing.T) {
	s := &scanner{src: strings.NewReader(strings.Repeat("x", 2*maxLine)), buf: make([]byte, 1024)}
	var err error
	for err == nil {
		err = s.fill()
	}
	if err == io.EOF {
		t.Error("an endless line was read to its end")
	}
}
