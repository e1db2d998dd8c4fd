package report

import (
	"bytes"
	"strconv"
	"syscall"

	"myelin/internal/vfs"
)

// residentBytes is the memory that the process occupies, as the kernel counts it.
func residentBytes() int64 {
	text, err := vfs.ReadFile(vfs.OS{}, "/proc/self/statm")
	if err != nil {
		return heldBytes()
	}
	fields := bytes.Fields(text) // pages: total, resident, shared, ...
	if len(fields) < 2 {
		return heldBytes()
	}
	pages, err := strconv.ParseInt(string(fields[1]), 10, 64)
	if err != nil {
		return heldBytes()
	}
	return pages * int64(syscall.Getpagesize())
}
