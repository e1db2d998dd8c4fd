package hostile

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"myelin/internal/testkit"
)

// pour sends what write writes, in large pieces.
func (p *peer) pour(write func(w io.Writer)) error {
	if err := p.SetWriteDeadline(time.Now().Add(testkit.Patience)); err != nil {
		return err
	}
	w := bufio.NewWriterSize(p, 64*kilobyte)
	write(w)
	return w.Flush()
}

// A client that subscribes a million times, again and again, costs the memory
// of a million subscriptions once, and when it is gone most of that comes back.
func TestMillionSubscriptions(t *testing.T) {
	const each, kept = 768, 192 // bytes per subscription: while it lives, and afterwards
	a := enter(t, "")
	count := many(1_000_000)
	for range 3 {
		p := a.join("")
		err := p.pour(func(w io.Writer) {
			for i := range count {
				fmt.Fprintf(w, "SUB million.%d.s %d\r\n", i, i)
			}
			io.WriteString(w, "PING\r\n")
		})
		if err != nil {
			t.Fatal(err)
		}
		a.expect(p, "PONG")
		if got := a.subscribed() - a.subscriptions; got != count {
			t.Fatalf("/subsz counts %d subscriptions instead of %d", got, count)
		}
		last := count - 1
		a.send(p, fmt.Sprintf("PUB million.%d.s 2\r\nhi\r\n", last))
		if err := p.expectMessage(fmt.Sprintf("MSG million.%d.s %d 2", last, last), "hi"); err != nil {
			t.Fatal(err)
		}
		p.Close()
		a.deserted()
		a.served()
	}
	a.expectPeak(int64(count * each))
	a.shrinks(int64(count * kept))
}

// A hundred thousand queue groups on one subject each get every message, and
// each of them once.
func TestQueueGroupsByTheThousand(t *testing.T) {
	if !testkit.OwnBinary() {
		t.Skip("a stock server takes minutes for the first message")
	}
	a := enter(t, "")
	count := many(100_000)
	p := a.join("")
	err := p.pour(func(w io.Writer) {
		for i := range count {
			fmt.Fprintf(w, "SUB groups g%d %d\r\n", i, i)
		}
		io.WriteString(w, "PING\r\n")
	})
	if err != nil {
		t.Fatal(err)
	}
	a.expect(p, "PONG")
	for round := range 3 {
		a.send(p, fmt.Sprintf("PUB groups 1\r\n%d\r\n", round))
		seen := make([]bool, count)
		for range count {
			line, content, err := p.next()
			if err != nil {
				t.Fatal(err)
			}
			var sid int
			if _, err := fmt.Sscanf(line, "MSG groups %d 1", &sid); err != nil || seen[sid] || string(content) != fmt.Sprint(round) {
				t.Fatalf("message %d: %q with %q, seen %v: %v", round, line, content, seen[sid], err)
			}
			seen[sid] = true
		}
		a.served()
	}
	a.send(p, "PING\r\n")
	a.expect(p, "PONG")
	a.expectPeak(256 * megabyte)
	p.Close()
	a.deserted()
}

// Matching takes no longer than there are patterns, however many ways there
// seem to be to go through them: a subject of a million paths through tokens
// and stars is looked up in the patterns that exist.
func TestPatternsThatShareStarts(t *testing.T) {
	const depth = 12 // each of the 2^12 ways to write `a` or `*` twelve times is subscribed to
	a := enter(t, "max_pending: 1GB\n")
	p := a.join("")
	err := p.pour(func(w io.Writer) {
		for way := range 1 << depth {
			tokens := make([]string, depth)
			for i := range tokens {
				tokens[i] = []string{"a", "*"}[way>>i&1]
			}
			fmt.Fprintf(w, "SUB %s.> %d\r\n", strings.Join(tokens, "."), way)
		}
		io.WriteString(w, "PING\r\n")
	})
	if err != nil {
		t.Fatal(err)
	}
	a.expect(p, "PONG")
	for round := range 20 {
		subject := strings.Repeat("a.", depth) + fmt.Sprint(round)
		a.send(p, fmt.Sprintf("PUB %s 0\r\n\r\n", subject))
		for range 1 << depth {
			if line, _, err := p.next(); err != nil || !strings.HasPrefix(line, "MSG "+subject+" ") {
				t.Fatalf("got %q: %v", line, err)
			}
		}
	}
	a.send(p, fmt.Sprintf("PUB %s 0\r\n\r\nPING\r\n", strings.Repeat("a.", depth-1)+"b.c"))
	for range 1 << (depth - 1) {
		if line, _, err := p.next(); err != nil || !strings.HasPrefix(line, "MSG ") {
			t.Fatalf("got %q: %v", line, err)
		}
	}
	a.expect(p, "PONG")
	a.served()
}

