package logging

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"myelin/internal/clock"
	"myelin/internal/vfs"
)

// file is a sink that appends to a file, which it moves aside when it has grown beyond a limit:
// x.log becomes x.log.2006.01.02.15.04.05.000000000.
type file struct {
	files     vfs.FS
	clock     clock.Clock
	utc       bool
	name      string
	sizeLimit int64 // bytes; 0: none
	maxNum    int   // files to keep, this one included; 0: all

	open vfs.File // nil when it could not be opened again
	size int64
	next int64 // size at which to rotate
}

const backupTime = "2006.01.02.15.04.05.000000000"

func openFile(o Options, files vfs.FS, c clock.Clock) (*file, error) {
	f := &file{files: files, clock: c, utc: o.UTC, name: o.File, sizeLimit: o.SizeLimit, maxNum: o.MaxNum}
	if err := f.reopen(); err != nil {
		return nil, err
	}
	return f, nil
}

// reopen opens the file by its name; the one that was open before is closed.
func (f *file) reopen() error {
	opened, err := f.files.Append(f.name)
	if err != nil {
		return fmt.Errorf("error opening file: %w", err)
	}
	size, err := opened.Size()
	if err != nil {
		opened.Close()
		return fmt.Errorf("error opening file: %w", err)
	}
	if f.open != nil {
		f.open.Close()
	}
	f.open, f.size, f.next = opened, size, f.sizeLimit
	return nil
}

func (f *file) write(_ slog.Level, line []byte) (remarks []string, err error) {
	if err := f.remark(line); err != nil {
		return nil, err
	}
	if f.sizeLimit > 0 && f.size > f.next {
		return f.rotate(), nil
	}
	return nil, nil
}

func (f *file) remark(line []byte) error {
	if f.open == nil {
		if err := f.reopen(); err != nil {
			return err
		}
	}
	n, err := f.open.Write(line)
	f.size += int64(n)
	return err
}

// rotate moves the file aside, starts a new one and removes the oldest. When it cannot be moved it stays
// in use, and is tried again when it has grown by another limit.
func (f *file) rotate() (remarks []string) {
	f.open.Close() // an open file cannot be moved everywhere
	f.open = nil
	backup := f.backupName()
	failed := f.files.Rename(f.name, backup)
	if err := errors.Join(failed, f.reopen()); err != nil {
		f.next = f.size + f.sizeLimit
		return []string{fmt.Sprintf("Log not rotated: %v", err)}
	}
	remarks = []string{fmt.Sprintf("Rotated log, backup saved as %q", backup)}
	return append(remarks, f.purge()...)
}

// backupName is a name by the time of day that no file has.
func (f *file) backupName() string {
	now := f.clock.Now()
	if f.utc {
		now = now.UTC()
	}
	for {
		name := f.name + "." + now.Format(backupTime)
		if _, err := f.files.Stat(name); errors.Is(err, fs.ErrNotExist) {
			return name
		}
		now = now.Add(1)
	}
}

// purge removes the oldest backups until no more than maxNum files are left.
func (f *file) purge() (remarks []string) {
	if f.maxNum <= 0 {
		return nil
	}
	dir, base := filepath.Split(f.name)
	names, err := f.files.List(filepath.Clean(dir))
	if err != nil {
		return []string{fmt.Sprintf("Unable to read directory %q for log backups: %v", dir, err)}
	}
	var backups []string // oldest first, since names are sorted
	for _, name := range names {
		stamp, ok := strings.CutPrefix(name, base+".")
		if _, err := time.Parse(backupTime, stamp); ok && err == nil {
			backups = append(backups, name)
		}
	}
	for len(backups) >= f.maxNum && len(backups) > 0 {
		if err := f.files.Remove(dir + backups[0]); err != nil {
			remarks = append(remarks, fmt.Sprintf("Unable to remove log backup %q: %v", backups[0], err))
		} else {
			remarks = append(remarks, fmt.Sprintf("Purged log file %q", backups[0]))
		}
		backups = backups[1:]
	}
	return remarks
}

func (f *file) Close() error {
	if f.open == nil {
		return nil
	}
	err := f.open.Close()
	f.open = nil
	return err
}
