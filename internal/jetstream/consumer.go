package jetstream

import (
	"slices"
	"time"

	"github.com/nats-io/nuid"

	"myelin/internal/apierr"
	"myelin/internal/header"
	"myelin/internal/jetstream/wire"
	"myelin/internal/stream"
)

// consumerNamed finds the stream and the consumer that the subject names, by its last token.
func (c *call) consumerNamed() (Stream, *Consumer, *apierr.Error) {
	s, err := c.stream()
	if err != nil {
		return nil, nil, err
	}
	consumer := s.FindConsumer(token(c.request.verb, c.verb.stream+1))
	if consumer == nil {
		return nil, nil, apierr.ConsumerNotFound.Err()
	}
	return s, consumer, nil
}

// described describes a consumer.
func (c *call) described(consumer *Consumer) (*wire.ConsumerInfo, *apierr.Error) {
	status, ok := consumer.Status()
	if !ok {
		return nil, apierr.ConsumerNotFound.Err() // dropped since it was found
	}
	a := c.door.api
	return consumerInfo(consumer.Stream().Name(), &status, a.now(), a.opt.Version), nil
}

// begun describes a consumer that is new, or begins again, as it was before it was given anything: clients count on
// that what they are to get first is all pending.
func (c *call) begun(consumer *Consumer, view *stream.ConsumerView) (*wire.ConsumerInfo, *apierr.Error) {
	status, ok := consumer.Status()
	if !ok {
		return nil, apierr.ConsumerNotFound.Err()
	}
	status.View = *view
	a := c.door.api
	return consumerInfo(consumer.Stream().Name(), &status, a.now(), a.opt.Version), nil
}

// consumerInfo describes a consumer; version is empty in lists.
func consumerInfo(of string, status *ConsumerStatus, now time.Time, version string) *wire.ConsumerInfo {
	live := wire.Live{Waiting: status.Waiting, Listening: status.Listening, Pin: status.Pin, PinnedSince: status.PinnedSince}
	return wire.InfoOf(of, &status.View, &live, now, version, Level)
}

type consumerNames struct {
	envelope
	page
	Consumers []string `json:"consumers"`
}

func (n *consumerNames) defaults() { n.Consumers = []string{} }

func (c *call) consumerNames(resp *consumerNames) *apierr.Error {
	_, list, err := c.consumersFrom(&resp.page, namesPage)
	for _, consumer := range list {
		resp.Consumers = append(resp.Consumers, consumer.Name())
	}
	return err
}

type consumerList struct {
	envelope
	page
	Consumers []*wire.ConsumerInfo `json:"consumers"`
}

func (l *consumerList) defaults() { l.Consumers = []*wire.ConsumerInfo{} }

func (c *call) consumerList(resp *consumerList) *apierr.Error {
	s, list, err := c.consumersFrom(&resp.page, listPage)
	if err != nil {
		return err
	}
	now := c.door.api.now()
	for _, status := range s.ConsumerStatuses(list) {
		resp.Consumers = append(resp.Consumers, consumerInfo(s.Name(), &status, now, ""))
	}
	return nil
}

// consumersFrom are the consumers of a stream that stand on the page that is asked for.
func (c *call) consumersFrom(p *page, limit int) (Stream, []*Consumer, *apierr.Error) {
	offset, err := wire.ParseList(c.payload, c.loose())
	if err != nil {
		return nil, nil, err
	}
	s, err := c.stream()
	if err != nil {
		return nil, nil, err
	}
	list := shownConsumers(s)
	from, to := p.cut(len(list), offset, limit)
	return s, list[from:to], nil
}

// shownConsumers are the consumers of a stream but for those that serve mirrors and sources.
func shownConsumers(s Stream) []*Consumer {
	return slices.DeleteFunc(s.Consumers(), func(c *Consumer) bool { return c.Config().Direct })
}

type consumerInformed struct {
	envelope
	*wire.ConsumerInfo
}

func (c *call) consumerInfo(resp *consumerInformed) *apierr.Error {
	if err := wire.ParseEmpty(c.payload); err != nil {
		return err
	}
	_, consumer, err := c.consumerNamed()
	if err != nil {
		return err
	}
	resp.ConsumerInfo, err = c.described(consumer)
	return err
}

func (c *call) consumerDelete(resp *succeeded) *apierr.Error {
	if err := wire.ParseEmpty(c.payload); err != nil {
		return err
	}
	s, consumer, err := c.consumerNamed()
	if err != nil {
		return err
	}
	if err := s.DropConsumer(consumer.Name()); err != nil {
		return err
	}
	resp.Success = true
	return nil
}

// consumersOf are the consumers of a stream that may not be there.
func (c *call) consumersOf(name string) []*Consumer {
	if s := c.door.streamOf(name); s != nil {
		return s.Consumers()
	}
	return nil
}

// consumersDeleted tells that consumers went with their stream.
func (c *call) consumersDeleted(of string, list []*Consumer) {
	a := c.door.api
	for _, consumer := range list {
		t := wire.Teller{Account: c.door.account, Stream: of, Consumer: consumer.Name(), Domain: a.opt.Domain, ID: nuid.Next(), Time: a.now()}
		publishBody(a, c.session, t.Deleted())
	}
}

type consumerPaused struct {
	envelope
	wire.Pause
}

func (c *call) consumerPause(resp *consumerPaused) *apierr.Error {
	until, err := wire.ParsePause(c.payload, c.loose())
	if err != nil {
		return err
	}
	s, consumer, err := c.consumerNamed()
	if err != nil {
		return err
	}
	if err := s.PauseConsumer(consumer.Name(), nanosOf(until)); err != nil {
		return err
	}
	resp.Pause = wire.PauseOf(&until, c.door.api.now())
	return nil
}

// Times that fit nanoseconds since 1970.
var (
	earliest = time.Unix(0, 1)
	latest   = time.Unix(0, 1<<63-1)
)

// nanosOf is a time in nanoseconds since 1970, or the nearest one that fits; 0 for none.
func nanosOf(t time.Time) int64 {
	switch {
	case t.IsZero():
		return 0
	case t.Before(earliest):
		return earliest.UnixNano()
	case t.After(latest):
		return latest.UnixNano()
	}
	return t.UnixNano()
}

type consumerReset struct {
	envelope
	wire.Reset
}

func (c *call) consumerReset(resp *consumerReset) *apierr.Error {
	seq, err := wire.ParseReset(c.payload)
	if err != nil {
		return err
	}
	s, consumer, err := c.consumerNamed()
	if err != nil {
		return err
	}
	view, err := s.ResetConsumer(consumer.Name(), seq)
	if err != nil {
		return err
	}
	if resp.ConsumerInfo, err = c.begun(consumer, view); err != nil {
		return err
	}
	if asksIdentity(c.header) {
		c.head = header.AppendEnd(header.AppendField(header.AppendStart(nil), streamIdentity, identityOf(c.door.account, s)))
	}
	resp.Seq = view.Delivered.Stream + 1
	return nil
}

func (c *call) consumerUnpin(*envelope) *apierr.Error {
	group, err := wire.ParseUnpin(c.payload)
	if err != nil {
		return err
	}
	_, consumer, err := c.consumerNamed()
	if err != nil {
		return err
	}
	config := consumer.Config()
	if config.Priority != stream.PriorityPinned || !slices.Contains(config.PriorityGroups, group) {
		return apierr.ConsumerInvalidPriorityGroup.Err()
	}
	consumer.Unpin(group)
	return nil
}

// clusterOnly refuses what only a cluster can do.
func (c *call) clusterOnly(*envelope) *apierr.Error { return apierr.ClusterRequired.Err() }
