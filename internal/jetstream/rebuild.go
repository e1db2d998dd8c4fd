package jetstream

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/s2"

	"myelin/internal/apierr"
	"myelin/internal/stream"
)

// unpack makes a stream of its backup. After an error there is none.
func unpack(d *door, config *stream.Config, packed io.Reader) (Stream, error) {
	a, err := newArchiveReader(s2.NewReader(packed))
	if err != nil {
		return nil, err
	}
	into, failed := d.api.engine.Restore(d.account, *config)
	switch {
	case failed == nil:
	case errors.Is(failed, apierr.StreamNameExist.Err()):
		return nil, apierr.StreamNameExistRestoreFailed.Err()
	default:
		return nil, failed
	}
	b := rebuild{into: into}
	if err := b.fill(a); err != nil {
		return nil, errors.Join(err, into.Abandon())
	}
	s, err := into.Finish(b.last)
	if err == nil && b.skipped > 0 {
		d.api.opt.Log.Warnf("Restore of stream '%s > %s' left out %d consumers, which are not supported yet", d.account, config.Name, b.skipped)
	}
	return s, err
}

// rebuild is a stream that is being restored.
type rebuild struct {
	into    Restore
	last    uint64 // sequence that the backup gave out
	skipped int    // consumers
}

// fill takes all entries.
func (b *rebuild) fill(a *archiveReader) error {
	for {
		e, err := a.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = b.add(&e)
		}
		if err != nil {
			return err
		}
	}
}

// add takes one entry.
func (b *rebuild) add(e *entry) error {
	switch {
	case e.Seq > 0:
		return b.into.Add(&Message{Seq: e.Seq, Time: e.Time, Subject: e.Name, Header: e.Header, Body: e.Body})
	case string(e.Name) == archiveState:
		var state struct {
			LastSeq uint64 `json:"last_seq"`
		}
		if err := json.Unmarshal(e.Body, &state); err != nil {
			return fmt.Errorf("read %s: %w", archiveState, err)
		}
		b.last = state.LastSeq
	case bytes.HasPrefix(e.Name, []byte(archiveConsume)):
		b.skipped++
	}
	return nil
}
