//go:build !linux

package report

// residentBytes is what the Go runtime holds: this system says what is resident only through interfaces
// that need cgo or undocumented structures.
func residentBytes() int64 { return heldBytes() }
