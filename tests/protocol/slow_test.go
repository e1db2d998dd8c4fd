package protocol

import (
	"fmt"
	"strings"
	"testing"

	"myelin/internal/testkit"
)

// flood publishes messages of that size, which nobody reads, until the
// connection with that number is closed, far beyond what the system's buffers
// hold.
func flood(t *testing.T, server *testkit.Server, cid uint64, messageBytes int) {
	t.Helper()
	publisher := server.Raw(t)
	publisher.Send(quiet)
	message := fmt.Sprintf("PUB x %d\r\n%s\r\n", messageBytes, strings.Repeat("x", messageBytes))
	burst := strings.Repeat(message, 4*megabyte/messageBytes)
	testkit.Eventually(t, "the slow consumer to be closed", func() bool {
		publisher.Write(burst)
		return !isOpen(t, server, cid)
	})
	publisher.Sync()
}

func isOpen(t *testing.T, server *testkit.Server, cid uint64) bool {
	t.Helper()
	var connz struct {
		Connections []any `json:"connections"`
	}
	server.Monitor(fmt.Sprintf("/connz?cid=%d", cid), &connz)
	return len(connz.Connections) > 0
}

// A subscriber that does not read is disconnected when more than max_pending
// waits for it. The publisher stays.
func TestSlowConsumerPendingBytes(t *testing.T) {
	server := testkit.Start(t, testkit.Options{Config: "max_pending: 2MB\nwrite_deadline: \"30s\"\n"})
	slow := server.Raw(t)
	slow.Send(quiet, "SUB x 1")
	slow.Sync()
	flood(t, server, slow.Info.ClientID, 256<<10)
	expectReason(t, server, slow.Info.ClientID, "Slow Consumer (Pending Bytes)")
	expectSlowConsumers(t, server, 1)
}

// A subscriber to which a write takes longer than write_deadline is
// disconnected, however much it may have pending.
func TestSlowConsumerWriteDeadline(t *testing.T) {
	server := testkit.Start(t, testkit.Options{
		Config: "max_pending: 8GB\nwrite_deadline: \"200ms\"\nno_fast_producer_stall: true\n",
	})
	slow := server.Raw(t)
	slow.Send(quiet, "SUB x 1")
	slow.Sync()
	flood(t, server, slow.Info.ClientID, 256<<10)
	expectReason(t, server, slow.Info.ClientID, "Slow Consumer (Write Deadline)")
	expectSlowConsumers(t, server, 1)
}

func expectSlowConsumers(t *testing.T, server *testkit.Server, want int) {
	t.Helper()
	var varz struct {
		SlowConsumers int `json:"slow_consumers"`
		Stats         struct {
			Clients int `json:"clients"`
		} `json:"slow_consumer_stats"`
	}
	server.Monitor("/varz", &varz)
	// A stock server counts one again when the write that was under way fails.
	if !testkit.OwnBinary() {
		return
	}
	if varz.SlowConsumers != want || varz.Stats.Clients != want {
		t.Errorf("/varz counts %d slow consumers, %d of them clients, instead of %d",
			varz.SlowConsumers, varz.Stats.Clients, want)
	}
}

// A publisher that is faster than a subscriber is held back before the subscriber
// is given up, unless the configuration says not to.
func TestFastProducerStall(t *testing.T) {
	for _, option := range []string{"", "no_fast_producer_stall: true\n"} {
		server := testkit.Start(t, testkit.Options{
			Config: "max_pending: 2MB\nwrite_deadline: \"10s\"\n" + option,
		})
		slow := server.Raw(t)
		slow.Send(quiet, "SUB x 1")
		slow.Sync()
		flood(t, server, slow.Info.ClientID, 1<<10)
		var varz struct {
			Stalled int `json:"stalled_clients"`
		}
		server.Monitor("/varz", &varz)
		if mayStall := option == ""; mayStall != (varz.Stalled > 0) {
			t.Errorf("with %q, /varz counts %d stalls", option, varz.Stalled)
		}
	}
}

// A slow subscriber takes nothing from the others: one that reads gets every
// message, in order. It is never so far behind that it would be slow itself.
func TestSlowConsumerAlone(t *testing.T) {
	const messages, ahead = 200, 20
	server := testkit.Start(t, testkit.Options{Config: "max_pending: 8MB\n"})
	slow, quick := server.Raw(t), server.Raw(t)
	for _, conn := range []*testkit.Raw{slow, quick} {
		conn.Send(quiet, "SUB x 1")
		conn.Sync()
	}
	sent, unread := make(chan error, 1), make(chan bool, ahead)
	publisher := server.Raw(t)
	publisher.Send(quiet)
	go func() {
		defer close(sent)
		for i := range messages {
			unread <- true
			payload := fmt.Sprintf("%08d", i) + strings.Repeat("x", 131072)
			if err := publisher.TryWrite(fmt.Sprintf("PUB x %d\r\n%s\r\n", len(payload), payload)); err != nil {
				sent <- err
				return
			}
		}
	}()
	for i := range messages {
		quick.Expect("MSG x 1 131080")
		if payload := quick.Line(); payload[:8] != fmt.Sprintf("%08d", i) {
			t.Fatalf("message %s came in place of %d", payload[:8], i)
		}
		<-unread
	}
	if err := <-sent; err != nil {
		t.Fatalf("publish: %v", err)
	}
}
