package nats

import (
	"encoding/json"
	"io"
	"strings"
	"testing"
)

// change puts other settings into force.
func change(l *Listener, how func(*Settings)) {
	s := *l.settings.Load()
	how(&s)
	l.Set(s)
	l.Recheck()
}

// told returns the next document that a client is told.
func (c *client) told() (i Info) {
	c.t.Helper()
	line, _ := c.frame()
	doc, ok := strings.CutPrefix(line, "INFO ")
	if !ok {
		c.t.Fatalf("got %q instead of INFO", line)
	}
	if err := json.Unmarshal([]byte(doc), &i); err != nil {
		c.t.Fatal(err)
	}
	return i
}

// Other settings hold for connections that are there, and clients are told once what has changed of what they were told, if
// they understand that.
func TestSet(t *testing.T) {
	l := start(t, testLimits())
	old, modern := dial(t, l), dial(t, l)
	modern.send(`CONNECT {"protocol":1,"verbose":false}` + "\r\nPING\r\n")
	modern.expect("PONG")
	before := modern.told()
	old.sync()
	shrink := func(s *Settings) { s.Limits.MaxPayload, s.Info.MaxPayload = 10, 10 }
	for range 3 {
		change(l, shrink)
	}
	if now := modern.told(); now.MaxPayload != 10 || now.ServerID != before.ServerID || now.Port != l.Addr().Port {
		t.Errorf("told %+v", now)
	}
	if frames := modern.sync(); len(frames) > 0 {
		t.Errorf("told again: %q", frames)
	}
	for { // until the client's connection has looked at it
		old.send("PUB x 11\r\n01234567890\r\nPING\r\n")
		line, _ := old.frame()
		if line == "PONG" {
			continue
		}
		if line != "-ERR 'Maximum Payload Violation'" {
			t.Errorf("got %q", line)
		}
		break
	}
	change(l, func(s *Settings) { s.Limits.MaxControlLine = 100 })
	for line := "PONG"; line != "-ERR 'maximum control line exceeded'"; line, _ = modern.frame() {
		if line != "PONG" {
			t.Fatalf("got %q", line)
		}
		modern.send("PUB %s 0\r\n\r\nPING\r\n", strings.Repeat("x", 200))
	}
}

// With a lower limit the connections that came last have to go, and are told why.
func TestTrim(t *testing.T) {
	limits := testLimits()
	l := start(t, limits)
	clients := make([]*client, 5)
	for i := range clients {
		clients[i] = dial(t, l)
		clients[i].sync()
	}
	change(l, func(s *Settings) { s.Limits.MaxConnections = 2 })
	if n := l.Trim(); n != 3 {
		t.Errorf("%d connections ended", n)
	}
	for i, c := range clients {
		if i < 2 {
			c.sync()
			continue
		}
		if line, _ := c.frame(); line != "-ERR 'maximum connections exceeded'" {
			t.Errorf("client %d got %q", i, line)
		}
		if rest, _ := io.ReadAll(c.in); len(rest) > 0 && string(rest) != "PING\r\n" { // which was under way
			t.Errorf("client %d got %q", i, rest)
		}
	}
}
