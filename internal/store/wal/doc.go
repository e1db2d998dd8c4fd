// Package wal is the write-ahead log of a node: one log for the entries of all groups.
//
// A group commit takes what all groups have appended, writes it as one checksummed block, syncs once and
// answers everybody. An append that was answered with nil has been synced (unless the log was opened with
// a relaxed policy) and survives any crash; after a failed write or sync the log is dead and says so to
// everybody, since what a disk once failed to keep is not asked for again.
//
// # Records
//
// The records of a group are entries, which follow each other by index; its hard state (term, vote and
// commit index), of which the last one counts; checkpoints, which say that all entries up to an index live
// elsewhere; and its end. An entry with an index that exists replaces it and all behind it. That is legal
// only for entries written before the group's term was last raised, and above its commit index: within a
// term a log only grows. A hard state that raises the term therefore precedes the entries of that term.
//
// Each record carries a number that counts the records of its group, so that a group with a record missing
// is told from one without, whatever it was that got lost.
//
// # Segments
//
// The log is a chain of segment files of equal size, but for a small first one, filled with zeros before use so that a sync has no
// metadata to write, and used again once nothing in them is needed. Each begins with the state of every
// group, so no segment is kept for the sake of a hard state, and each names the one before it and its end.
// A block lies in one segment only. A segment is written by one opening of the log: after a restart the
// first append begins a new one. The layout is described byte by byte in format.md.
//
// # What is cut and what is refused
//
// Each block says up to where the log had been synced before it was written, and each segment that the one
// before was. What is broken behind the last such position is a write that nobody was told of: it is cut,
// kept aside in a file and reported. What is broken before it is damage: the groups that it touches are
// refused, with file and offset, and nothing of theirs is released or overwritten until they are dropped.
// All others are as if nothing had happened.
//
// # Who owns what
//
// Whoever holds the token owns the open segments and the states of the groups: the goroutine of the log,
// which gathers what waits, or a caller of TryCommit who found the log idle. The queue of those who wait is
// behind a mutex, and so is the pool of unused files, which a second goroutine keeps filled. How much waits
// is bounded by the callers: a group has a few appends outstanding at most.
package wal

import (
	"errors"
	"fmt"
)

// Kind is what a record means.
type Kind uint8

const (
	Entry      Kind = 1 + iota // a log entry of a group
	HardState                  // a group's term, vote and commit index
	Checkpoint                 // all entries up to Index live elsewhere
	Drop                       // the group is gone, with all that it had
	state                      // where a group stands; at the begin of a segment, never appended
)

// Record is one statement about one group.
type Record struct {
	Kind  Kind
	Tag   uint8  // entries: for the owner of the group, who gets it back
	Group uint64 // never 0
	Term  uint64
	Index uint64 // hard states: the commit index
	Vote  uint64 // hard states only
	Data  []byte // entries only
}

// Batch is what is appended at once: records of one group that are kept all or none.
//
// The log reads Records and their Data until the answer, and writes into neither.
type Batch struct {
	Records []Record
	// Priority lets the batch use the room that is held in reserve for what frees space.
	Priority bool
	// Sync asks for a sync before the answer, also where the log's policy is relaxed. Hard states imply it.
	Sync bool
	// Lazy says that nobody waits for the disk: the answer comes when the batch is written, and the sync with the
	// next one that somebody asks for, or after Options.LazyEvery. What a batch with Sync follows is on the disk with
	// that.
	Lazy bool
	// Done is called once with the outcome, on the goroutine of the log, for Append only. It must not block,
	// and may append again.
	Done func(error)

	sums   []uint32         // of the bodies of Records, computed on the caller's goroutine
	sealed []byte           // the bodies of all entries, if the log is encrypted, made there too
	place  [placeBytes]byte // for one of them
	size   int              // bytes in a block
	err    error            // the outcome
}

var (
	// ErrDead is what every append gets once a write or a sync has failed. Only a restart helps.
	ErrDead = errors.New("the log is dead")
	// ErrFull refuses an append because the disk is full. It passes by itself when there is space.
	ErrFull = errors.New("no space for the log")
	// ErrClosed refuses what comes after Close.
	ErrClosed = errors.New("the log is closed")
	// ErrOrder refuses records that do not continue their group.
	ErrOrder = errors.New("out of order")
	// ErrTooLarge refuses a batch that no segment may hold.
	ErrTooLarge = errors.New("batch too large")

	errUnreadable = errors.New("the end of the log cannot be read")
	errVersion    = errors.New("written by another version")
)

// Damage is a place that does not hold what was once synced there.
type Damage struct {
	Group  uint64 // the group that is refused for it, or 0 where that cannot be said or none needs to be
	File   string
	Offset int64
	Reason string
}

func (d *Damage) Error() string {
	if d.Group == 0 {
		return fmt.Sprintf("%s at %d: %s", d.File, d.Offset, d.Reason)
	}
	return fmt.Sprintf("group %d: %s at %d: %s", d.Group, d.File, d.Offset, d.Reason)
}

// Cut is the end of the log that was written but never synced, and was taken off.
type Cut struct {
	File          string
	Offset, Bytes int64
	Aside         string // the file that keeps it; none after Inspect, which cuts nothing
	Err           error  // why it could not be kept
}

// Group is where a group stands.
type Group struct {
	ID                              uint64
	Term, Vote, Commit              uint64
	CheckpointIndex, CheckpointTerm uint64
	LastIndex, LastTerm             uint64 // of the last entry, or of the checkpoint when there is none behind it
	Damage                          *Damage
}
