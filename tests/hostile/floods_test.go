package hostile

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"myelin/internal/testkit"
)

// A subscriber that never reads is cut off when max_pending waits for it, and
// the server has then taken little more than that. Who reads gets every message
// of each publisher, in order.
func TestSubscriberThatNeverReads(t *testing.T) {
	for _, limit := range []struct {
		config  string
		pending int64
	}{{"1MB", megabyte}, {"64MB", 64 * megabyte}} {
		t.Run(limit.config, func(t *testing.T) {
			a := enter(t, "max_pending: "+limit.config+"\nwrite_deadline: \"60s\"\n")
			slow, reader := a.join("SUB flood.* 1\r\nPING\r\n"), a.join("SUB flood.* 1\r\nPING\r\n")
			a.expect(slow, "PONG")
			a.expect(reader, "PONG")
			a.floodWhile(reader, func() bool { return a.connected() == a.connections+4 })
			a.expectReason(slow, "Slow Consumer (Pending Bytes)")
			a.served()
			a.expectPeak(2*limit.pending + 48*megabyte)
		})
	}
}

// floodWhile publishes from two connections, no further ahead of the reader
// than it can stand, and checks what the reader gets.
func (a *arena) floodWhile(reader *peer, condition func() bool) {
	const publishers, ahead, size = 2, 8, 32 * kilobyte
	filler := strings.Repeat("f", size-8)
	var crew [publishers]*peer
	for i := range crew {
		crew[i] = a.join("")
	}
	var sent, got [publishers]int
	for round := 0; round%64 != 0 || condition(); round++ {
		for i, p := range crew {
			a.send(p, fmt.Sprintf("PUB flood.%d %d\r\n%08d%s\r\n", i, size, sent[i], filler))
			sent[i]++
		}
		for sent[0]+sent[1]-got[0]-got[1] > ahead {
			line, content, err := reader.next()
			if err != nil {
				a.t.Fatal(err)
			}
			var i, number int
			if _, err := fmt.Sscanf(line+" "+string(content[:8]), "MSG flood.%d 1 32768 %d", &i, &number); err != nil || number != got[i] {
				a.t.Fatalf("got message %.8q of %q in place of %d: %v", content, line, got[i], err)
			}
			got[i]++
		}
	}
}

// A client that asks and never listens to the answers is cut off, too, and
// waiting for it does not tie up the server.
func TestFloodsWithoutReading(t *testing.T) {
	for _, flood := range []struct{ name, first, unit string }{
		{"PINGs", quiet, "PING\r\n"},
		{"verbose publishes", "CONNECT {}\r\n", "PUB x 1\r\n.\r\n"},
		{"publishes to oneself", quiet + "SUB x 1\r\n", "PUB x 100\r\n" + strings.Repeat(".", 100) + "\r\n"},
		{"large publishes to oneself", quiet + "SUB x 1\r\n", "PUB x 100000\r\n" + strings.Repeat(".", 100_000) + "\r\n"},
		{"publishes to one's own queue group", quiet + "SUB x q 1\r\nSUB * q 2\r\nSUB > r 3\r\n", "PUB x 100\r\n" + strings.Repeat(".", 100) + "\r\n"},
		{"publishes to a thousand of one's own subscriptions", quiet + thousand, "PUB x 1\r\n.\r\n"},
		{"requests that nobody answers", `CONNECT {"verbose":false,"headers":true,"no_responders":true}` + "\r\nSUB r 1\r\n", "PUB x r 0\r\n\r\n"},
	} {
		t.Run(flood.name, func(t *testing.T) {
			a := enter(t, "max_pending: 2MB\nwrite_deadline: \"60s\"\n")
			p := a.intrude(flood.first)
			block := strings.Repeat(flood.unit, 1+64*kilobyte/len(flood.unit))
			for {
				err := p.send(block)
				if errors.Is(err, os.ErrDeadlineExceeded) {
					t.Fatal("the server neither reads nor hangs up")
				}
				if err != nil {
					break
				}
			}
			a.expectReason(p, "Slow Consumer (Pending Bytes)")
			a.deserted()
			a.served()
			a.expectPeak(64 * megabyte)
		})
	}
}

