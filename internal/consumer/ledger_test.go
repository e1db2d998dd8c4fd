package consumer

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"myelin/internal/stream"
)

var seeds = flag.Int("seeds", 150, "how many histories to try")

// Histories of random events, by seed, are held against a ledger that knows nothing of how the dispatcher does it:
//
//   - a message is new once, then comes again with a count one higher, never more often than max_deliver, and
//     never once it was acknowledged, terminated, abandoned or removed;
//   - a new message is never delivered while max_ack_pending wait for their acknowledgement;
//   - no request gets more than its batch or its bytes, nor anything after its time;
//   - requests of one kind take turns: none is passed over more often than there are others;
//   - while somebody wants messages, whatever may be delivered is, and whatever is due comes again;
//   - the figures in a delivery equal a recount, and Deadline is never after what is due.
func TestHistories(t *testing.T) {
	for seed := range *seeds {
		t.Run(strconv.Itoa(seed), func(t *testing.T) {
			l := newLedger(t, uint64(seed))
			for range 400 {
				l.event()
				l.run()
			}
			l.drain()
		})
	}
}

type ledger struct {
	*model
	r         *rand.Rand
	delivered map[uint64]uint32 // counts
	waiting   map[uint64]*due
	done      map[uint64]bool
	last      uint64 // highest delivered
	dseq      uint64
	requests  map[string]*wish
	next      int
	trace     []string
}

type due struct {
	count uint32
	at    int64
}

type wish struct {
	Request
	left, bytes int
	expires     int64
	passed      int
}

func newLedger(t *testing.T, seed uint64) *ledger {
	l := &ledger{
		model: newModel(t), r: rand.New(rand.NewPCG(seed, 141)), delivered: map[uint64]uint32{}, waiting: map[uint64]*due{},
		done: map[uint64]bool{}, requests: map[string]*wish{},
	}
	fields := `"ack_policy":"explicit","ack_wait":` + strconv.Itoa((1+l.r.IntN(5))*1e8)
	if l.r.IntN(2) == 0 {
		fields += `,"max_deliver":` + strconv.Itoa(3+l.r.IntN(4))
	}
	if l.r.IntN(2) == 0 {
		fields += `,"max_ack_pending":` + strconv.Itoa(1+l.r.IntN(20))
	}
	if l.r.IntN(3) == 0 {
		fields += `,"backoff":[100000000,250000000,50000000]`
	}
	fields += []string{
		``, ``, `,"priority_groups":["G"],"priority_policy":"overflow"`, `,"priority_groups":["G"],"priority_policy":"prioritized"`,
		`,"priority_groups":["G"],"priority_policy":"pinned_client","priority_timeout":200000000`,
	}[l.r.IntN(5)]
	l.create(fields + `,"inactive_threshold":3600000000000`)
	return l
}

func (l *ledger) note(format string, args ...any) {
	l.trace = append(l.trace, strconv.FormatInt(l.now/1e6%1e6, 10)+" "+fmt.Sprintf(format, args...))
}

func (l *ledger) fail(format string, args ...any) {
	l.t.Helper()
	for _, line := range l.trace[max(0, len(l.trace)-40):] {
		l.t.Log(line)
	}
	l.t.Fatalf(format, args...)
}

// event lets something happen.
func (l *ledger) event() {
	switch n := l.r.IntN(100); {
	case n < 20:
		for range 1 + l.r.IntN(10) {
			l.model.last++
			l.messages[l.model.last] = stored{body: l.r.IntN(300), time: l.now}
			l.seqs = append(l.seqs, l.model.last)
		}
	case n < 40:
		l.ask()
	case n < 70:
		l.answer()
	case n < 75:
		l.vanish()
	case n < 77:
		l.restart()
	case n < 80:
		l.pause(int64(l.r.IntN(3)) * 1e8)
	case n < 82:
		l.d.Unpin(l.now, "g", &l.out)
	default:
		l.sleep(int64(l.r.IntN(200)) * 1e6)
	}
}

