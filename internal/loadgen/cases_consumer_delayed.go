package loadgen

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

func consumerDelayedCases() []Case {
	return []Case{{Name: "jsc-delayed", Title: "1,000,000 messages of 128 B delayed until moments within 50 s, taken by a pushed consumer, beside another publisher",
		Once: true, Store: OwnSync, Goals: []Goal{atLeast(OnTime, 0.999)}, Run: runDelayed}}
}

const (
	delayedMessages = 1_000_000
	delayedSpread   = 50 * time.Second       // from the moment of the first to that of the last
	delayedLead     = 30 * time.Second       // for publishing them before the first moment, by the scale
	delayedLeadMin  = 500 * time.Millisecond // and this on top of it
	delayedLate     = 50 * time.Millisecond  // what still is on time
	delayedSize     = 128
	delayedHead     = 512 // bytes of a message that is looked at as a whole
	delayedTarget   = "bench.due"

	besideInFlight = 16
	besidePause    = time.Millisecond // between two messages of each in flight
)

// delays says when which message is due, in an order that is not that of the
// moments.
type delays struct {
	order []int
	first time.Time
	step  time.Duration
}

// due returns when a message is due.
func (d *delays) due(number int64) time.Time {
	return d.first.Add(time.Duration(d.order[number]) * d.step)
}

// compose publishes a message with a schedule of its own, which says in its
// payload which one it is and when it is due.
func (d *delays) compose(string) composer {
	payload := bytes.Repeat([]byte{'x'}, delayedSize)
	var subject, header []byte
	return func(b, reply []byte, number int64) []byte {
		at := d.due(number)
		subject = appendNumbered(subject[:0], "bench.later.", number)
		header = append(header[:0], "NATS/1.0\r\nNats-Schedule: @at "...)
		header = at.UTC().AppendFormat(header, time.RFC3339Nano)
		header = append(header, "\r\nNats-Schedule-Target: "+delayedTarget+"\r\n\r\n"...)
		putStamp(payload, at.UnixNano())
		binary.BigEndian.PutUint64(payload[stampBytes:], uint64(number))
		return appendHeaderPub(b, subject, reply, header, payload)
	}
}

// punctuality is what is known of the messages that came.
type punctuality struct {
	t       *taker
	seen    marks
	onTime  int64
	latency *hdrhistogram.Histogram
}

// look enters a message: its payload is the end of what is there.
func (p *punctuality) look(ev *event) error {
	if len(ev.head) != ev.size || ev.size < delayedSize {
		return fmt.Errorf("a delayed message of %d bytes", ev.size)
	}
	payload := ev.head[ev.size-delayedSize:]
	due, ok := readStamp(payload)
	if !ok {
		return errors.New("a message that was not delayed")
	}
	number := int64(binary.BigEndian.Uint64(payload[stampBytes:]))
	if !p.seen.set(number) {
		return fmt.Errorf("delayed message %d came twice", number)
	}
	late := p.t.now - due
	if late < 0 {
		return fmt.Errorf("delayed message %d came %v before its time", number, time.Duration(-late))
	}
	if late <= int64(delayedLate) {
		p.onTime++
	}
	recordLatency(p.latency, late, 1)
	return nil
}

// runDelayed measures how late delayed messages come.
func runDelayed(ctx context.Context, env *Env) (Sample, error) {
	messages := env.scaled(delayedMessages)
	st := newStage(ctx, env.dialer())
	defer st.close()
	api, err := st.api()
	if err != nil {
		return nil, err
	}
	config := streamOf(streamName(0), "bench.>")
	config.AllowSchedules, config.AllowRollup = true, true
	if err := api.create(st.ctx, config); err != nil {
		return nil, err
	}
	watch, done, err := st.watchDelayed(api, config.Name, int64(messages))
	if err != nil {
		return nil, err
	}
	beside, err := st.storer(besideInFlight, repeated("bench.beside", delayedSize))
	if err != nil {
		return nil, err
	}
	beside.Mute(true)
	beside.sleep = besidePause
	st.write(func(ctx context.Context) error { return beside.Run(ctx, 0) })
	start := time.Now()
	took, err := st.publishDelayed(env, messages)
	if err != nil {
		return nil, err
	}
	select {
	case <-done:
	case <-st.ctx.Done():
	}
	elapsed := time.Since(start)
	st.stop()
	st.writers.Wait()
	if err := context.Cause(st.ctx); err != nil {
		return nil, err
	}
	sample := Sample{
		OnTime:    float64(watch.onTime) / float64(messages),
		P50:       float64(watch.latency.ValueAtQuantile(50)),
		P99:       float64(watch.latency.ValueAtQuantile(99)),
		Worst:     float64(watch.latency.Max()),
		Published: float64(messages) / took.Seconds(),
		Offered:   float64(beside.Replies()) / elapsed.Seconds(),
	}
	if err := api.checkDelivered(st.ctx, config.Name, drainConsumer, int64(messages)); err != nil {
		return nil, err
	}
	// What has fired is not kept.
	return sample, st.checkHolds(api, config.Name, int64(messages)+beside.Replies())
}

// watchDelayed makes the consumer of what has come due. The channel is closed
// when all of it is there.
func (s *stage) watchDelayed(api *apiClient, stream string, messages int64) (*punctuality, <-chan struct{}, error) {
	consumer := orderedPush(drainConsumer, newInbox())
	consumer.Filter = delayedTarget
	t, err := s.follow(api, stream, consumer, 0)
	if err != nil {
		return nil, nil, err
	}
	t.conn.in.wantHead = delayedHead
	p := &punctuality{t: t, latency: newHistogram()}
	t.limit, t.look = messages, p.look
	done := make(chan struct{})
	s.read(func() error {
		defer close(done)
		return t.run(s.ctx)
	})
	return p, done, nil
}

// publishDelayed publishes the messages and returns how long it took.
func (s *stage) publishDelayed(env *Env, messages int) (time.Duration, error) {
	start := time.Now()
	lead := delayedLeadMin + time.Duration(float64(delayedLead)*env.Scale)
	d := &delays{
		order: rand.New(rand.NewPCG(1, 2)).Perm(messages),
		first: start.Add(lead),
		step:  delayedSpread / delayedMessages,
	}
	r, err := s.storer(storedWindow, d.compose)
	if err != nil {
		return 0, err
	}
	r.Mute(true)
	if err := r.Run(s.ctx, int64(messages)); err != nil {
		return 0, fmt.Errorf("publish delayed messages: %w", err)
	}
	return time.Since(start), nil
}
