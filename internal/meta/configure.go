package meta

import (
	"myelin/internal/apierr"
	"myelin/internal/stream"
)

// create makes a stream unless something is in its way. The steps are in the order in which a stock server
// reports faults.
func (s *State) create(q *Request, fx *Effects) Reply {
	there := s.Stream(q.Account, q.Config.Name)
	if err := s.admit(q, there); err != nil {
		return Reply{Err: err}
	}
	cfg, err := stream.Check(q.Config, anywhere(q.Bounds), q.Pedantic)
	if err == nil {
		err = s.alone(q, cfg)
	}
	switch {
	case err != nil:
		return Reply{Err: err}
	case cfg.Replicas > 1 && !q.Bounds.Clustered:
		return refuse(apierr.StreamReplicasNotSupported)
	case there != nil && there.Config.Equal(cfg):
		return Reply{Stream: there}
	case there != nil:
		return refuse(apierr.StreamNameExist)
	}
	if err := s.fits(q, nil, cfg); err != nil {
		return Reply{Err: err}
	}
	s.groups++
	made := newStream(ownGroup+s.groups, q.Account, cfg, s.now)
	s.put(made)
	fx.Changed = append(fx.Changed, made)
	return Reply{Stream: made, Created: true}
}

// admit finds whether there is room for what is to be created, before anybody looks at what it is but for
// two absurdities, which Check names. A size that is not even mentioned is left to fits.
func (s *State) admit(q *Request, there *Stream) *apierr.Error {
	if q.Config.Sealed || q.Config.MirrorDirect && q.Config.Mirror == nil {
		return nil
	}
	var before *stream.Config
	if there != nil {
		before = there.Config
	} else if limit := q.Limits.MaxStreams; limit > 0 && int64(s.Count(q.Account)) >= limit {
		return apierr.MaximumStreamsLimit.Err()
	}
	if q.Config.MaxBytes == 0 {
		return nil
	}
	return q.Limits.room(s.reservedBy(q.Account), &s.reserved, before, &q.Config)
}

// alone finds what is wrong with a configuration that is valid in itself, but for its name, its subjects
// and its replicas.
func (s *State) alone(q *Request, cfg *stream.Config) *apierr.Error {
	if err := s.origins(q.Account, cfg, q.Pedantic); err != nil {
		return err
	}
	return q.Limits.single(cfg)
}

// anywhere are bounds that allow replicas, which come last.
func anywhere(b stream.Bounds) stream.Bounds {
	b.Clustered = true
	return b
}

// update replaces a configuration. One that changes nothing has no effect.
func (s *State) update(q *Request, fx *Effects) Reply {
	old := s.Stream(q.Account, q.Config.Name)
	cfg, err := s.replacement(q, old)
	if err == nil {
		err = s.fits(q, old, cfg)
	}
	switch {
	case err != nil:
		return Reply{Err: err}
	case old.Config.Equal(cfg):
		return Reply{Stream: old}
	}
	changed := *old
	changed.Config = cfg
	s.take(old)
	s.put(&changed)
	fx.Changed = append(fx.Changed, &changed)
	return Reply{Stream: &changed}
}

// replacement completes and validates the configuration that is to replace that of old. A stock server
// looks for the old one only when the new one is valid by itself, and so do we: first, the new one is
// compared with one that it may replace.
func (s *State) replacement(q *Request, old *Stream) (*stream.Config, *apierr.Error) {
	any := stream.Config{
		Name: q.Config.Name, Storage: q.Config.Storage, Retention: q.Config.Retention, Mirror: q.Config.Mirror,
		AllowCounter: q.Config.AllowCounter, PersistMode: q.Config.PersistMode,
	}
	valid, err := stream.CheckUpdate(&any, q.Config, anywhere(q.Bounds), q.Pedantic)
	if err == nil {
		err = s.alone(q, valid)
	}
	if err != nil {
		return nil, err
	}
	if old == nil {
		return nil, apierr.StreamNotFound.Err()
	}
	cfg, err := stream.CheckUpdate(old.Config, q.Config, q.Bounds, q.Pedantic)
	if err != nil {
		return nil, err
	}
	cfg.MirrorDirect = valid.MirrorDirect // which the origin decides
	return cfg, nil
}

// fits finds whether there is a place among the other streams for one that was configured as old, or did
// not exist.
func (s *State) fits(q *Request, old *Stream, cfg *stream.Config) *apierr.Error {
	var group uint64
	var before *stream.Config
	if old != nil {
		group, before = old.Group, old.Config
	}
	if err := q.Limits.room(s.reservedBy(q.Account), &s.reserved, before, cfg); err != nil {
		return err
	}
	if !s.free(q.Account, cfg.Subjects, group) {
		return apierr.StreamSubjectOverlap.Err()
	}
	return nil
}

// free reports whether the stream of that group may have the subjects.
func (s *State) free(account string, subjects []string, group uint64) bool {
	a := s.accounts[account]
	return a == nil || a.subjects.free(subjects, group)
}

// reservedBy is what the account's streams reserve.
func (s *State) reservedBy(account string) *usage {
	if a := s.accounts[account]; a != nil {
		return &a.reserved
	}
	return &usage{}
}
