package engine

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"myelin/internal/consumer"
	"myelin/internal/router"
	"myelin/internal/stream"
	"myelin/internal/vfs"
)

// fair is a node on which publishers, clients of consumers, and somebody who removes messages and changes consumers do what they do
// at the same time.
type fair struct {
	*node
	mu    sync.Mutex
	seen  map[string]map[uint64]int    // deliveries by consumer and sequence
	known map[string]map[uint64]string // subjects of what was published
	gone  map[string]map[uint64]bool   // what may have been removed
	done  chan bool
}

func newFair(t *testing.T, fs vfs.FS) *fair {
	f := &fair{
		node: mustOpen(t, fs, func(o *Options) { o.TailBytes = 1 << 20 }), done: make(chan bool),
		seen: map[string]map[uint64]int{}, known: map[string]map[uint64]string{}, gone: map[string]map[uint64]bool{},
	}
	f.listenTo("inbox")
	for name, retention := range map[string]stream.Retention{"W": stream.WorkQueue, "I": stream.Interest} {
		f.create(name, func(c *stream.Config) { c.Retention = retention })
		f.known[name], f.gone[name] = map[uint64]string{}, map[uint64]bool{}
	}
	for name, filter := range map[string]string{"W1": "W.a", "W2": "W.b", "I1": "I.>", "I2": "I.a"} {
		f.take(name, filter)
	}
	return f
}

// take makes a consumer, or gives it another filter. The first letter of its name is its stream's.
func (f *fair) take(name, filter string) *Consumer {
	return f.consumer(f.Stream(account, name[:1]), name, func(c *stream.ConsumerConfig) {
		c.AckWait, c.FilterSubject = time.Hour, filter
	})
}

// publish publishes so many messages.
func (f *fair) publish(rnd *rand.Rand, count int) {
	for range count {
		name := []string{"W", "I"}[rnd.IntN(2)]
		subject := name + []string{".a", ".b"}[rnd.IntN(2)]
		r := f.Stream(account, name).Propose((&stream.Append{Span: 1, Subject: []byte(subject), Body: make([]byte, rnd.IntN(300))}).Encode(nil), false)
		if r.Err != nil {
			f.t.Error(r.Err)
			return
		}
		f.mu.Lock()
		f.known[name][r.Seq] = subject
		f.mu.Unlock()
	}
}

// pull asks for messages until all is done.
func (f *fair) pull(name string) {
	for {
		select {
		case <-f.done:
			return
		case <-time.After(time.Millisecond):
		}
		if c := f.Stream(account, name[:1]).Consumer(name); c != nil {
			f.ask(func(b *router.Batch) { c.Pull(b, &consumer.Request{To: []byte("inbox"), Batch: 20, NoWait: true}) })
		}
	}
}

// answer acknowledges what is delivered until all is done.
func (f *fair) answer() {
	for {
		select {
		case <-f.done:
			return
		case <-f.post.wake:
		}
		f.post.mu.Lock()
		got := f.post.got
		f.post.got = nil
		f.post.mu.Unlock()
		f.ask(func(b *router.Batch) {
			for _, d := range got {
				f.mu.Lock()
				if f.seen[d.consumer] == nil {
					f.seen[d.consumer] = map[uint64]int{}
				}
				f.seen[d.consumer][d.Seq]++
				f.mu.Unlock()
				if c := f.Stream(account, d.consumer[:1]).Consumer(d.consumer); c != nil {
					c.Acknowledge(b, nil, &stream.AckItem{Kind: stream.AckDone, Seq: d.Seq, DSeq: d.DSeq})
				}
			}
		})
	}
}

// meddle removes messages and changes consumers.
func (f *fair) meddle(rnd *rand.Rand, count int) {
	for range count {
		name := []string{"W", "I"}[rnd.IntN(2)]
		s := f.Stream(account, name)
		at := 1 + rnd.Uint64N(s.Info().Last+1)
		from := at
		dice := rnd.IntN(8)
		if dice == 0 {
			from = at - min(at-1, 20)
		}
		f.mu.Lock()
		for seq := from; seq <= at && dice < 3; seq++ {
			f.gone[name][seq] = true
		}
		f.mu.Unlock()
		switch {
		case dice == 0 && s.Info().First >= from:
			s.Propose(stream.Purge{Before: at + 1, Filter: name + ".b"}.Encode(nil), true)
		case dice < 3:
			s.DeleteMessage(at, dice == 1)
		case dice < 5:
			f.take("I2", []string{"I.a", "I.b", "I.>"}[rnd.IntN(3)])
		case dice < 6:
			f.take("I3", "I.>")
		case dice < 7:
			f.Stream(account, "I").DropConsumer("I3")
		default:
			_ = f.Stream(account, "I").PauseConsumer("I1", rnd.Int64N(2)*time.Now().Add(time.Hour).UnixNano())
		}
	}
	f.Stream(account, "I").DropConsumer("I3")
	_ = f.Stream(account, "I").PauseConsumer("I1", 0)
}

// check finds whether each message went to whom it was for, once.
func (f *fair) check() {
	for name, filter := range map[string]string{"W1": "W.a", "W2": "W.b", "I1": ""} {
		for seq, subject := range f.known[name[:1]] {
			times := f.seen[name][seq]
			if wanted := filter == "" || subject == filter; times > 1 || times == 1 && !wanted || times == 0 && wanted && !f.gone[name[:1]][seq] {
				f.t.Errorf("%s was given %d (%s) %d times", name, seq, subject, times)
			}
		}
	}
	for seq, times := range f.seen["I2"] {
		if times > 1 {
			f.t.Errorf("I2 was given %d %d times", seq, times)
		}
	}
	for _, name := range []string{"W", "I"} {
		f.Stream(account, name).View(func(state *stream.State) {
			for view := range state.Consumers() {
				if err := (&customer{}).recount(state); err != nil || view.NumAckPending != 0 || view.NumPending != 0 || view.Floor.Stream != view.Delivered.Stream {
					f.t.Errorf("%+v: %v", view, err)
				}
			}
		})
	}
}

// What consumers are owed is exact while others publish, acknowledge, remove messages and change filters, and while consumers come
// and go: all are given what is for them, once, and streams that keep what somebody wants are empty in the end.
func TestConsumersAllAtOnce(t *testing.T) {
	seeds(t, 3, func(t *testing.T, seed uint64) {
		rnd := func(n uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, n)) }
		f := newFair(t, vfs.NewMem())
		var clients, work sync.WaitGroup
		for _, name := range []string{"W1", "W2", "I1", "I2", "I3"} {
			clients.Go(func() { f.pull(name) })
		}
		clients.Go(f.answer)
		for i := range uint64(2) {
			work.Go(func() { f.publish(rnd(i), 600) })
		}
		work.Go(func() { f.meddle(rnd(2), 200) })
		work.Wait()
		f.await("all to be acknowledged", func() bool {
			return f.Stream(account, "W").Info().Messages+f.Stream(account, "I").Info().Messages == 0
		})
		for _, name := range []string{"W1", "W2", "I1", "I2"} {
			f.status(f.Stream(account, name[:1]).Consumer(name))
		}
		close(f.done)
		clients.Wait()
		f.check()
	})
}
