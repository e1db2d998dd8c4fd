package vfs

import (
	"errors"
	"io/fs"
	"syscall"
)

// faultFile is an open file of a Fault.
type faultFile struct {
	file    File
	fault   *Fault
	name    string
	appends bool
	pos     int64 // of the next Read or Write
}

func (f *faultFile) begin(kind Kind, bytes int) error {
	return f.fault.begin(Op{Kind: kind, Name: f.name, Bytes: bytes})
}

// part is how much of b an operation does that is to fail.
func part(b []byte, err error) []byte {
	var p *Partial
	if errors.As(err, &p) {
		return b[:min(p.Bytes, len(b))]
	}
	return nil
}

func (f *faultFile) Read(b []byte) (int, error) {
	n, err := f.read(b, f.file.Read)
	f.pos += int64(n)
	return n, err
}

func (f *faultFile) ReadAt(b []byte, off int64) (int, error) {
	return f.read(b, func(b []byte) (int, error) { return f.file.ReadAt(b, off) })
}

func (f *faultFile) read(b []byte, do func([]byte) (int, error)) (int, error) {
	failed := f.begin(OpRead, len(b))
	if failed == nil {
		return do(b)
	}
	if b = part(b, failed); len(b) == 0 {
		return 0, failed
	}
	n, err := do(b)
	return n, errors.Join(failed, err)
}

func (f *faultFile) Write(b []byte) (int, error) {
	off := f.pos
	if f.appends {
		size, err := f.file.Size()
		if err != nil {
			return 0, err
		}
		off = size
	}
	n, err := f.write(b, off, f.file.Write)
	f.pos = off + int64(n)
	return n, err
}

func (f *faultFile) WriteAt(b []byte, off int64) (int, error) {
	return f.write(b, off, func(b []byte) (int, error) { return f.file.WriteAt(b, off) })
}

func (f *faultFile) write(b []byte, off int64, do func([]byte) (int, error)) (int, error) {
	failed := f.begin(OpWrite, len(b))
	if failed != nil {
		b = part(b, failed)
	}
	fits, full := f.grow(b, off)
	if len(fits) == 0 && (failed != nil || full != nil) {
		return 0, errors.Join(failed, full)
	}
	n, err := do(fits)
	return n, errors.Join(failed, full, err)
}

// grow takes the space that a write needs, and returns the part of it that fits.
func (f *faultFile) grow(b []byte, off int64) ([]byte, error) {
	size, err := f.file.Size()
	if err != nil {
		return nil, err
	}
	growth := off + int64(len(b)) - size
	taken, err := f.fault.take(growth)
	if err == nil {
		return b, nil
	}
	missing := growth - taken
	if missing >= int64(len(b)) { // nothing will be written
		f.fault.giveBack(taken)
		missing = int64(len(b))
	}
	return b[:int64(len(b))-missing], &fs.PathError{Op: "write", Path: f.name, Err: err}
}

func (f *faultFile) Truncate(size int64) error {
	if err := f.begin(OpTruncate, 0); err != nil {
		return err
	}
	before, err := f.file.Size()
	if err != nil {
		return err
	}
	taken, err := f.fault.take(size - before)
	if err != nil {
		f.fault.giveBack(taken)
		return &fs.PathError{Op: "truncate", Path: f.name, Err: syscall.ENOSPC}
	}
	if err := f.file.Truncate(size); err != nil {
		f.fault.giveBack(taken)
		return err
	}
	f.fault.giveBack(max(0, before-size))
	return nil
}

func (f *faultFile) Sync() error {
	if err := f.begin(OpSync, 0); err != nil {
		f.giveUp()
		return err
	}
	return f.file.Sync()
}

// giveUp tells a file of a Mem that its sync failed.
func (f *faultFile) giveUp() {
	if file, ok := f.file.(interface{ giveUp() }); ok {
		file.giveUp()
	}
}

func (f *faultFile) Size() (int64, error) {
	if err := f.begin(OpStat, 0); err != nil {
		return 0, err
	}
	return f.file.Size()
}

// Close closes the file also when it is made to fail.
func (f *faultFile) Close() error {
	return errors.Join(f.begin(OpClose, 0), f.file.Close())
}