// ask is a new request.
func (l *ledger) ask() {
	l.next++
	to := "R." + strconv.Itoa(l.next)
	q := Request{To: []byte(to), Batch: 1 + l.r.IntN(8), NoWait: l.r.IntN(6) == 0}
	if l.r.IntN(2) == 0 {
		q.Expires = int64(1+l.r.IntN(300)) * 1e6
	}
	if l.r.IntN(4) == 0 {
		q.MaxBytes = 100 + l.r.IntN(1000)
	}
	if q.Expires > 0 && l.r.IntN(3) == 0 {
		q.Heartbeat = q.Expires / 3
	}
	switch l.config.Priority {
	case stream.PriorityOverflow:
		q.MinPending, q.MinAckPending = int64(l.r.IntN(4)*3), int64(l.r.IntN(3)*5)
	case stream.PriorityPrioritized:
		q.Priority = l.r.IntN(3)
	case stream.PriorityPinned:
		if l.r.IntN(3) == 0 {
			_, q.ID, _ = l.d.Pin()
		}
	}
	if l.config.Priority != stream.PriorityNone {
		q.Group = "G"
	}
	l.listeners[to] = true
	l.pullNow(q)
}

func (l *ledger) pullNow(q Request) {
	l.note("ask %s batch=%d bytes=%d expires=%d nowait=%v id=%s", q.To, q.Batch, q.MaxBytes, q.Expires/1e6, q.NoWait, q.ID)
	w := &wish{Request: q, left: q.Batch, bytes: q.MaxBytes}
	if q.Expires > 0 {
		w.expires = l.now + q.Expires
	}
	l.requests[string(q.To)] = w
	l.d.Pull(l.now, q, &l.out)
	for _, s := range l.out.Statuses {
		if string(s.To) == string(q.To) {
			delete(l.requests, string(q.To)) // refused
		}
	}
	if w.Heartbeat > 0 && l.d.Waiting() < len(l.requests) {
		delete(l.requests, string(q.To)) // silently
	}
	l.out.Statuses = l.out.Statuses[:0]
}

// answer acknowledges or refuses something, that was delivered or not.
func (l *ledger) answer() {
	seq := uint64(l.r.IntN(int(l.last) + 2))
	item := stream.AckItem{Kind: stream.AckKind(1 + l.r.IntN(4)), Seq: seq}
	w := l.waiting[seq]
	if w == nil {
		return // the machine does not say so of what changes nothing
	}
	l.note("answer %d kind %d", seq, item.Kind)
	switch item.Kind {
	case stream.AckDone, stream.AckTerm:
		delete(l.waiting, seq)
		l.done[seq] = true
	case stream.AckNak:
		if l.r.IntN(2) == 0 {
			item.Delay = int64(1+l.r.IntN(300)) * 1e6
		}
		if item.Delay > 0 || w.at > l.now {
			w.at = l.now + item.Delay
		}
	case stream.AckProgress:
		w.at = l.now + int64(l.config.Wait(w.count))
	}
	l.d.Acked(l.now, item, &l.out)
}

func (l *ledger) vanish() {
	if len(l.seqs) == 0 {
		return
	}
	seq := l.seqs[l.r.IntN(len(l.seqs))]
	l.note("vanish %d", seq)
	l.remove(seq, l.r.IntN(2) == 0)
	delete(l.waiting, seq)
	l.done[seq] = true
}

func (l *ledger) restart() {
	l.note("restart")
	seqs := make([]uint64, 0, len(l.waiting))
	for seq := range l.waiting {
		seqs = append(seqs, seq)
	}
	slices.Sort(seqs)
	start := l.start
	start.Config = l.d.config
	start.Delivered, start.DSeq = l.last, l.dseq
	start.Pending = func(yield func(Pending) bool) {
		for _, seq := range seqs {
			w := l.waiting[seq]
			if !yield(Pending{Seq: seq, Time: w.at - int64(l.config.Wait(w.count)), Count: w.count}) {
				return
			}
		}
	}
	l.d.Restart(l.now, start)
}

func (l *ledger) pause(d int64) {
	l.note("pause %d", d/1e6)
	config := l.config
	if until := time.Unix(0, l.now+d); d > 0 {
		config.PauseUntil = &until
	}
	l.d.Configure(l.now, &config, &l.out)
}

// sleep lets time go by, with a Run at each Deadline.
func (l *ledger) sleep(d int64) {
	l.note("sleep %d", d/1e6)
	end := l.now + d
	for n := 0; ; n++ {
		at := l.d.Deadline()
		if at > l.earliest() {
			l.fail("Deadline %d, and %d is due", at, l.earliest())
		}
		if at > end {
			break
		}
		if n > 100000 {
			l.fail("Deadline stays at %d", at)
		}
		l.now = max(l.now, at)
		l.run()
	}
	l.now = end
}

