package vfs

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// errLocked is what lockFile gives for a file that somebody else holds.
var errLocked = errors.New("locked")

// maxPIDBytes is how much of a lock file is looked at for the process that holds it.
const maxPIDBytes = 32

// Lock also writes into the file which process holds it, for those who find it locked.
func (OS) Lock(name string) (io.Closer, error) {
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, fileMode)
	if err != nil {
		return nil, err
	}
	if err := lockFile(file); err != nil {
		pid := lockedBy(file)
		_ = file.Close() // it was not written to
		if errors.Is(err, errLocked) {
			return nil, &Held{Name: name, PID: pid}
		}
		return nil, fmt.Errorf("lock %s: %w", name, err)
	}
	// The number only serves a message: a lock without it is as good.
	if file.Truncate(0) == nil {
		_, _ = file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	return file, nil // closing a file unlocks it
}

// lockedBy returns the process that a lock file names, or 0.
func lockedBy(file *os.File) int {
	var b [maxPIDBytes]byte
	n, err := file.ReadAt(b[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b[:n])))
	if err != nil || pid < 0 {
		return 0
	}
	return pid
}

// Lock knows no processes: whoever holds a lock is another.
func (m *Mem) Lock(name string) (io.Closer, error) {
	opened, err := m.open(name, reads|writes, true)
	if err != nil {
		return nil, err
	}
	file := opened.(*memFile)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.locked[file.inode] {
		return nil, &Held{Name: name}
	}
	m.locked[file.inode] = true
	return &memLock{file}, nil
}

// memLock is a file of a Mem that is held locked.
type memLock struct{ *memFile }

func (l *memLock) Close() error {
	unlock, err := l.begin("close", 0)
	defer unlock()
	if err == nil {
		l.closed = true
		delete(l.mem.locked, l.inode)
	}
	return err
}
