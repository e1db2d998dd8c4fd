package wal

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"myelin/internal/must"
	"myelin/internal/vfs"
)

// wipe is a call of Wipe. Its fields belong to the goroutine that looks after the pool.
type wipe struct {
	done    func(error)
	begun   chan struct{} // closed when started, or when it has ended without
	started bool
	upTo    uint64 // segments up to this number must be released and overwritten
}

func (w *wipe) start(upTo uint64) {
	w.started, w.upTo = true, upTo
	close(w.begun)
}

// end answers.
func (w *wipe) end(err error) {
	if !w.started {
		close(w.begun)
	}
	w.done(err)
}

// Wipe calls done once no file of the log holds anything that was appended before and that no group needs at
// this moment: what was checkpointed, replaced or dropped. Files that held it are overwritten with zeros and
// synced: those that lie ready for use, those with what was cut from the log, and each segment once it is
// released. For that a new segment is begun before Wipe returns, which may take as long as a file takes to be made,
// and done waits until no group needs an older one. So whoever has erased something calls Wipe, and then sees to it that
// the groups in Pinning(1) get checkpoints.
//
// What is not promised: that file system and disk keep no copy elsewhere; anything about files that were found
// damaged or belong to another log; and that it happens at all when the node stops before done was called: it
// must then be asked for again. done gets an error, and nothing was promised, when the log dies or is closed,
// when there is no space, and when a refused group keeps segments from being released. It is called on a
// goroutine of the log, must not block, and may append. Wipe itself is not to be called there.
func (l *Log) Wipe(done func(error)) { <-l.askWipe(done).begun }

// askWipe is Wipe without waiting for anything.
func (l *Log) askWipe(done func(error)) *wipe {
	w := &wipe{done: done, begun: make(chan struct{})}
	l.mu.Lock()
	closed := l.closed
	if !closed {
		l.wipes = append(l.wipes, w)
	}
	l.mu.Unlock()
	if closed {
		w.end(ErrClosed)
		return w
	}
	signal(l.tend)
	return w
}

// hold takes the token. It reports false when the log has been closed.
func (l *Log) hold() bool {
	select {
	case l.token <- struct{}{}:
		return true
	case <-l.ended:
		return false
	}
}

// tendWipes moves the calls of Wipe on by as much as can be done now.
func (l *Log) tendWipes() {
	l.mu.Lock()
	wipes := slices.Clone(l.wipes)
	l.mu.Unlock()
	if len(wipes) == 0 || !l.hold() {
		return
	}
	l.wiping = true
	l.release()
	if slices.ContainsFunc(wipes, func(w *wipe) bool { return !w.started }) {
		if err := l.startWipes(wipes); err != nil {
			l.endWipes(wipes, err)
			return
		}
	}
	ready, ok := l.readyWipes(wipes)
	if !ok {
		return
	}
	if err := l.pool.overwriteReleased(); err != nil {
		l.endWipes(wipes, fmt.Errorf("overwrite a segment: %w", err))
		return
	}
	l.endWipes(ready, nil)
}

// startWipes lets go of the active segment, and of all files that are ready to be used again and hold something.
func (l *Log) startWipes(wipes []*wipe) error {
	l.pool.retire()
	if err := l.pool.maintain(true); err != nil {
		return err
	}
	upTo, err := l.leave()
	if err != nil {
		return err
	}
	for _, w := range wipes {
		if !w.started {
			w.start(upTo)
		}
	}
	if err := l.overwriteCuts(); err != nil {
		return fmt.Errorf("overwrite what was cut: %w", err)
	}
	return nil
}

