package durability

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"myelin/internal/testkit"
)

const (
	deadRounds = 3
	deadTries  = 2 // deliveries of a message until it is given up
)

// A fate is what was said about a message of the work queue.
type fate struct {
	done, doneSure bool // acknowledged; and that was confirmed before anything else was said
	term, termSure bool // terminated, likewise
	refusals       int  // times that it was refused
	given          int  // most deliveries that were counted
}

// A graveyard is a work queue whose consumer gives up messages, and what is known of each.
type graveyard struct {
	t      *testing.T
	random *rand.Rand
	world  *world

	mu        sync.Mutex
	sent      int
	seqs      map[uint64]string // bodies of what was acknowledged to its publisher
	fates     map[uint64]*fate
	complaint []string
}

func (g *graveyard) complain(format string, args ...any) {
	g.complaint = append(g.complaint, fmt.Sprintf(format, args...))
}

func (g *graveyard) fate(seq uint64) *fate {
	if g.fates[seq] == nil {
		g.fates[seq] = new(fate)
	}
	return g.fates[seq]
}

// publish publishes one message after the other until the connection is gone.
func (g *graveyard) publish(c *connection) error {
	for {
		g.mu.Lock()
		g.sent++
		body := fmt.Sprint("job ", g.sent, strings.Repeat(".", g.random.IntN(2000)))
		g.mu.Unlock()
		reply, err := c.Request("jobs.x", []byte(body), patience)
		if err != nil {
			return c.unlessGone(err)
		}
		var ack struct{ Seq uint64 }
		if err := json.Unmarshal(reply.Data, &ack); err != nil || ack.Seq == 0 {
			if c.ending.Load() {
				return nil
			}
			return fmt.Errorf("publish: %q, %w", reply.Data, err)
		}
		g.mu.Lock()
		if was, twice := g.seqs[ack.Seq]; twice {
			g.complain("%d is %.20q and %.20q", ack.Seq, was, body)
		}
		g.seqs[ack.Seq] = body
		g.mu.Unlock()
	}
}

// consume pulls messages and says something about them until the connection is gone.
func (g *graveyard) consume(c *connection) error {
	inbox := nats.NewInbox()
	said := make(chan *nats.Msg, 1000)
	if _, err := c.ChanSubscribe(inbox+".*", said); err != nil {
		return c.unlessGone(err)
	}
	const batch = 20
	for left := 0; ; {
		if left == 0 {
			left = batch
			body := fmt.Appendf(nil, `{"batch":%d,"expires":%d}`, batch, int64(time.Second))
			if err := c.PublishRequest("$JS.API.CONSUMER.MSG.NEXT.jobs.c", inbox+".get", body); err != nil {
				return c.unlessGone(err)
			}
		}
		select {
		case m := <-said:
			switch seq := sequence(m); {
			case seq > 0:
				left--
				if err := g.answer(c, m, seq, inbox); err != nil {
					return c.unlessGone(err)
				}
			case m.Subject == inbox+".get": // a status ends a request
				left = 0
			default:
				g.confirmed(m, inbox)
			}
		case <-c.gone:
			return nil
		}
	}
}

// answer says something about a delivery.
func (g *graveyard) answer(c *connection, m *nats.Msg, seq uint64, inbox string) error {
	count, _ := strconv.Atoi(strings.Split(m.Reply, ".")[4])
	g.mu.Lock()
	defer g.mu.Unlock()
	f := g.fate(seq)
	if f.doneSure || f.termSure {
		g.complain("%d is given again, which was confirmed to be done with", seq)
	}
	if count > deadTries {
		g.complain("%d is given for the %d. time", seq, count)
	}
	f.given = max(f.given, count)
	switch dice := g.random.IntN(10); {
	case dice < 5:
		sure := !f.term && f.refusals < deadTries
		f.done = true
		return c.PublishRequest(m.Reply, fmt.Sprintf("%s.done-%d-%t", inbox, seq, sure), []byte("+ACK"))
	case dice < 7:
		sure := !f.done && f.refusals < deadTries
		f.term = true
		return c.PublishRequest(m.Reply, fmt.Sprintf("%s.term-%d-%t", inbox, seq, sure), []byte("+TERM of no use"))
	case dice < 9:
		f.refusals++
		return c.Publish(m.Reply, []byte("-NAK"))
	}
	return nil
}

// confirmed notes that something that was said about a message is safe.
func (g *graveyard) confirmed(m *nats.Msg, inbox string) {
	parts := strings.Split(strings.TrimPrefix(m.Subject, inbox+"."), "-")
	if len(parts) != 3 || m.Header != nil {
		return
	}
	seq, _ := strconv.ParseUint(parts[1], 10, 64)
	sure := parts[2] == "true"
	g.mu.Lock()
	defer g.mu.Unlock()
	f := g.fate(seq)
	if parts[0] == "done" {
		f.doneSure = f.doneSure || sure
	} else {
		f.termSure = f.termSure || sure
	}
	g.world.count()
}

// letters returns the dead letters by the sequence of their message.
func (g *graveyard) letters(js jetstream.JetStream) map[uint64]*jetstream.RawStreamMsg {
	dead, err := js.Stream(g.t.Context(), "dead")
	if err != nil {
		g.t.Fatal(err)
	}
	found := map[uint64]*jetstream.RawStreamMsg{}
	for at := uint64(1); at <= dead.CachedInfo().State.LastSeq; at++ {
		m, err := dead.GetMsg(g.t.Context(), at)
		if err != nil {
			g.t.Fatal(err)
		}
		seq, err := strconv.ParseUint(m.Header.Get("Myelin-Dead-Sequence"), 10, 64)
		if err != nil || found[seq] != nil {
			g.complain("dead letter of %d is there twice: %v", seq, m.Header)
		}
		if body := g.seqs[seq]; body != "" && body != string(m.Data) {
			g.complain("dead letter of %d is %.20q instead of %.20q", seq, m.Data, body)
		}
		found[seq] = m
	}
	return found
}