// Subjects as long as a line may be, of two thousand tokens, against patterns
// as long that differ in the last token only, or are all stars.
func TestDeepSubjects(t *testing.T) {
	const tokens = 2_000
	a := enter(t, "")
	p := a.join("")
	err := p.pour(func(w io.Writer) {
		stars, mixed := strings.Repeat("*.", tokens), strings.Repeat("a.*.", tokens/2)
		for i := range 20 {
			fmt.Fprintf(w, "SUB %sno%d %d\r\n", stars, i, i)
			fmt.Fprintf(w, "SUB %sno%d 1%d\r\n", mixed, i, i)
		}
		fmt.Fprintf(w, "SUB %syes stars\r\nSUB %s> rest\r\nSUB %s* short\r\nPING\r\n", stars, mixed, stars[:tokens])
	})
	if err != nil {
		t.Fatal(err)
	}
	a.expect(p, "PONG")
	literal := strings.Repeat("a.", tokens)
	for i := range 200 {
		a.send(p, fmt.Sprintf("PUB %sn%d 0\r\n\r\nPUB %syes 1\r\n.\r\n", literal, i, literal))
		want := map[string]bool{"rest 0": true, "stars 1": true, "rest 1": true}
		for len(want) > 0 {
			line, _, err := p.next()
			if err != nil {
				t.Fatal(err)
			}
			tail := line[strings.IndexByte(line, ' ')+1:]
			tail = tail[strings.IndexByte(tail, ' ')+1:]
			if !want[tail] {
				t.Fatalf("got the message %q; %v are missing", tail, want)
			}
			delete(want, tail)
		}
	}
	a.served()
	a.expectPeak(64 * megabyte)
}

// Two goroutines of one client start and end a subscription under one sid, as
// they come, while others publish to it. The last word counts.
func TestChurnUnderOneSID(t *testing.T) {
	const pieces, lines = 500, 100 // that each goroutine sends
	a := enter(t, "")
	p, publisher := a.join(""), a.join("")
	ended := make(chan error, 1)
	go func() { ended <- p.readUntil("PONG") }()
	burst := strings.Repeat("PUB churn 1\r\n.\r\nPUB churn.x 1\r\n.\r\n", lines)
	a.crowd(3, 3, func(i int) error {
		random := rand.New(rand.NewPCG(uint64(i), 0))
		for range pieces {
			var err error
			if i == 2 {
				err = publisher.send(burst)
			} else {
				err = p.send(churn(random, lines))
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	a.send(p, "UNSUB 7\r\nPING\r\n")
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	a.send(publisher, "PUB churn 1\r\n.\r\nPING\r\n")
	a.expect(publisher, "PONG")
	a.send(p, "PING\r\n")
	a.expect(p, "PONG")
	a.served()
	if got := a.subscribed() - a.subscriptions; got != 0 {
		t.Errorf("%d subscriptions are left", got)
	}
}

// churn returns lines that start and end the subscription 7.
func churn(random *rand.Rand, lines int) string {
	words := []string{"SUB churn 7", "SUB churn q 7", "SUB churn.* 7", "UNSUB 7", "UNSUB 7 1", "UNSUB 7 3"}
	var text strings.Builder
	for range lines {
		text.WriteString(words[random.IntN(len(words))] + "\r\n")
	}
	return text.String()
}

// A pattern costs memory in proportion to its length, wherever its wildcards
// are.
func TestDeepPatterns(t *testing.T) {
	const count, length = 1_000, 4_000
	a := enter(t, "")
	p := a.join("")
	tail := strings.Repeat(".a", length/2)
	err := p.pour(func(w io.Writer) {
		for i := range count {
			fmt.Fprintf(w, "SUB *.%d%s %d\r\n", i, tail, i)
		}
		io.WriteString(w, "PING\r\n")
	})
	if err != nil {
		t.Fatal(err)
	}
	a.expect(p, "PONG")
	a.expectPeak(64 * count * length)
}

// Publishers of ever new subjects that are as long as can be cost no more
// memory than others.
func TestNewLongSubjects(t *testing.T) {
	const publishers, subjects, each = 40, 5_000, megabyte
	a := enter(t, "")
	crew := make([]*peer, publishers)
	for i := range crew {
		crew[i] = a.join("PING\r\n")
		a.expect(crew[i], "PONG")
	}
	for _, p := range crew { // the first PING comes after a while, and lets go of what is cached
		if line, err := p.in.ReadString('\n'); err != nil || line != "PING\r\n" {
			t.Fatalf("got %q: %v", line, err)
		}
		a.send(p, "PONG\r\n")
	}
	tail := strings.Repeat("x", 4_000)
	a.crowd(2, publishers, func(i int) error {
		err := crew[i].pour(func(w io.Writer) {
			for k := range subjects {
				fmt.Fprintf(w, "PUB %d.%d.%s 0\r\n\r\n", i, k, tail)
			}
			io.WriteString(w, "PING\r\n")
		})
		return firstError(err, crew[i].readUntil("PONG"))
	})
	a.served()
	a.expectPeak(publishers*each + 64*megabyte)
}