// leave begins a segment that holds nothing of what is to be wiped, and returns the number of the last one
// before it.
func (l *Log) leave() (upTo uint64, err error) {
	if !l.hold() {
		return 0, ErrClosed
	}
	defer l.release()
	if err := l.usable(); err != nil {
		return 0, err
	}
	for _, g := range l.groups {
		if g.damage != nil {
			return 0, g.damage
		}
	}
	s := l.active()
	if s == nil {
		return 0, nil
	}
	if !s.clean || s.end > s.tableEnd {
		if err := l.beginFor(0, true); err != nil {
			return 0, err
		}
		s = l.active()
	}
	must.True(s.clean, "segment %d holds old bytes while the log is being wiped", s.number)
	if n := len(l.segments); n > 1 {
		return l.segments[n-2].number, nil
	}
	return s.number - 1, nil
}

// readyWipes returns those whose segments have all been released, and reports false when the log was closed.
// What was released by then is in the pool, to be overwritten.
func (l *Log) readyWipes(wipes []*wipe) (ready []*wipe, ok bool) {
	if !l.hold() {
		return nil, false
	}
	defer l.release()
	for _, w := range wipes {
		if w.started && (len(l.segments) == 0 || l.segments[0].number > w.upTo) {
			ready = append(ready, w)
		}
	}
	return ready, true
}

// endWipes answers some.
func (l *Log) endWipes(wipes []*wipe, err error) {
	l.mu.Lock()
	l.wipes = slices.DeleteFunc(l.wipes, func(w *wipe) bool { return slices.Contains(wipes, w) })
	none := len(l.wipes) == 0
	l.mu.Unlock()
	if none && l.hold() {
		l.wiping = false
		l.release()
	}
	for _, w := range wipes {
		w.end(err)
	}
}

// abandonWipes answers all, when nothing more will be done.
func (l *Log) abandonWipes(err error) {
	l.mu.Lock()
	wipes := l.wipes
	l.wipes = nil
	l.mu.Unlock()
	for _, w := range wipes {
		w.end(err)
	}
}

// overwriteCuts overwrites and removes the files with what was cut.
func (l *Log) overwriteCuts() error {
	names, err := l.fs.List(l.dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if !strings.HasPrefix(name, cutPrefix) {
			continue
		}
		info, err := l.fs.Stat(filepath.Join(l.dir, name))
		if err != nil {
			return err
		}
		s := spare{name: name, size: info.Size()}
		if err := l.pool.overwrite(&s); err != nil {
			return err
		}
		l.pool.discard(s)
	}
	return nil
}

// retire takes all files out of use that may hold old bytes.
func (p *pool) retire() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.spares = slices.DeleteFunc(p.spares, func(s spare) bool {
		if !s.clean {
			p.released = append(p.released, s)
		}
		return !s.clean
	})
	if p.reserve != nil && !p.reserve.clean {
		p.released = append(p.released, *p.reserve)
		p.reserve = nil
	}
}

// letGo takes a segment that is to be overwritten before it is used again.
func (p *pool) letGo(s spare) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.released = append(p.released, s)
}

// overwriteReleased overwrites what was let go of, and puts it to use. A file that cannot be overwritten is
// removed, and the error says so.
func (p *pool) overwriteReleased() (failed error) {
	p.mu.Lock()
	files := p.released
	p.released = nil
	p.mu.Unlock()
	for _, s := range files {
		if err := p.overwrite(&s); err != nil {
			failed = err
			p.discard(s)
		} else if !p.give(s) {
			p.discard(s)
		}
	}
	return failed
}

// overwrite fills a file with zeros, for good.
func (p *pool) overwrite(s *spare) (err error) {
	if s.file == nil {
		if s.file, err = p.fs.OpenReadWrite(filepath.Join(p.dir, s.name)); err != nil {
			return err
		}
	}
	if err = p.zero(s.file, s.size); err != nil {
		return err
	}
	s.clean = true
	return nil
}

// zero writes zeros over a file and syncs them.
func (p *pool) zero(file vfs.File, size int64) error {
	zeros := make([]byte, min(size, fillBytes))
	for at := int64(0); at < size; at += int64(len(zeros)) {
		if _, err := file.WriteAt(zeros[:min(int64(len(zeros)), size-at)], at); err != nil {
			return err
		}
	}
	if p.noSync {
		return nil
	}
	return file.Sync()
}
