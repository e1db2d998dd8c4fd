package clients

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"myelin/internal/testkit"
)

// consumerChecks are those of TestGo that read what is stored, through both generations of the API that nats.go has.
var consumerChecks = []check{
	{"fetch and acknowledge", fetchAndAcknowledge},
	{"consume", consume},
	{"messages one by one", messagesOneByOne},
	{"redelivery", redelivery},
	{"acknowledge and wait", acknowledgeAndWait},
	{"ordered consumer", orderedConsumer},
	{"push consumer", pushConsumer},
	{"queue of pushes", queueOfPushes},
	{"pull subscription", pullSubscription},
	{"work queue", workQueue},
	{"consumers of a stream", consumersOfStream},
	{"crash of a consumer", crashOfConsumer},
	{"watch a bucket", watchBucket},
	{"keys and history", keysAndHistory},
	{"object store", objectStore},
}

// minimalWait is how long a check waits for what does not come.
const minimalWait = 200 * time.Millisecond

// fill creates a stream with so many messages, whose texts are their numbers from 0.
func fill(t *testing.T, js jetstream.JetStream, name string, count int) jetstream.Stream {
	t.Helper()
	s := createStream(t, js, name)
	for i := range count {
		stored(t, js, fmt.Sprintf("%s.%d", name, i%2), fmt.Sprint(i), uint64(i+1))
	}
	return s
}

func durable(t *testing.T, s jetstream.Stream, config jetstream.ConsumerConfig) jetstream.Consumer {
	t.Helper()
	c, err := s.CreateOrUpdateConsumer(t.Context(), config)
	if err != nil {
		t.Fatalf("create the consumer %s: %v", config.Durable, err)
	}
	return c
}

// texts are numbers in a row as text.
func texts(from, to int) (list []string) {
	for i := from; i < to; i++ {
		list = append(list, fmt.Sprint(i))
	}
	return list
}

func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %.200q instead of %.200q", what, got, want)
	}
}

// progress fails the test unless the consumer is there: what was delivered, acknowledged, and is not yet either.
func progress(t *testing.T, c jetstream.Consumer, want string) {
	t.Helper()
	info, err := c.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint("delivered ", info.Delivered.Stream, ", acknowledged ", info.AckFloor.Stream, ", out ", info.NumAckPending, ", left ", info.NumPending)
	if got != want {
		t.Errorf("the consumer has %s instead of %s", got, want)
	}
}

func fetchAndAcknowledge(t *testing.T, server *testkit.Server) {
	js := store(t, server)
	c := durable(t, fill(t, js, "FETCH", 10), jetstream.ConsumerConfig{Durable: "c", AckPolicy: jetstream.AckExplicitPolicy})
	progress(t, c, "delivered 0, acknowledged 0, out 0, left 10")
	var got []string
	batch, err := c.Fetch(6)
	if err != nil {
		t.Fatal(err)
	}
	for m := range batch.Messages() {
		got = append(got, string(m.Data()))
		meta, err := m.Metadata()
		if err != nil || meta.Stream != "FETCH" || meta.Consumer != "c" || meta.NumPending != uint64(10-len(got)) || meta.NumDelivered != 1 {
			t.Errorf("a message says %+v, %v", meta, err)
		}
		if err := m.DoubleAck(t.Context()); err != nil {
			t.Error(err)
		}
	}
	same(t, "the first batch", got, texts(0, 6))
	progress(t, c, "delivered 6, acknowledged 6, out 0, left 4")
	if batch, err = c.FetchNoWait(10); err != nil {
		t.Fatal(err)
	}
	got = nil
	for m := range batch.Messages() {
		got = append(got, string(m.Data()))
	}
	same(t, "the rest", got, texts(6, 10))
	progress(t, c, "delivered 10, acknowledged 6, out 4, left 0")
	if _, err := c.Next(jetstream.FetchMaxWait(minimalWait)); !errors.Is(err, nats.ErrTimeout) {
		t.Errorf("the next one of none: %v", err)
	}
}

