package hostile

import (
	"syscall"
	"testing"
	"unsafe"
)

// limitDescriptors lets the server have so many open files and connections.
func (a *arena) limitDescriptors(count uint64) {
	a.t.Helper()
	limit := syscall.Rlimit{Cur: count, Max: count}
	_, _, errno := syscall.RawSyscall6(syscall.SYS_PRLIMIT64, uintptr(a.Pid()), syscall.RLIMIT_NOFILE,
		uintptr(unsafe.Pointer(&limit)), 0, 0, 0)
	if errno != 0 {
		a.t.Fatalf("limit the server's descriptors: %v", errno)
	}
}

// More connections than the server may open wait, those that it has are served,
// and when there is room again it takes new ones.
func TestDescriptorsRunOut(t *testing.T) {
	a := enter(t, "")
	a.limitDescriptors(48)
	var attackers []*peer
	for len(attackers) < 100 {
		p, err := a.knock()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { p.Close() })
		attackers = append(attackers, p)
		a.served()
	}
	for _, p := range attackers {
		p.Close()
	}
	late := a.join("PING\r\n")
	a.expect(late, "PONG")
	late.Close()
	a.deserted()
	a.served()
}
