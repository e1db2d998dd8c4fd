package cli

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"

	"myelin/internal/machine"
	"myelin/internal/meta"
	"myelin/internal/store/segment"
	"myelin/internal/stream"
)

// offlineStream is a stream without its server.
type offlineStream struct {
	*meta.Stream
	about  string
	report func(finding)
	dir    string // of the message files
	set    *segment.Set
	shown  int // damages of the set that were reported

	known   bool // whether the state says anything
	partial bool // it ends before the end, or nothing is known
	stands  *offlineState
}

// offlineState is the machine of a stream, with the bodies of the messages that the log has.
type offlineState struct {
	stream.State
	logged map[uint64]segment.Record // by sequence
}

// Apply implements machine.Machine.
func (s *offlineState) Apply(e machine.Entry, fx *stream.Effects) {
	s.State.Apply(e, fx)
	for i := range fx.Stored {
		m := &fx.Stored[i]
		s.logged[m.Seq] = segment.Record{
			Seq: m.Seq, Time: m.Time, Span: m.Span,
			Subject: slices.Clone(m.Subject), Header: slices.Clone(m.Header), Body: slices.Clone(m.Body),
		}
	}
	for _, g := range fx.Gone {
		if g.Last-g.First < uint64(len(s.logged)) {
			for seq := g.First; seq <= g.Last; seq++ {
				delete(s.logged, seq)
			}
			continue
		}
		maps.DeleteFunc(s.logged, func(seq uint64, _ segment.Record) bool { return g.First <= seq && seq <= g.Last })
	}
	fx.Reset()
}

// openStream opens a stream's files, and finds out which of its messages are wanted.
func (s *offlineStore) openStream(asset *meta.Stream, about string) error {
	st := &offlineStream{
		Stream: asset, about: about, report: s.report, dir: s.layout.Messages(asset.Group), partial: true,
		stands: &offlineState{logged: map[uint64]segment.Record{}},
	}
	options := segment.Options{Stream: asset.ID, ReadOnly: true, Keys: s.keys, Cache: s.cache}
	if g := s.groups[asset.Group]; g != nil {
		options.Synced, st.partial = g.synced, g.partial
		st.known = g.checkpoint != nil || !g.partial
		if err := replayOffline(st.stands, g.replay); err != nil {
			st.known, st.partial = false, true
			st.report(finding{About: about, What: fmt.Sprintf("which messages it has cannot be told: %v", err)})
		}
		g.replay = nil // it has all entries in memory
	}
	var err error
	if st.set, _, err = segment.Open(s.fs, st.dir, options); err != nil {
		return fmt.Errorf("%s: %w", about, err)
	}
	s.streams = append(s.streams, st)
	st.reportFiles()
	return nil
}

func (st *offlineStream) close() error { return st.set.Close() }

func (st *offlineStream) diskBytes() int64 { return st.set.Stats().DiskBytes }

// reportFiles reports the damages of files that were found since it was last called.
func (st *offlineStream) reportFiles() {
	list := st.set.Damages()
	for _, d := range list[st.shown:] {
		f := finding{About: st.about, File: filepath.Join(st.dir, d.File), Offset: d.Offset, What: d.Err.Error()}
		if d.Cut > 0 {
			f.Harmless, f.What = true, fmt.Sprintf("%d bytes were never synced, as after a crash; a server that starts cuts them off", d.Cut)
		}
		st.report(f)
	}
	st.shown = len(list)
}

// checkFiles reads all frames of all files.
func (st *offlineStream) checkFiles() error {
	_, err := st.set.Check()
	st.reportFiles()
	return err
}

// walked is what a walk has come by.
type walked struct {
	messages    uint64
	bytes       int64 // as segment.Size counts them
	first, last segment.Record
	missing     uint64 // messages that there should be
}

func (w walked) String() string {
	if w.messages == 0 {
		return "no messages"
	}
	return fmt.Sprintf("%s, sequences %d to %d", counted(w.messages, "message"), w.first.Seq, w.last.Seq)
}

// walk is one pass over the messages of a stream.
type walk struct {
	*offlineStream
	walked
	visit func(*segment.Record) error
	err   error

	logged []uint64 // sequences of messages that the log has and were not visited yet, ascending
	next   uint64   // the first sequence that was not visited
	gap    [2]uint64
	inGap  uint64 // messages
}

// walk visits all messages that the stream has and that can be read, ascending by sequence: those in files, and those that
// only the log has. What is missing is reported.
func (st *offlineStream) walk(visit func(*segment.Record) error) (walked, error) {
	w := &walk{offlineStream: st, visit: visit, next: 1, logged: slices.Sorted(maps.Keys(st.stands.logged))}
	for from := uint64(1); w.err == nil; {
		err := st.set.Scan(from, w.fromFile)
		var d *segment.Damage
		if err == nil || errors.As(err, &d) && d.Next <= from {
			break
		}
		if d == nil {
			return w.walked, err
		}
		from = d.Next
	}
	w.fromLog(math.MaxUint64)
	st.reportFiles()
	if w.err == nil {
		w.expect(math.MaxUint64)
		w.endGap()
	}
	return w.walked, w.err
}

func (w *walk) fromFile(r *segment.Record) bool {
	w.fromLog(r.Seq)
	if len(w.logged) > 0 && w.logged[0] == r.Seq {
		w.logged = w.logged[1:]
	}
	w.take(r)
	return w.err == nil
}

// fromLog visits what only the log has before a sequence.
func (w *walk) fromLog(before uint64) {
	for len(w.logged) > 0 && w.logged[0] < before && w.err == nil {
		r := w.stands.logged[w.logged[0]]
		w.logged = w.logged[1:]
		w.take(&r)
	}
}

// take visits a message if it lives.
func (w *walk) take(r *segment.Record) {
	if !w.lives(r.Seq) {
		return
	}
	w.expect(r.Seq)
	if w.next = r.Last() + 1; w.messages == 0 {
		w.first = segment.Record{Seq: r.Seq, Time: r.Time}
	}
	w.last = segment.Record{Seq: r.Seq, Time: r.Time, Span: r.Span}
	w.messages++
	w.bytes += segment.Size(len(r.Subject), len(r.Header), len(r.Body))
	w.err = w.visit(r)
}

// lives says whether a message is wanted, as far as that is known.
func (st *offlineStream) lives(seq uint64) bool {
	if !st.known || st.partial && seq > st.stands.Info().Last {
		return true
	}
	r, ok := st.stands.Get(seq)
	return ok && r.Seq == seq
}

// expect notes which messages there should be before a sequence, and were not visited.
func (w *walk) expect(before uint64) {
	for w.known {
		seq, ok := w.stands.NextLive(w.next)
		if !ok || seq >= before {
			return
		}
		r, _ := w.stands.Get(seq)
		w.next = r.Seq + max(uint64(r.Span), 1)
		if w.gap[0] == 0 || w.gap[1]+1 != r.Seq {
			w.endGap()
			w.gap[0] = r.Seq
		}
		w.gap[1] = w.next - 1
		w.missing++
		w.inGap++
	}
}

// endGap reports a row of sequences that are missing.
func (w *walk) endGap() {
	switch {
	case w.gap[0] == 0:
		return
	case w.gap[0] == w.gap[1]:
		w.report(finding{About: w.about, Lost: w.inGap, What: fmt.Sprintf("message %d cannot be read", w.gap[0])})
	default:
		w.report(finding{About: w.about, Lost: w.inGap, What: fmt.Sprintf("messages %d to %d cannot be read", w.gap[0], w.gap[1])})
	}
	w.gap, w.inGap = [2]uint64{}, 0
}
