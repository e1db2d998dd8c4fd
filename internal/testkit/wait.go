package testkit

import (
	"testing"
	"time"
)

// Patience is how long anything here waits for a condition before the test
// fails. It is a bound on a broken test's life, not an expectation.
const Patience = 60 * time.Second

const pollEvery = 5 * time.Millisecond

// Eventually waits until the condition holds. What says what is waited for.
func Eventually(tb testing.TB, what string, condition func() bool) {
	tb.Helper()
	if !poll(condition) {
		tb.Fatalf("waited %v in vain for: %s", Patience, what)
	}
}

func poll(condition func() bool) bool {
	for end := time.Now().Add(Patience); time.Now().Before(end); time.Sleep(pollEvery) {
		if condition() {
			return true
		}
	}
	return condition()
}
