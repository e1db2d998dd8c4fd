// Package replica gives the commands of one machine an order that outlives crashes and leaders.
//
// A Group joins three things: a machine (package machine), a raft node (go.etcd.io/raft/v3) and the part
// that the group has in the log of its node. It is a reactor. The host collects events - proposals,
// completions of the log, messages of peers, ticks - and hands them to Turn together with the time; Turn
// appends, sends, applies and performs, and returns. A group has no goroutine, no clock, no lock and no
// file, so whoever holds its token may run it: a reader's goroutine, a worker, a simulation. It must not
// be entered twice at once, nor from within a callback of its own.
//
// # One proposal's way
//
// Turn copies the proposed commands into batches of at most MaxCommands commands or MaxBytes bytes; a
// larger proposal travels alone, and none is ever divided. While fewer than maxAppends appends are under
// way the batches go to raft, each as one entry that begins with the leader's time, which never runs
// backwards within a group. Raft hands the entries back to be logged. They are given to the Log in one
// call, which is one sync, together with the newest hard state: the index of what is committed waits for
// the next append that needs a sync anyway, and never causes one. When the Log says that an append is
// durable, raft commits, the machine applies, and the host performs the effects and learns which of its
// proposals the entry held, in the order in which they were proposed.
//
// # What a proposer may believe
//
// Every proposal is answered exactly once. If it is in an entry that Host.Perform is called with, it is
// durable and applied; a lazy one is applied, and durable with the next that is not lazy. If Host.Drop has ErrDropped, it is not in the log and never will be: proposing it
// again cannot make it happen twice. If Host.Drop has ErrUnknown, it may or may not turn out to be there,
// since the log failed or a snapshot of the leader overtook it. A lost leadership alone answers nothing:
// what was proposed may still be committed, and the group answers when it knows. A host that does not
// want to wait for that can send its clients away in Follow.
//
// A full disk stalls a group and does not end it: what was appended waits for the event Retry, or for an
// urgent proposal, which frees space, and before which it may use what the log holds in reserve. The host
// refuses what needs space before it is proposed; what is proposed anyway is dropped meanwhile. Any other
// failure of the log ends the group, see Turn.
//
// # One voter is the normal path
//
// A group with one voter runs the same code as one with three. A proposal that finds no leader starts an
// election, which a single voter wins as soon as its vote is durable, without a tick; until then a group
// that nobody proposes to has no work and writes nothing. What several voters need beyond this package is
// a transport for Host.Send and a way to change the voters.
//
// # Restart
//
// A group begins from the last stored Checkpoint and the records that the log has of it, gathered by a
// Replay. What is known to be committed is applied in the first Turn, which for a group with one voter is all
// that its log has; the rest is decided by the next election. Unsettled tells whether there is such a rest.
package replica
