package hostile

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"myelin/internal/testkit"
)

// quiet is a CONNECT that asks for no +OK, and for headers.
const quiet = `CONNECT {"verbose":false,"pedantic":false,"headers":true}` + "\r\n"

// peer is one connection in plain bytes. Its messages may hold any bytes, and
// its methods return errors, so that crowds of goroutines may use peers. One
// goroutine reads and one sends at a time.
type peer struct {
	net.Conn
	in  *bufio.Reader
	cid uint64
}

// knock opens a connection, whether or not the server takes it.
func (a *arena) knock() (*peer, error) {
	conn, err := net.Dial("tcp", a.Addr())
	if err != nil {
		return nil, err
	}
	return &peer{Conn: conn, in: bufio.NewReader(conn)}, nil
}

// dial opens a connection and reads the greeting.
func (a *arena) dial() (*peer, error) {
	p, err := a.knock()
	if err != nil {
		return nil, err
	}
	line, _, err := p.next()
	if err != nil {
		p.Close()
		return nil, fmt.Errorf("read the greeting: %w", err)
	}
	var info struct {
		ClientID uint64 `json:"client_id"`
	}
	if err := json.Unmarshal([]byte(strings.TrimPrefix(line, "INFO ")), &info); err != nil {
		p.Close()
		return nil, fmt.Errorf("the greeting %q: %w", line, err)
	}
	p.cid = info.ClientID
	return p, nil
}

// join opens a quiet session that begins with these operations, for the test's
// own goroutine. The connection is closed when the test ends.
func (a *arena) join(operations string) *peer {
	a.t.Helper()
	return a.intrude(quiet + operations)
}

// intrude is join for a session that begins with just these bytes.
func (a *arena) intrude(first string) *peer {
	a.t.Helper()
	p, err := a.dial()
	if err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(func() { p.Close() })
	a.send(p, first)
	return p
}

// send is peer.send for the test's own goroutine.
func (a *arena) send(p *peer, text string) {
	a.t.Helper()
	if err := p.send(text); err != nil {
		a.t.Fatal(err)
	}
}

// expect fails the test unless these lines come next, none of which is a
// message.
func (a *arena) expect(p *peer, lines ...string) {
	a.t.Helper()
	for _, want := range lines {
		got, _, err := p.next()
		if err != nil {
			a.t.Fatalf("%v instead of %q", err, want)
		}
		if got != want {
			a.t.Fatalf("got %.200q instead of %.200q", got, want)
		}
	}
}

// expectEnd fails the test unless the server hangs up without another word.
func (a *arena) expectEnd(p *peer) {
	a.t.Helper()
	switch line, _, err := p.next(); {
	case err == nil:
		a.t.Fatalf("got %.200q instead of the end", line)
	case errors.Is(err, os.ErrDeadlineExceeded):
		a.t.Fatalf("the server does not hang up")
	}
}

// send sends the text as it is.
func (p *peer) send(text string) error {
	if err := p.SetWriteDeadline(time.Now().Add(testkit.Patience)); err != nil {
		return err
	}
	if _, err := io.WriteString(p, text); err != nil {
		return fmt.Errorf("send %.40q: %w", text, err)
	}
	return nil
}

// next returns what the server says next: a line without its end and, if the
// line is a message's, what the message holds. PINGs are answered and passed
// over.
func (p *peer) next() (line string, content []byte, err error) {
	if err := p.SetReadDeadline(time.Now().Add(testkit.Patience)); err != nil {
		return "", nil, err
	}
	for {
		line, err := p.in.ReadString('\n')
		if err != nil {
			return "", nil, fmt.Errorf("read a line: %w", err)
		}
		line = strings.TrimSuffix(line, "\r\n")
		if line == "PING" {
			if err := p.send("PONG\r\n"); err != nil {
				return "", nil, err
			}
			continue
		}
		if !strings.HasPrefix(line, "MSG ") && !strings.HasPrefix(line, "HMSG ") {
			return line, nil, nil
		}
		content, err := p.content(line)
		return line, content, err
	}
}

// content reads what the message with this line holds.
func (p *peer) content(line string) ([]byte, error) {
	size, err := strconv.Atoi(line[strings.LastIndexByte(line, ' ')+1:])
	if err != nil {
		return nil, fmt.Errorf("the size in %.200q: %w", line, err)
	}
	content := make([]byte, size+2)
	if _, err := io.ReadFull(p.in, content); err != nil {
		return nil, fmt.Errorf("read the message of %.200q: %w", line, err)
	}
	content, ended := bytes.CutSuffix(content, []byte("\r\n"))
	if !ended {
		return nil, fmt.Errorf("the message of %.200q does not end where it should", line)
	}
	return content, nil
}

// expectMessage returns an error unless this message comes next.
func (p *peer) expectMessage(line, content string) error {
	gotLine, got, err := p.next()
	switch {
	case err != nil:
		return err
	case gotLine != line:
		return fmt.Errorf("got %.200q instead of %.200q", gotLine, line)
	case string(got) != content:
		return fmt.Errorf("%.200q holds %.100q instead of %.100q", line, got, content)
	}
	return nil
}

// readUntil passes over everything up to the line.
func (p *peer) readUntil(line string) error {
	for {
		if got, _, err := p.next(); err != nil || got == line {
			return err
		}
	}
}

// drain reads until the other side hangs up.
func (p *peer) drain() error {
	if err := p.SetReadDeadline(time.Now().Add(testkit.Patience)); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, p.in); errors.Is(err, os.ErrDeadlineExceeded) {
		return errors.New("the server does not hang up")
	}
	return nil
}

// reset hangs up the hard way: what is under way is thrown away.
func (p *peer) reset() error {
	if err := p.Conn.(*net.TCPConn).SetLinger(0); err != nil {
		return err
	}
	return p.Close()
}

// crowd runs do for each number below count, in so many goroutines, and fails
// the test with the first error.
func (a *arena) crowd(goroutines, count int, do func(i int) error) {
	a.t.Helper()
	numbers, errs := make(chan int), make(chan error, goroutines)
	var crew sync.WaitGroup
	for range goroutines {
		crew.Go(func() {
			for i := range numbers {
				if err := do(i); err != nil {
					errs <- fmt.Errorf("attacker %d: %w", i, err)
					for range numbers {
					}
					return
				}
			}
		})
	}
	for i := range count {
		numbers <- i
	}
	close(numbers)
	crew.Wait()
	select {
	case err := <-errs:
		a.t.Fatal(err)
	default:
	}
}
