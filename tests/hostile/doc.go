// Package hostile attacks the real binary: bytes that are no protocol, halves
// of operations for ever, floods that nobody reads, crowds that come and go at
// once, and subscriptions by the million.
//
// Each attack has an arena: a server of its own and a bystander, a client that
// publishes to itself all the while. A test says what the attacker is told,
// whose connection ends and for which reason, and how much memory the server
// may take; that the bystander is served on, that the server neither panics nor
// races, and that it ends well, the arena sees to by itself.
//
// The bounds on memory are several times what the server takes, and far below
// what a flaw of the kind in question would make of it. They are looked at on
// Linux, where the system tells the resident size of a process, and not under
// the race detector, which multiplies it; there the attacks are smaller, too.
//
// What is said and done was looked up on a stock server. To see that again:
// MYELIN_BIN=/path/to/nats-server go test ./tests/hostile. The bounds on memory
// hold for our binary only.
package hostile
