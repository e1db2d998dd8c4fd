// Package vfs is the only way to the file system: the real one ([OS]) for the server, an imagined one
// ([Mem]) that can lose power for tests, and one that fails on demand ([Fault]) around either.
//
// The interfaces are what the server needs and no more. Names are those of the operating system
// (package path/filepath). Errors are those of package os, so that errors.Is works with fs.ErrNotExist
// and its kin.
//
// What is durable, here as on a disk: content is after [File.Sync], a name (one made, renamed or removed)
// after [FS.SyncDir] of its directory. Neither brings the other along, and what is not durable may survive
// a crash in part and in any order. Each sector of 512 bytes is written whole or not at all.
package vfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
)

// File is an open file. Its methods may be called concurrently, except for Read and Write, which share a
// position.
type File interface {
	io.Reader
	io.Writer
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Sync returns when content and size are on the disk. After an error nobody knows what is: the system
	// may have given up the bytes, and a later Sync that succeeds does not bring them back.
	Sync() error
	// Size is the current length in bytes.
	Size() (int64, error)
	// Truncate cuts or extends the file. What it adds reads as zeros and has no place on the disk yet, so
	// that writing there may find the disk full; to have the place, write zeros.
	Truncate(size int64) error
}

// FS is a file system.
type FS interface {
	// Open opens a file for reading.
	Open(name string) (File, error)
	// OpenReadWrite opens a file that exists for reading and for writing in place.
	OpenReadWrite(name string) (File, error)
	// Create makes an empty file, or empties the one that is there, for reading and writing.
	Create(name string) (File, error)
	// Append opens a file, made when absent, so that each write goes to its end. It cannot be read from,
	// nor written to with WriteAt.
	Append(name string) (File, error)
	// Rename moves a file within the file system; an existing target is replaced. In one directory that
	// is atomic, also in a crash.
	Rename(from, to string) error
	// Remove deletes a file or an empty directory.
	Remove(name string) error
	// MakeDirs makes a directory and its missing parents.
	MakeDirs(name string) error
	// SyncDir returns when the names in a directory are on the disk as they are now. Those of its
	// subdirectories, and its own, are not part of that.
	SyncDir(dir string) error
	// List returns the sorted names of a directory's entries.
	List(dir string) ([]string, error)
	// Stat describes a file or directory.
	Stat(name string) (fs.FileInfo, error)
	// Lock makes a file if it is absent, and holds it locked until the closer is closed or the process ends.
	// It never waits: a file that is locked already, by whomever, gives a *Held. The file stays. Locks keep
	// out those who lock, and nobody else.
	Lock(name string) (io.Closer, error)
}

// Lock holds a file locked, so that two processes do not use at once what it stands for: see [FS]. It makes
// the directory that the file is in.
func Lock(f FS, name string) (io.Closer, error) {
	if err := f.MakeDirs(filepath.Dir(name)); err != nil {
		return nil, err
	}
	return f.Lock(name)
}

// Held says that a file is locked by somebody else.
type Held struct {
	Name string
	PID  int // the process that has it, 0 when that is not known
}

func (h *Held) Error() string {
	if h.PID == 0 {
		return fmt.Sprintf("%s is locked: another process uses the folder", h.Name)
	}
	return fmt.Sprintf("%s is locked: process %d uses the folder", h.Name, h.PID)
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
	return writeFile(f, name, data, func(file File, data []byte) error {
		_, err := file.Write(data)
		return err
	})
}

// ReplaceFile makes or replaces a file with the given content, so that after a crash at any time it has
// the content from before or the given one, which is durable when ReplaceFile returns. It leaves nothing
// behind but, after a crash or an error, a file of that name with ".new" appended.
func ReplaceFile(f FS, name string, data []byte) error {
	next := name + ".new"
	if err := writeFile(f, next, data, writeSynced); err != nil {
		return err
	}
	if err := f.Rename(next, name); err != nil {
		return err
	}
	return f.SyncDir(filepath.Dir(name))
}

func writeFile(f FS, name string, data []byte, write func(File, []byte) error) error {
	file, err := f.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(write(file, data), file.Close())
}

// syncBytes is how much is written before it is synced: whoever else syncs meanwhile waits for as much.
const syncBytes = 1 << 20

// writeSynced makes data durable piece by piece.
func writeSynced(file File, data []byte) error {
	for {
		n := min(len(data), syncBytes)
		if _, err := file.Write(data[:n]); err != nil {
			return err
		}
		if err := file.Sync(); err != nil {
			return err
		}
		if data = data[n:]; len(data) == 0 {
			return nil
		}
	}
}

// RemoveAll deletes a file, or a directory with all that is in it. What does not exist is no error. Unlike
// a removed file, a directory that was being removed can be there in part after a crash.
func RemoveAll(f FS, name string) error {
	info, err := f.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.IsDir() {
		entries, err := f.List(name)
		if err != nil {
			return err
		}
		for _, entry := range entries {
			if err := RemoveAll(f, filepath.Join(name, entry)); err != nil {
				return err
			}
		}
	}
	return f.Remove(name)
}

// IsFull says whether an error means that there is no space: on the disk, or for this user.
func IsFull(err error) bool {
	for _, full := range errsFull {
		if errors.Is(err, full) {
			return true
		}
	}
	return false
}

// errNegative is what a negative offset or size gives.
func errNegative(what string, n int64) error { return fmt.Errorf("negative %s %d", what, n) }

// IsReadOnly says whether an error means that the file system takes no writes at all.
func IsReadOnly(err error) bool { return errors.Is(err, errReadOnly) }
