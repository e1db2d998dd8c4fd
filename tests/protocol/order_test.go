package protocol

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"myelin/internal/testkit"
)

// Each subscriber gets the messages of each publisher in the order in which
// they were sent, and each of them once, however the publishers' writes are cut
// and whoever else publishes and subscribes meanwhile.
func TestOrder(t *testing.T) {
	const publishers, subscribers, messages = 4, 3, 5_000
	server := testkit.Start(t, testkit.Options{})

	var readers []*testkit.Raw
	for i := range subscribers {
		// A literal, a wildcard and the widest wildcard: three ways to match.
		subject := []string{"order.x", "order.*", ">"}[i%3]
		conn := server.Raw(t)
		conn.Send(quiet, "SUB "+subject+" 1")
		conn.Sync()
		readers = append(readers, conn)
	}
	failures := make(chan error, publishers)
	for i := range publishers {
		conn := server.Raw(t)
		conn.Send(quiet)
		go func() { failures <- publishInPieces(conn, i, messages) }()
	}
	for i, conn := range readers {
		expectInOrder(t, conn, fmt.Sprintf("subscriber %d", i), publishers, messages)
	}
	for range publishers {
		if err := <-failures; err != nil {
			t.Fatal(err)
		}
	}
}

func publishInPieces(conn *testkit.Raw, publisher, messages int) error {
	random := rand.New(rand.NewPCG(uint64(publisher), 0))
	var bytes strings.Builder
	for i := range messages {
		payload := fmt.Sprintf("%d %d", publisher, i)
		fmt.Fprintf(&bytes, "PUB order.x %d\r\n%s\r\n", len(payload), payload)
	}
	for rest := bytes.String(); rest != ""; {
		size := min(len(rest), 1+random.IntN(1<<random.IntN(16)))
		if err := conn.TryWrite(rest[:size]); err != nil {
			return fmt.Errorf("publish: %w", err)
		}
		rest = rest[size:]
	}
	return nil
}

func expectInOrder(t *testing.T, conn *testkit.Raw, who string, publishers, messages int) {
	t.Helper()
	next := make([]int, publishers)
	for range publishers * messages {
		conn.ExpectMatch("MSG .*")
		var publisher, number int
		payload := conn.Line()
		if _, err := fmt.Sscanf(payload, "%d %d", &publisher, &number); err != nil {
			t.Fatalf("%s: the payload %q: %v", who, payload, err)
		}
		if number != next[publisher] {
			t.Fatalf("%s: publisher %d: message %d in place of %d", who, publisher, number, next[publisher])
		}
		next[publisher]++
	}
}

// The members of a queue group share the messages: each goes to exactly one of
// them, and over many messages nobody is left out.
func TestQueueShares(t *testing.T) {
	const members, messages = 4, 4_000
	server := testkit.Start(t, testkit.Options{})
	var group []*testkit.Raw
	for range members {
		conn := server.Raw(t)
		conn.Send(quiet, "SUB work workers 1")
		conn.Sync()
		group = append(group, conn)
	}
	publisher := server.Raw(t)
	publisher.Send(quiet)
	var burst strings.Builder
	for i := range messages {
		fmt.Fprintf(&burst, "PUB work 4\r\n%04d\r\n", i)
	}
	publisher.Write(burst.String())
	publisher.Sync()

	seen := make(map[string]bool)
	for i, conn := range group {
		conn.Send("PING")
		count := 0
		for line := conn.Line(); line != "PONG"; line = conn.Line() {
			payload := conn.Line()
			if seen[payload] {
				t.Errorf("message %s came twice", payload)
			}
			seen[payload] = true
			count++
		}
		// A fair coin leaves a member with less than half its share once in
		// more runs than there will ever be.
		if count < messages/members/2 {
			t.Errorf("member %d got %d of %d messages", i, count, messages)
		}
	}
	if len(seen) != messages {
		t.Errorf("%d of %d messages arrived", len(seen), messages)
	}
}
