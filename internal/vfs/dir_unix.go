//go:build !windows

package vfs

import (
	"errors"
	"os"
	"syscall"
)

// syncDir opens a directory and syncs it. Some network file systems refuse to, since for them there is
// nothing to do.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		err = nil
	}
	return errors.Join(err, d.Close())
}

var errsFull = []error{syscall.ENOSPC, syscall.EDQUOT}

var errReadOnly error = syscall.EROFS
