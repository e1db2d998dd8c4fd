// Package meta is the machine that owns what exists and how it is configured.
//
// State is a [machine.Machine]. Its commands are CreateStream, UpdateStream, DeleteStream and RemovedStream; an
// entry holds any number of them, and Apply gives one Reply for each, in their order, beside which streams
// were made, reconfigured and deleted. Every decision about a configuration falls here, and once: the
// commands carry the request as it came, with the bounds and limits that its server had at the time, and
// Apply completes it, validates it and compares it with what else there is. A request that is refused is
// an entry all the same, whose effect is an error.
//
// A stream gets the number of a group, in which its own machine lives, and an identity for its files. Neither
// comes back: whoever deletes a stream and creates another of that name has two groups, of which the
// host empties the first. A deleted stream stays in the state, marked, until a RemovedStream says that its
// files are gone, so that a crash between the two forgets none; beside that mark it is gone at once: its
// name, its subjects and what it reserved are free.
//
// A *Stream that was handed out never changes: who changes a stream makes a new one. It may be kept and
// shared. The State itself has one owner, who calls Apply and reads between two Applies.
//
// What stock servers answer was learnt from running one: testdata/sessions.jsonl is what one said to sessions
// of requests under all kinds of limits. Where it is not followed:
//
//   - Of several faults we name those first that package stream finds in the configuration alone; a few of
//     them a stock server finds after those that need other streams or limits.
//   - Creating a stream that exists as it is wanted finds it, even when all is reserved; and an empty list
//     of sources is as good as none.
//   - A stream that takes from itself is refused, whatever filter it has.
//   - What the server as a whole may reserve is counted exactly.
package meta
