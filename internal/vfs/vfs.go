// Package vfs is the only way to the file system: the real one for the server, an imagined one for tests.
//
// The interface is what the server needs and no more. Names are those of the operating system
// (package path/filepath). Errors are *fs.PathError as package os gives them, so that errors.Is works
// with fs.ErrNotExist and its kin.
package vfs

import (
	"io"
	"io/fs"
	"os"
)

// File is an open file.
type File interface {
	io.Reader
	io.Writer
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Sync returns when what was written is on the disk.
	Sync() error
	// Size is the current length in bytes.
	Size() (int64, error)
}

// FS is a file system.
type FS interface {
	// Open opens a file for reading.
	Open(name string) (File, error)
	// Create makes an empty file, or empties the one that is there, for reading and writing.
	Create(name string) (File, error)
	// Append opens a file, made when absent, so that each write goes to its end.
	Append(name string) (File, error)
	// Rename moves a file within the file system; an existing target is replaced.
	Rename(from, to string) error
	// Remove deletes a file or an empty directory.
	Remove(name string) error
	// MakeDirs makes a directory and its missing parents.
	MakeDirs(name string) error
	// List returns the sorted names of a directory's entries.
	List(dir string) ([]string, error)
	// Stat describes a file or directory.
	Stat(name string) (fs.FileInfo, error)
}

// ReadFile returns a whole file.
func ReadFile(f FS, name string) ([]byte, error) {
	file, err := f.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(file)
}

// WriteFile makes or replaces a file with the given content. It does not sync.
func WriteFile(f FS, name string, data []byte) error {
	file, err := f.Create(name)
	if err != nil {
		return err
	}
	if _, err := file.Write(data); err != nil {
		file.Close()
		return err
	}
	return file.Close()
}

// OS is the file system of the machine.
type OS struct{}

const fileMode, dirMode = 0o640, 0o750

func (OS) Open(name string) (File, error) { return wrap(os.Open(name)) }

func (OS) Create(name string) (File, error) {
	return wrap(os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, fileMode))
}

func (OS) Append(name string) (File, error) {
	return wrap(os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, fileMode))
}

func (OS) Rename(from, to string) error          { return os.Rename(from, to) }
func (OS) Remove(name string) error              { return os.Remove(name) }
func (OS) MakeDirs(name string) error            { return os.MkdirAll(name, dirMode) }
func (OS) Stat(name string) (fs.FileInfo, error) { return os.Stat(name) }

func (OS) List(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, nil
}

type osFile struct{ *os.File }

func wrap(f *os.File, err error) (File, error) {
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (f osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
