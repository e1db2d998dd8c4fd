// Package home keeps the bodies of the messages of one stream: young ones in memory, the tail, older ones
// in segment files (package segment).
//
// The stream's machine (package stream) decides what lives. A Home takes what an entry stored and removed
// (Absorb), and is asked by sequence (Read, Scan). It trusts that what is in its tail can be had again: the
// log has the entries until Sync says that the files have what came of them. So a Home may be lost at any
// time, and is right again when it was opened and the entries since the last Sync, or more, were absorbed
// once more. What is in the files already is not kept twice then. A message that goes while it is young is never written.
//
// # Memory
//
// The tail is a list of chunks in the order of sequences. A chunk is the Data of one entry as it came, when
// that is 4 KiB or more and hardly anything in it was refused, or a block of up to 64 KiB into which messages are
// copied, each with its time. For each message it holds 8 bytes: how far its sequence is from the chunk's
// first, and where its command is. Bytes in a chunk never change once readers may see them, so that these
// need the lock only to find them. When the tail as a whole holds half more than it needs, chunks of which a third is
// useless are squeezed: what lives is copied, together with small neighbours. Absorb does at most 1 MiB of that
// at a time, Flush the rest, so that the tail takes less than twice what lives and a constant. TailBytes is what
// is really held, without what is kept to make damage good.
//
// # Who owns what
//
// The lock is a leaf for the tail, held for short times. Absorb is called within the turn of the stream's
// group, while the stream's lock is held. Any number of goroutines may read. Flush, Sync, Rest and
// Reopen wait for each other, and Erase for a Flush under way; so do Clean, Erase and Reopen.
//
// Sequences up to the floor are the files' affair, those above it the tail's. Flush writes messages first, and then moves
// the floor above them in one step with their leaving the tail: whoever looks into the tail first and then into
// the files misses nothing.
//
// # When something fails
//
// A Flush that fails, as on a full disk, leaves the tail as it is. The files take no more writes then, and
// reading goes on, until Reopen. A message that the files should have but have lost is kept in memory beside the tail
// when the log brings it back at recovery; it can be read, and its loss is still reported by Damages.
package home
