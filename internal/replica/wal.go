package replica

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"myelin/internal/store/wal"
)

// WAL is the Log of one group within the log of the node.
type WAL struct {
	log   *wal.Log
	group uint64
	post  func(Event)
	// relaxed logs are synced for a hard state, as lazy appends are; a commit index alone is not worth that.
	relaxed bool
	inLine  bool
	term    uint64
	vote    uint64
	refused atomic.Bool // something since: term and vote may not be in the log
}

// NewWAL returns the log of a group that was not yet started. post takes the events that complete appends;
// it is called on the goroutine of the log and must not block. relaxed says that the log answers before it
// syncs.
func NewWAL(log *wal.Log, group uint64, relaxed bool, post func(Event)) *WAL {
	return &WAL{log: log, group: group, post: post, relaxed: relaxed}
}

// SetInLine says whether Append may commit on the caller's goroutine when it finds the log idle.
func (w *WAL) SetInLine(yes bool) { w.inLine = yes }

// Append implements Log.
func (w *WAL) Append(number uint64, records []Record, care Care) (durable bool, err error) {
	b := &wal.Batch{Records: w.translate(records, care.Lazy), Priority: care.Urgent, Lazy: care.Lazy}
	if (w.inLine || care.Lazy) && !care.Behind { // what is lazy does not wait for the disk
		if committed, err := w.log.TryCommit(b); committed {
			w.note(err)
			return err == nil, logError(err)
		}
	}
	b.Done = func(err error) {
		w.note(err)
		w.post(Event{Kind: Logged, Number: number, Err: logError(err)})
	}
	w.log.Append(b)
	return false, nil
}

func (w *WAL) note(err error) {
	if err != nil {
		w.refused.Store(true)
	}
}

func (w *WAL) translate(records []Record, lazy bool) []wal.Record {
	translated := make([]wal.Record, 0, len(records))
	for _, r := range records {
		if r.Kind == RecordHardState {
			same := r.Term == w.term && r.Vote == w.vote && !w.refused.Load()
			w.term, w.vote = r.Term, r.Vote
			if same && (w.relaxed || lazy) {
				continue
			}
			w.refused.Store(false)
		}
		translated = append(translated, wal.Record{
			Kind: walKinds[r.Kind], Tag: r.Tag, Group: w.group, Term: r.Term, Index: r.Index, Vote: r.Vote, Data: r.Data,
		})
	}
	return translated
}

var walKinds = [...]wal.Kind{RecordEntry: wal.Entry, RecordHardState: wal.HardState, RecordCheckpoint: wal.Checkpoint}

func logError(err error) error {
	if errors.Is(err, wal.ErrFull) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}

// AddGroup takes where the log of the node says that the group stands, before its entries.
func (r *Replay) AddGroup(g wal.Group) error {
	if g.Damage != nil {
		return g.Damage
	}
	if err := r.Add(Record{Kind: RecordCheckpoint, Term: g.CheckpointTerm, Index: g.CheckpointIndex}); err != nil {
		return err
	}
	return r.Add(Record{Kind: RecordHardState, Term: g.Term, Index: g.Commit, Vote: g.Vote})
}

// AddEntry takes an entry that the log of the node replays, and copies its data.
func (r *Replay) AddEntry(e wal.Record) error {
	return r.Add(Record{Kind: RecordEntry, Tag: e.Tag, Term: e.Term, Index: e.Index, Data: slices.Clone(e.Data)})
}
