package vfs

import (
	"os"
	"syscall"
)

// syncDir has nothing to do but to see that the directory is there: Windows cannot sync one, and keeps
// names in a journal of its own.
func syncDir(dir string) error {
	_, err := os.Stat(dir)
	return err
}

// errsFull are ERROR_DISK_FULL and ERROR_HANDLE_DISK_FULL, and the name that package syscall has for both.
var errsFull = []error{syscall.Errno(112), syscall.Errno(39), syscall.ENOSPC}

// errReadOnly is ERROR_WRITE_PROTECT.
var errReadOnly error = syscall.Errno(19)
