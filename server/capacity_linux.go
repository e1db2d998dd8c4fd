package server

import "golang.org/x/sys/unix"

// totalMemory is the memory of the machine in bytes.
func totalMemory() int64 {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return unknownMemory
	}
	return int64(uint64(info.Totalram) * uint64(info.Unit))
}
