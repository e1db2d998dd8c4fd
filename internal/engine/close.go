package engine

import (
	"errors"
	"fmt"
	"sync"

	"myelin/internal/meta"
	"myelin/internal/store/wal"
	"myelin/internal/vfs"
)

// retire ends a stream that was deleted, and has what is left of it removed.
func (e *Engine) retire(s *Stream) {
	e.hosted.remove(s)
	e.followers.changed(s)
	e.relays.changed(s)
	copiers := s.leaveOrigins()
	s.leaveOutbox()
	s.listen(nil)
	s.end("Consumer Deleted")
	for _, c := range copiers {
		c.leave()
	}
	s.charge(0)
	e.cleaner.forget(s)
	e.keeper.release(&s.pin)
	e.removals.Add(1)
	go func() {
		defer e.removals.Done()
		e.erase(s.asset, s)
	}()
}

// end stops the stream: nobody holds its token any more. text says why to clients that wait for messages.
func (s *Stream) end(text string) {
	s.ingest.close()
	s.ingest.traces.close()
	s.desk.close()
	if s.events.group == nil {
		return
	}
	s.events.close()
	s.alarm.stop()
	s.dispatch.close(text)
	if s.staging != nil {
		s.staging.Close()
	}
}

// erase removes what is left of a deleted stream: its part of the log, then its files; then meta may forget
// it. It can be repeated. What fails is done at the next start.
func (e *Engine) erase(asset *meta.Stream, s *Stream) {
	err := e.dropLog(asset.Group)
	if err == nil && s != nil && s.home != nil {
		done := make(chan error, 1)
		if e.keeper.add(func() { done <- s.home.Close() }) { // behind what the keeper has to do for it
			<-done
		}
		e.keeper.tailBytes.Add(-s.tail.bytes.Swap(0))
	}
	if err == nil {
		err = vfs.RemoveAll(e.fs, e.layout.Group(asset.Group))
	}
	if err == nil {
		err = e.fs.SyncDir(e.layout.Groups())
	}
	if err == nil {
		err = e.assets.forget(asset.Group)
	}
	if err != nil && !e.closed.Load() {
		e.log.Errorf("Stream '%s > %s' is deleted, but something of it is left, which the next start tries to remove: %v",
			asset.Account, asset.Config.Name, err)
	}
}

// dropLog lets the log forget a group.
func (e *Engine) dropLog(group uint64) error {
	done := make(chan error, 1)
	e.wal.Append(&wal.Batch{
		Records: []wal.Record{{Kind: wal.Drop, Group: group}}, Priority: true, Sync: true,
		Done: func(err error) { done <- err },
	})
	if err := <-done; err != nil {
		return fmt.Errorf("drop group %d from the log: %w", group, err)
	}
	return nil
}

// restBytes is how much log a group may leave for the next start to read again.
const restBytes = 1 << 20

// checkpointAll has all groups hand over their state that have more than so many bytes in the log.
func (e *Engine) checkpointAll(bytes int64) {
	var asked sync.WaitGroup
	ask := func(do func(func()) bool, checkpoint func()) {
		asked.Add(1)
		if !do(func() { checkpoint(); asked.Done() }) {
			asked.Done()
		}
	}
	for _, s := range e.all() {
		if s.events.group != nil && !s.inMemory() {
			ask(s.events.do, func() {
				if s.pin.bytes > bytes {
					s.events.group.Checkpoint()
				}
			})
		}
	}
	if a := e.assets; a.events.group != nil {
		ask(a.events.do, func() {
			if a.pin.bytes > bytes {
				a.events.group.Checkpoint()
			}
		})
	}
	asked.Wait()
}

// Close ends the log plane in order: what is applied is written where the next start finds it soon.
func (e *Engine) Close() error {
	if e.closed.Swap(true) {
		return nil
	}
	e.removals.Wait()
	e.cleaner.close()
	return e.stop()
}

// stop closes what open has opened.
func (e *Engine) stop() error {
	streams := e.all()
	for _, s := range streams {
		s.listen(nil)
		for _, c := range s.leaveOrigins() {
			c.hangUp()
		}
		s.leaveOutbox()
	}
	e.checkpointAll(restBytes)
	e.keeper.close()
	errs := []error{e.restores.end()}
	for _, s := range streams {
		s.end(shutdown)
		if s.home != nil {
			errs = append(errs, s.home.Close())
		}
	}
	if e.assets.events.group != nil {
		e.assets.events.close()
	}
	errs = append(errs, e.wal.Close(), e.lock.Close())
	return errors.Join(errs...)
}
