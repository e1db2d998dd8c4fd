package engine

import (
	"sync/atomic"

	"myelin/internal/stream"
)

// used is how many bytes all streams of the node take, as their machines count them.
type used struct{ memory, storage atomic.Int64 }

func (u *used) of(s stream.Storage) *atomic.Int64 {
	if s == stream.Memory {
		return &u.memory
	}
	return &u.storage
}

// count brings the account of the node up to date with the stream. It is called by the holder of the token.
func (s *Stream) count() {
	s.charge(int64(s.state.Info().Bytes))
}

// charge makes bytes what the stream counts for.
func (s *Stream) charge(bytes int64) {
	if bytes != s.charged {
		s.engine.used.of(s.asset.Config.Storage).Add(bytes - s.charged)
		s.tenant.used.of(s.asset.Config.Storage).Add(bytes - s.charged)
		s.charged = bytes
	}
}

// exhausted says that the streams of the node take as much as they may. Messages that are on their way then
// are still taken.
func (s *Stream) exhausted() bool {
	storage := s.asset.Config.Storage
	limit := s.engine.limits.Load().ServerStorage
	if storage == stream.Memory {
		limit = s.engine.limits.Load().ServerMemory
	}
	return limit >= 0 && s.engine.used.of(storage).Load() >= limit
}

// Usage is what an account takes, and has set aside for streams with a limit.
type Usage struct {
	Memory, Storage                 int64 // bytes of messages
	ReservedMemory, ReservedStorage int64
	Streams                         int
}

// Usage sums up an account.
func (e *Engine) Usage(account string) (u Usage) {
	for _, s := range e.Streams(account) {
		config, info := s.Config(), s.Info()
		used, reserved := &u.Storage, &u.ReservedStorage
		if config.Storage == stream.Memory {
			used, reserved = &u.Memory, &u.ReservedMemory
		}
		*used += int64(info.Bytes)
		*reserved += max(config.MaxBytes, 0)
		u.Streams++
	}
	return u
}
