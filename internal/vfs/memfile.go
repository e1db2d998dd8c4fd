package vfs

import (
	"errors"
	"io"
	"io/fs"
	"syscall"
)

// access is what a file was opened for.
type access uint8

const (
	reads access = 1 << iota
	writes
	appends
)

// maxMemFile bounds what a mistaken offset can allocate.
const maxMemFile = 16 << 30 // bytes

// memFile is an open file of a Mem.
type memFile struct {
	mem    *Mem
	name   string
	inode  *inode
	access access

	pos    int64 // of the next Read or Write; guarded by mem.mu
	closed bool  // guarded by mem.mu
}

// begin locks the file system and says why an operation cannot be done.
func (f *memFile) begin(op string, need access) (unlock func(), err error) {
	f.mem.mu.Lock()
	switch {
	case f.closed:
		err = f.error(op, fs.ErrClosed)
	case f.access&need != need:
		err = f.error(op, syscall.EBADF)
	}
	return f.mem.mu.Unlock, err
}

func (f *memFile) error(op string, err error) error {
	return &fs.PathError{Op: op, Path: f.name, Err: err}
}

func (f *memFile) Read(b []byte) (int, error) {
	unlock, err := f.begin("read", reads)
	defer unlock()
	if err != nil || len(b) == 0 {
		return 0, err
	}
	n := f.inode.readAt(b, f.pos)
	f.pos += int64(n)
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (f *memFile) ReadAt(b []byte, off int64) (int, error) {
	unlock, err := f.begin("read", reads)
	defer unlock()
	if err != nil {
		return 0, err
	}
	if off < 0 {
		return 0, f.error("readat", errNegative("offset", off))
	}
	n := f.inode.readAt(b, off)
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memFile) Write(b []byte) (int, error) {
	unlock, err := f.begin("write", writes)
	defer unlock()
	if err != nil {
		return 0, err
	}
	if f.access&appends != 0 {
		f.pos = f.inode.size
	}
	if f.pos > maxMemFile-int64(len(b)) {
		return 0, f.error("write", syscall.EFBIG)
	}
	f.inode.writeAt(b, f.pos)
	f.pos += int64(len(b))
	return len(b), nil
}

func (f *memFile) WriteAt(b []byte, off int64) (int, error) {
	unlock, err := f.begin("write", writes)
	defer unlock()
	switch {
	case err != nil:
		return 0, err
	case f.access&appends != 0:
		return 0, f.error("writeat", errors.New("the file was opened to append"))
	case off < 0:
		return 0, f.error("writeat", errNegative("offset", off))
	case off > maxMemFile-int64(len(b)):
		return 0, f.error("writeat", syscall.EFBIG)
	}
	f.inode.writeAt(b, off)
	return len(b), nil
}

func (f *memFile) Truncate(size int64) error {
	unlock, err := f.begin("truncate", writes)
	defer unlock()
	switch {
	case err != nil:
		return err
	case size < 0:
		return f.error("truncate", errNegative("size", size))
	case size > maxMemFile:
		return f.error("truncate", syscall.EFBIG)
	}
	f.inode.resize(size)
	return nil
}

func (f *memFile) Sync() error {
	unlock, err := f.begin("sync", 0)
	defer unlock()
	if err == nil {
		f.inode.sync()
	}
	return err
}

// giveUp is what a Sync that fails does.
func (f *memFile) giveUp() {
	unlock, err := f.begin("sync", 0)
	defer unlock()
	if err == nil {
		f.inode.giveUp()
	}
}

func (f *memFile) Size() (int64, error) {
	unlock, err := f.begin("stat", 0)
	defer unlock()
	return f.inode.size, err
}

func (f *memFile) Close() error {
	unlock, err := f.begin("close", 0)
	defer unlock()
	f.closed = true
	return err
}
