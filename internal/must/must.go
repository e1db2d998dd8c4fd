// Package must turns a broken invariant of our own code into a crash with a message.
//
// It is for programmer errors only: a state that no input may ever bring about. What a peer, a file or
// the operating system can cause is an error value, never a must.
package must

import "fmt"

// True panics with the formatted message when ok is false.
func True(ok bool, format string, args ...any) {
	if !ok {
		panic("invariant broken: " + fmt.Sprintf(format, args...))
	}
}

// OK panics when err is not nil; for calls that cannot fail on the arguments they are given.
func OK(err error) {
	if err != nil {
		panic("invariant broken: " + err.Error())
	}
}

// Get returns v, and panics when err is not nil.
func Get[T any](v T, err error) T {
	OK(err)
	return v
}
