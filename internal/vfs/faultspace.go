package vfs

import "syscall"

// space is what a Fault allows files to grow by.
type space struct {
	limited bool
	bytes   int64 // left
}

// SetSpace sets by how many bytes files may grow in all from now on; a negative number lifts the limit. A
// write beyond it does what fits and fails with ENOSPC. Files that are cut, removed or replaced give back
// their size. Space is taken by size: extending a file with Truncate takes it too, unlike on a real disk.
func (f *Fault) SetSpace(bytes int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.space = space{limited: bytes >= 0, bytes: bytes}
}

// Space is by how many bytes files may grow; negative when there is no limit.
func (f *Fault) Space() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.space.limited {
		return -1
	}
	return f.space.bytes
}

// take takes space, or what is left of it.
func (f *Fault) take(bytes int64) (taken int64, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.space.limited || bytes <= 0 {
		return max(bytes, 0), nil
	}
	taken = min(bytes, f.space.bytes)
	f.space.bytes -= taken
	if taken < bytes {
		err = syscall.ENOSPC
	}
	return taken, err
}

func (f *Fault) giveBack(bytes int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.space.bytes += bytes
}

// sizeOf is the size of a file, 0 when there is none.
func (f *Fault) sizeOf(name string) int64 {
	if info, err := f.fs.Stat(name); err == nil && !info.IsDir() {
		return info.Size()
	}
	return 0
}

// freeing gives back the space of a file that do removes.
func (f *Fault) freeing(name string, do func() error) error {
	before := f.sizeOf(name)
	err := do()
	if err == nil {
		f.giveBack(before)
	}
	return err
}
