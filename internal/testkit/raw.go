package testkit

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Raw is a protocol session in plain bytes. It reads lines; the payload of a
// message is a line too, as long as the test sends none with line ends in it.
// The server's own PINGs, which come when they like, are passed over and not
// answered, unless ShowPings is set; so no payload line may read PING.
// One goroutine uses it.
type Raw struct {
	tb        testing.TB
	conn      net.Conn
	in        *bufio.Reader
	Info      Info // the greeting
	ShowPings bool
}

// Info is the part of the server's greeting that tests look at. Text is the
// whole line.
type Info struct {
	Text       string
	ServerID   string `json:"server_id"`
	Version    string `json:"version"`
	ClientID   uint64 `json:"client_id"`
	MaxPayload int64  `json:"max_payload"`
	Headers    bool   `json:"headers"`
	LameDuck   bool   `json:"ldm"`
}

// Raw opens a session and reads the greeting.
func (s *Server) Raw(tb testing.TB) *Raw {
	tb.Helper()
	r := s.RawUngreeted(tb)
	r.Info = r.ReadInfo()
	return r
}

// RawUngreeted opens a session and leaves the greeting to the test.
func (s *Server) RawUngreeted(tb testing.TB) *Raw {
	tb.Helper()
	conn, err := net.Dial("tcp", s.Addr())
	if err != nil {
		tb.Fatal("testkit: ", err)
	}
	tb.Cleanup(func() { conn.Close() })
	return &Raw{tb: tb, conn: conn, in: bufio.NewReader(conn)}
}

// Send sends each text as one line.
func (r *Raw) Send(lines ...string) {
	r.tb.Helper()
	r.Write(strings.Join(lines, "\r\n") + "\r\n")
}

// Write sends the bytes as they are.
func (r *Raw) Write(bytes string) {
	r.tb.Helper()
	if err := r.TryWrite(bytes); err != nil {
		r.tb.Fatalf("testkit: send %.60q: %v", bytes, err)
	}
}

// TryWrite sends the bytes as they are, for a test that expects the server to
// hang up in the middle of them.
func (r *Raw) TryWrite(bytes string) error {
	if err := r.conn.SetWriteDeadline(time.Now().Add(Patience)); err != nil {
		return err
	}
	_, err := io.WriteString(r.conn, bytes)
	return err
}

// Line returns the next line without its end.
func (r *Raw) Line() string {
	r.tb.Helper()
	line, err := r.read()
	if err != nil {
		r.tb.Fatalf("testkit: read a line: %v", err)
	}
	return line
}

func (r *Raw) read() (string, error) {
	if err := r.conn.SetReadDeadline(time.Now().Add(Patience)); err != nil {
		return "", err
	}
	for {
		line, err := r.in.ReadString('\n')
		line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
		if line != "PING" || r.ShowPings || err != nil {
			return line, err
		}
	}
}

// ReadInfo returns the next line, which has to be an INFO.
func (r *Raw) ReadInfo() Info {
	r.tb.Helper()
	info := Info{Text: r.Line()}
	text, ok := strings.CutPrefix(info.Text, "INFO ")
	if !ok {
		r.tb.Fatalf("testkit: got %.200q instead of an INFO", info.Text)
	}
	if err := json.Unmarshal([]byte(text), &info); err != nil {
		r.tb.Fatalf("testkit: decode %q: %v", info.Text, err)
	}
	return info
}

// Expect fails the test unless exactly these lines come next.
func (r *Raw) Expect(lines ...string) {
	r.tb.Helper()
	for _, want := range lines {
		if got := r.Line(); got != want {
			r.tb.Fatalf("testkit: got the line %.200q instead of %.200q", got, want)
		}
	}
}

// ExpectMatch fails the test unless the next line as a whole matches the
// pattern.
func (r *Raw) ExpectMatch(pattern string) {
	r.tb.Helper()
	if got := r.Line(); !regexp.MustCompile("^(?:" + pattern + ")$").MatchString(got) {
		r.tb.Fatalf("testkit: got the line %.400q, which does not match %s", got, pattern)
	}
}

// Sync sends a PING and expects its PONG as the very next line: everything
// before it was taken in, and nothing was said about it.
func (r *Raw) Sync() {
	r.tb.Helper()
	r.Send("PING")
	r.Expect("PONG")
}

// ExpectClosed fails the test unless the server hangs up without another word.
func (r *Raw) ExpectClosed() {
	r.tb.Helper()
	line, err := r.read()
	switch {
	case err == nil:
		r.tb.Fatalf("testkit: got the line %.200q instead of the end", line)
	case line != "":
		r.tb.Fatalf("testkit: got %.200q before the end", line)
	case errors.Is(err, os.ErrDeadlineExceeded):
		r.tb.Fatalf("testkit: the server does not hang up")
	case !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET):
		r.tb.Fatalf("testkit: read: %v", err)
	}
}

// ExpectReset is ExpectClosed for a server that hangs up while the test still
// sends: the system may then throw away what the server said last, so that
// lines before the end are read and returned.
func (r *Raw) ExpectReset() []string {
	r.tb.Helper()
	var lines []string
	for {
		line, err := r.read()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			r.tb.Fatalf("testkit: the server does not hang up")
		}
		if err != nil {
			return lines
		}
		lines = append(lines, line)
	}
}

// Close hangs up.
func (r *Raw) Close() {
	r.tb.Helper()
	if err := r.conn.Close(); err != nil {
		r.tb.Fatal("testkit: hang up: ", err)
	}
}

// CloseWrite says that nothing more will be sent and goes on reading.
func (r *Raw) CloseWrite() {
	r.tb.Helper()
	if err := r.conn.(*net.TCPConn).CloseWrite(); err != nil {
		r.tb.Fatal("testkit: end sending: ", err)
	}
}