// earliest is when something is due.
func (l *ledger) earliest() int64 {
	at := int64(never)
	for _, w := range l.waiting {
		if w.at > l.now { // earlier ones were taken note of
			at = min(at, w.at)
		}
	}
	for _, w := range l.requests {
		if w.expires != 0 {
			at = min(at, w.expires)
		}
	}
	return at
}

func (l *ledger) run() {
	for n := 0; l.d.Run(l.now, 5, &l.out); n++ {
		l.check()
		if n > 10000 {
			l.fail("Run does not end")
		}
	}
	l.check()
	l.complete()
}

// check enters what came out.
func (l *ledger) check() {
	o := &l.out
	for _, a := range o.Acks {
		w := l.waiting[a.Seq]
		if a.Kind != stream.AckAbandon || w == nil || w.count != uint32(l.config.MaxDeliver) || w.at > l.now {
			l.fail("abandoned %d %v", a.Seq, w)
		}
		delete(l.waiting, a.Seq)
		l.done[a.Seq] = true
	}
	at := 0
	for i := range o.Deliveries {
		for ; at < len(o.Statuses) && o.Statuses[at].At <= i; at++ {
			l.told(&o.Statuses[at])
		}
		l.got(&o.Deliveries[i])
		if want := (stream.Delivery{Seq: o.Deliveries[i].Seq, DSeq: o.Deliveries[i].DSeq, Count: o.Deliveries[i].Count}); o.Delivered[i] != want {
			l.fail("proposed %v, not %v", o.Delivered[i], want)
		}
	}
	for ; at < len(o.Statuses); at++ {
		l.told(&o.Statuses[at])
	}
	o.Reset()
	if l.d.AckPending() != len(l.waiting) {
		l.fail("%d wait, not %d", l.d.AckPending(), len(l.waiting))
	}
}

func (l *ledger) got(d *Delivery) {
	l.note("got %s seq=%d count=%d", d.To, d.Seq, d.Count)
	q := l.requests[string(d.To)]
	if q == nil || q.left == 0 || q.expires != 0 && q.expires <= l.now {
		l.fail("%s got %d without asking", d.To, d.Seq)
	}
	if _, there := l.messages[d.Seq]; !there || l.done[d.Seq] || d.Count != l.delivered[d.Seq]+1 {
		l.fail("%d came again: done %v, count %d after %d", d.Seq, l.done[d.Seq], d.Count, l.delivered[d.Seq])
	}
	if limit := l.config.MaxDeliver; limit > 0 && int(d.Count) > limit {
		l.fail("%d came %d times", d.Seq, d.Count)
	}
	if l.dseq++; d.DSeq != l.dseq {
		l.fail("consumer sequence %d after %d", d.DSeq, l.dseq-1)
	}
	l.enter(d)
	if want := l.CountFrom(l.last + 1); d.Pending != want {
		l.fail("%d messages pending, not %d", d.Pending, want)
	}
	l.charge(q, d)
	l.delivered[d.Seq] = d.Count
	l.waiting[d.Seq] = &due{count: d.Count, at: l.now + int64(l.config.Wait(d.Count))}
}

func (l *ledger) enter(d *Delivery) {
	if d.Count > 1 {
		if w := l.waiting[d.Seq]; w == nil || w.at > l.now {
			l.fail("%d came again before its time", d.Seq)
		}
		return
	}
	if limit := l.config.MaxAckPending; limit > 0 && len(l.waiting) >= limit {
		l.fail("%d came while %d wait", d.Seq, len(l.waiting))
	}
	if next, _ := l.Next(l.last + 1); next != d.Seq {
		l.fail("%d came after %d", d.Seq, l.last)
	}
	l.last = d.Seq
}

// charge counts a message for a request, and that others were passed over.
func (l *ledger) charge(q *wish, d *Delivery) {
	q.left--
	if q.MaxBytes > 0 {
		s := l.messages[d.Seq]
		q.bytes -= 1 + s.body + len(fmt.Sprintf("$JS.ACK.S.C.%d.%d.%d.%d.%d", d.Count, d.Seq, d.DSeq, s.time, d.Pending))
		if q.bytes < 0 {
			l.fail("%s got too many bytes", d.To)
		}
	}
	q.passed = 0
	for _, other := range l.requests {
		if other != q && l.config.Priority == stream.PriorityNone {
			if other.passed++; other.passed > l.next {
				l.fail("%s is passed over", other.To)
			}
		}
	}
	if q.left == 0 || q.MaxBytes > 0 && q.bytes == 0 {
		delete(l.requests, string(d.To))
	}
}

