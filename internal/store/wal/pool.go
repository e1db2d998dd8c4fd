package wal

import (
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"myelin/internal/clock"
	"myelin/internal/vfs"
)

// pool holds files that are ready to become segments: filled to their size and synced, so that writing to
// them finds the disk neither full nor busy with metadata.
type pool struct {
	fs       vfs.FS
	dir      string
	clock    clock.Clock
	numbers  *atomic.Uint64 // the last number given to a file
	noSync   bool
	size     int64 // of a usual segment
	reserved int64 // of the one held in reserve

	making chan struct{} // held while a file is made, so that two do not make the same

	mu      sync.Mutex
	spares  []spare // of the usual size
	reserve *spare  // for what frees space
	// released are files to be overwritten before they are used again.
	released []spare
	retry    time.Time   // when a full disk is asked again
	why      error       // that it is full
	full     atomic.Bool // as of last time
}

// spare is a file in the pool.
type spare struct {
	name string
	size int64
	file vfs.File // nil: not open
	// clean says that it is known to hold nothing but zeros.
	clean bool
}

const (
	maxSpares  = 4                      // files; a checkpoint lets go of about so many at once
	retryEvery = 100 * time.Millisecond // how often a full disk is asked again
	fillBytes  = 1 << 20                // written at once when a file is filled
)

// take returns a file with at least so many bytes. It makes one if need be, a small one for the first segment of a log, and
// falls back to the reserve when the disk is full and the need allows it. reserved says that it is the reserve.
func (p *pool) take(bytes int64, first, priority bool) (s *spare, reserved bool, err error) {
	p.making <- struct{}{}
	defer func() { <-p.making }()
	if bytes <= p.size {
		if s := p.spare(); s != nil {
			return s, false, nil
		}
	}
	size := p.size
	if first {
		size = p.reserved
	}
	s, err = p.make(max(bytes, size))
	if err == nil || !vfs.IsFull(err) || !priority {
		return s, false, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if s = p.reserve; s == nil || s.size < bytes {
		return nil, false, err
	}
	p.reserve = nil
	return s, true, nil
}

func (p *pool) spare() *spare {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.spares)
	if n == 0 {
		return nil
	}
	s := p.spares[n-1]
	p.spares = p.spares[:n-1]
	return &s
}

// give takes a file back, if there is use for it.
func (p *pool) give(s spare) (taken bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case s.size == p.size && len(p.spares) < maxSpares:
		p.spares = append(p.spares, s)
		p.full.Store(false)
		return true
	case s.size == p.reserved && p.reserve == nil:
		p.reserve = &s
		return true
	}
	return false
}

// maintain makes the reserve if it is missing, and a spare if one is wanted and there is none.
func (p *pool) maintain(wantSpare bool) error {
	p.making <- struct{}{}
	defer func() { <-p.making }()
	p.mu.Lock()
	needReserve, needSpare := p.reserve == nil, (wantSpare || p.full.Load()) && len(p.spares) == 0
	if !needReserve && !needSpare {
		p.full.Store(false)
	}
	p.mu.Unlock()
	if needReserve {
		if err := p.add(p.reserved); err != nil {
			return err
		}
	}
	if needSpare {
		return p.add(p.size)
	}
	return nil
}

func (p *pool) add(size int64) error {
	s, err := p.make(size)
	if vfs.IsFull(err) {
		return nil
	}
	if err == nil && !p.give(*s) {
		p.discard(*s)
	}
	return err
}

// make makes a file. After a full disk it fails without trying until some time has passed.
func (p *pool) make(size int64) (*spare, error) {
	now := p.clock.Now()
	p.mu.Lock()
	why := p.why
	wait := p.full.Load() && now.Before(p.retry)
	p.mu.Unlock()
	if wait {
		return nil, why
	}
	s, err := p.fill(size)
	p.mu.Lock()
	p.why, p.retry = err, now.Add(retryEvery)
	p.full.Store(vfs.IsFull(err))
	p.mu.Unlock()
	return s, err
}

func (p *pool) fill(size int64) (*spare, error) {
	name := freeName(p.numbers.Add(1))
	file, err := p.fs.Create(filepath.Join(p.dir, name))
	if err != nil {
		return nil, err
	}
	s := spare{name: name, size: size, file: file, clean: true}
	if err := p.zero(file, size); err != nil {
		p.discard(s)
		return nil, err
	}
	return &s, nil
}

// discard removes a file. One that cannot be removed is found by the next opening of the log.
func (p *pool) discard(s spare) {
	if s.file != nil {
		_ = s.file.Close()
	}
	_ = p.fs.Remove(filepath.Join(p.dir, s.name))
}

// wanted says whether maintain has something to do: also to find that a disk is not full any more on which there was no room for one
// large batch only.
func (p *pool) wanted(wantSpare bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.full.Load() || p.reserve == nil || wantSpare && len(p.spares) == 0
}

func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.spares {
		if s.file != nil {
			_ = s.file.Close()
		}
	}
	if p.reserve != nil && p.reserve.file != nil {
		_ = p.reserve.file.Close()
	}
	for _, s := range p.released {
		if s.file != nil {
			_ = s.file.Close()
		}
	}
	p.spares, p.reserve, p.released = nil, nil, nil
}

// bytes are the sizes of all files in the pool.
func (p *pool) bytes() (sum int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.spares {
		sum += s.size
	}
	for _, s := range p.released {
		sum += s.size
	}
	if p.reserve != nil {
		sum += p.reserve.size
	}
	return sum
}
