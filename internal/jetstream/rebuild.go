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
func (r *restore) unpack(packed io.Reader) (Stream, error) {
	a, err := newArchiveReader(s2.NewReader(packed))
	if err != nil {
		return nil, err
	}
	into, failed := r.api.engine.Restore(r.door.account, *r.config)
	switch {
	case failed == nil:
	case errors.Is(failed, apierr.StreamNameExist.Err()):
		return nil, apierr.StreamNameExistRestoreFailed.Err()
	default:
		return nil, failed
	}
	b := rebuild{restore: r, into: into}
	if err := b.fill(a); err != nil {
		return nil, errors.Join(err, into.Abandon())
	}
	return into.Finish(b.last)
}

// rebuild is a stream that is being restored.
type rebuild struct {
	*restore
	into      Restore
	last      uint64 // sequence that the backup gave out
	consumers int
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
			LastSeq uint64           `json:"last_seq"`
			Own     *archivedLetters `json:"_myelin"`
		}
		if err := json.Unmarshal(e.Body, &state); err != nil {
			return fmt.Errorf("read %s: %w", archiveState, err)
		}
		if b.last = state.LastSeq; state.Own != nil && len(state.Own.Letters) > 0 {
			return b.into.AddLetters(state.Own.Letters)
		}
	case bytes.HasPrefix(e.Name, []byte(archiveConsume)):
		name := string(e.Name[len(archiveConsume):])
		if err := b.addConsumer(name, e.Body); err != nil {
			return fmt.Errorf("consumer %s: %w", name, err)
		}
	}
	return nil
}

// addConsumer takes the entry of a consumer, which has to be one that could be created here.
func (b *rebuild) addConsumer(name string, entry []byte) error {
	var a archivedConsumer
	if err := json.Unmarshal(entry, &a); err != nil {
		return err
	}
	if a.Config.Name == "" {
		a.Config.Name = name
	}
	if b.consumers++; b.maxConsumers > 0 && b.consumers > b.maxConsumers {
		return apierr.MaximumConsumersLimit.Err()
	}
	rec := a.record()
	checked, err := stream.CheckConsumer(a.Config, b.config, b.bounds, false)
	if err != nil {
		return err
	}
	rec.Config = checked
	b.into.AddConsumer(rec)
	return nil
}
