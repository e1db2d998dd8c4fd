package jetstream

import (
	"myelin/internal/apierr"
	"myelin/internal/stream"
)

// accountInfo is what an account has and may have.
type accountInfo struct {
	Memory          int64    `json:"memory"`
	Storage         int64    `json:"storage"`
	ReservedMemory  int64    `json:"reserved_memory"`
	ReservedStorage int64    `json:"reserved_storage"`
	Streams         int      `json:"streams"`
	Consumers       int      `json:"consumers"`
	Limits          Limits   `json:"limits"`
	Domain          string   `json:"domain,omitempty"`
	API             apiStats `json:"api"`
}

type accountInformed struct {
	envelope
	*accountInfo
}

// apiStats count the requests that were answered before this one.
type apiStats struct {
	Level    int    `json:"level"`
	Total    uint64 `json:"total"`
	Errors   uint64 `json:"errors"`
	Inflight uint64 `json:"inflight,omitempty"`
}

// accountInfo answers whatever the payload is, as a stock server does. A failure has no numbers.
func (c *call) accountInfo(resp *accountInformed) *apierr.Error {
	usage := c.door.api.engine.Usage(c.door.account)
	consumers := 0
	for _, s := range c.door.api.engine.Streams(c.door.account) {
		s.View(func(state *stream.State) { consumers += state.NumConsumers() })
	}
	resp.accountInfo = &accountInfo{
		Memory: usage.Memory, Storage: usage.Storage,
		ReservedMemory: usage.ReservedMemory, ReservedStorage: usage.ReservedStorage,
		Streams: usage.Streams, Consumers: consumers, Limits: *c.limits, Domain: c.door.api.opt.Domain,
		API: apiStats{Level: Level, Total: c.door.total.Load(), Errors: c.door.errors.Load()},
	}
	return nil
}
