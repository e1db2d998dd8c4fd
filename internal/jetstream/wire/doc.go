// Package wire has the formats in which consumers speak with their clients: requests for messages, subjects and
// payloads of acknowledgements, the headers of statuses, the subjects of flow control, and the JSON of the
// requests, answers and advisories of the API that are about consumers.
//
// It only reads and writes: it knows no stream, no clock and no connection, and keeps nothing. What is read or
// written for every message (acknowledgements, the subjects of deliveries, headers) allocates nothing; slices that
// readers return point into what was read.
//
// The bytes are a stock server's, learnt from running one: testdata has what it was asked and what it answered.
package wire
