package jetstream

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"

	"github.com/klauspost/compress/s2"
	"github.com/nats-io/nuid"

	"myelin/internal/apierr"
	"myelin/internal/stream"
)

// A stream is restored as the mirror of one that does not exist: that takes messages with the sequences and
// times that they had, and none from publishers. When all are in, it is given its configuration, which
// promotes it. metaRestoring names that mirror until then; what a crash leaves half restored is removed at the start.
const metaRestoring = "_myelin.restoring"

// rebuild is a stream that is being restored.
type rebuild struct {
	engine  Engine
	account string
	stream  Stream
	origin  uint64
	last    uint64 // the last sequence that is accounted for
	want    uint64 // the last sequence that the backup gave out
	command []byte
	skipped int // consumers
}

// unpack makes a stream of its backup. After an error there is none.
func unpack(d *door, config *stream.Config, packed io.Reader) (Stream, error) {
	a, err := newArchiveReader(s2.NewReader(packed))
	if err != nil {
		return nil, err
	}
	b := &rebuild{engine: d.api.engine, account: d.account}
	if err := b.begin(config); err != nil {
		return nil, err
	}
	s, err := b.fill(a, config)
	if err != nil {
		if failed := b.engine.Delete(b.account, config.Name); failed != nil {
			err = errors.Join(err, failed)
		}
		return nil, err
	}
	if b.skipped > 0 {
		d.api.opt.Log.Warnf("Restore of stream '%s > %s' left out %d consumers, which are not supported yet", d.account, config.Name, b.skipped)
	}
	return s, nil
}

// fill takes all entries, then the configuration.
func (b *rebuild) fill(a *archiveReader, config *stream.Config) (Stream, error) {
	for {
		e, err := a.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = b.add(&e)
		}
		if err != nil {
			return nil, err
		}
	}
	if b.want > b.last {
		if r := b.stream.Propose(stream.Skip{Origin: b.origin, Seq: b.want, Gone: true}.Encode(nil), false); r.Err != nil {
			return nil, fmt.Errorf("set the last sequence to %d: %w", b.want, r.Err)
		}
	}
	s, err := b.engine.Update(b.account, *config, false)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// begin creates the stream as one that takes copies.
func (b *rebuild) begin(config *stream.Config) error {
	if config.AllowCounter {
		return errors.New("streams of counters cannot be restored yet")
	}
	if m := config.Mirror; m != nil && (m.FilterSubject != "" || len(m.Transforms) > 0) {
		return errors.New("mirrors of a part of a stream cannot be restored: create it anew, and it copies again")
	}
	s, created, failed := b.engine.Create(b.account, interim(config), false)
	switch {
	case failed != nil:
		return failed
	case !created:
		return apierr.StreamNameExistRestoreFailed.Err()
	}
	b.stream = s
	s.View(func(state *stream.State) { b.origin = state.Origins()[0].Number })
	return nil
}

// interim is the configuration of a stream while it is restored: what cannot be changed later is as it will
// be, and nothing removes or refuses a message.
func interim(config *stream.Config) stream.Config {
	c := stream.Config{
		Name: config.Name, Description: config.Description, Storage: config.Storage, Retention: config.Retention,
		Replicas: config.Replicas, Placement: config.Placement, Compression: config.Compression, PersistMode: config.PersistMode,
		AllowTTL: config.AllowTTL || config.MarkerTTL > 0, Mirror: config.Mirror, Metadata: maps.Clone(config.Metadata),
		MaxMsgs: -1, MaxBytes: -1, MaxMsgsPer: -1, MaxMsgSize: -1, MaxConsumers: -1,
	}
	if c.Retention == stream.Interest {
		c.Retention = stream.Limits // or nothing would be kept that no consumer waits for
	}
	if c.Mirror == nil {
		c.Mirror = &stream.Source{Name: "RESTORE_" + nuid.Next()}
	}
	if c.Metadata == nil {
		c.Metadata = map[string]string{}
	}
	c.Metadata[metaRestoring] = c.Mirror.Name
	return c
}

// add takes one entry.
func (b *rebuild) add(e *entry) error {
	switch {
	case e.Seq > 0:
		return b.message(e)
	case string(e.Name) == archiveState:
		var state struct {
			LastSeq uint64 `json:"last_seq"`
		}
		if err := json.Unmarshal(e.Body, &state); err != nil {
			return fmt.Errorf("read %s: %w", archiveState, err)
		}
		b.want = state.LastSeq
	case bytes.HasPrefix(e.Name, []byte(archiveConsume)):
		b.skipped++
	}
	return nil
}

// message stores a message under the sequence that it had.
func (b *rebuild) message(e *entry) error {
	c := stream.Copy{Origin: b.origin, Seq: e.Seq, Time: e.Time}
	c.Append = stream.Append{Span: 1, Subject: e.Name, Header: e.Header, Body: e.Body}
	b.command = c.Encode(b.command[:0])
	r := b.stream.Propose(b.command, false)
	if r.Err != nil {
		return fmt.Errorf("store message %d: %w", e.Seq, r.Err)
	}
	b.last = e.Seq
	return nil
}

// removeHalfRestored removes what a crash left in the middle of a restore.
func (d *door) removeHalfRestored() {
	for _, s := range d.api.engine.Streams(d.account) {
		c := s.Config()
		if c.Mirror == nil || c.Metadata[metaRestoring] != c.Mirror.Name {
			continue
		}
		d.api.opt.Log.Warnf("Stream '%s > %s' was not restored completely when the server ended, and is removed", d.account, s.Name())
		if err := d.api.engine.Delete(d.account, s.Name()); err != nil {
			d.api.opt.Log.Errorf("Stream '%s > %s' cannot be removed: %v", d.account, s.Name(), err)
		}
	}
}
