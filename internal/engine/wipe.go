package engine

import (
	"errors"
	"io/fs"
	"sync"
	"time"

	"myelin/internal/vfs"
)

// wipeAfter is how long after a message was erased the log's copies of it are overwritten: that takes a new
// segment and a checkpoint of every group, so it is done once for all that was erased meanwhile.
const wipeAfter = 30 * time.Second

// wiper overwrites what the log still has of erased messages. A file says that it owes that, so that it is
// done after a restart, too.
type wiper struct {
	engine *Engine

	mu    sync.Mutex
	owed  bool // the file is there, and a wipe is planned or under way
	again bool // something was erased since it began
}

// owe is called when a message has been erased from the files of its stream. When it returns, the log's copies
// will be overwritten, whatever happens.
func (w *wiper) owe() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.owed {
		w.again = true
		return nil
	}
	e := w.engine
	if err := vfs.ReplaceFile(e.fs, e.layout.Wipe(), []byte("the log has copies of erased messages\n")); err != nil {
		return err
	}
	w.owed = true
	e.clock.AfterFunc(wipeAfter, w.wipe)
	return nil
}

// resume goes on with what was owed when the server ended.
func (w *wiper) resume() error {
	_, err := w.engine.fs.Stat(w.engine.layout.Wipe())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.owed = true
		w.engine.clock.AfterFunc(0, w.wipe)
	}
	return err
}

// wipe has the log overwritten up to now, for which all groups have to let go of what they have there.
func (w *wiper) wipe() {
	e := w.engine
	if e.closed.Load() || e.Err() != nil {
		return
	}
	w.mu.Lock()
	w.again = false
	w.mu.Unlock()
	e.checkpointAll(0)
	e.wal.Wipe(w.done)
	e.checkpointAll(0)
}

func (w *wiper) done(err error) {
	e := w.engine
	w.mu.Lock()
	defer w.mu.Unlock()
	if err == nil && !w.again {
		err = errors.Join(e.fs.Remove(e.layout.Wipe()), e.fs.SyncDir(e.layout.Dir()))
		w.owed = err != nil
	}
	if e.closed.Load() {
		return // the file stays, so that the next start does it
	}
	if err != nil {
		e.log.Warnf("The log's copies of erased messages could not be overwritten, which is tried again: %v", err)
	}
	if w.owed {
		e.clock.AfterFunc(wipeAfter, w.wipe)
	}
}
