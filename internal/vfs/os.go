package vfs

import (
	"io/fs"
	"os"
)

// OS is the file system of the machine.
type OS struct{}

const fileMode, dirMode = 0o640, 0o750

func (OS) Open(name string) (File, error) { return wrap(os.Open(name)) }

func (OS) OpenReadWrite(name string) (File, error) {
	return wrap(os.OpenFile(name, os.O_RDWR, fileMode))
}

func (OS) Create(name string) (File, error) {
	return wrap(os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, fileMode))
}

func (OS) Append(name string) (File, error) {
	return wrap(os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, fileMode))
}

func (OS) Rename(from, to string) error          { return os.Rename(from, to) }
func (OS) Remove(name string) error              { return os.Remove(name) }
func (OS) MakeDirs(name string) error            { return os.MkdirAll(name, dirMode) }
func (OS) SyncDir(dir string) error              { return syncDir(dir) }
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

func (f osFile) Sync() error { return syncFile(f.File) }

func (f osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
