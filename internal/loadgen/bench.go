package loadgen

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Options are what all benchmarks have in common.
type Options struct {
	Dialer   Dialer
	Subject  string
	Clients  int   // connections; 1 when 0
	Messages int64 // see the functions; until the context ends when 0
	Size     int   // payload bytes of what is sent

	ServerPID int                     // to measure the server's CPU time; not measured when 0
	Progress  func(done, total int64) // called several times a second and at the end
}

// PubOptions are those of Pub.
type PubOptions struct {
	Options
	Subjects int     // publish to Subject.0, Subject.1, ... when above 1
	Rate     float64 // messages per second over all clients; as fast as possible when 0
	Stamp    bool    // put the time into payloads of at least 16 bytes, for the latency of Sub
}

// SubOptions are those of Sub.
type SubOptions struct {
	Options
	Queue   string // group to join
	Latency bool   // compare the stamps in payloads with the clock
	Ready   func() // called when all subscriptions stand
}

// RequestOptions are those of Request.
type RequestOptions struct {
	Options
	InFlight int           // requests of one client at a time; 1 when 0
	Sleep    time.Duration // before a client sends what is next
}

// ServeOptions are those of Serve.
type ServeOptions struct {
	Options
	Queue string
	Ready func()
}

// Pub publishes Messages, shared among the clients, and returns when the
// server has processed them, or what was done until the context ended.
func Pub(ctx context.Context, o PubOptions) (*Result, error) {
	c, err := newCrew(ctx, &o.Options)
	if err != nil {
		return nil, err
	}
	defer c.stage.close()
	subjects := []string{o.Subject}
	if o.Subjects > 1 {
		subjects = numbered(o.Subject+".%d", o.Subjects)
	}
	all := make([]*Publisher, o.Clients)
	for i := range all {
		if all[i], err = c.stage.publisher(subjects, o.Size, nil); err != nil {
			return nil, err
		}
		all[i].Rate = o.Rate / float64(o.Clients)
		all[i].Stamp = o.Stamp && o.Size >= stampBytes
	}
	took := make([]time.Duration, o.Clients)
	err = c.run(o.Messages, func() int64 { return sum(all, (*Publisher).Sent) }, func(i int, n int64) func(context.Context) error {
		return func(ctx context.Context) error {
			defer func(start time.Time) { took[i] = time.Since(start) }(time.Now())
			return all[i].Run(ctx, n)
		}
	})
	for i, p := range all {
		c.result.add(WorkerResult{p.Sent(), p.Sent() * int64(o.Size), took[i]}, nil)
	}
	return &c.result, err
}

// Sub receives Messages on each client, or in all when they are a queue group,
// and measures from the first of them to the last.
func Sub(ctx context.Context, o SubOptions) (*Result, error) {
	c, err := newCrew(ctx, &o.Options)
	if err != nil {
		return nil, err
	}
	defer c.stage.close()
	all := make([]*Subscriber, o.Clients)
	for i := range all {
		if all[i], err = c.stage.subscribe(o.Subject, o.Queue, false, o.Latency); err != nil {
			return nil, err
		}
	}
	if o.Ready != nil {
		o.Ready()
	}
	total := o.Messages
	if o.Queue == "" {
		total *= int64(o.Clients)
	}
	err = c.receive(total, func() int64 { return sum(all, (*Subscriber).Received) })
	c.stage.close()
	first, last := int64(0), int64(0)
	for _, s := range all {
		c.result.add(WorkerResult{s.Received(), s.Bytes(), s.Span()}, s.Latency())
		if at := s.first.Load(); at > 0 && (first == 0 || at < first) {
			first = at
		}
		last = max(last, s.last.Load())
	}
	c.result.Duration = time.Duration(last - first)
	return &c.result, err
}

// Request sends Messages requests, shared among the clients, and measures how
// long their replies take.
func Request(ctx context.Context, o RequestOptions) (*Result, error) {
	c, err := newCrew(ctx, &o.Options)
	if err != nil {
		return nil, err
	}
	defer c.stage.close()
	all := make([]*Requester, o.Clients)
	inbox := fmt.Sprintf("_INBOX.%d", time.Now().UnixNano())
	for i := range all {
		conn, err := c.stage.dial(0)
		if err != nil {
			return nil, err
		}
		all[i] = NewRequester(conn, o.Subject, fmt.Sprintf("%s.%d", inbox, i), o.Size, max(1, o.InFlight), o.Sleep)
	}
	took := make([]time.Duration, o.Clients)
	err = c.run(o.Messages, func() int64 { return sum(all, (*Requester).Replies) }, func(i int, n int64) func(context.Context) error {
		return func(ctx context.Context) error {
			defer func(start time.Time) { took[i] = time.Since(start) }(time.Now())
			return all[i].Run(ctx, n)
		}
	})
	for i, r := range all {
		c.result.add(WorkerResult{r.Replies(), r.Replies() * int64(o.Size), took[i]}, r.Latency())
	}
	return &c.result, err
}

// Serve answers requests until the clients together have answered Messages,
// or until the context ends, which is no error here.
func Serve(ctx context.Context, o ServeOptions) (*Result, error) {
	c, err := newCrew(ctx, &o.Options)
	if err != nil {
		return nil, err
	}
	defer c.stage.close()
	all := make([]*Responder, o.Clients)
	for i := range all {
		if all[i], err = c.stage.respond(o.Subject, o.Queue, o.Size); err != nil {
			return nil, err
		}
	}
	if o.Ready != nil {
		o.Ready()
	}
	err = c.receive(o.Messages, func() int64 { return sum(all, (*Responder).Served) })
	c.stage.close() // whoever has just written its answers counts them before it ends
	for _, r := range all {
		c.result.add(WorkerResult{r.Served(), r.Served() * int64(o.Size), c.result.Duration}, nil)
	}
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		err = nil
	}
	return &c.result, err
}
