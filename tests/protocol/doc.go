// Package protocol holds the tests of the client protocol in plain bytes
// against the real binary: what is said, in which words, in which order, and
// who hangs up. Most of them are rows of the scripts in testdata, whose form
// script_test.go describes; the rest, where bytes are many or their number is
// not known beforehand, are Go.
//
// The scripts were written by looking at a stock server, and pass on it. To see
// that again: MYELIN_BIN=/path/to/nats-server go test ./tests/protocol. What
// differs on purpose stands in a script named differs_*.txt, and is left out in
// such a run.
package protocol
