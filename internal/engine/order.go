package engine

import (
	"hash/maphash"

	"myelin/internal/stream"
)

// orderSeed makes numbers of keys. Two keys with one number cost some parallelism, and nothing else.
var orderSeed = maphash.MakeSeed()

// orderOf tells the keys of a consumer's messages, if they have an order: see stream.OrderKey. It is called within turns.
func (s *Stream) orderOf(config *stream.ConsumerConfig) func(seq uint64) (key uint64, ok bool) {
	order, ok := config.OrderKey()
	if !ok {
		return nil
	}
	return func(seq uint64) (uint64, bool) {
		m, ok := s.state.Get(seq)
		if !ok {
			return 0, false
		}
		var header []byte
		if order.Token == 0 {
			r, _, err := s.home.Read(m.Seq, nil)
			if err != nil {
				return 0, false // it cannot be delivered either
			}
			header = r.Header
		}
		key, ok := order.Of(m.Subject, header)
		return maphash.Bytes(orderSeed, key), ok
	}
}
