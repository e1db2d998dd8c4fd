package consumer

import (
	"math/rand/v2"
	"strconv"
	"testing"

	"myelin/internal/stream"
)

// Histories of push consumers, by seed: nothing is sent that nobody listens to; messages are new once and in order;
// what is sent and not replied to stays within the largest window; a rate is kept; a listener hears something in
// every idle_heartbeat.
func TestPushHistories(t *testing.T) {
	for seed := range *seeds {
		t.Run(strconv.Itoa(seed), func(t *testing.T) {
			h := newPushed(t, uint64(seed))
			for range 300 {
				h.event()
			}
			h.drain()
		})
	}
}

const (
	pushBeat = 500e6
	pushRate = 1e6 // bytes a second
)

type pushed struct {
	*model
	r      *rand.Rand
	last   uint64
	dseq   uint64
	heard  int64  // when something was sent last
	token  string // of the reply that is asked for
	open   int64  // bytes sent and not replied to
	asked  int64  // of these, those before the question
	spent  int64  // bytes sent, for the rate
	begun  int64
	limits bool
	flows  bool
}

func newPushed(t *testing.T, seed uint64) *pushed {
	h := &pushed{model: newModel(t), r: rand.New(rand.NewPCG(seed, 142))}
	fields := `"deliver_subject":"R.p","ack_policy":"none","idle_heartbeat":500000000`
	if h.flows = h.r.IntN(2) == 0; h.flows {
		fields += `,"flow_control":true`
	}
	if h.limits = h.r.IntN(2) == 0; h.limits {
		fields += `,"rate_limit_bps":8000000`
	}
	h.create(fields + `,"inactive_threshold":3600000000000`)
	h.begun = h.now
	return h
}

func (h *pushed) event() {
	switch n := h.r.IntN(10); {
	case n < 4:
		for range 1 + h.r.IntN(8) {
			h.model.last++
			h.messages[h.model.last] = stored{body: h.r.IntN(1 << 20), time: h.now}
			h.seqs = append(h.seqs, h.model.last)
		}
	case n < 5:
		h.listen(h.r.IntN(3) > 0)
	case n < 7:
		h.reply()
	default:
		h.sleep(int64(h.r.IntN(1000)) * 1e6)
	}
	h.run()
}

func (h *pushed) listen(on bool) {
	if on != h.d.Listening() {
		h.heard, h.open, h.asked, h.token = h.now, 0, 0, ""
	}
	h.d.Interest(h.now, on)
}

func (h *pushed) reply() {
	if h.r.IntN(4) == 0 && h.d.FlowReply(h.now, "another") {
		h.t.Fatal("a reply that nobody asked for is taken")
	}
	if h.token == "" {
		return
	}
	if !h.d.FlowReply(h.now, h.token) || h.d.FlowReply(h.now, h.token) {
		h.t.Fatal("a reply is not taken once")
	}
	h.open, h.asked, h.token = h.open-h.asked, 0, ""
}

func (h *pushed) sleep(d int64) {
	end := h.now + d
	for at := h.d.Deadline(); at <= end; at = h.d.Deadline() {
		h.now = max(h.now, at)
		h.run()
	}
	if h.now = end; h.d.Listening() && h.now-h.heard > pushBeat {
		h.t.Fatalf("nothing was heard for %d ms", (h.now-h.heard)/1e6)
	}
}

func (h *pushed) run() {
	for h.d.Run(h.now, 3, &h.out) {
		h.check()
	}
	h.check()
}

func (h *pushed) check() {
	o := &h.out
	if len(o.Deliveries)+len(o.Statuses) > 0 {
		if !h.d.Listening() {
			h.t.Fatal("something was sent to nobody")
		}
		h.heard = h.now
	}
	status := 0
	for i := range o.Deliveries {
		for ; status < len(o.Statuses) && o.Statuses[status].At <= i; status++ {
			h.told(&o.Statuses[status])
		}
		h.got(&o.Deliveries[i])
	}
	for ; status < len(o.Statuses); status++ {
		h.told(&o.Statuses[status])
	}
	o.Reset()
}

func (h *pushed) told(s *Status) {
	switch s.Kind {
	case Flow:
		if h.token != "" || s.Token == "" {
			h.t.Fatal("two replies are asked for")
		}
		h.token, h.asked = s.Token, h.open
	case Beat:
		if s.Token != h.token || s.First != h.dseq || s.Second != h.last {
			h.t.Fatalf("heartbeat %+v after %d, %d", s, h.dseq, h.last)
		}
	}
}

func (h *pushed) got(d *Delivery) {
	h.last++
	h.dseq++
	if d.Seq != h.last || d.DSeq != h.dseq || d.Count != 1 || d.Pending != h.CountFrom(h.last+1) {
		h.t.Fatalf("got %+v after %d", d, h.last-1)
	}
	size := int64(h.messages[d.Seq].body)
	h.open += size
	if h.flows && h.open > maxWindowBytes+1<<20 {
		h.t.Fatalf("%d bytes are sent and not replied to", h.open)
	}
	h.spent += size
	if allowed := (h.now-h.begun)*pushRate/1e9 + 2<<20; h.limits && h.spent > allowed {
		h.t.Fatalf("%d bytes are sent, and %d allowed", h.spent, allowed)
	}
}

// drain listens until all was delivered.
func (h *pushed) drain() {
	h.listen(true)
	for round := 0; h.CountFrom(h.last+1) > 0; round++ {
		if round > 5000 {
			h.t.Fatalf("%d messages do not come", h.CountFrom(h.last+1))
		}
		h.reply()
		h.run()
		h.sleep(1e9)
	}
}

// Delivering a message and acknowledging it allocates nothing.
func TestDeliveringAllocatesNothing(t *testing.T) {
	d := fresh(stream.ConsumerConfig{}, &endless{1 << 40}, nil)
	var out Out
	round := func() {
		out.Reset()
		d.Run(1, 100, &out)
		for i := range out.Deliveries {
			d.Acked(1, stream.AckItem{Kind: stream.AckDone, Seq: out.Deliveries[i].Seq}, &out)
		}
	}
	for _, to := range []string{"a", "b"} {
		d.Pull(1, Request{To: []byte(to), Batch: 1 << 30, MaxBytes: 1 << 40}, &out)
	}
	round()
	if n := testing.AllocsPerRun(100, round); n > 0 {
		t.Errorf("100 messages take %v allocations", n)
	}
}
