package hostile

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"myelin/internal/testkit"
)

// A crowd that guesses passwords, each of which takes the server some work to compare, is slowed down: its address gets no
// more than so many answers a second. Meanwhile somebody logs in from another address at once, and messages flow.
func TestLoginFlood(t *testing.T) {
	const (
		guesses = 200
		burst   = 64 // refusals that one address gets without waiting, and then each second
	)
	// The password is good.
	a := enter(t, `authorization { timeout: 120, users: [{user: by, password: p},
  {user: ann, password: "$2a$08$LJVH6SZj12W/1UVVWksJU.gIn1QB.gwxOnwRVdJVOuUUbZRh7C3vC"}] }
no_auth_user: by
`)
	begun := time.Now()
	var refused atomic.Int64
	flooded := make(chan struct{})
	go func() {
		defer close(flooded)
		a.crowd(100, guesses, func(i int) error {
			p, err := a.dial()
			if err != nil {
				return err
			}
			defer p.Close()
			if err := p.send(fmt.Sprintf(`CONNECT {"user":"ann","pass":"guess %d"}`+"\r\n", i)); err != nil {
				return err
			}
			line, _, err := p.next()
			if err == nil && line == "-ERR 'Authorization Violation'" {
				refused.Add(1)
			}
			return nil
		})
	}()
	testkit.Eventually(t, "some guesses to be refused", func() bool { return refused.Load() >= burst/2 })
	if err := a.loginFrom("127.0.0.2"); err != nil {
		t.Errorf("somebody elsewhere: %v", err)
	}
	a.served()
	<-flooded
	if n := refused.Load(); n != guesses {
		t.Errorf("%d of %d guesses were answered", n, guesses)
	}
	if took := time.Since(begun); testkit.OwnBinary() && took < (guesses/burst-1)*time.Second {
		t.Errorf("%d guesses took %v only", guesses, took)
	}
	if err := a.loginFrom("127.0.0.1"); err != nil {
		t.Errorf("the address of the attack, afterwards: %v", err)
	}
	a.served()
	a.deserted()
	a.expectPeak(32 * megabyte)
	if strings.Contains(a.Log(), "guess ") {
		t.Error("the log has what was guessed")
	}
}

// loginFrom connects from an address, with the password.
func (a *arena) loginFrom(address string) error {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}, Timeout: testkit.Patience}
	conn, err := dialer.Dial("tcp", a.Addr())
	if err != nil {
		return err
	}
	defer conn.Close()
	p := &peer{Conn: conn, in: bufio.NewReader(conn)}
	if _, _, err := p.next(); err != nil {
		return err
	}
	if err := p.send(`CONNECT {"user":"ann","pass":"good","verbose":false}` + "\r\nPING\r\n"); err != nil {
		return err
	}
	return p.readUntil("PONG")
}
