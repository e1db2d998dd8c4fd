package durability

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"myelin/internal/testkit"
)

const (
	fewSeeds = 1
	rounds   = 4 // ends of the server in one history

	minAcks, maxAcks = 50, 2_000 // acknowledgements before an end
	maxStartDelay    = 100       // milliseconds until a starting server is killed again

	// Of so many seeds one moves so much that the server has to bring it from
	// its log to other files, and to make space in them.
	heavyEvery = 4
	heavyScale = 100 // times as large bodies
	heavyAcks  = 5   // times as many messages

	encryptedEvery = 3 // of so many seeds one has an encrypted store
)

// TestKill lives through histories of crashes, as many as SEEDS says or as there
// is time for.
func TestKill(t *testing.T) {
	first, count := number(t, "SEED", 1), number(t, "SEEDS", fewSeeds)
	if os.Getenv("SEED") != "" {
		count = 1
	}
	begun := time.Now()
	end, bounded := t.Deadline()
	for seed := first; seed < first+count; seed++ {
		if bounded && seed >= first+fewSeeds && time.Since(begun) > time.Until(end)/3 {
			t.Logf("stopped before seed %d to leave time for other tests", seed)
			return
		}
		if !t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { newWorld(t, seed).live() }) {
			t.Fatalf("for this one alone: SEED=%d", seed)
		}
	}
}

func number(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	value, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s is %q instead of a number", name, text)
	}
	return value
}

// A world is one history: a server, its streams, and who is at work on them.
type world struct {
	t      *testing.T
	random *rand.Rand
	server *testkit.Server
	store  string // its folder

	ledgers    []*ledger
	publishers []*publisher
	clients    []*client
	vandal     *vandal
	mayflies   *mayflies

	readerships []*readership

	ending atomic.Bool
	most   int // acknowledgements before an end
	scale  int // of bodies
	acks   atomic.Int64
	enough chan struct{} // gets a token when the acks reach target
	target atomic.Int64
}

// A streamKind is one stream of the world and how much is published to it.
type streamKind struct {
	name       string
	publishers int
	subjects   int
	quota      int // of each publisher
	keeps      retention
	compressed jetstream.StoreCompression
	policy     jetstream.RetentionPolicy
	served     bool // it has a consumer
}

var kinds = []streamKind{
	{name: "plain", publishers: 2, subjects: 10, served: true},
	{name: "bounded", publishers: 2, subjects: 10, keeps: retention{messages: 500}, compressed: jetstream.S2Compression},
	{name: "keys", publishers: 2, subjects: 50, keeps: retention{perSubject: 1}},
	{name: "worked", publishers: 2, subjects: 10},
	{name: "queue", publishers: 2, subjects: 10, policy: jetstream.WorkQueuePolicy, served: true},
	{name: "still", publishers: 1, subjects: 3, quota: 100},
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{t: t, random: rand.New(rand.NewPCG(seed, 0)), store: t.TempDir(), enough: make(chan struct{}, 1),
		most: maxAcks, scale: 1}
	if seed%heavyEvery == 0 {
		w.most, w.scale = maxAcks*heavyAcks, heavyScale
	}
	config := fmt.Sprintf("store_dir: %q, sync_interval: always", w.store)
	if seed%encryptedEvery == 0 {
		config += ", cipher: aes, key: secret"
	}
	w.server = testkit.Start(t, testkit.Options{Config: "jetstream { " + config + " }\n"})
	js, err := jetstream.New(connect(t, w.server, &w.ending).Conn)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range kinds {
		config := jetstream.StreamConfig{Name: k.name, Subjects: []string{k.name + ".*"}, AllowDirect: true,
			Retention: k.policy, Compression: k.compressed, MaxMsgs: -1, MaxMsgsPerSubject: int64(k.keeps.perSubject)}
		if k.keeps.messages > 0 {
			config.MaxMsgs = int64(k.keeps.messages)
		}
		if _, err := js.CreateStream(t.Context(), config); err != nil {
			t.Fatalf("create %s: %v", k.name, err)
		}
		w.staff(k)
		if !k.served {
			continue
		}
		if l := w.ledgers[len(w.ledgers)-1]; k.policy == jetstream.WorkQueuePolicy {
			w.serve(js, k.name, l)
		} else {
			w.serve(js, k.name, nil)
		}
	}
	w.mayflies = &mayflies{random: w.split(), flies: map[string]*mayfly{}}
	return w
}

