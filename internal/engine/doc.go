// Package engine is the log plane put together: it hosts the groups of a node, moves messages from the log
// to the files of their streams, and starts again where it ended.
//
// A group is a machine with an order (package replica) in the one log of the node (package store/wal).
// Group 1 holds what exists (package meta); every stream is a group of its own (package stream), with the
// bodies of its messages beside it (package store/home). Memory streams are the same with a log that
// forgets.
//
// # Who owns what
//
// A reactor gives a group its inbox and its token. Whoever finds the token free may take a turn: the reader
// of a connection in line, when it has a few messages and nothing else to do, or a goroutine that lives
// until the inbox is empty. An idle group has no goroutine and no timer, unless something of it expires.
//
// The state of a stream is written within a turn, under Stream.mu, and read under it by anybody. What
// readers see is committed and applied: for a durable stream, on disk.
//
// The keeper is one goroutine that writes files: bodies from the tails in memory, and checkpoints, so that
// the log can let go of its segments. The cleaner, another one, takes back space. Nothing else writes, and
// a stream whose files fail takes no more messages, while all others go on.
//
// # Copying
//
// A copier per mirror or source reads the origin and proposes copies to the stream, in whose machine the progress
// is. It has a goroutine while there is something to copy; an origin's turn that stored something wakes those who
// follow it.
//
// # Creating and deleting
//
// meta decides, then the engine follows: it compares what meta says with what it hosts, and hosts, configures
// or removes. So an answer to a create is given when the stream takes messages, and whatever a crash leaves
// half done is done at the next start. Nothing is removed because something else is missing: files go after
// meta has committed that their stream is deleted, and meta forgets the stream after they are gone.
package engine
