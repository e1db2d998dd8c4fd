package vfs

import (
	"os"
	"runtime/debug"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// windowBytes is what is looked for in memory at once: as much as Linux maps around a page that is asked for.
const windowBytes = 64 << 10

// mapping reads from the pages that the system keeps of a file. A page that is not among them would stop the thread, and
// the processor that Go lends it, until the disk has brought it; so nothing is read from a window before the system was asked to
// bring it whole, in a call that others need not wait for. That is done when a window is read from again: what is read once is read
// with less by a call of its own.
//
// A page that the system took back meanwhile, which it does with those that nobody used for long, stops the thread all the same.
// One that the disk refuses, or that the file has lost, is a fault that becomes false.
type mapping struct {
	data    []byte
	windows []atomic.Uint32
}

// What is known of a window.
const (
	unread  uint32 = iota
	once           // it was read from
	present        // it is in memory
	refused        // the system cannot bring it
)

func (f osFile) mapped(length int64) (Mapping, bool) {
	length = (length + windowBytes - 1) &^ (windowBytes - 1)
	if int64(int(length)) != length || os.Getpagesize() > windowBytes {
		return nil, false
	}
	conn, err := f.SyscallConn()
	if err != nil {
		return nil, false
	}
	m := &mapping{windows: make([]atomic.Uint32, length/windowBytes)}
	if failed := conn.Control(func(fd uintptr) {
		m.data, err = unix.Mmap(int(fd), 0, int(length), unix.PROT_READ, unix.MAP_SHARED)
	}); failed != nil || err != nil {
		return nil, false
	}
	_ = unix.Madvise(m.data, unix.MADV_RANDOM) // advice
	return m, true
}

func (m *mapping) ReadAt(b []byte, off int64) bool {
	end := off + int64(len(b))
	if off < 0 || end > int64(len(m.data)) || len(b) == 0 {
		return false
	}
	all := true
	for w := off / windowBytes; w <= (end-1)/windowBytes; w++ {
		all = m.bring(w) && all
	}
	return all && m.copy(b, off)
}

// bring reports whether a window is in memory, where it has it brought if it was read from before.
func (m *mapping) bring(w int64) bool {
	switch m.windows[w].Load() {
	case present:
		return true
	case unread:
		m.windows[w].CompareAndSwap(unread, once)
		return false
	case refused:
		return false
	}
	window := m.data[w*windowBytes : (w+1)*windowBytes]
	_ = unix.Madvise(window, unix.MADV_WILLNEED) // in one piece; what comes now would bring page by page
	switch err := unix.Madvise(window, unix.MADV_POPULATE_READ); err {
	case nil:
		m.windows[w].Store(present)
		return true
	case unix.EFAULT: // the file ends there, for now, or the disk has an error
		return false
	}
	m.windows[w].Store(refused)
	return false
}

// copy reports false if there is nothing at the offset any more.
func (m *mapping) copy(b []byte, off int64) (ok bool) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if fault := recover(); fault != nil {
			if _, ok = fault.(interface{ Addr() uintptr }); !ok {
				panic(fault)
			}
			ok = false
		}
	}()
	copy(b, m.data[off:])
	return true
}

// Close expects that nobody reads any more.
func (m *mapping) Close() error {
	data := m.data
	m.data = nil
	return unix.Munmap(data)
}
