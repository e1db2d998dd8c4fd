// Package testkit starts the real binary for tests and talks to it the way a
// stranger would: through its flags, its configuration file, its ports file,
// its signals, its log and its socket. It knows nothing of the server's
// packages, so a test that passes with it says something about the program
// that people run, and the same test can be pointed at another server.
//
// A package that uses it hands its run over to Main, which owns the binary:
//
//	func TestMain(m *testing.M) { testkit.Main(m) }
//
// The binary is built at the first Start and removed at the end of the run. It
// is built with the race detector when the test itself is. MYELIN_BIN, an
// absolute path, names another server to test in its place; that server has to
// understand the same flags.
//
// Start returns a Server that is listening on loopback on a port of its own.
// The test owns it: it is stopped by its process id when the test ends, and the
// test fails if the server ended early, did not end well, panicked or raced.
// Raw is a protocol session in plain bytes.
//
// Nothing here measures time. What waits, waits for a condition for as long as
// Patience, which is far beyond what a slow machine needs.
package testkit
