package vfs

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Mem is a file system in memory that knows what a disk would have at each moment: [Mem.Crash] gives
// the file system that is found after a power failure. Apart from that it behaves as [OS] does, with
// these differences: relative and absolute names are the same, a directory cannot be opened, nothing has
// a time or permissions, open files can be renamed and removed everywhere, and no file is larger than 16 GiB.
//
// It is made for thousands of runs: pages are shared between memory, disk and the file systems
// that Crash returns until they are written to, and zeros take no memory.
type Mem struct {
	mu     sync.Mutex // guards locked, and all that can be reached from root
	root   *dir
	locked map[*inode]bool // a crash forgets it
}

// node is a *dir or an *inode.
type node any

// dir is a directory: as programs see it, as it is on the disk, and what leads from the latter to the former.
type dir struct {
	entries map[string]node
	disk    map[string]node
	pending []change
}

// change is one atomic change of a directory's names: one goes, one comes (or points to something else).
type change struct {
	goes  string // "": none
	comes string // "": none
	node  node   // what comes points to
}

func newDir() *dir { return &dir{entries: map[string]node{}, disk: map[string]node{}} }

func (d *dir) change(c change) {
	c.apply(d.entries)
	d.pending = append(d.pending, c)
}

func (c change) apply(names map[string]node) {
	if c.goes != "" {
		delete(names, c.goes)
	}
	if c.comes != "" {
		names[c.comes] = c.node
	}
}

func (d *dir) sync() {
	for _, c := range d.pending {
		c.apply(d.disk)
	}
	d.pending = nil
}

// NewMem returns an empty file system.
func NewMem() *Mem { return newMem(newDir()) }

func newMem(root *dir) *Mem { return &Mem{root: root, locked: map[*inode]bool{}} }

// elements are the names along a path; none for the root.
func elements(name string) []string {
	name = strings.Trim(filepath.ToSlash(filepath.Clean(name)), "/")
	if name == "." || name == "" {
		return nil
	}
	return strings.Split(name, "/")
}

// walk follows the names from the root.
func (m *Mem) walk(names []string) (node, error) {
	var at node = m.root
	for _, name := range names {
		d, ok := at.(*dir)
		if !ok {
			return nil, syscall.ENOTDIR
		}
		if at, ok = d.entries[name]; !ok {
			return nil, fs.ErrNotExist
		}
	}
	return at, nil
}

// parent returns the directory that a name is in, and the name there.
func (m *Mem) parent(name string) (*dir, string, error) {
	names := elements(name)
	if len(names) == 0 {
		return nil, "", fs.ErrInvalid // the root
	}
	last := len(names) - 1
	at, err := m.walk(names[:last])
	if err != nil {
		return nil, "", err
	}
	if d, ok := at.(*dir); ok {
		return d, names[last], nil
	}
	return nil, "", syscall.ENOTDIR
}

func (m *Mem) Open(name string) (File, error)          { return m.open(name, reads, false) }
func (m *Mem) OpenReadWrite(name string) (File, error) { return m.open(name, reads|writes, false) }
func (m *Mem) Append(name string) (File, error)        { return m.open(name, writes|appends, true) }

func (m *Mem) Create(name string) (File, error) {
	f, err := m.open(name, reads|writes, true)
	if err != nil {
		return nil, err
	}
	return f, f.Truncate(0)
}

// open opens a file, which is made when it is absent and may be.
func (m *Mem) open(name string, a access, mayMake bool) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d, base, err := m.parent(name)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	switch n := d.entries[base].(type) {
	case *inode:
		return &memFile{mem: m, name: name, inode: n, access: a}, nil
	case *dir:
		return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.EISDIR}
	}
	if !mayMake {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	n := &inode{}
	d.change(change{comes: base, node: n})
	return &memFile{mem: m, name: name, inode: n, access: a}, nil
}

// Rename moves within one directory only; otherwise it fails with EXDEV.
func (m *Mem) Rename(from, to string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.rename(from, to); err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return nil
}

func (m *Mem) rename(from, to string) error {
	d, old, err := m.parent(from)
	if err != nil {
		return err
	}
	target, name, err := m.parent(to)
	if err != nil {
		return err
	}
	moved, ok := d.entries[old]
	if !ok {
		return fs.ErrNotExist
	}
	if d != target {
		return syscall.EXDEV
	}
	if old == name {
		return nil
	}
	if _, isDir := d.entries[name].(*dir); isDir {
		return fs.ErrExist
	}
	if _, isDir := moved.(*dir); isDir && d.entries[name] != nil {
		return syscall.ENOTDIR
	}
	d.change(change{goes: old, comes: name, node: moved})
	return nil
}

func (m *Mem) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	d, base, err := m.parent(name)
	if err == nil {
		err = d.remove(base)
	}
	if err != nil {
		return &fs.PathError{Op: "remove", Path: name, Err: err}
	}
	return nil
}

func (d *dir) remove(name string) error {
	n, ok := d.entries[name]
	if !ok {
		return fs.ErrNotExist
	}
	if sub, ok := n.(*dir); ok && len(sub.entries) > 0 {
		return syscall.ENOTEMPTY
	}
	d.change(change{goes: name})
	return nil
}

func (m *Mem) MakeDirs(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	at := m.root
	for _, element := range elements(name) {
		switch n := at.entries[element].(type) {
		case *dir:
			at = n
		case *inode:
			return &fs.PathError{Op: "mkdir", Path: name, Err: syscall.ENOTDIR}
		default:
			made := newDir()
			at.change(change{comes: element, node: made})
			at = made
		}
	}
	return nil
}

// dir returns a directory that exists.
func (m *Mem) dir(op, name string) (*dir, error) {
	n, err := m.walk(elements(name))
	if err == nil {
		if d, ok := n.(*dir); ok {
			return d, nil
		}
		err = syscall.ENOTDIR
	}
	return nil, &fs.PathError{Op: op, Path: name, Err: err}
}

func (m *Mem) SyncDir(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	d, err := m.dir("sync", name)
	if err != nil {
		return err
	}
	d.sync()
	return nil
}

func (m *Mem) List(name string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d, err := m.dir("open", name)
	if err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(d.entries)), nil
}

func (m *Mem) Stat(name string) (fs.FileInfo, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.walk(elements(name))
	if err != nil {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: err}
	}
	info := memInfo{name: filepath.Base(name), mode: fileMode}
	switch n := n.(type) {
	case *inode:
		info.size = n.size
	case *dir:
		info.mode = fs.ModeDir | dirMode
	}
	return info, nil
}

type memInfo struct {
	name string
	size int64
	mode fs.FileMode
}

func (i memInfo) Name() string       { return i.name }
func (i memInfo) Size() int64        { return i.size }
func (i memInfo) Mode() fs.FileMode  { return i.mode }
func (i memInfo) ModTime() time.Time { return time.Time{} }
func (i memInfo) IsDir() bool        { return i.mode.IsDir() }
func (i memInfo) Sys() any           { return nil }
