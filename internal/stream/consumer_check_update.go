package stream

import "myelin/internal/apierr"

// CheckConsumerUpdate completes and validates the configuration that is to replace old, which CheckConsumer
// or CheckConsumerUpdate returned. An inactive threshold that it leaves out is the default one if the consumer was not
// durable and had one before, and none otherwise; how long the consumer is paused is not its business.
func CheckConsumerUpdate(old *ConsumerConfig, cfg ConsumerConfig, stream *Config, bounds ConsumerBounds, pedantic bool) (*ConsumerConfig, *apierr.Error) {
	cfg.PauseUntil = old.PauseUntil
	c := consumerCheck{&cfg, stream, bounds, pedantic, true}
	if err := c.run(); err != nil {
		return nil, err
	}
	if err := c.change(old); err != nil {
		return nil, err
	}
	if c.Inactive == 0 && old.Durable == "" && old.Inactive > 0 {
		c.Inactive = defaultInactive
	}
	return c.ConsumerConfig, nil
}

// change finds what an update may not change.
func (c *consumerCheck) change(old *ConsumerConfig) *apierr.Error {
	what := ""
	switch {
	case c.Deliver != old.Deliver:
		what = "deliver policy can not be updated"
	case c.MemoryStorage != old.MemoryStorage:
		what = "storage type can not be updated"
	case c.Sourcing != old.Sourcing:
		what = "sourcing can not be updated"
	case c.StartSeq != old.StartSeq:
		what = "start sequence can not be updated"
	case (c.StartTime == nil) != (old.StartTime == nil) || c.StartTime != nil && !c.StartTime.Equal(*old.StartTime):
		what = "start time can not be updated"
	case c.Direct != old.Direct:
		what = "direct can not be updated"
	case c.Ack != old.Ack:
		what = "ack policy can not be updated"
	case c.Replay != old.Replay:
		what = "replay policy can not be updated"
	case c.Heartbeat != old.Heartbeat:
		what = "heart beats can not be updated"
	case c.FlowControl != old.FlowControl:
		what = "flow control can not be updated"
	case c.Push() && !old.Push():
		what = "can not update pull consumer to push based"
	case !c.Push() && old.Push():
		what = "can not update push consumer to pull based"
	case c.Metadata[MetaOrderKey] != old.Metadata[MetaOrderKey]:
		what = "metadata " + MetaOrderKey + " can not be updated"
	case c.MaxWaiting != old.MaxWaiting:
		what = "max waiting can not be updated"
	}
	if what != "" {
		return apierr.ConsumerCreate.With(what)
	}
	return nil
}
