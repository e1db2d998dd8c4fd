package loadgen

import (
	"context"
	"errors"
	"sync/atomic"
)

// tlsCases are some of the others over TLS 1.3.
func tlsCases() []Case {
	faster := ratioAtLeast(Rate, 1.3)
	cases := []Case{
		fanout(1, 1, 16).cased("tls-1to1-16B", "TLS: 1 publisher, 1 subscriber, 16 B", faster),
		fanout(1, 1, 128).cased("tls-1to1-128B", "TLS: 1:1, 128 B", faster),
		fanout(1, 1, 1<<10).cased("tls-1to1-1KB", "TLS: 1:1, 1 KB", faster),
		fanout(1, 1, 64<<10).cased("tls-1to1-64KB", "TLS: 1:1, 64 KB", ratioAtLeast(Rate, 1)),
		fanout(1, 4, 16).cased("tls-1to4-16B", "TLS: 1 to 4 fan-out, 16 B", faster),
		{Name: "tls-request-1", Title: "TLS: request/reply, 1 client in flight", Run: requests(1),
			Goals: []Goal{ratioAtMost(P50, 1), ratioAtMost(P99, 1), ratioAtMost(CPU, 1)}},
		{Name: "tls-connect", Title: "TLS: connections opened one after the other by 4 clients", Run: connects(4),
			Goals: []Goal{ratioAtLeast(Rate, 1)}},
		{Name: "tls-memory", Title: "TLS: idle connection with one subscription, each of 2,000", Run: idleConnections(2000),
			Once: true, Goals: []Goal{ratioAtMost(Memory, 1)}},
	}
	for i := range cases {
		cases[i].Secure = true
	}
	return cases
}

// connects measures how many clients a second come, are answered, and go.
func connects(clients int) func(context.Context, *Env) (Sample, error) {
	return func(ctx context.Context, env *Env) (Sample, error) {
		dialer := env.dialer()
		dialer.ReadBuffer = idleReadBuffer
		ctx, stop := context.WithCancel(ctx)
		var came atomic.Int64
		failed := make(chan error, clients)
		for range clients {
			go func() { failed <- connectAgain(ctx, &dialer, &came) }()
		}
		sample, err := env.measure(ctx, came.Load, nil)
		stop()
		for range clients {
			err = errors.Join(err, <-failed)
		}
		return sample, err
	}
}

// connectAgain opens connections and closes them until the context ends.
func connectAgain(ctx context.Context, dialer *Dialer, came *atomic.Int64) error {
	for {
		c, err := dialer.Dial(ctx)
		if ctx.Err() != nil {
			if c != nil {
				c.Close()
			}
			return nil
		}
		if err != nil {
			return err
		}
		c.Close()
		came.Add(1)
	}
}
