// Package consumer decides who gets which message of a stream now: it is the dispatcher of one consumer, on the
// server that leads it.
//
// What a consumer has been given and what was acknowledged is part of its stream's machine, and survives. A
// Dispatcher holds the rest, which does not: the requests that wait, the timers, the window of flow control,
// who is pinned. It is made from what the machine says (Start), reads the stream through a Source, and is told
// what happens: Pull, Acked, Vanished, Interest, FlowReply, Configure and so on. After any number of these, Run
// does what is due and says in an Out what to send, what to propose and what to tell. It is pure: time is an
// argument, in nanoseconds since 1970, and nothing happens between two calls; Deadline says when Run is
// wanted next if nothing else happens.
//
// One goroutine at a time uses a Dispatcher, and the Source stands still during a call.
//
// An event costs the logarithm of what waits at most, apart from what it takes away or sends; delivering
// allocates nothing. A message that waits for its acknowledgement takes 48 bytes, and 6 to 12 in an index.
// Only conditions of overflow requests cost more: each pick looks at every distinct pair of them.
//
// What stock servers do was learnt from running one: testdata/*.txt are transcripts of its answers, which the
// dispatcher must give too.
package consumer
