package loadgen

import (
	"context"
	"time"
)

// progressStep is how often progress is reported and ends are looked for.
const progressStep = 50 * time.Millisecond

// A crew runs the workers of one of Pub, Sub, Request and Serve.
type crew struct {
	options *Options
	stage   *stage
	result  Result
	began   time.Time
	cpu     time.Duration // of the server when it began
}

func newCrew(ctx context.Context, o *Options) (*crew, error) {
	o.Clients = max(1, o.Clients)
	c := &crew{options: o}
	if o.ServerPID != 0 {
		if _, err := ProcessUsage(o.ServerPID); err != nil {
			return nil, err
		}
	}
	c.stage = newStage(ctx, o.Dialer)
	return c, nil
}

// begin and end bracket what is measured.
func (c *crew) begin() {
	c.began, c.cpu = time.Now(), c.serverCPU()
}

func (c *crew) end() {
	c.result.Duration = time.Since(c.began)
	c.result.ServerCPU = c.serverCPU() - c.cpu
}

// serverCPU returns 0 for a server that cannot be measured (any more).
func (c *crew) serverCPU() time.Duration {
	if c.options.ServerPID == 0 {
		return 0
	}
	u, err := ProcessUsage(c.options.ServerPID)
	if err != nil {
		return 0
	}
	return u.CPU
}

// run starts one worker per client, each with its share of total, and waits
// for all of them.
func (c *crew) run(total int64, done func() int64, worker func(client int, n int64) func(context.Context) error) error {
	c.begin()
	clients := int64(c.options.Clients)
	for i := range clients {
		n := (total*(i+1))/clients - total*i/clients
		if total > 0 && n == 0 {
			continue
		}
		c.stage.write(worker(int(i), n))
	}
	finished := make(chan struct{})
	go func() {
		c.stage.writers.Wait()
		close(finished)
	}()
	c.watch(total, done, finished)
	c.end()
	return context.Cause(c.stage.ctx)
}

// receive waits until total messages were counted, or the context ends.
func (c *crew) receive(total int64, done func() int64) error {
	c.begin()
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		for total == 0 || done() < total {
			if sleep(c.stage.ctx, time.Millisecond) != nil {
				return
			}
		}
	}()
	c.watch(total, done, finished)
	c.end()
	return context.Cause(c.stage.ctx)
}

// watch reports progress until finished is closed.
func (c *crew) watch(total int64, done func() int64, finished <-chan struct{}) {
	report := c.options.Progress
	if report == nil {
		report = func(int64, int64) {}
	}
	ticker := time.NewTicker(progressStep)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			report(done(), total)
		case <-finished:
			report(done(), total)
			return
		}
	}
}

// sum adds up a count over workers.
func sum[W any](workers []W, count func(W) int64) int64 {
	var n int64
	for _, w := range workers {
		n += count(w)
	}
	return n
}
