package vfs

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// syncFile leaves out what fsync would write besides content and size: times, mostly, which costs a
// commit of the file system's journal each time.
func syncFile(f *os.File) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = conn.Control(func(fd uintptr) {
		for {
			if failed = syscall.Fdatasync(int(fd)); !errors.Is(failed, syscall.EINTR) {
				return
			}
		}
	})
	if err != nil {
		failed = fs.ErrClosed // it was not called
	}
	if failed != nil {
		return &fs.PathError{Op: "sync", Path: f.Name(), Err: failed}
	}
	return nil
}
