package stream

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"myelin/internal/apierr"
)

// Defaults and bounds of consumers.
const (
	defaultAckWait       = 30 * time.Second
	defaultMaxAckPending = 1000
	defaultMaxWaiting    = 512
	defaultInactive      = 5 * time.Second // of what has no durable name
	defaultPinnedTTL     = 2 * time.Minute
	maxGroupBytes        = 16
	flowControlHeartbeat = time.Second
)

// ConsumerBounds are those of a server and an account; 0 is none.
type ConsumerBounds struct {
	MaxAckPending   int
	MaxRequestBatch int
	Clustered       bool // more than one replica is possible
}

// consumerCheck is one look at the configuration of a consumer, which it completes on the way.
type consumerCheck struct {
	*ConsumerConfig
	stream   *Config
	bounds   ConsumerBounds
	pedantic bool // refuse instead of adjusting
	update   bool
}

// CheckConsumer completes and validates the configuration of a consumer that is to be created on a stream.
// In pedantic mode it refuses what it would otherwise adjust. What depends on other consumers, AddConsumer
// decides. Of several faults it names the one that a stock server names. A consumer without any name gets
// none here.
func CheckConsumer(cfg ConsumerConfig, stream *Config, bounds ConsumerBounds, pedantic bool) (*ConsumerConfig, *apierr.Error) {
	c := consumerCheck{&cfg, stream, bounds, pedantic, false}
	if err := c.run(); err != nil {
		return nil, err
	}
	return c.ConsumerConfig, nil
}

