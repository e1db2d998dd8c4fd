package jetstream

import (
	"myelin/internal/apierr"
	"myelin/internal/jetstream/wire"
)

// Consumers do not exist yet. Lists of them are empty, and to create one is refused by name, so that no
// client waits for an answer.

type consumerNames struct {
	envelope
	page
	Consumers []string `json:"consumers"`
}

func (n *consumerNames) defaults() { n.Consumers = []string{} }

type JSApiConsumersRequest struct{ ApiPagedRequest }

func (c *call) consumerNames(resp *consumerNames) *apierr.Error {
	return c.noConsumers(&resp.page, namesPage)
}

type consumerList struct {
	envelope
	page
	Consumers []struct{} `json:"consumers"`
}

func (l *consumerList) defaults() { l.Consumers = []struct{}{} }

func (c *call) consumerList(resp *consumerList) *apierr.Error {
	return c.noConsumers(&resp.page, listPage)
}

func (c *call) noConsumers(p *page, limit int) *apierr.Error {
	var q JSApiConsumersRequest
	if err := decodeOptions(c.payload, &q); err != nil {
		return err
	}
	if _, err := c.stream(); err != nil {
		return err
	}
	p.cut(0, q.Offset, limit)
	return nil
}

// consumerKnown answers about a consumer that there cannot be.
func (c *call) consumerKnown(*envelope) *apierr.Error {
	if !wire.IsEmpty(c.payload) {
		return apierr.NotEmptyRequest.Err()
	}
	return c.consumerMissing(nil)
}

// consumerMissing is consumerKnown for requests with options, which do not matter.
func (c *call) consumerMissing(*envelope) *apierr.Error {
	if _, err := c.stream(); err != nil {
		return err
	}
	return apierr.ConsumerNotFound.Err()
}

func (c *call) consumerCreate(*envelope) *apierr.Error {
	if _, err := c.stream(); err != nil {
		return err
	}
	return apierr.ConsumerCreate.With("consumers are not supported yet")
}

// clusterOnly refuses what only a cluster can do.
func (c *call) clusterOnly(*envelope) *apierr.Error { return apierr.ClusterRequired.Err() }
