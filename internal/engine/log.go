package engine

import (
	"myelin/internal/replica"
	"myelin/internal/stream"
)

// forgetful is the log of a memory stream: nothing outlives the process, so all is as durable as can be.
type forgetful struct{}

// Append implements replica.Log.
func (forgetful) Append(uint64, []replica.Record, replica.Care) (durable bool, err error) {
	return true, nil
}

// early is the log of a stream whose messages are acknowledged before they are on disk (persist_mode async).
// Terms and votes are not: they are waited for.
type early struct {
	log        *replica.WAL
	term, vote uint64
}

// Append implements replica.Log.
func (l *early) Append(number uint64, records []replica.Record, care replica.Care) (durable bool, err error) {
	changed := false
	for _, r := range records {
		if r.Kind == replica.RecordHardState {
			changed = changed || r.Term != l.term || r.Vote != l.vote
			l.term, l.vote = r.Term, r.Vote
		}
	}
	durable, err = l.log.Append(number, records, care)
	return durable || err == nil && !changed, err
}

// newLog returns the log of a stream.
func (s *Stream) newLog() replica.Log {
	if s.asset.Config.Storage == stream.Memory {
		return forgetful{}
	}
	async := s.asset.Config.PersistMode == stream.PersistAsync
	s.events.log = replica.NewWAL(s.engine.wal, s.asset.Group, s.engine.relaxed || async, func(e replica.Event) {
		if async && e.Err != nil {
			s.fail(e.Err) // what was acknowledged is not in the log
		}
		s.events.post(e)
	})
	s.pin.checkpoint = s.askCheckpoint
	if async {
		return &early{log: s.events.log}
	}
	return s.events.log
}

// settleLog returns when all that the stream has applied is on disk, so that its files cannot run ahead of the
// log.
func (s *Stream) settleLog() error {
	done := make(chan error, 1)
	s.engine.wal.Sync(func(err error) { done <- err })
	return <-done
}
