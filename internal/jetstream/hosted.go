package jetstream

import (
	"myelin/internal/apierr"
	"myelin/internal/engine"
	"myelin/internal/stream"
)

// Hosted makes an engine an Engine.
type Hosted struct{ *engine.Engine }

var (
	_ Engine        = Hosted{}
	_ Stream        = (*engine.Stream)(nil)
	_ engine.Outlet = (*Outlet)(nil)
)

func (h Hosted) Create(account string, cfg stream.Config, pedantic bool) (Stream, bool, *apierr.Error) {
	s, created, err := h.Engine.Create(account, cfg, pedantic)
	if err != nil {
		return nil, false, err
	}
	return s, created, nil
}

func (h Hosted) Update(account string, cfg stream.Config, pedantic bool) (Stream, *apierr.Error) {
	s, err := h.Engine.Update(account, cfg, pedantic)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// hostedRestore makes a restore of an engine a Restore.
type hostedRestore struct{ *engine.Restore }

func (h Hosted) Restore(account string, cfg stream.Config) (Restore, *apierr.Error) {
	r, err := h.Engine.Restore(account, cfg)
	if err != nil {
		return nil, err
	}
	return hostedRestore{r}, nil
}

func (r hostedRestore) Finish(last uint64) (Stream, error) {
	s, err := r.Restore.Finish(last)
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (h Hosted) Find(account string, name []byte) Stream {
	if s := h.Engine.Find(account, name); s != nil {
		return s
	}
	return nil
}

func (h Hosted) Stream(account, name string) Stream {
	if s := h.Engine.Stream(account, name); s != nil {
		return s
	}
	return nil
}

func (h Hosted) Streams(account string) []Stream {
	hosted := h.Engine.Streams(account)
	list := make([]Stream, len(hosted))
	for i, s := range hosted {
		list[i] = s
	}
	return list
}

// OutletOf is what an engine asks for the outlet of a stream.
func (a *API) OutletOf(s *engine.Stream) engine.Outlet {
	return a.Outlet(a.opt.Broker.Add(s.Account()), s.Name(), s.Config)
}
