// Package jetstream is the guest that speaks the JetStream API: requests in JSON on $JS.API.>, answers to
// publishers, direct gets and advisories. It owns nothing durable; what streams are and hold is the
// engine's, which it sees through the interfaces Engine and Stream.
//
// # The way of a request
//
// A request is a message like any other. The Sink of an account's door appends it to the publisher's batch,
// and Push hands it to one of a few lanes, by the name of its stream: so requests for one stream are
// answered in order, and one that waits for the disk delays few others. A lane has a goroutine while it has
// requests. It finds the verb in one table, has it make a response, publishes that, and an audit event.
//
// Direct gets go another way: they wait for nothing but a read, so their Dest is a Worker, and the
// publisher's own goroutine answers them when it has nothing else to do.
//
// # Consumers
//
// What clients say to consumers (requests for messages, acknowledgements, answers to flow control) is parsed by
// Sinks and put into the publisher's batch for the consumer's stream; see consumer_sinks.go. What they are sent goes
// out through the courier of the stream, which the engine calls; see courier.go.
//
// # Answers
//
// Responses are marshalled by encoding/json from structs whose fields have the order of a stock server's,
// so that the bytes agree. What is sent for every message (PubAck, direct get) is built by appending to a
// buffer that is used again.
package jetstream
