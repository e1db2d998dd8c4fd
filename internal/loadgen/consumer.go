package loadgen

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// consumerConfig is as much of a consumer's configuration as the cases set.
// Times are nanoseconds.
type consumerConfig struct {
	Name           string `json:"name"`
	Durable        string `json:"durable_name,omitempty"`
	DeliverPolicy  string `json:"deliver_policy"`
	StartSeq       int64  `json:"opt_start_seq,omitempty"`
	AckPolicy      string `json:"ack_policy"`
	AckWait        int64  `json:"ack_wait,omitempty"`
	MaxDeliver     int    `json:"max_deliver,omitempty"`
	Filter         string `json:"filter_subject,omitempty"`
	ReplayPolicy   string `json:"replay_policy"`
	DeliverSubject string `json:"deliver_subject,omitempty"`
	FlowControl    bool   `json:"flow_control,omitempty"`
	Heartbeat      int64  `json:"idle_heartbeat,omitempty"`
	Inactive       int64  `json:"inactive_threshold,omitempty"`
	Replicas       int    `json:"num_replicas"`
	Memory         bool   `json:"mem_storage,omitempty"`
}

// durableConsumer returns a consumer that is pulled from and wants every
// message acknowledged; all else is the server's default.
func durableConsumer(name string) consumerConfig {
	return consumerConfig{Name: name, Durable: name, DeliverPolicy: "all", AckPolicy: "explicit", ReplayPolicy: "instant"}
}

// What the ordered consumers of client libraries set.
const (
	orderedAckWait   = 22 * time.Hour
	orderedHeartbeat = 5 * time.Second
	orderedInactive  = 5 * time.Minute
)

// orderedPush returns what a client library makes of a subscription to an
// ordered consumer, and of a watch of keys.
func orderedPush(name, inbox string) consumerConfig {
	return consumerConfig{Name: name, DeliverPolicy: "all", AckPolicy: "none", AckWait: int64(orderedAckWait), MaxDeliver: 1, ReplayPolicy: "instant",
		DeliverSubject: inbox, FlowControl: true, Heartbeat: int64(orderedHeartbeat), Replicas: 1, Memory: true}
}

// orderedPull returns what a client library makes of an ordered consumer that
// is pulled from.
func orderedPull(name string) consumerConfig {
	return consumerConfig{Name: name, DeliverPolicy: "all", AckPolicy: "none", ReplayPolicy: "instant",
		Inactive: int64(orderedInactive), Replicas: 1, Memory: true}
}

// createSubject returns where a request for the consumer goes, below the prefix
// of the API.
func (c *consumerConfig) createSubject(stream string) string {
	subject := "CONSUMER.CREATE." + stream + "." + c.Name
	if c.Filter != "" {
		subject += "." + c.Filter
	}
	return subject
}

// A consumerRequest asks for a consumer that is not there yet.
type consumerRequest struct {
	Stream string         `json:"stream_name"`
	Config consumerConfig `json:"config"`
	Action string         `json:"action"`
}

// appendCreate appends the PUB of a request for the consumer.
func (c *consumerConfig) appendCreate(b []byte, stream string, reply []byte) []byte {
	body, err := json.Marshal(consumerRequest{stream, *c, "create"})
	if err != nil {
		panic(err) // a struct of strings and numbers
	}
	return appendPub(b, []byte("$JS.API."+c.createSubject(stream)), reply, body)
}

func (a *apiClient) consume(ctx context.Context, stream string, config consumerConfig) error {
	return a.call(ctx, config.createSubject(stream), consumerRequest{stream, config, "create"}, nil)
}

// sequencePair is a position in a consumer and in its stream.
type sequencePair struct {
	Consumer int64 `json:"consumer_seq"`
	Stream   int64 `json:"stream_seq"`
}

// consumerState is as much of a consumer's state as the cases look at.
type consumerState struct {
	Delivered   sequencePair `json:"delivered"`
	Floor       sequencePair `json:"ack_floor"`
	AckPending  int64        `json:"num_ack_pending"`
	Redelivered int64        `json:"num_redelivered"`
	Pending     int64        `json:"num_pending"`
}

func (a *apiClient) consumer(ctx context.Context, stream, name string) (consumerState, error) {
	var state consumerState
	err := a.call(ctx, "CONSUMER.INFO."+stream+"."+name, nil, &state)
	return state, err
}

// awaitAcked waits until the server has taken the acknowledgements of the n
// messages that were taken from the consumer, and fails if it counts others.
func (a *apiClient) awaitAcked(ctx context.Context, stream, name string, n int64) error {
	var state consumerState
	var failed error
	err := await(ctx, "take all acknowledgements", func() bool {
		state, failed = a.consumer(ctx, stream, name)
		return failed != nil || state.AckPending == 0 && state.Floor.Consumer >= n
	})
	if failed != nil {
		return failed
	}
	if err != nil {
		return fmt.Errorf("%w: %+v after %d messages", err, state, n)
	}
	if state.Delivered.Consumer != n || state.Floor.Consumer != n || state.Redelivered != 0 {
		return fmt.Errorf("consumer %s of %s is at %+v after %d messages", name, stream, state, n)
	}
	return nil
}

// checkDelivered fails if the consumer, which wants no acknowledgements, has
// not delivered n messages or has others left.
func (a *apiClient) checkDelivered(ctx context.Context, stream, name string, n int64) error {
	state, err := a.consumer(ctx, stream, name)
	if err == nil && (state.Delivered.Consumer != n || state.Pending != 0) {
		err = fmt.Errorf("consumer %s of %s is at %+v after %d messages", name, stream, state, n)
	}
	return err
}

// pendingPoll is how often awaitPending asks; a server that has to tell ten
// thousand consumers is not to be kept from it.
const pendingPoll = 20 * time.Millisecond

// awaitPending waits until n messages wait for the consumer, as long as the
// number changes: a server may tell its consumers later what was published.
func (a *apiClient) awaitPending(ctx context.Context, stream, name string, n int64) error {
	last, since := int64(-1), time.Now()
	for {
		state, err := a.consumer(ctx, stream, name)
		if err != nil || state.Pending == n {
			return err
		}
		if state.Pending != last {
			last, since = state.Pending, time.Now()
		}
		if time.Since(since) > pendingPatience {
			return fmt.Errorf("%d messages instead of %d wait for consumer %s of %s", last, n, name, stream)
		}
		if err := sleep(ctx, pendingPoll); err != nil {
			return err
		}
	}
}

const pendingPatience = 30 * time.Second
