//go:build !windows

package vfs

import (
	"errors"
	"os"
	"syscall"
)

// lockFile uses flock, which belongs to the open file: a process that opens the file twice does not share it
// with itself.
func lockFile(file *os.File) error {
	conn, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = conn.Control(func(fd uintptr) {
		for {
			if failed = syscall.Flock(int(fd), syscall.LOCK_EX|syscall.LOCK_NB); !errors.Is(failed, syscall.EINTR) {
				return
			}
		}
	})
	if errors.Is(failed, syscall.EWOULDBLOCK) {
		return errLocked
	}
	return errors.Join(err, failed)
}
