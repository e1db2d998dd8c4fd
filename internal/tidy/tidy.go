// Package tidy holds the habits of this repository as tests: which package may import which, what a
// pure machine may use, and that every package says what it is for.
//
// There is nothing here but tests.
package tidy
