// Package loadgen puts load on NATS servers and measures how they bear it.
//
// Its clients speak the client protocol over raw connections with frames that
// were computed beforehand: a publisher writes the same large blocks again and
// again, a subscriber counts frames by their size. A message costs the
// generator a few nanoseconds, so that it can share a machine with the server
// and the server is still what is measured. CPU time and resident memory of
// the server are read from the operating system.
//
// There are three floors. Conn, Publisher, Subscriber, Requester and Responder
// are the workers; each owns one connection and runs in the goroutine of its
// caller. Pub, Sub, Request and Serve run a number of equal workers and return
// a Result; they are what `myelin bench` calls. Suite runs a fixed table of
// cases against two servers, which it starts and stops itself, and compares.
//
// Nothing here overruns a server that drops slow consumers: where a generator
// owns both ends, a Window bounds what is published and not yet received, the
// same for every server. No load is endless: each is bounded in count or time.
package loadgen
