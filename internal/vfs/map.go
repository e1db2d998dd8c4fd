package vfs

import "io"

// Mapping is a file's content as it stands in the memory of the system, from which it can be copied without a call:
// for many small reads here and there, again and again.
type Mapping interface {
	// ReadAt fills b from an offset and reports true; or it reports false, and File.ReadAt is to be called: because
	// the content may have to be waited for, because nobody has read from there before, or because the file has no
	// such place or gives errors there. It may be called concurrently.
	ReadAt(b []byte, off int64) bool
	// Close gives the mapping up. The file may have been closed or removed before.
	io.Closer
}

// Mapped returns a Mapping of the first length bytes of a file, of which not all need be there yet. It is of use where
// the system can do it, and reports false otherwise.
func Mapped(f File, length int64) (Mapping, bool) {
	m, ok := f.(interface {
		mapped(length int64) (Mapping, bool)
	})
	if !ok || length <= 0 {
		return nil, false
	}
	return m.mapped(length)
}

// mapped of a memFile always finds what is there.
func (f *memFile) mapped(length int64) (Mapping, bool) {
	return memMapping{f.inode, f.mem, length}, true
}

type memMapping struct {
	inode  *inode
	mem    *Mem
	length int64
}

func (m memMapping) ReadAt(b []byte, off int64) bool {
	m.mem.mu.Lock()
	defer m.mem.mu.Unlock()
	return off >= 0 && off+int64(len(b)) <= m.length && m.inode.readAt(b, off) == len(b)
}

func (m memMapping) Close() error { return nil }

// mapped of a faultFile fails like reading.
func (f *faultFile) mapped(length int64) (Mapping, bool) {
	m, ok := Mapped(f.file, length)
	return faultMapping{m, f}, ok
}

type faultMapping struct {
	Mapping
	file *faultFile
}

func (m faultMapping) ReadAt(b []byte, off int64) bool {
	return m.file.begin(OpRead, len(b)) == nil && m.Mapping.ReadAt(b, off)
}
