// Package stream is the machine behind a stream: what its configuration may say, and what becomes of the
// messages that are published into it.
//
// State is a [machine.Machine]. Its commands are Append, Delete, Purge, Configure and Tick, and those of what
// not every stream does: Copy, Skip and Follow of mirrors and sources (origin.go), Batch of atomic batches,
// which Staging gathers (batch.go), Fast of fast batches (fast.go), Fire and Zone of schedules (schedule.go).
// An entry holds any number of them, and Apply gives one Reply for each, in their order, beside what it
// stored and what is gone. Every decision is made there: a message that is refused for what the stream
// holds is an entry all the same, whose effect is an error. Time is that of the entries, and what has
// expired, by the age that the stream allows or by a time of its own, goes when a Tick comes, which
// Deadline asks for.
//
// The bytes of messages are not here. The State knows of each message its sequence, time, size and
// subject, in 24 bytes and the share of its subject (table.go); Effects.Stored points to the bytes in the
// entry, and the owner keeps them until Effects.Gone says so. A message may span several sequences, as a batch
// that its publisher packed does; it is stored, found and removed as one, and counts as many.
//
// A State has one owner, who calls Apply and reads between two Applies. What reading returns is valid
// until the next Apply, and so is what Effects point to.
//
// Consumers are part of the State. AddConsumer and its like create and change them, Delivered says what their
// dispatcher has sent and Ack what came back. What a consumer is to be given is read through its
// ConsumerSource, at any sequence: the next message, and how many there are, in tens of nanoseconds, since
// consumers with the same filters share a ranked set of the messages that match (filter.go). Messages go
// when they are acknowledged, or nobody is left who wants them, within the Apply of the ack
// (consumer_needs.go). A message that spans several sequences is one for a consumer. Effects.Consumers is what
// a dispatcher has to know; what depends on clients, whether any listens or asks, is not here.
//
// What a consumer gives up may have to go to another stream: then it is a dead letter in the outbox until a
// Relayed says that the other one has it, which a Deposit gave it (outbox.go).
//
// Check and CheckUpdate complete and validate a Config, and of several faults name the one that a stock
// server names. What depends on other streams is left to whoever knows them. CheckConsumer and
// CheckConsumerUpdate do the same for consumers; what depends on other consumers, AddConsumer decides.
//
// What stock servers do was learnt from running one: testdata/check.jsonl, update.jsonl, publish.jsonl,
// features.jsonl, fast.jsonl, consumer_check.jsonl and consumer_update.jsonl are its answers. In three things
// we differ: a sequence number in a header that does not fit 64 bits is wrong instead of being taken modulo; an
// expectation about all subjects sees the last message there is, even after deletes; and ids are forgotten by
// the window that is configured at the time. What differs about consumers is in docs/decisions/138 to 140.
package stream
