package hostile

import (
	"strings"
	"testing"
)

// An operation in two parts; only the first is sent, for as long as the
// attacker likes.
var halves = []struct{ name, half, rest string }{
	{"control line", quiet + "SUB " + strings.Repeat("x", 2_000), " 1\r\n"},
	{"CONNECT", `CONNECT {"verbose":false,"name":"` + strings.Repeat("n", 2_000), "\"}\r\n"},
	{"payload that is only announced", quiet + "PUB x 1048576\r\n", strings.Repeat("p", megabyte) + "\r\n"},
	{"payload", quiet + "PUB x 100000\r\n" + strings.Repeat("p", 60_000), strings.Repeat("p", 40_000) + "\r\n"},
	{"header block", quiet + "HPUB x 90000 100000\r\n" + strings.Repeat("h", 60_000), strings.Repeat("p", 40_000) + "\r\n"},
}

// Five hundred clients that stop in the middle of an operation cost little more
// than what they sent, are not hung up on, and may go on when they like.
func TestHalvesForEver(t *testing.T) {
	const each = 64 * kilobyte // beyond what an attacker sent
	for _, attack := range halves {
		t.Run(attack.name, func(t *testing.T) {
			a := enter(t, "")
			count := many(500)
			attackers := make([]*peer, count)
			for i := range attackers {
				attackers[i] = a.intrude(attack.half)
			}
			a.served()
			for range 3 { // a byte now and then does not help either
				for _, p := range attackers {
					a.send(p, attack.rest[:1])
				}
				a.served()
				attack.rest = attack.rest[1:] + attack.rest[:1]
			}
			a.expectPeak(int64(count * (len(attack.half) + each)))
			if got := a.connected() - a.connections; got != count {
				t.Errorf("%d of %d connections are open", got, count)
			}
		})
	}
}

// Once such an operation is completed, it counts.
func TestHalvesCompleted(t *testing.T) {
	for _, attack := range halves {
		t.Run(attack.name, func(t *testing.T) {
			a := enter(t, "")
			p := a.intrude(attack.half)
			a.served()
			a.send(p, attack.rest+"PING\r\n")
			a.expect(p, "PONG")
		})
	}
}

// A client that stops in the middle of a payload and does not answer PINGs is
// given up on.
func TestHalfAndSilent(t *testing.T) {
	a := enter(t, "ping_interval: \"100ms\"\nping_max: 2\n")
	p := a.join("PUB x 10\r\nhalf")
	if err := p.drain(); err != nil {
		t.Fatal(err)
	}
	a.expectReason(p, "Stale Connection")
	a.served()
}

// White space is no operation: who sends nothing else is told at the first
// byte.
func TestOnlyWhiteSpace(t *testing.T) {
	a := enter(t, "")
	for _, blank := range []string{" ", "\t", "\r\n", "\n", "\r", "\v", strings.Repeat(" \t", 10_000)} {
		p := a.intrude(blank)
		a.expect(p, "-ERR 'Unknown Protocol Operation'")
		a.expectEnd(p)
		a.expectReason(p, "Protocol Violation")
	}
	a.deserted()
}

// Blanks within a line are bounded as well, wherever they stand.
func TestEndlessBlanks(t *testing.T) {
	blanks := strings.Repeat(" ", megabyte)
	for _, start := range []string{"SUB ", "SUB x ", "PUB x ", "HPUB x 1 ", "UNSUB 1 ", "CONNECT ", "PING ", "+OK ", "INFO "} {
		t.Run(strings.TrimSpace(start), func(t *testing.T) {
			a := enter(t, "")
			p := a.join(start)
			for range 32 {
				if p.send(blanks) != nil {
					break // it is fine to be hung up on
				}
			}
			a.served()
			a.expectPeak(16 * megabyte)
		})
	}
}
