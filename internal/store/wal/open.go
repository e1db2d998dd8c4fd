package wal

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"strings"

	"myelin/internal/vfs"
)

// Open opens the log in a directory, which is made if it does not exist. Damage is no error: see Groups.
func Open(fs vfs.FS, dir string, options Options) (*Log, error) {
	l, err := open(fs, dir, options)
	if err != nil {
		return nil, fmt.Errorf("open log %s: %w", dir, err)
	}
	l.done.Add(2)
	go l.run()
	go l.look()
	signal(l.tend)
	return l, nil
}

// Inspect opens the log in a directory to look into it: Groups, Damages, Cut and Replay say what Open would find, and
// nothing is written, made or removed. Every append is refused. A directory that does not exist is an error.
func Inspect(fs vfs.FS, dir string, options Options) (*Log, error) {
	options.inspect = true
	l, err := open(fs, dir, options)
	if err != nil {
		return nil, fmt.Errorf("inspect log %s: %w", dir, err)
	}
	return l, nil
}

// open is Open without the goroutines: what waits is committed by gather, and the pool filled by maintain.
func open(fs vfs.FS, dir string, options Options) (*Log, error) {
	l := &Log{
		fs: fs, dir: dir, options: options.withDefaults(), groups: map[uint64]*group{},
		token: make(chan struct{}, 1), wake: make(chan struct{}, 1), tend: make(chan struct{}, 1), stop: make(chan struct{}), ended: make(chan struct{}),
	}
	o := l.options
	l.pool = &pool{
		fs: fs, dir: dir, clock: o.Clock, numbers: &l.numbers, noSync: o.NoSync,
		size: o.SegmentBytes, reserved: o.ReserveBytes, making: make(chan struct{}, 1),
	}
	if !o.inspect {
		if err := l.makeDir(); err != nil {
			return nil, err
		}
	}
	r := &recovery{log: l, files: map[uint64]found{}}
	free, cuts, err := l.list(r)
	if err != nil {
		return nil, err
	}
	if err := r.read(); err != nil {
		return nil, err
	}
	l.replay, l.damages = r, r.damages
	r.newest, r.buf = nil, nil
	if o.inspect {
		l.closed = true
		close(l.ended)
		return l, nil
	}
	if err := l.identify(); err != nil {
		return nil, err
	}
	if err := l.beginSealing(); err != nil {
		return nil, err
	}
	if err := l.settle(); err != nil {
		return nil, err
	}
	l.collect(r, free)
	l.measure()
	for len(cuts) > maxCuts {
		l.pool.discard(spare{name: cuts[0]})
		cuts = cuts[1:]
	}
	return l, nil
}

// makeDir makes the directory and sees to it that it stays.
func (l *Log) makeDir() error {
	if err := l.fs.MakeDirs(l.dir); err != nil || l.options.NoSync {
		return err
	}
	return l.fs.SyncDir(filepath.Dir(l.dir))
}

// maxCuts is how many files with what was cut are kept, the newest ones.
const maxCuts = 16

// list finds the files of the log: segments, and names of those that are free, and of what was cut, the oldest first.
func (l *Log) list(r *recovery) (free, cuts []string, err error) {
	names, err := l.fs.List(l.dir)
	if err != nil {
		return nil, nil, err
	}
	for _, name := range names {
		number, ok := parseName(name, segmentPrefix)
		if ok {
			f := found{name: name}
			if f.header, f.begun, f.broken, err = readHeader(l.fs, l.dir, name, number); err != nil {
				return nil, nil, err
			}
			r.files[number] = f
		} else if number, ok = parseName(name, freePrefix); ok {
			free = append(free, name)
		} else if strings.HasPrefix(name, cutPrefix) && strings.HasSuffix(name, cutSuffix) {
			cuts = append(cuts, name)
		}
		l.numbers.Store(max(l.numbers.Load(), number))
	}
	return free, cuts, nil
}

// identify gives a new log its identity.
func (l *Log) identify() error {
	if l.id == 0 {
		l.id = l.options.ID
	}
	for l.id == 0 {
		var b [8]byte
		if _, err := rand.Read(b[:]); err != nil {
			return err
		}
		l.id = binary.LittleEndian.Uint64(b[:])
	}
	return nil
}

// settle syncs what was read. It may have been in memory only, when the process died and the system did
// not, and from now on others rely on it.
func (l *Log) settle() error {
	s := l.active()
	if s == nil || l.options.NoSync {
		return nil
	}
	if err := s.open(l.fs, l.dir); err != nil {
		return err
	}
	if err := s.file.Sync(); err != nil {
		return err
	}
	return l.fs.SyncDir(l.dir)
}

// collect puts into the pool what is of use, and removes what is not needed: segments that were released, and files
// that were to become segments. What is broken or of another log is left alone.
func (l *Log) collect(r *recovery, free []string) {
	needed := map[uint64]bool{}
	for _, s := range l.segments {
		needed[s.number] = true
	}
	for number, f := range r.files {
		released := f.begun && f.header.log == l.id && len(l.segments) > 0 && number < l.segments[0].number && l.refused == 0
		if !needed[number] && (released || !f.begun && !f.broken) {
			free = append(free, f.name)
		}
	}
	for _, name := range free {
		s := spare{name: name}
		if info, err := l.fs.Stat(filepath.Join(l.dir, name)); err == nil {
			s.size = info.Size()
		}
		if !l.pool.give(s) {
			l.pool.discard(s)
		}
	}
}
