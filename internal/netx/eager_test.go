//go:build unix

package netx

import (
	"runtime"
	"sync/atomic"
	"testing"
)

// A reader that is alone looks again, ever more seldom while it is in vain, and each time once it was not.
func TestEager(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	var all atomic.Uint64
	var e eager
	next := func() (waits int) {
		for waits = 1; !e.looks(&all); waits++ {
			if waits > 1000 {
				t.Fatal("it never looks again")
			}
		}
		return waits
	}
	for _, want := range []int{1, 2, 4, 8, 16, 32, 64, 65, 65} {
		if got := next(); got != want {
			t.Errorf("it looks at wait %d instead of %d", got, want)
		}
		e.looked(false)
	}
	if got := next(); got != 65 {
		t.Errorf("it looks at wait %d", got)
	}
	e.looked(true)
	for range 3 {
		if got := next(); got != 1 {
			t.Errorf("after it found something it looks at wait %d", got)
		}
		e.looked(true)
	}
}

// Where several readers wait, none looks again; the one that is left does.
func TestEagerAmongOthers(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	var all atomic.Uint64
	var a, b eager
	a.looks(&all)
	for range 100 {
		if b.looks(&all) || a.looks(&all) {
			t.Fatal("one looks again although another waited")
		}
	}
	if !a.looks(&all) {
		t.Error("the one that is left does not look")
	}
	runtime.GOMAXPROCS(1)
	if a.looks(&all) {
		t.Error("it looks on the only core")
	}
}
