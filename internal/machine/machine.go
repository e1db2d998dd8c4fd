// Package machine states what every durable part of the server is: a deterministic machine that a log of
// entries drives.
//
// A machine is a value with commands in and effects out. Its state is the result of the entries that it
// was given, in their order, and of nothing else: whoever applies the same entries to an empty machine,
// or the later ones to a restored snapshot, has the same state and has produced the same effects. All
// replicas and every restart rest on this, so a machine keeps these rules:
//
//   - It reads no clock, no file, no socket, no environment, and no random numbers. Time is [Entry.Time].
//   - It starts no goroutine, uses no channel, and holds no lock; its one owner calls it.
//   - It never lets the order of a Go map, the address of a value, or the rounding of a float decide
//     anything. What it walks through for output is sorted, or kept in order.
//   - Apply is total. Bytes that are no command, commands that make no sense any more, and commands of a
//     later version have a defined result (usually an error in the effects) and never a panic. An entry
//     is in the log for good: a machine that refused it once must refuse it each time, in the same way.
//   - Everything that a decision needs is in the state or in the entry. A limit that comes from
//     configuration travels in the command, so that all replicas compare with the same number.
//   - What Apply decides does not change between versions of the program. New behaviour comes with a new
//     command, or with a version in the state.
//   - How commands are batched into entries makes no difference to the state, as long as they come at
//     the same time.
//
// Effects are what the world outside should do or know. A machine neither performs them nor learns how
// that went; what it must learn comes back as a command. The owner hands in a buffer of effects, which
// Apply appends to, and which the owner empties and uses again: what effects point to is the entry's or
// the machine's, and valid until the next Apply. Effects are of two kinds. Volatile ones (a reply, a
// wake-up) may be lost with their leader. Durable ones stay in the state until a later command confirms
// them, and are in every snapshot until then.
package machine

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"myelin/internal/bin"
)

// Entry is one entry of a group's log. A machine that keeps any of Data copies it.
type Entry struct {
	Index uint64 // grows from entry to entry; not by one, since the log has entries of its own
	Term  uint64 // of the leader that appended it; never falls
	Time  int64  // nanoseconds since 1970 by that leader's clock; never falls, whatever clocks do
	Data  []byte // the commands
}

// Machine is a machine with effects of type FX. The zero state is that before the first entry.
type Machine[FX any] interface {
	// Apply changes the state by an entry and appends to fx what follows from it.
	Apply(e Entry, fx *FX)
	// Deadline is the time, in nanoseconds since 1970, from which on the machine wants an entry even if
	// nobody has a command, since something expires; 0 when nothing does. The leader then appends one
	// with the machine's command for that. It may come late, or earlier, or more than once.
	Deadline() int64

	Snapshotter
	Restorer
}

// Snapshotter gives its state as bytes.
type Snapshotter interface {
	// Snapshot appends the state to dst. Equal states give equal bytes, however they came about. The
	// form starts with a version.
	Snapshot(dst []byte) []byte
}

// Freezer is a machine whose snapshot may be taken elsewhere while the machine goes on. One that may become
// large is a Freezer, since a snapshot within a turn would hold up all that comes after it.
type Freezer interface {
	// Freeze returns a function that appends to dst what Snapshot would append now. It costs next to
	// nothing, whatever the state holds. The function may run on any goroutine, at once or after the
	// machine has applied more, several times or never, and shares with the machine nothing that
	// changes; what it holds on to is memory, until it is collected. A machine keeps this without locks:
	// it copies what a view may see before it changes it.
	Freeze() func(dst []byte) []byte
}

// Restorer takes its state from bytes.
type Restorer interface {
	// Restore replaces the state by one that Snapshot appended, and takes no more than that off r. On
	// bytes that are none it returns an error, and the machine is not to be used.
	Restore(r *bin.Reader) error
}

// Hash is the same for equal states, and differs between others but for one chance in 2^64.
func Hash(s Snapshotter) uint64 {
	sum := sha256.Sum256(s.Snapshot(nil))
	return binary.BigEndian.Uint64(sum[:])
}

// ErrUnlike says that a restored state is not the one that was snapshotted.
var ErrUnlike = errors.New("the restored state is unlike the one of the snapshot")

// Copy makes the state of to that of from by way of a snapshot, and checks that nothing got lost. It is
// what a restart does, so that a test can have one between any two entries.
func Copy(to interface {
	Snapshotter
	Restorer
}, from Snapshotter) error {
	snapshot := from.Snapshot(nil)
	r := bin.NewReader(snapshot)
	if err := to.Restore(r); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	if err := r.Close(); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	if string(to.Snapshot(nil)) != string(snapshot) {
		return ErrUnlike
	}
	return nil
}