// staff adds those who work on a stream.
func (w *world) staff(k streamKind) {
	l := newLedger(k.name, messagesOf(k.name, k.subjects, w.scale), k.keeps)
	w.ledgers = append(w.ledgers, l)
	for i := range k.publishers {
		w.publishers = append(w.publishers, &publisher{ledger: l, name: fmt.Sprintf("%s-%d", k.name, i),
			window: 1 + w.random.IntN(40), quota: k.quota, acked: w.count})
	}
	if k.name == "worked" {
		w.vandal = &vandal{ledger: l, random: w.split()}
	}
}

// split returns randomness for another goroutine.
func (w *world) split() *rand.Rand { return rand.New(rand.NewPCG(w.random.Uint64(), 0)) }

func (w *world) count() {
	if w.acks.Add(1) == w.target.Load() {
		w.enough <- struct{}{}
	}
}

func (w *world) live() {
	for round := range rounds {
		w.work(func() { w.end(round) })
		w.report(w.verify())
		if w.t.Failed() {
			w.t.Fatalf("after the end number %d", round+1)
		}
	}
	for _, r := range w.readerships {
		w.drain(r)
	}
}

// work lets everybody work until there were enough acknowledgements, ends the
// server, and returns when all have noticed.
func (w *world) work(end func()) {
	workers := []func(*connection) error{w.vandal.run, w.mayflies.run}
	for _, p := range w.publishers {
		workers = append(workers, p.run)
	}
	for _, r := range w.clients {
		workers = append(workers, r.run)
	}
	w.workUntil(workers, end)
}

// workUntil is work for those that are named.
func (w *world) workUntil(workers []func(*connection) error, end func()) {
	w.acks.Store(0)
	w.target.Store(int64(minAcks + w.random.IntN(w.most-minAcks)))
	var all sync.WaitGroup
	for _, run := range workers {
		c := connect(w.t, w.server, &w.ending)
		all.Go(func() {
			if err := run(c); err != nil {
				w.t.Error(err)
			}
		})
	}
	select {
	case <-w.enough:
	case <-time.After(patience):
		w.t.Errorf("only %d of %d messages were acknowledged", w.acks.Load(), w.target.Load())
	}
	w.ending.Store(true)
	end()
	all.Wait()
	w.ending.Store(false)
}

// end ends the server one way or the other, and starts it again, if need be
// through further crashes while it starts.
func (w *world) end(round int) {
	// The first end is always a crash.
	if round > 0 && w.random.IntN(4) == 0 {
		w.server.Stop()
	} else {
		w.server.Kill()
	}
	for range w.random.IntN(3) {
		w.server.StartAndKill(time.Duration(w.random.IntN(maxStartDelay)) * time.Millisecond)
	}
	w.server.Start()
}

// verify reads everything back and returns what is wrong with it. Publishers
// then know what to publish again.
func (w *world) verify() (complaints []string) {
	c := connect(w.t, w.server, &w.ending)
	found := map[*ledger]contents{}
	for _, l := range w.ledgers {
		read, err := readAll(c, l.stream)
		if err != nil {
			complaints = append(complaints, err.Error())
			continue
		}
		complaints = append(complaints, l.check(read)...)
		found[l] = read
	}
	for _, r := range w.readerships {
		for l, read := range found {
			if l.stream == r.stream {
				complaints = append(complaints, r.check(c, read)...)
			}
		}
	}
	for _, p := range w.publishers {
		p.resume(found[p.ledger])
	}
	names, err := streamNames(c)
	if err != nil {
		return append(complaints, err.Error())
	}
	return append(complaints, w.mayflies.check(names)...)
}

// report fails the test for each complaint and spells out the first of them.
func (w *world) report(complaints []string) {
	const most = 20
	for i, text := range complaints {
		if i == most {
			w.t.Errorf("and %d more", len(complaints)-most)
			return
		}
		w.t.Error(text)
	}
}

// All of the test has to be able to fail: a store that is put back to what it
// was some time ago has lost messages and has removed ones back.
func TestAStorePutBackIsFound(t *testing.T) {
	w := newWorld(t, 1)
	old := filepath.Join(t.TempDir(), "store")
	w.work(func() {
		w.server.Stop()
		if err := os.CopyFS(old, os.DirFS(w.store)); err != nil {
			t.Fatal(err)
		}
		w.server.Start()
	})
	if complaints := w.verify(); len(complaints) > 0 {
		w.report(complaints)
		return
	}
	w.work(func() {
		w.server.Stop()
		if err := errors.Join(os.RemoveAll(w.store), os.CopyFS(w.store, os.DirFS(old))); err != nil {
			t.Fatal(err)
		}
		w.server.Start()
	})
	complaints := strings.Join(w.verify(), "\n")
	for _, want := range []string{"plain-0-", " is lost", "its last sequence is"} {
		if !strings.Contains(complaints, want) {
			t.Errorf("the complaints do not speak of %q:\n%.2000s", want, complaints)
		}
	}
}
