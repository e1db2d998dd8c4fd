package loadgen

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
)

func storedGetCases() []Case {
	return []Case{
		{Name: "js-get-subject", Title: "direct get of the last message of a random subject, of 1,000,000 of 128 B, 16 in flight",
			Store: OwnSync, Goals: []Goal{ratioAtLeast(Rate, 2)}, Run: gets(bySubject)},
		{Name: "js-get-seq", Title: "direct get of a random sequence number, of 1,000,000 messages of 128 B, 16 in flight",
			Store: OwnSync, Goals: []Goal{ratioAtLeast(Rate, 2)}, Run: gets(bySeq)},
	}
}

const (
	getMessages = 1_000_000
	getSize     = 128
	getInFlight = 16
)

// gets measures random reads of a stream that was just filled, one message per
// subject.
func gets(ask func(messages int) composer) func(context.Context, *Env) (Sample, error) {
	return func(ctx context.Context, env *Env) (Sample, error) {
		messages := env.scaled(getMessages)
		if err := fill(ctx, env, directStream(), messages, getSize); err != nil {
			return nil, err
		}
		st := newStage(ctx, env.dialer())
		defer st.close()
		r, err := st.storer(getInFlight, func(string) composer { return ask(messages) })
		if err != nil {
			return nil, err
		}
		r.check = found
		return st.steady(env, r)
	}
}

// steady runs a requester for the warm-up and then the window, which is
// measured, and ends the load. The requester has the latencies in the window.
func (s *stage) steady(env *Env, r *Requester) (Sample, error) {
	r.Mute(true)
	s.write(func(ctx context.Context) error { return r.Run(ctx, 0) })
	sample, err := env.measure(s.ctx, r.Replies, func() { r.Mute(false) })
	if err != nil {
		return nil, err
	}
	r.Mute(true)
	s.stop()
	s.writers.Wait()
	return sample, context.Cause(s.ctx)
}

// directStream holds one message per subject and lets it be read directly, as
// a bucket of keys and values does.
func directStream() streamConfig {
	config := streamOf(streamName(0), "bench.>")
	config.MaxPerSubject, config.AllowDirect = 1, true
	return config
}

// fill makes a stream and publishes to it, each message on a subject of its
// own.
func fill(ctx context.Context, env *Env, config streamConfig, messages, size int) error {
	st := newStage(ctx, env.dialer())
	defer st.close()
	api, err := st.api()
	if err != nil {
		return err
	}
	return st.fill(api, config, messages, keyed(size))
}

// fill makes a stream and publishes messages to it, none of which replaces
// another.
func (s *stage) fill(api *apiClient, config streamConfig, messages int, compose func(inbox string) composer) error {
	if err := api.create(s.ctx, config); err != nil {
		return err
	}
	r, err := s.storer(storedWindow, compose)
	if err != nil {
		return err
	}
	defer r.conn.Close()
	if err := r.Run(s.ctx, int64(messages)); err != nil {
		return fmt.Errorf("fill the stream: %w", err)
	}
	return s.checkHolds(api, config.Name, r.Replies())
}

// keyed publishes each message on the subject of its number.
func keyed(size int) func(string) composer {
	payload := bytes.Repeat([]byte{'x'}, size)
	return func(string) composer {
		var subject []byte
		return func(b, reply []byte, number int64) []byte {
			subject = appendKey(subject[:0], number)
			return appendPub(b, subject, reply, payload)
		}
	}
}

// appendKey appends the subject of a number, all of one length.
func appendKey(b []byte, number int64) []byte {
	b = append(b, "bench.00000000"...)
	putToken(b[len(b)-tokenDigits:], number)
	return b
}

func bySubject(messages int) composer {
	random := rand.New(rand.NewPCG(1, 2))
	prefix := "$JS.API.DIRECT.GET." + streamName(0) + "."
	var subject []byte
	return func(b, reply []byte, _ int64) []byte {
		subject = appendKey(append(subject[:0], prefix...), random.Int64N(int64(messages)))
		return appendPub(b, subject, reply, nil)
	}
}

func bySeq(messages int) composer {
	random := rand.New(rand.NewPCG(1, 2))
	subject := []byte("$JS.API.DIRECT.GET." + streamName(0))
	var body []byte
	return func(b, reply []byte, _ int64) []byte {
		body = strconv.AppendInt(append(body[:0], `{"seq":`...), 1+random.Int64N(int64(messages)), 10)
		body = append(body, '}')
		return appendPub(b, subject, reply, body)
	}
}

var foundStatus = []byte("NATS/1.0\r\n")

// found fails for a reply to a direct get that is not a message.
func found(reply *event) error {
	if !reply.status {
		return errors.New("the reply to a direct get has no header")
	}
	if !bytes.HasPrefix(reply.head, foundStatus) {
		return fmt.Errorf("direct get: %.60s", reply.head)
	}
	return nil
}
