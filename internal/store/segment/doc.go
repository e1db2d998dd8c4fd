// Package segment keeps the messages of one stream in files: their home for as long as they live.
//
// The log of the node makes a message durable first. What is still wanted when the flusher comes by is
// written here, in large sequential writes, and the log forgets it after Sync. So a Set takes records with
// ascending sequences and any gaps, appends them to its last file, seals that when it is full, and begins
// another.
//
// Who owns what. A Set is a value without goroutines; it opens files when it is used and holds none open at
// rest. One token is for writing (Write, Sync, Rest, Close), one for upkeep (Drop, Clean, Erase): callers
// that meet wait for each other. Any number of readers (Read, Scan) need neither: they take a view of the
// files under a short lock, and what a view shows is never written again. Open files and indexes of sealed
// files are kept in a Cache that the sets of a node share and that has a bound, and so are mappings of
// files in which much is read here and there, while that goes on; a set itself keeps about
// 200 bytes for each file, and while it is written to 16 bytes for each KiB of the last one.
//
// What lives is known to the owner, a stream's machine, not to the files. It says so when a record dies
// (Dead), and once after recovery (Reconcile). Files of which at least half is dead are rewritten by Clean,
// those wholly passed are removed by Drop; nothing is ever removed for another reason. In particular
// nothing is removed because something is missing.
//
// What can go wrong. All bytes are covered by checksums (format.md). Only the tail of the last file that no
// sync ever covered is cut when a set is opened: that is what a crash leaves. Whatever else does not fit
// stays as it is, is reported as a Damage with file and offset, and costs the records it touches and no
// others. After a write or sync that failed nothing more is written until the set is opened again, which
// writes once more whatever is not proven to be on the disk; reading goes on. Erase overwrites a record in
// place: the one exception to files that only grow.
package segment
