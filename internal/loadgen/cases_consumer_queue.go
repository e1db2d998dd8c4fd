package loadgen

import (
	"context"
	"fmt"
)

// consumerQueueCases publish and consume at once, to a work queue and to a
// stream that keeps everything in turn.
func consumerQueueCases() []Case {
	title := "work queue, 128 B: publish with 4,096 in flight, pull in batches of 500 and acknowledge each, at once"
	kept := atLeast(Kept, 0.8)
	return []Case{
		{Name: "jsc-workqueue", Title: title + "; compared with limits retention", Store: OwnSync, Goals: []Goal{ratioAtLeast(Rate, 3), kept}, Run: runWorkQueue},
		{Name: "jsc-workqueue-synced", Title: title + ", synced; compared with limits retention", Store: AlwaysSync, Goals: []Goal{kept}, Run: runWorkQueue},
	}
}

const (
	queueRounds   = 2    // of either retention in turn
	queueBacklog  = 8192 // messages that the consumer may lag behind the publisher
	queueConsumer = "WORKER"
)

func runWorkQueue(ctx context.Context, env *Env) (Sample, error) {
	total := make(Sample)
	for round := range queueRounds {
		limits, err := workQueue(ctx, env, 2*round, "limits")
		if err != nil {
			return nil, fmt.Errorf("limits retention: %w", err)
		}
		queue, err := workQueue(ctx, env, 2*round+1, "workqueue")
		if err != nil {
			return nil, fmt.Errorf("work queue: %w", err)
		}
		total[Compared] += limits[Rate] / queueRounds
		for m, v := range queue {
			total[m] += v / queueRounds
		}
	}
	total[Kept] = total[Rate] / total[Compared]
	return total, nil
}

// workQueue measures how many messages a second go through a new stream with
// one publisher and one worker.
func workQueue(ctx context.Context, env *Env, number int, retention string) (Sample, error) {
	st := newStage(ctx, env.dialer())
	defer st.close()
	api, err := st.api()
	if err != nil {
		return nil, err
	}
	stream, subject := streamName(number), fmt.Sprintf("bench.%02d", number)
	config := streamOf(stream, subject)
	config.Retention = retention
	if err := api.create(st.ctx, config); err != nil {
		return nil, err
	}
	worker, err := st.follow(api, stream, durableConsumer(queueConsumer), fetchAgain)
	if err != nil {
		return nil, err
	}
	st.read(func() error { return worker.run(st.ctx) })
	r, err := st.storer(storedWindow, repeated(subject, drainSize))
	if err != nil {
		return nil, err
	}
	r.Mute(true)
	r.hold = func() error {
		for r.ctx.Err() == nil && r.sent-worker.Taken() > queueBacklog {
			pause(windowPause)
		}
		return nil
	}
	st.write(func(ctx context.Context) error { return r.Run(ctx, 0) })
	sample, err := env.measure(st.ctx, worker.Taken, nil)
	if err != nil {
		return nil, err
	}
	return sample, st.finishQueue(api, config, worker, r)
}

// finishQueue ends the publisher and checks that everything was taken once, and
// is gone if it has to be.
func (s *stage) finishQueue(api *apiClient, config streamConfig, worker *taker, r *Requester) error {
	s.stop()
	s.writers.Wait()
	err := await(s.ctx, "take what was published", func() bool { return worker.Taken() >= r.Replies() })
	if err != nil {
		return fmt.Errorf("%w (%d of %d)", err, worker.Taken(), r.Replies())
	}
	if err := api.awaitAcked(s.ctx, config.Name, queueConsumer, r.Replies()); err != nil {
		return err
	}
	if err := api.checkDelivered(s.ctx, config.Name, queueConsumer, r.Replies()); err != nil {
		return err
	}
	left := r.Replies()
	if config.Retention == "workqueue" {
		left = 0
	}
	return s.checkHolds(api, config.Name, left)
}