// thousand subscribes a thousand times to one subject.
var thousand = func() string {
	var text strings.Builder
	for i := range 1_000 {
		fmt.Fprintf(&text, "SUB x %d\r\n", i)
	}
	return text.String()
}()

// A subscriber that takes one byte at a time gets all there is, and its
// publisher is not kept waiting for it.
func TestSubscriberThatReadsByteByByte(t *testing.T) {
	const messages, size = 100, 1_000
	a := enter(t, "write_deadline: \"60s\"\n")
	p := a.intrude("SUB x 1\r\n") // no CONNECT, so no PING stands among the messages
	a.expect(p, "+OK")
	var sent, want strings.Builder
	for i := range messages {
		payload := fmt.Sprintf("%08d", i) + strings.Repeat("x", size-8)
		fmt.Fprintf(&sent, "PUB x %d\r\n%s\r\n", size, payload)
		fmt.Fprintf(&want, "MSG x 1 %d\r\n%s\r\n", size, payload)
	}
	publisher := a.join(sent.String() + "PING\r\n")
	a.expect(publisher, "PONG")
	got := make([]byte, want.Len())
	got = got[:copy(got, buffered(p))]
	for len(got) < want.Len() {
		n, err := p.Read(got[len(got) : len(got)+1])
		if err != nil {
			t.Fatalf("after %d bytes: %v", len(got), err)
		}
		got = got[:len(got)+n]
	}
	if string(got) != want.String() {
		t.Error("the bytes are not those of the messages")
	}
	a.served()
}

// buffered is what the peer has read ahead.
func buffered(p *peer) []byte {
	ahead, _ := p.in.Peek(p.in.Buffered())
	return ahead
}

// Each of these could fill 64 MiB and more of the server's memory at once, if
// it waited for the whole fan-out: a few publishes to very many subscriptions.
func TestFanOutOfLargeMessages(t *testing.T) {
	a := enter(t, "max_pending: 8MB\nwrite_deadline: \"60s\"\n")
	p := a.join(thousand + "PING\r\n")
	a.expect(p, "PONG")
	publisher := a.join("")
	large := fmt.Sprintf("PUB x %d\r\n%s\r\n", megabyte, strings.Repeat("l", megabyte))
	testkit.Eventually(t, "the subscriber to be cut off", func() bool {
		a.send(publisher, large+"PING\r\n")
		a.expect(publisher, "PONG")
		return a.connected() == a.connections+1
	})
	a.expectReason(p, "Slow Consumer (Pending Bytes)")
	a.served()
	a.expectPeak(80 * megabyte)
}

// One slow consumer after the other, of messages of all sizes, takes from what
// those before it left: the server does not grow with each.
func TestSlowConsumersOneAfterTheOther(t *testing.T) {
	const pending = 16 * megabyte
	a := enter(t, "max_pending: 16MB\nno_fast_producer_stall: true\nwrite_deadline: \"60s\"\n")
	publisher := a.join("")
	sizes := []int{130_000, 33_000, 524_000, 140_000, 1_000_000, 560_000, 33_000, 9_000}
	for round := range 2 * len(sizes) {
		size := sizes[round%len(sizes)]
		slow := a.join("SUB slow 1\r\nPING\r\n")
		a.expect(slow, "PONG")
		message := fmt.Sprintf("PUB slow %d\r\n%s\r\nPING\r\n", size, strings.Repeat("s", size))
		testkit.Eventually(t, "the slow consumer to be cut off", func() bool {
			for range 32 {
				a.send(publisher, message)
				a.expect(publisher, "PONG")
			}
			return a.connected() == a.connections+1
		})
		a.expectReason(slow, "Slow Consumer (Pending Bytes)")
	}
	a.expectPeak(12*pending + 32*megabyte)
}
