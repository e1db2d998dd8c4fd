package clients

import (
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"myelin/internal/testkit"
)

// Messages that a stock client terminates, and those that it refuses too often, move to the stream that its consumer names,
// each once, also when the server is killed on the way. They leave the work queue with that.
func TestDeadLetters(t *testing.T) {
	if !testkit.OwnBinary() {
		t.Skip("another server has no dead letters")
	}
	server := start(t)
	js := store(t, server)
	queue, err := js.CreateStream(t.Context(), jetstream.StreamConfig{
		Name: "QUEUE", Subjects: []string{"QUEUE.>"}, Retention: jetstream.WorkQueuePolicy, AllowDirect: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	const count = 20
	for i := range count {
		m := &nats.Msg{Subject: "QUEUE.x", Data: []byte(fmt.Sprint(i)), Header: nats.Header{"Colour": {"red"}, "Nats-Msg-Id": {fmt.Sprint(i)}}}
		if _, err := js.PublishMsg(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	config := jetstream.ConsumerConfig{
		Durable: "worker", AckPolicy: jetstream.AckExplicitPolicy, AckWait: time.Hour, MaxDeliver: 2,
		Metadata: map[string]string{"myelin.dead_letter": "QUEUE"},
	}
	if _, err := queue.CreateConsumer(t.Context(), config); err == nil {
		t.Error("a consumer gives dead letters to its own stream")
	}
	config.Metadata["myelin.dead_letter"] = "DEAD"
	worker := durable(t, queue, config)
	giveUp(t, worker, count)
	await(t, "all to be given up", func() bool {
		info, err := worker.Info(t.Context())
		return err == nil && info.NumAckPending == 0 && info.NumPending == 0
	})
	restart(server)
	dead := createStream(t, js, "DEAD")
	await(t, "all to be moved", func() bool {
		from, err1 := queue.Info(t.Context())
		to, err2 := dead.Info(t.Context())
		return err1 == nil && err2 == nil && from.State.Msgs == 0 && to.State.Msgs >= count
	})
	seen := map[string]bool{}
	for seq := range uint64(count) {
		m, err := dead.GetMsg(t.Context(), seq+1)
		if err != nil {
			t.Fatal(err)
		}
		checkLetter(t, m)
		seen[string(m.Data)] = true
	}
	if info, err := dead.Info(t.Context()); err != nil || len(seen) != count || info.State.Msgs != count {
		t.Errorf("%d dead letters of %d messages, %v", info.State.Msgs, len(seen), err)
	}
}

func await(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(testkit.Patience); !so(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// giveUp terminates every other message, and refuses the others as often as they come.
func giveUp(t *testing.T, c jetstream.Consumer, count int) {
	t.Helper()
	for left := count / 2 * 3; left > 0; left-- {
		m, err := c.Next(jetstream.FetchMaxWait(testkit.Patience))
		if err != nil {
			t.Fatal(err)
		}
		meta, err := m.Metadata()
		if err != nil {
			t.Fatal(err)
		}
		if meta.Sequence.Stream%2 == 0 {
			err = m.TermWithReason("of no\nuse")
		} else {
			err = m.Nak()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func checkLetter(t *testing.T, m *jetstream.RawStreamMsg) {
	t.Helper()
	sequence := m.Header.Get("Myelin-Dead-Sequence")
	want := map[string]string{
		"Colour": "red", "Nats-Msg-Id": "", "Myelin-Dead-Reason": "terminated", "Myelin-Dead-Detail": "of no use", "Myelin-Dead-Stream": "QUEUE",
		"Myelin-Dead-Consumer": "worker", "Myelin-Dead-Deliveries": "1", "Myelin-Dead-Subject": "QUEUE.x", "Myelin-Dead-Lost": "",
	}
	var number int
	if _, err := fmt.Sscan(sequence, &number); err != nil || string(m.Data) != fmt.Sprint(number-1) {
		t.Errorf("message %q has sequence %q", m.Data, sequence)
	}
	if number%2 != 0 {
		want["Myelin-Dead-Reason"], want["Myelin-Dead-Detail"], want["Myelin-Dead-Deliveries"] = "max_deliver", "", "2"
	}
	for key, value := range want {
		if got := m.Header.Get(key); got != value {
			t.Errorf("%s: %q, want %q", key, got, value)
		}
	}
	if _, err := time.Parse(time.RFC3339Nano, m.Header.Get("Myelin-Dead-Time")); err != nil {
		t.Error(err)
	}
}
