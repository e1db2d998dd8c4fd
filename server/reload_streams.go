package server

// prepareStreams lets streams have more than before, or switches JetStream on or off.
func (r *reload) prepareStreams() error {
	switch {
	case !r.changed["JetStream.Enabled"]:
		return r.prepareLimits()
	case r.now.JetStream.Enabled:
		return r.switchOn()
	}
	r.apply = append(r.apply, r.s.switchOff)
	return nil
}

func (r *reload) prepareLimits() error {
	old, now := &r.old.JetStream, &r.now.JetStream
	for _, c := range []change{{"JetStream.MaxMemory", old.MaxMemory, now.MaxMemory}, {"JetStream.MaxStorage", old.MaxStorage, now.MaxStorage}} {
		if before, after := c.old.(int64), c.now.(int64); before != after && (before < 0 || after < before) {
			return c.refusal()
		}
	}
	r.apply = append(r.apply, r.s.changeStreams)
	return nil
}

// switchOn opens the store. Streams take messages as soon as they are there, so that nothing may fail after it: it is the last that is
// prepared. They find the accounts that come with the same configuration, and go by its limits.
func (r *reload) switchOn() error {
	s := r.s
	if s.operators == nil {
		for _, a := range r.now.Auth.Accounts {
			s.broker.Add(a.Name)
		}
	}
	s.incoming.Store(r.now)
	p, err := s.openStreams(&r.now.JetStream)
	if err != nil {
		s.incoming.Store(nil)
		return err
	}
	r.apply = append(r.apply, func() {
		s.incoming.Store(nil)
		s.serveStreams(p)
	})
	return nil
}

// switchOff closes the store as a server does that stops: who waits for messages is told, what is acknowledged is where it is found again.
func (s *Server) switchOff() {
	p := s.streams.Swap(nil)
	if p == nil {
		return
	}
	s.log.Noticef("Initiating JetStream Shutdown...")
	p.engine.Farewell()
	s.closeStreams(p)
	s.log.Noticef("JetStream Shutdown")
}