// check compares the dead letters with what was said.
func (g *graveyard) check(js jetstream.JetStream) map[uint64]*jetstream.RawStreamMsg {
	g.settled(js)
	g.mu.Lock()
	defer g.mu.Unlock()
	found := g.letters(js)
	for _, seq := range slices.Sorted(maps.Keys(g.fates)) {
		f, m := g.fates[seq], found[seq]
		switch {
		case f.termSure && m == nil:
			g.complain("%d was terminated, and is no dead letter: %+v", seq, *f)
		case f.doneSure && f.refusals < deadTries && !f.term && m != nil:
			g.complain("%d was acknowledged, and is a dead letter: %+v, %v", seq, *f, m.Header)
		case m != nil && !f.term && f.refusals == 0:
			g.complain("%d is a dead letter, and nobody gave it up: %+v, %v", seq, *f, m.Header)
		}
	}
	return found
}

// settled returns when the work queue has no dead letters left: it holds what its consumer is still to be told about, and nothing else.
func (g *graveyard) settled(js jetstream.JetStream) {
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		jobs, err := js.Stream(g.t.Context(), "jobs")
		if err != nil {
			g.t.Fatal(err)
		}
		c, err := jobs.Consumer(g.t.Context(), "c")
		if err != nil {
			g.t.Fatal(err)
		}
		info := c.CachedInfo()
		left := info.NumPending + uint64(info.NumAckPending)
		if jobs.CachedInfo().State.Msgs == left {
			return
		}
		if time.Now().After(end) {
			g.t.Fatalf("%d messages, and %d are to come", jobs.CachedInfo().State.Msgs, left)
		}
	}
}

// drain has the consumer give all that is left, and finds whether each message has met its end.
func (g *graveyard) drain(js jetstream.JetStream) {
	config := g.config()
	config.AckWait = 50 * time.Millisecond
	consumer, err := js.UpdateConsumer(g.t.Context(), "jobs", config)
	if err != nil {
		g.t.Fatal(err)
	}
	for end := time.Now().Add(patience); time.Now().Before(end); {
		info, err := consumer.Info(g.t.Context())
		if err != nil || info.NumPending+uint64(info.NumAckPending) == 0 {
			break
		}
		batch, err := consumer.Fetch(pulled, jetstream.FetchMaxWait(200*time.Millisecond))
		if err != nil {
			g.t.Fatal(err)
		}
		for m := range batch.Messages() {
			meta, err := m.Metadata()
			if err != nil {
				g.t.Fatal(err)
			}
			f := g.fate(meta.Sequence.Stream)
			if f.doneSure || f.termSure {
				g.complain("%d is given at last, which was confirmed to be done with", meta.Sequence.Stream)
			}
			f.done = true
			f.refusals = deadTries // by now it may be given up
			if err := m.Ack(); err != nil {
				g.t.Fatal(err)
			}
		}
	}
	for _, f := range g.fates {
		f.refusals = max(f.refusals, f.given) // what nobody said anything about is given up now
	}
	found := g.check(js)
	for seq := range g.seqs {
		if f := g.fate(seq); found[seq] == nil && !f.done {
			g.complain("%d is neither acknowledged nor a dead letter: %+v", seq, *f)
		}
	}
	if len(found) == 0 {
		g.complain("nothing was given up")
	}
}

func (g *graveyard) config() jetstream.ConsumerConfig {
	return jetstream.ConsumerConfig{
		Durable: "c", AckPolicy: jetstream.AckExplicitPolicy, AckWait: longWait, MaxAckPending: -1, MaxDeliver: deadTries,
		Metadata: map[string]string{"myelin.dead_letter": "dead"},
	}
}

// Messages that are given up while the server is killed, also while it starts, are dead letters once; others are none.
func TestKillWithDeadLetters(t *testing.T) {
	if !testkit.OwnBinary() {
		t.Skip("other servers have no dead letters")
	}
	first, count := number(t, "SEED", 1), number(t, "SEEDS", fewSeeds)
	for seed := first; seed < first+min(count, 50); seed++ {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { mourn(t, seed) })
	}
}

func mourn(t *testing.T, seed uint64) {
	w := &world{t: t, random: rand.New(rand.NewPCG(seed, 1)), enough: make(chan struct{}, 1), most: 500}
	w.server = testkit.Start(t, testkit.Options{Config: fmt.Sprintf("jetstream { store_dir: %q, sync_interval: always }\n", t.TempDir())})
	g := &graveyard{t: t, random: w.split(), world: w, seqs: map[uint64]string{}, fates: map[uint64]*fate{}}
	js := func() jetstream.JetStream {
		js, err := jetstream.New(connect(t, w.server, &w.ending).Conn)
		if err != nil {
			t.Fatal(err)
		}
		return js
	}
	create := js()
	config := jetstream.StreamConfig{Name: "jobs", Subjects: []string{"jobs.*"}, Retention: jetstream.WorkQueuePolicy}
	if _, err := create.CreateStream(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	if _, err := create.CreateStream(t.Context(), jetstream.StreamConfig{Name: "dead"}); err != nil {
		t.Fatal(err)
	}
	if _, err := create.CreateConsumer(t.Context(), "jobs", g.config()); err != nil {
		t.Fatal(err)
	}
	for round := range deadRounds {
		w.workUntil([]func(*connection) error{g.publish, g.publish, g.consume, g.consume}, func() { w.end(round) })
		g.check(js())
	}
	g.drain(js())
	w.report(g.complaint)
}
