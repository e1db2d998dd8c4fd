package jetstream

import (
	"strconv"

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

	Tiers map[string]tierInfo `json:"tiers,omitempty"`
}

// tierInfo is what an account has and may have of streams with a number of replicas.
type tierInfo struct {
	Memory          int64  `json:"memory"`
	Storage         int64  `json:"storage"`
	ReservedMemory  int64  `json:"reserved_memory"`
	ReservedStorage int64  `json:"reserved_storage"`
	Streams         int    `json:"streams"`
	Consumers       int    `json:"consumers"`
	Limits          Limits `json:"limits"`
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
	resp.tell(c.limits.Tiers)
	return nil
}

// tell says what the account has in its tiers: all that there is has one replica.
func (i *accountInfo) tell(tiers map[string]Limits) {
	if len(tiers) == 0 {
		return
	}
	i.Limits, i.Tiers = Limits{}, make(map[string]tierInfo, len(tiers))
	for name, limits := range tiers {
		tier := tierInfo{Limits: limits}
		if name == tierOne {
			tier = tierInfo{i.Memory, i.Storage, i.ReservedMemory, i.ReservedStorage, i.Streams, i.Consumers, limits}
		}
		i.Tiers[name] = tier
	}
}

// tiered finds whether the account has a tier for streams like that one.
func (l *Limits) tiered(cfg *StreamConfig) *apierr.Error {
	if len(l.Tiers) == 0 {
		return nil
	}
	replicas := max(cfg.Replicas, 1)
	if _, ok := l.Tiers["R"+strconv.Itoa(replicas)]; !ok {
		return apierr.NoLimits.Err()
	}
	if replicas > 1 {
		return apierr.StreamReplicasNotSupported.Err()
	}
	return nil
}