// againSoon makes up for a race of the client: it does not ask for more where all that it asked for was used up while
// the goroutine that asks was still about to say that it had, and asks again when heartbeats are missing, by default
// after half a minute.
const againSoon = jetstream.PullHeartbeat(500 * time.Millisecond)

func consume(t *testing.T, server *testkit.Server) {
	const count = 2000
	js := store(t, server)
	c := durable(t, createStream(t, js, "CONSUME"), jetstream.ConsumerConfig{Durable: "c", AckPolicy: jetstream.AckExplicitPolicy})
	done := make(chan struct{})
	var got []string
	running, err := c.Consume(func(m jetstream.Msg) {
		got = append(got, string(m.Data()))
		if err := m.Ack(); err != nil {
			t.Error(err)
		}
		if len(got) == count {
			close(done)
		}
	}, jetstream.PullMaxMessages(100), againSoon)
	if err != nil {
		t.Fatal(err)
	}
	defer running.Stop()
	for i := range count {
		if _, err := js.PublishAsync("CONSUME.a", []byte(fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	wait(t, "all messages", done)
	same(t, "the messages", got, texts(0, count))
}

func messagesOneByOne(t *testing.T, server *testkit.Server) {
	js := store(t, server)
	c := durable(t, fill(t, js, "ITERATE", 20), jetstream.ConsumerConfig{
		Durable: "c", AckPolicy: jetstream.AckAllPolicy, FilterSubjects: []string{"ITERATE.1", "ITERATE.7"},
	})
	list, err := c.Messages(jetstream.PullMaxMessages(3), againSoon, jetstream.WithMessagesErrOnMissingHeartbeat(false))
	if err != nil {
		t.Fatal(err)
	}
	defer list.Stop()
	for i := 1; i < 20; i += 2 {
		m, err := list.Next()
		if err != nil || string(m.Data()) != fmt.Sprint(i) || m.Subject() != "ITERATE.1" {
			t.Fatalf("instead of %d: %v, %v", i, m, err)
		}
		if i == 15 {
			if err := m.DoubleAck(t.Context()); err != nil {
				t.Error(err)
			}
		}
	}
	info, err := c.Info(t.Context())
	if err != nil || info.NumAckPending != 2 || info.NumPending != 0 {
		t.Errorf("after an acknowledgement of all up to one: %+v, %v", info, err)
	}
}

func redelivery(t *testing.T, server *testkit.Server) {
	js := store(t, server)
	c := durable(t, fill(t, js, "AGAIN", 3), jetstream.ConsumerConfig{Durable: "c", AckPolicy: jetstream.AckExplicitPolicy, MaxDeliver: 3})
	seen := map[string]int{}
	for range 6 { // one is terminated, one acknowledged at once, and one at its third delivery
		m, err := c.Next()
		if err != nil {
			t.Fatal(err)
		}
		text := string(m.Data())
		seen[text]++
		meta, err := m.Metadata()
		if err != nil || meta.NumDelivered != uint64(seen[text]) {
			t.Errorf("delivery %d of %s says %+v, %v", seen[text], text, meta, err)
		}
		switch {
		case text == "0":
			err = m.TermWithReason("enough")
		case text == "1" || seen[text] == 3:
			err = m.DoubleAck(t.Context())
		default:
			err = m.Nak()
		}
		if err != nil {
			t.Error(err)
		}
		if len(seen) == 3 && seen["2"] == 3 {
			break
		}
	}
	if seen["0"] != 1 || seen["1"] != 1 || seen["2"] != 3 {
		t.Errorf("deliveries: %v", seen)
	}
	progress(t, c, "delivered 3, acknowledged 3, out 0, left 0")
}

func acknowledgeAndWait(t *testing.T, server *testkit.Server) {
	nc := connect(t, server)
	js := storeOf(t, nc)
	s := fill(t, js, "WAIT", 1)
	c := durable(t, s, jetstream.ConsumerConfig{Durable: "c", AckPolicy: jetstream.AckExplicitPolicy})
	m, err := c.Next()
	if err != nil {
		t.Fatal(err)
	}
	if err := m.InProgress(); err != nil {
		t.Error(err)
	}
	if err := m.DoubleAck(t.Context()); err != nil {
		t.Errorf("an acknowledgement: %v", err)
	}
	if err := s.DeleteConsumer(t.Context(), "c"); err != nil {
		t.Fatal(err)
	}
	if _, err := nc.Request(m.Reply(), []byte("+ACK"), testkit.Patience); !errors.Is(err, nats.ErrNoResponders) {
		t.Errorf("one to a consumer that is gone: %v", err)
	}
	if _, err := c.Info(t.Context()); !errors.Is(err, jetstream.ErrConsumerNotFound) {
		t.Errorf("ask for it: %v", err)
	}
}

func orderedConsumer(t *testing.T, server *testkit.Server) {
	js := store(t, server)
	s := fill(t, js, "ORDER", 300)
	c, err := s.OrderedConsumer(t.Context(), jetstream.OrderedConsumerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	list, err := c.Messages()
	if err != nil {
		t.Fatal(err)
	}
	defer list.Stop()
	var got []string
	for range 300 {
		m, err := list.Next()
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(m.Data()))
	}
	same(t, "the messages", got, texts(0, 300))
}

// old is the older API, which pushes.
func old(t *testing.T, nc *nats.Conn) nats.JetStreamContext {
	t.Helper()
	js, err := nc.JetStream(nats.MaxWait(testkit.Patience))
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func nextText(t *testing.T, sub *nats.Subscription) string {
	t.Helper()
	m, err := sub.NextMsg(testkit.Patience)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Ack(); err != nil && !errors.Is(err, nats.ErrCantAckIfConsumerAckNone) {
		t.Error(err)
	}
	return string(m.Data)
}

func pushConsumer(t *testing.T, server *testkit.Server) {
	nc := connect(t, server)
	fill(t, storeOf(t, nc), "PUSH", 50)
	js := old(t, nc)
	for name, options := range map[string][]nats.SubOpt{
		"durable":   {nats.Durable("c"), nats.AckExplicit(), nats.DeliverAll()},
		"ephemeral": {nats.AckNone(), nats.DeliverAll()},
		"paced":     {nats.EnableFlowControl(), nats.IdleHeartbeat(testkit.Patience / 2), nats.DeliverAll()},
		"ordered":   {nats.OrderedConsumer()},
	} {
		sub, err := js.SubscribeSync("PUSH.*", options...)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var got []string
		for range 50 {
			got = append(got, nextText(t, sub))
		}
		same(t, name, got, texts(0, 50))
		info, err := sub.ConsumerInfo()
		if err != nil || !info.PushBound || info.NumPending != 0 {
			t.Errorf("%s: %+v, %v", name, info, err)
		}
		if err := sub.Unsubscribe(); err != nil {
			t.Error(err)
		}
	}
}

func queueOfPushes(t *testing.T, server *testkit.Server) {
	const members, count = 3, 300
	nc := connect(t, server)
	createStream(t, storeOf(t, nc), "QUEUE")
	done := make(chan struct{})
	var all, shares [members + 1]atomic.Int64
	for i := range members {
		_, err := old(t, connect(t, server)).QueueSubscribe("QUEUE.a", "workers", func(m *nats.Msg) {
			shares[i].Add(1)
			if all[0].Add(1) == count {
				close(done)
			}
		}, nats.Durable("workers"))
		if err != nil {
			t.Fatal(err)
		}
	}
	js := old(t, nc)
	for i := range count {
		if _, err := js.PublishAsync("QUEUE.a", []byte(fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	wait(t, "all messages", done)
	for i := range members {
		if shares[i].Load() == 0 {
			t.Errorf("member %d got nothing", i)
		}
	}
}

func pullSubscription(t *testing.T, server *testkit.Server) {
	nc := connect(t, server)
	fill(t, storeOf(t, nc), "PULL", 10)
	sub, err := old(t, nc).PullSubscribe("PULL.*", "c")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for len(got) < 10 {
		list, err := sub.Fetch(4, nats.MaxWait(testkit.Patience/10))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range list {
			got = append(got, string(m.Data))
			if err := m.AckSync(); err != nil {
				t.Error(err)
			}
		}
		if len(got) == 8 {
			break // two are left for a batch that asks for no more
		}
	}
	list, err := sub.Fetch(2)
	if err != nil || len(list) != 2 {
		t.Fatalf("the last two: %d, %v", len(list), err)
	}
	got = append(got, string(list[0].Data), string(list[1].Data))
	same(t, "the messages", got, texts(0, 10))
}

func workQueue(t *testing.T, server *testkit.Server) {
	js := store(t, server)
	s, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "JOBS", Subjects: []string{"JOBS.>"}, Retention: jetstream.WorkQueuePolicy})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		stored(t, js, "JOBS.a", fmt.Sprint(i), uint64(i+1))
	}
	c := durable(t, s, jetstream.ConsumerConfig{Durable: "c", AckPolicy: jetstream.AckExplicitPolicy})
	_, err = s.CreateConsumer(t.Context(), jetstream.ConsumerConfig{Durable: "d", AckPolicy: jetstream.AckExplicitPolicy})
	fails(t, "a second consumer", err, 10099)
	for i := range 3 {
		m, err := c.Next()
		if err != nil || string(m.Data()) != fmt.Sprint(i) {
			t.Fatalf("job %d: %v, %v", i, m, err)
		}
		if err := m.DoubleAck(t.Context()); err != nil {
			t.Error(err)
		}
	}
	info, err := s.Info(t.Context())
	if err != nil || info.State.Msgs != 2 || info.State.FirstSeq != 4 || info.State.Consumers != 1 {
		t.Errorf("the stream is %+v, %v", info, err)
	}
}

func consumersOfStream(t *testing.T, server *testkit.Server) {
	js := store(t, server)
	s := fill(t, js, "MANY", 1)
	var want []string
	for i := range 5 {
		name := fmt.Sprint("c", i)
		want = append(want, name)
		durable(t, s, jetstream.ConsumerConfig{Durable: name, AckPolicy: jetstream.AckExplicitPolicy, Description: "number " + fmt.Sprint(i)})
	}
	var got []string
	for name := range s.ConsumerNames(t.Context()).Name() {
		got = append(got, name)
	}
	slices.Sort(got)
	same(t, "the names", got, want)
	for info := range s.ListConsumers(t.Context()).Info() {
		if info.Config.Description != "number "+info.Name[1:] || info.NumPending != 1 {
			t.Errorf("%s is %+v", info.Name, info)
		}
	}
	_, err := s.CreateConsumer(t.Context(), jetstream.ConsumerConfig{Durable: "c0"})
	fails(t, "create one again in another way", err, 10148)
	_, err = s.UpdateConsumer(t.Context(), jetstream.ConsumerConfig{Durable: "c9"})
	fails(t, "update what is not there", err, 10149)
	if err := s.DeleteConsumer(t.Context(), "c9"); !errors.Is(err, jetstream.ErrConsumerNotFound) {
		t.Errorf("delete what is not there: %v", err)
	}
}

// crashOfConsumer kills the server: what was acknowledged does not come again, and what was not does. A stock server
// keeps no such promise.
func crashOfConsumer(t *testing.T, server *testkit.Server) {
	back := make(chan struct{})
	nc := connect(t, server, nats.ReconnectHandler(func(*nats.Conn) { close(back) }))
	s := fill(t, storeOf(t, nc), "CRASHED", 6)
	c := durable(t, s, jetstream.ConsumerConfig{Durable: "c", AckPolicy: jetstream.AckExplicitPolicy, AckWait: minimalWait})
	for i := range 4 {
		m, err := c.Next()
		if err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			if err := m.DoubleAck(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	restart(server)
	wait(t, "the reconnection", back)
	got := map[string]bool{}
	for len(got) < 4 {
		m, err := c.Next(jetstream.FetchMaxWait(testkit.Patience))
		if err != nil {
			t.Fatal(err)
		}
		got[string(m.Data())] = true
		if err := m.DoubleAck(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if !got["1"] || !got["3"] || !got["4"] || !got["5"] {
		t.Errorf("after the crash came %v", got)
	}
	progress(t, c, "delivered 6, acknowledged 6, out 0, left 0")
}