// run takes the steps in the order in which a stock server reports faults.
func (c *consumerCheck) run() *apierr.Error {
	for _, step := range []func() *apierr.Error{
		c.names, c.origin, c.metadata, c.replicas, c.negatives, c.defaults, c.limits, c.values, c.mode, c.excess, c.direct,
		c.filters, c.start, c.sampling, c.heartbeats, c.groups, c.workQueue, c.orderKey, c.deadLetter,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func (c *consumerCheck) names() *apierr.Error {
	for _, s := range []string{c.Durable, c.Name} {
		switch {
		case s == "":
		case strings.ContainsAny(s, `/\`):
			return apierr.ConsumerNameContainsPathSeparators.Err()
		case len(s) > maxNameBytes:
			return apierr.ConsumerNameTooLong.With(strconv.Itoa(maxNameBytes))
		case !validName(s):
			return invalid(`consumer name can not contain '.', '*', '>', '\', '/'`)
		}
	}
	if c.Durable != "" && c.Name != "" && c.Durable != c.Name {
		return apierr.ConsumerCreateDurableAndNameMismatch.Err()
	}
	c.Name = cmp.Or(c.Name, c.Durable)
	return nil
}

// origin makes the consumer of a mirror or source one that acknowledges, where messages go once they are
// acknowledged.
func (c *consumerCheck) origin() *apierr.Error {
	if c.Name != "" && c.Direct && c.Sourcing && c.stream.Retention != Limits {
		c.Direct, c.Durable, c.Ack = false, c.Name, AckFlowControl
		c.AckWait, c.MaxDeliver, c.Inactive = 0, 0, 0 // which are those of one that does not acknowledge
	}
	return nil
}

// metadata states the API level in a copy of the metadata; what servers add to answers is dropped.
func (c *consumerCheck) metadata() *apierr.Error {
	metadata := make(map[string]string, len(c.Metadata)+1)
	for key, value := range c.Metadata {
		if !slices.Contains(metaDynamic, key) {
			metadata[key] = value
		}
	}
	metadata[metaRequired] = strconv.Itoa(c.RequiredLevel())
	c.Metadata = metadata
	return nil
}

// negatives: less than nothing is the default.
func (c *consumerCheck) negatives() *apierr.Error {
	for _, limit := range []struct {
		name  string
		value *int
		none  int
	}{
		{"max_deliver", &c.MaxDeliver, -1}, {"max_waiting", &c.MaxWaiting, 0}, {"max_ack_pending", &c.MaxAckPending, -1},
		{"max_batch", &c.MaxBatch, 0}, {"max_bytes", &c.MaxBytes, 0},
	} {
		if *limit.value >= limit.none {
			continue
		}
		if c.pedantic && limit.none == -1 {
			return apierr.Pedantic.With(limit.name + " must be set to -1")
		}
		if c.pedantic {
			return apierr.Pedantic.With(limit.name + " must not be negative")
		}
		*limit.value = limit.none
	}
	for _, limit := range []struct {
		name  string
		value *time.Duration
	}{
		{"idle_heartbeat", &c.Heartbeat}, {"max_expires", &c.MaxExpires}, {"inactive_threshold", &c.Inactive},
		{"priority_timeout", &c.PinnedTTL},
	} {
		if *limit.value < 0 && c.pedantic {
			return apierr.Pedantic.With(limit.name + " must not be negative")
		}
		*limit.value = max(0, *limit.value)
	}
	return nil
}

func (c *consumerCheck) replicas() *apierr.Error {
	switch {
	case c.Replicas > 1 && !c.bounds.Clustered:
		return apierr.StreamReplicasNotSupported.Err()
	case c.Replicas > max(1, c.stream.Replicas):
		return apierr.ConsumerReplicasExceedsStream.Err()
	}
	return nil
}

// defaults fills in what is the same on every stream.
func (c *consumerCheck) defaults() *apierr.Error {
	if c.MaxDeliver == 0 {
		c.MaxDeliver = -1
	}
	if len(c.Backoff) > 0 && c.AckWait != c.Backoff[0] {
		if c.pedantic {
			return apierr.Pedantic.With("first backoff value has to equal batch AckWait")
		}
		if c.Backoff[0] >= 0 {
			c.AckWait = c.Backoff[0]
		}
	}
	if c.AckWait == 0 && len(c.Backoff) == 0 && (c.Ack == AckExplicit || c.Ack == AckAll) {
		c.AckWait = defaultAckWait
	}
	if !c.Push() && c.MaxWaiting == 0 {
		c.MaxWaiting = defaultMaxWaiting
	}
	if c.Ack == AckFlowControl && c.Push() && !c.pedantic {
		c.FlowControl, c.Heartbeat = true, flowControlHeartbeat
	}
	if c.PinnedTTL == 0 && c.Priority == PriorityPinned {
		c.PinnedTTL = defaultPinnedTTL
	}
	return nil
}

// limits are defaults that the stream or the server may bring.
func (c *consumerCheck) limits() *apierr.Error {
	pending := defaultMaxAckPending
	if limit := c.bounds.MaxAckPending; limit > 0 {
		pending = min(pending, limit)
	}
	if limit := c.stream.ConsumerLimits.MaxAckPending; c.MaxAckPending == 0 && limit > 0 {
		if c.pedantic {
			return apierr.Pedantic.With("max_ack_pending must be set if it's configured in stream limits")
		}
		c.MaxAckPending = limit
	}
	if c.MaxAckPending == 0 && c.Ack != AckNone && (c.Push() || c.Ack != AckFlowControl) {
		c.MaxAckPending = pending
	}
	if limit := c.bounds.MaxRequestBatch; c.MaxBatch == 0 && limit > 0 && !c.Push() {
		if c.pedantic {
			return apierr.Pedantic.With("max_request_batch must be set if it's JetStream limits are set")
		}
		c.MaxBatch = limit
	}
	if limit := c.stream.ConsumerLimits.InactiveThreshold; c.Inactive == 0 && limit > 0 {
		if c.pedantic {
			return apierr.Pedantic.With("inactive_threshold must be set if it's configured in stream limits")
		}
		c.Inactive = limit
	}
	if c.Inactive == 0 && c.Durable == "" && !c.update {
		c.Inactive = defaultInactive
	}
	return nil
}
