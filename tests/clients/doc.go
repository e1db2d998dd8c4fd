// Package clients holds the tests of unmodified NATS clients against the real
// binary: nats.go here, nats.js and its predecessor in js, nats-py in python.
// The three go through the same checks, under the same names.
//
// The programs in JavaScript and Python need their libraries, in the versions
// that their lock files name; make setup-clients installs them into node_modules
// and .cache. Without them the tests fail rather than pass unrun.
package clients
