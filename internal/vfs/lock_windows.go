package vfs

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// lockOffset is where the byte is that stands for the file: far behind its end, since nobody else can read
// what is locked.
const lockOffset = 1 << 30 // in units of 4 GiB

func lockFile(file *os.File) error {
	at := &windows.Overlapped{OffsetHigh: lockOffset}
	err := windows.LockFileEx(windows.Handle(file.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, at)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return errLocked
	}
	return err
}