func (l *ledger) told(s *Status) {
	l.note("told %s %d %s", s.To, s.Code, s.Text)
	q := l.requests[string(s.To)]
	switch {
	case s.Code == 100:
		return
	case s.Text == textBatchDone && q == nil:
		return
	case q == nil:
		l.fail("%s was told %s", s.To, s.Text)
	case s.Kind == Unserved && (int(s.First) != q.left || int(s.Second) != q.bytes):
		l.fail("%s misses %d, %d; not %d, %d", s.To, s.First, s.Second, q.left, q.bytes)
	case s.Code == 408 && q.expires > l.now:
		l.fail("%s ended too early", s.To)
	}
	delete(l.requests, string(s.To))
}

// complete looks for what should have come and did not.
func (l *ledger) complete() {
	for to, q := range l.requests {
		if q.expires != 0 && q.expires <= l.now {
			l.fail("%s should have ended", to)
		}
	}
	for seq, w := range l.waiting {
		if w.at <= l.now && l.config.MaxDeliver > 0 && int(w.count) >= l.config.MaxDeliver {
			l.fail("%d should be abandoned", seq)
		}
	}
	if l.d.Waiting() != len(l.requests) {
		l.fail("%d requests wait, not %d", l.d.Waiting(), len(l.requests))
	}
	full := l.config.MaxAckPending > 0 && len(l.waiting) >= l.config.MaxAckPending
	if _, more := l.Next(l.last + 1); l.d.Wants() != (l.d.PausedUntil() == 0 && !full && len(l.requests) > 0) {
		l.fail("Wants says %v", l.d.Wants())
	} else if l.d.PausedUntil() == 0 && !full && !more {
		l.noneInVain()
	}
	if l.d.PausedUntil() != 0 || !l.wanted() {
		return
	}
	for seq, w := range l.waiting {
		if w.at <= l.now {
			l.fail("%d should have come again", seq)
		}
	}
	if _, more := l.Next(l.last + 1); more && !full {
		l.fail("what is behind %d should have come", l.last)
	}
}

// noneInVain looks for requests that do not wait, where there is nothing to wait for.
func (l *ledger) noneInVain() {
	for to, q := range l.requests {
		if q.NoWait && (q.Expires == 0 || q.left < q.Batch) {
			l.fail("%s does not wait, and waits", to)
		}
	}
}

// wanted says whether a request waits that takes any message.
func (l *ledger) wanted() bool {
	for _, q := range l.requests {
		_, pin, _ := l.d.Pin()
		if q.MinPending == 0 && q.MinAckPending == 0 && (l.config.Priority != stream.PriorityPinned || q.ID == pin) {
			return true
		}
	}
	return false
}

// drain asks until everything was delivered as often as may be or is acknowledged, half of it by the end.
func (l *ledger) drain() {
	for round := 0; len(l.waiting) > 0 || l.CountFrom(l.last+1) > 0; round++ {
		if round > 2000 {
			l.fail("%d messages wait, %d did not come", len(l.waiting), l.CountFrom(l.last+1))
		}
		l.pause(0)
		l.next++
		q := Request{To: []byte("R." + strconv.Itoa(l.next)), Batch: 50}
		if l.config.Priority != stream.PriorityNone {
			q.Group = "G"
		}
		l.listeners[string(q.To)] = true
		if len(l.requests) < 20 || l.config.Priority != stream.PriorityNone && len(l.requests) < 400 {
			l.pullNow(q)
		}
		l.sleep(3e8)
		for seq := range l.waiting {
			if l.config.MaxDeliver < 0 || l.r.IntN(2) == 0 {
				delete(l.waiting, seq)
				l.done[seq] = true
				l.d.Acked(l.now, stream.AckItem{Kind: stream.AckDone, Seq: seq}, &l.out)
			}
		}
		l.run()
	}
	for _, seq := range l.seqs {
		if l.delivered[seq] == 0 {
			l.fail("%d never came", seq)
		}
	}
}
