// Package stream is the machine behind a stream: what its configuration may say, and what becomes of the
// messages that are published into it.
//
// Check and CheckUpdate complete and validate a Config as a stock server does; of several faults they name
// the same one. What depends on other streams is left to whoever knows them.
package stream
