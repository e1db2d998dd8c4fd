package nats

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"myelin/internal/clock"
	"myelin/internal/pki"
)

// protection is a certificate for a listener, and a client's configuration that trusts it alone.
func protection(t *testing.T) (*TLS, *tls.Config) {
	t.Helper()
	authority, err := pki.New("authority")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := authority.Issue(pki.Request{Name: "server", Hosts: []string{"localhost"}, Server: true})
	if err != nil {
		t.Fatal(err)
	}
	cert, err := pair.TLS()
	if err != nil {
		t.Fatal(err)
	}
	return &TLS{Config: &tls.Config{Certificates: []tls.Certificate{cert}}, Timeout: patience},
		&tls.Config{RootCAs: authority.Pool(), ServerName: "localhost"}
}

// secure connects with TLS after the greeting.
func secure(t *testing.T, l *Listener, config *tls.Config) (*client, error) {
	t.Helper()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	for b := []byte{0}; b[0] != '\n'; {
		if _, err := conn.Read(b); err != nil {
			t.Fatal(err)
		}
	}
	secured := tls.Client(conn, config)
	c := &client{t, secured, bufio.NewReaderSize(secured, 64<<10)}
	if err := secured.Handshake(); err != nil {
		return c, err
	}
	c.send(quiet)
	return c, nil
}

// Who comes after the protection was exchanged meets the new certificate; who was there stays.
func TestTLSIsExchanged(t *testing.T) {
	l := start(t, testLimits())
	first, trustsFirst := protection(t)
	second, trustsSecond := protection(t)
	plain := dial(t, l)
	plain.sync()
	l.SetTLS(first)
	early, err := secure(t, l, trustsFirst)
	if err != nil {
		t.Fatal(err)
	}
	early.sync()
	l.SetTLS(second)
	if _, err := secure(t, l, trustsFirst); err == nil {
		t.Fatal("the old certificate is still shown")
	}
	late, err := secure(t, l, trustsSecond)
	if err != nil {
		t.Fatal(err)
	}
	late.send("SUB x 1\r\n")
	late.sync()
	l.SetTLS(nil)
	dial(t, l).sync()
	early.send("PUB x 2\r\nhi\r\n")
	early.sync()
	plain.sync()
	if line, payload := late.frame(); line != "MSG x 1 2" || payload != "hi" {
		t.Fatalf("%q %q", line, payload)
	}
}

// Messages of all sizes arrive whole and in order, in both directions at once, though the receiver is slow at first.
func TestTLSCarriesMessages(t *testing.T) {
	l := start(t, testLimits())
	protected, trusts := protection(t)
	l.SetTLS(protected)
	c, err := secure(t, l, trusts)
	if err != nil {
		t.Fatal(err)
	}
	c.send("SUB x 1\r\n")
	c.sync()
	const rounds = 300
	sizes := []int{0, 1, 100, 4 << 10, 16 << 10, 64 << 10, 300 << 10}
	sent := make(chan error, 1)
	go func() {
		for i := range rounds {
			size := sizes[i%len(sizes)]
			_, err := fmt.Fprintf(c.Conn, "PUB x %d\r\n%s\r\n", size, bytes.Repeat([]byte{byte('a' + i%26)}, size))
			if err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	for i := range rounds {
		size := sizes[i%len(sizes)]
		line, payload := c.frame()
		if line != fmt.Sprintf("MSG x 1 %d", size) || payload != strings.Repeat(string(rune('a'+i%26)), size) {
			t.Fatalf("message %d: %q", i, line)
		}
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
}

// The end of the listener does not wait for handshakes, however much time they have, nor for who may still begin one.
func TestCloseEndsHandshakes(t *testing.T) {
	for _, change := range []func(*TLS){
		func(*TLS) {},
		func(s *TLS) { s.First = true },
		func(s *TLS) { s.First, s.Fallback = true, time.Hour },
		func(s *TLS) { s.Optional = true },
	} {
		l := start(t, testLimits())
		protected, _ := protection(t)
		protected.Timeout = time.Hour
		change(protected)
		l.SetTLS(protected)
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		for l.opt.Registry.Len() == 0 {
			clock.Real{}.Sleep(time.Millisecond)
		}
		l.StopAccepting()
		l.Close()
		if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		var timeout net.Error
		if _, err := io.Copy(io.Discard, conn); errors.As(err, &timeout) && timeout.Timeout() {
			t.Fatal("the connection is still there")
		}
		conn.Close()
	}
}

// So many handshakes may begin in a second, and what was refused is told once within it.
func TestRate(t *testing.T) {
	clk := clock.NewFake(time.Unix(0, 0))
	var r rate
	told := &warnings{}
	admitted := func(n int) (count int) {
		for range n {
			if r.admit(3, clk, told) {
				count++
			}
		}
		return count
	}
	if !r.admit(0, clk, told) {
		t.Error("without a limit one is refused")
	}
	if got := admitted(5); got != 3 {
		t.Errorf("%d in the first second", got)
	}
	clk.Advance(999 * time.Millisecond)
	if got := admitted(1); got != 0 || len(told.lines) != 0 {
		t.Errorf("%d at its end, told %q", got, told.lines)
	}
	clk.Advance(time.Millisecond)
	if got := admitted(4); got != 3 {
		t.Errorf("%d in the next second", got)
	}
	clk.Advance(time.Second)
	want := []string{"Rejected 3 connections due to TLS rate limiting", "Rejected 1 connections due to TLS rate limiting"}
	if strings.Join(told.lines, "\n") != strings.Join(want, "\n") {
		t.Errorf("told %q, want %q", told.lines, want)
	}
}

// warnings is a Logger that keeps them.
type warnings struct {
	silent
	lines []string
}

func (w *warnings) Warnf(format string, args ...any) {
	w.lines = append(w.lines, fmt.Sprintf(format, args...))
}
