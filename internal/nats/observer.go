package nats

import (
	"errors"

	"myelin/internal/auth"
	"myelin/internal/broker"
	"myelin/internal/report"
)

// Observer is told who comes and goes, on the goroutine of the connection. It must not block.
type Observer interface {
	// Connected says that somebody was let in who said so; conn describes the connection.
	Connected(account *broker.Account, conn func() report.Conn)
	// Disconnected says that a connection has ended. The account is nil if it never was in one, whose name conn has
	// nevertheless if that had no room; refused is why it was not let in, nil if it ended for another reason.
	Disconnected(account *broker.Account, conn report.Conn, refused *auth.Error)
	// Count says that the number of an account's connections has changed otherwise.
	Count(account *broker.Account)
}

// nobody is the Observer of a listener without one.
type nobody struct{}

func (nobody) Connected(*broker.Account, func() report.Conn)          {}
func (nobody) Disconnected(*broker.Account, report.Conn, *auth.Error) {}
func (nobody) Count(*broker.Account)                                  {}

// observer is who is told.
func (l *Listener) observer() Observer {
	if l.opt.Observer == nil {
		return nobody{}
	}
	return l.opt.Observer
}

// wasRefused reports whether a connection that has ended was not let in.
func (r Reason) wasRefused() bool {
	return r == AuthFailure || r == ProxyNotTrusted || r == ProxyRequired
}

// Who is the name of who is connected, or says to be, and who that is; nil for somebody that was not let in.
func (c *Conn) Who() (name string, identity *auth.Identity) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.about.user, c.about.identity
}

// Kick ends the connection at once.
func (c *Conn) Kick() { c.close(Kicked) }

var errNoLameDuck = errors.New("client does not support Lame Duck Mode or is not ready to receive the notification")

// LameDuck asks the client to move elsewhere.
func (c *Conn) LameDuck() error {
	if !c.flags.has(asyncInfo) || c.flags.has(closed) {
		return errNoLameDuck
	}
	info := c.l.info()
	info.LameDuck, info.ConnectURLs = true, nil
	c.tell(info.frame(c))
	return nil
}
