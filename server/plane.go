package server

import (
	"errors"

	"myelin/internal/apierr"
	"myelin/internal/engine"
	"myelin/internal/jetstream"
	"myelin/internal/stream"
)

// plane is the engine as the JetStream API sees it.
type plane struct{ *engine.Engine }

// hosted is a stream as the JetStream API sees it.
type hosted struct{ *engine.Stream }

func asHosted(s *engine.Stream) jetstream.Stream {
	if s == nil {
		return nil
	}
	return hosted{s}
}

func (p plane) Create(account string, cfg stream.Config, pedantic bool) (jetstream.Stream, bool, *apierr.Error) {
	s, created, err := p.Engine.Create(account, cfg, pedantic)
	return asHosted(s), created, err
}

func (p plane) Update(account string, cfg stream.Config, pedantic bool) (jetstream.Stream, *apierr.Error) {
	s, err := p.Engine.Update(account, cfg, pedantic)
	return asHosted(s), err
}

func (p plane) Stream(account, name string) jetstream.Stream {
	return asHosted(p.Engine.Stream(account, name))
}

func (p plane) Find(account string, name []byte) jetstream.Stream {
	return asHosted(p.Engine.Find(account, name))
}

func (p plane) Streams(account string) []jetstream.Stream {
	streams := p.Engine.Streams(account)
	list := make([]jetstream.Stream, len(streams))
	for i, s := range streams {
		list[i] = hosted{s}
	}
	return list
}

func (p plane) Usage(account string) jetstream.Usage { return jetstream.Usage(p.Engine.Usage(account)) }

func (h hosted) Read(seq uint64, buf []byte) (jetstream.Message, []byte, error) {
	m, buf, err := h.Stream.Read(seq, buf)
	if errors.Is(err, engine.ErrNotFound) {
		err = jetstream.ErrNotFound
	}
	return jetstream.Message(m), buf, err
}
