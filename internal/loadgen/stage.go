package loadgen

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// A stage is the set of workers that run together against one server. The
// first worker that fails ends the run: its error is the cause of the context.
type stage struct {
	dialer Dialer
	ctx    context.Context
	cancel context.CancelCauseFunc
	load   context.Context // ends earlier: publishers stop
	stop   context.CancelFunc

	conns   []*Conn
	readers sync.WaitGroup
	writers sync.WaitGroup
}

func newStage(ctx context.Context, dialer Dialer) *stage {
	s := &stage{dialer: dialer}
	s.ctx, s.cancel = context.WithCancelCause(ctx)
	s.load, s.stop = context.WithCancel(s.ctx)
	return s
}

// close ends everything and waits for it.
func (s *stage) close() {
	s.stop()
	s.hangUp()
	s.writers.Wait()
	s.readers.Wait()
	s.cancel(nil)
}

func (s *stage) hangUp() {
	for _, c := range s.conns {
		c.Close()
	}
}

// dial opens a connection that close will close. The read buffer has the
// default size when 0.
func (s *stage) dial(readBuffer int) (*Conn, error) {
	d := s.dialer
	d.ReadBuffer = readBuffer
	c, err := d.Dial(s.ctx)
	if err != nil {
		return nil, err
	}
	s.conns = append(s.conns, c)
	return c, nil
}

// read runs a connection's reader until the connection is closed.
func (s *stage) read(reader func() error) {
	s.readers.Go(func() {
		if err := reader(); err != nil {
			s.cancel(err)
		}
	})
}

// write runs a worker that ends with the load.
func (s *stage) write(worker func(context.Context) error) {
	s.writers.Go(func() {
		if err := worker(s.load); err != nil {
			s.cancel(err)
		}
	})
}

// subscribe opens a connection with one subscription.
func (s *stage) subscribe(subject, queue string, uniform, latency bool) (*Subscriber, error) {
	c, err := s.dial(0)
	if err != nil {
		return nil, err
	}
	sub := NewSubscriber(c, uniform)
	if latency {
		sub.RecordLatency()
	}
	s.read(sub.Run)
	if err := c.Write(appendSub(nil, subject, queue, 1)); err != nil {
		return nil, err
	}
	return sub, c.Flush(s.ctx)
}

// respond starts a responder.
func (s *stage) respond(subject, queue string, size int) (*Responder, error) {
	c, err := s.dial(0)
	if err != nil {
		return nil, err
	}
	r := NewResponder(c, size)
	s.read(r.Run)
	if err := c.Write(appendSub(nil, subject, queue, 1)); err != nil {
		return nil, err
	}
	return r, c.Flush(s.ctx)
}

// publisher opens a connection to publish on; the caller starts it.
func (s *stage) publisher(subjects []string, size int, w *Window) (*Publisher, error) {
	c, err := s.dial(4 << 10)
	if err != nil {
		return nil, err
	}
	s.read(c.Drain)
	p := NewPublisher(c, subjects, size)
	p.Window = w
	return p, nil
}

// start runs the publisher until the load ends.
func (s *stage) start(p *Publisher) {
	s.write(func(ctx context.Context) error { return p.Run(ctx, 0) })
}

// finish stops the publishers and waits until all that is due has arrived: a
// server that loses messages is not measured.
func (s *stage) finish(w *Window) error {
	s.stop()
	hung := time.AfterFunc(drainTimeout, s.hangUp)
	s.writers.Wait()
	hung.Stop()
	err := await(s.ctx, "receive what was published", func() bool { return w.Received() >= w.Due() })
	if err == nil && w.Received() > w.Due() {
		err = fmt.Errorf("received %d messages instead of %d", w.Received(), w.Due())
	}
	if err != nil {
		return fmt.Errorf("%w (received %d of %d)", err, w.Received(), w.Due())
	}
	return nil
}
