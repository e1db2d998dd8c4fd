package server

import (
	"fmt"
	"runtime"

	"myelin/internal/auth"
	"myelin/internal/broker"
	"myelin/internal/config"
	"myelin/internal/gate"
	"myelin/internal/jetstream"
	"myelin/internal/meta"
	"myelin/internal/msgtrace"
	"myelin/internal/router"
	"myelin/internal/subject"
)

// openAccounts makes the accounts of the configuration, and the gate that leads into them. The mappings are those of the
// global one.
func (s *Server) openAccounts(maps *subject.Mappings) error {
	var err error
	if s.users, err = auth.New(&s.config().Auth); err != nil {
		return fmt.Errorf("read who may connect: %w", err)
	}
	if err := s.openCallout(); err != nil {
		return err
	}
	if err := s.openOperators(); err != nil {
		return err
	}
	s.gate = gate.New(s.judge(), s.clock, costlyLogins())
	newRouter := router.New
	if s.config().NoSublistCache {
		newRouter = router.NewUncached
	}
	s.broker = broker.New(newRouter(), maps)
	s.broker.NewRouters(newRouter)
	s.broker.SetClock(s.clock)
	for _, a := range s.config().Auth.Accounts {
		if err := s.setAccount(s.broker.Add(a.Name)); err != nil {
			return err
		}
	}
	s.broker.Introduce(s.introduce)
	s.broker.Measure(s.measure)
	if s.operators != nil {
		return s.operators.openSystem(s.broker)
	}
	if name := s.config().System(); name != "" {
		s.broker.SetSystem(s.broker.Add(name))
	}
	plan, err := planShares(s.config())
	if err != nil {
		return err
	}
	s.changeShares(plan)
	return nil
}

// setAccount is endow with the configuration in force.
func (s *Server) setAccount(a *broker.Account) error {
	c := s.config().Account(a.Name())
	maps, err := mappings(c.Mappings)
	if err != nil {
		return fmt.Errorf("account %q: %w", a.Name(), err)
	}
	endow(a, &c, maps)
	return nil
}

// endow gives an account what the configuration says of it.
func endow(a *broker.Account, c *config.Account, maps *subject.Mappings) {
	a.SetMappings(maps)
	a.SetLimits(broker.Limits(c.Limits))
	var sampling *msgtrace.Sampling
	if c.Trace.Dest != "" {
		sampling = &msgtrace.Sampling{Dest: c.Trace.Dest, Percent: c.Trace.Percent()}
	}
	a.SetSampling(sampling)
}

// costlyLogins is how many comparisons with bcrypt hashes are made at a time: half of the processors are for messages
// whatever happens.
func costlyLogins() int { return max(1, runtime.GOMAXPROCS(0)/2) }

// streamLimits are those of an account as its clients are told; nil if it may have no streams.
func (s *Server) streamLimits(account string) *jetstream.Limits {
	a := s.accountStreams(account)
	if !a.Enabled {
		return nil
	}
	limits := shownLimits(&a)
	if s.operators != nil {
		limits.Tiers = s.operators.streamsOf(account).tiers
	}
	return &limits
}

// shownLimits are limits as clients are told of them.
func shownLimits(a *config.AccountStreams) jetstream.Limits {
	return jetstream.Limits{
		MaxMemory: a.MaxMemory, MaxStorage: a.MaxStorage, MaxStreams: int(a.MaxStreams), MaxConsumers: int(a.MaxConsumers),
		MaxAckPending: int(a.MaxAckPending), MemoryMaxStreamBytes: a.MaxMemoryStream, StoreMaxStreamBytes: a.MaxStorageStream,
		MaxBytesRequired: a.MaxBytesRequired,
	}
}

// reservations are the limits of an account as the engine keeps them.
func (s *Server) reservations(account string) meta.Limits {
	a, limits := s.accountStreams(account), meta.Unlimited()
	limits.MaxStreams, limits.MaxBytesRequired = a.MaxStreams, a.MaxBytesRequired
	limits.MaxMemory, limits.MaxStorage = a.MaxMemory, a.MaxStorage
	limits.MaxMemoryStream, limits.MaxStorageStream = a.MaxMemoryStream, a.MaxStorageStream
	return limits
}
