package jetstream

import (
	"math/rand/v2"

	"myelin/internal/apierr"
	"myelin/internal/base62"
	"myelin/internal/engine"
	"myelin/internal/header"
	"myelin/internal/jetstream/wire"
	"myelin/internal/stream"
)

func (c *call) consumerCreate(resp *consumerInformed) *apierr.Error {
	q, err := wire.ParseCreate(c.request.verb, c.payload, c.loose())
	if err != nil {
		return err
	}
	s, err := c.stream()
	if err != nil {
		return err
	}
	internal := q.Config.Direct || q.Config.Sourcing
	identity := ""
	if internal {
		identity = identityOf(c.door.account, s)
		if told := header.Get(c.header, streamIdentity); len(told) > 0 && string(told) != identity {
			return apierr.ConsumerStreamIdentityMismatch.With(identity)
		}
	}
	if resp.ConsumerInfo, err = c.addConsumer(s, &q); err != nil {
		return err
	}
	if internal {
		c.head = header.AppendEnd(header.AppendField(header.AppendStart(nil), streamIdentity, identity))
	}
	return nil
}

// streamIdentity is a header by which who copies a stream learns, and says, which one of that name it is.
const streamIdentity = "Nats-Stream-Identity"

// asksIdentity reports whether who copies a stream wants to know which one it is.
func asksIdentity(block []byte) bool {
	for key := range header.Fields(block) {
		if string(key) == streamIdentity {
			return true
		}
	}
	return false
}

// identityOf is other for each stream that ever had this name.
func identityOf(account string, s Stream) string {
	return engine.Identity(account, s.Name(), s.Created())
}

// addConsumer creates or changes a consumer, and describes it. Requests for one stream come one after the other.
func (c *call) addConsumer(s Stream, q *wire.CreateConsumerRequest) (*wire.ConsumerInfo, *apierr.Error) {
	cfg, action := q.Config, stream.ConsumerAction(q.Action)
	c.name(s, &cfg, action)
	old := s.Consumer(cfg.Name)
	checked, err := c.checkConsumer(s, old, cfg, action, q.Pedantic)
	if err != nil {
		return nil, err
	}
	r := s.ProposeConsumer(stream.AddConsumer{Config: checked, Action: action})
	if r.Err != nil {
		return nil, r.Err
	}
	consumer := s.Consumer(cfg.Name)
	switch {
	case consumer == nil:
		return nil, apierr.ConsumerNotFound.Err() // it was dropped again
	case r.Created:
		return c.begun(consumer, r.View)
	}
	return c.described(consumer)
}

// name gives a consumer that has no name one that is free, and one that copies a stream a name of its own: more
// than one of them may be there while the copier tries again.
func (c *call) name(s Stream, cfg *stream.ConsumerConfig, action stream.ConsumerAction) {
	switch {
	case cfg.Name == "" && cfg.Durable == "":
		cfg.Unnamed = true
		cfg.Name = freeName(s, "")
	case cfg.Direct && cfg.Sourcing && s.Config().Retention == stream.Limits && action != stream.ConsumerUpdate:
		cfg.Name = freeName(s, cfg.Name+"-")
	}
}

// freeName is a random name that begins with prefix and that no consumer of the stream has.
func freeName(s Stream, prefix string) string {
	for {
		if name := prefix + randomName(); s.Consumer(name) == nil {
			return name
		}
	}
}

// randomName is a name of eight characters.
func randomName() string {
	var name [8]byte
	for i := range name {
		name[i] = base62.Digits[rand.IntN(len(base62.Digits))]
	}
	return string(name[:])
}

// checkConsumer completes a configuration, and refuses what does not depend on the state of the stream.
func (c *call) checkConsumer(s Stream, old *Consumer, cfg stream.ConsumerConfig, action stream.ConsumerAction, pedantic bool) (*stream.ConsumerConfig, *apierr.Error) {
	bounds := c.consumerBounds()
	if old == nil || action == stream.ConsumerCreate {
		checked, err := stream.CheckConsumer(cfg, s.Config(), bounds, pedantic)
		if err == nil && old == nil && action != stream.ConsumerUpdate {
			err = c.roomForConsumer(s)
		}
		return checked, err
	}
	checked, err := stream.CheckConsumerUpdate(old.Config(), cfg, s.Config(), bounds, pedantic)
	if err == nil && bound(old, checked) {
		err = apierr.ConsumerNameExist.Err()
	}
	return checked, err
}

func (c *call) consumerBounds() stream.ConsumerBounds {
	bounds := c.door.api.opt.ConsumerBounds
	if limit := c.limits.MaxAckPending; limit > 0 && (bounds.MaxAckPending == 0 || limit < bounds.MaxAckPending) {
		bounds.MaxAckPending = limit
	}
	return bounds
}

// roomForConsumer refuses one more consumer than the account allows each of its streams.
func (c *call) roomForConsumer(s Stream) *apierr.Error {
	limit := c.limits.MaxConsumers
	if limit > 0 && shownCount(s) >= limit {
		return apierr.MaximumConsumersLimit.Err()
	}
	return nil
}

// bound reports whether a consumer would be taken away from who listens to it.
func bound(old *Consumer, checked *stream.ConsumerConfig) bool {
	if !old.Config().Push() || checked.DeliverSubject == old.Config().DeliverSubject {
		return false
	}
	status, ok := old.Status()
	return ok && status.Listening
}

// shownCount is how many consumers a stream has but for those that serve mirrors and sources.
func shownCount(s Stream) (n int) {
	s.View(func(state *stream.State) { n = state.NumShownConsumers() })
	return n
}
