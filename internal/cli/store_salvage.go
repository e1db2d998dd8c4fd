package cli

import (
	varint "encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/klauspost/compress/s2"

	"myelin/internal/jetstream"
	"myelin/internal/store/segment"
	"myelin/internal/stream"
	"myelin/internal/vfs"
)

// The files of a backup, as the nats tool names them.
const backupMeta, backupData = "backup.json", "stream.tar.s2"

// backup is what backup.json holds.
type backup struct {
	Config *stream.Config        `json:"config"`
	State  jetstream.StreamState `json:"state"`
}

// salvage is the command of that name.
func (t *storeTool) salvage(dir, out string) (err error) {
	if err := t.makeEmpty(out); err != nil {
		return err
	}
	s, err := t.open(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	done := t.progress(2 * s.bytes()) // once to count, once to write
	lost := uint64(0)
	for _, st := range s.streams {
		found, err := st.walk(done.record)
		if err != nil {
			return err
		}
		if !st.known {
			t.con.printf("NOTE     %s: which messages were deleted is not known; all that can be read are in its backup\n", st.about)
		}
		folder := filepath.Join(out, folderName(st.Account), folderName(st.Config.Name))
		if err := t.writeBackup(folder, st, found, done.record); err != nil {
			return fmt.Errorf("%s: %w", st.about, err)
		}
		t.con.printf("%s: %s: %s\n", st.about, found, folder)
		lost += found.missing
	}
	if err := done.end(); err != nil {
		return err
	}
	t.con.printf("%s: backups of %s, %s lost.\n", out, counted(len(s.streams), "stream"), counted(lost, "message"))
	return nil
}

// folderName is a name that every file system takes, and as it is where it can be.
func folderName(name string) string {
	var b strings.Builder
	for i, c := range []byte(name) {
		plain := c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.IndexByte("$_-", c) >= 0
		if plain || c == '.' && i > 0 && i < len(name)-1 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// makeEmpty makes a folder that must hold nothing.
func (t *storeTool) makeEmpty(dir string) error {
	names, err := t.fs.List(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if len(names) > 0 {
		return fmt.Errorf("%s is not empty", dir)
	}
	return t.fs.MakeDirs(dir)
}

// writeBackup writes the messages of a stream, of which is known how many there are.
func (t *storeTool) writeBackup(dir string, st *offlineStream, found walked, seen func(*segment.Record) error) (err error) {
	if err := t.fs.MakeDirs(dir); err != nil {
		return err
	}
	b := backup{Config: st.Stream.Config, State: jetstream.StreamState{
		Messages: found.messages, Bytes: uint64(found.bytes), FirstSeq: found.first.Seq, FirstTime: unixNanos(found.first.Time),
		LastSeq: max(found.last.Last(), st.stands.Info().Last), LastTime: unixNanos(found.last.Time),
	}}
	if found.messages == 0 {
		b.State.LastSeq = st.stands.Info().Last
		b.State.FirstSeq = b.State.LastSeq + 1
	}
	text, err := json.Marshal(b)
	if err != nil {
		return err
	}
	state, err := json.Marshal(b.State)
	if err != nil {
		return err
	}
	if err := vfs.ReplaceFile(t.fs, filepath.Join(dir, backupMeta), text); err != nil {
		return err
	}
	file, err := t.fs.Create(filepath.Join(dir, backupData))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	packed := s2.NewWriter(file)
	a := archive{w: packed}
	if err := a.begin(state, found.last.Time); err != nil {
		return err
	}
	st.report = func(finding) {} // it was told when they were counted
	if _, err := st.walk(func(r *segment.Record) error { return errors.Join(a.add(r), seen(r)) }); err != nil {
		return err
	}
	if err := errors.Join(a.end(), packed.Close()); err != nil {
		return err
	}
	return file.Sync()
}

func unixNanos(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}

// archive writes what jetstream/archive.md describes.
type archive struct {
	w   io.Writer
	buf []byte
}

const archiveMagic, archiveState = "NATSARC1", "state.json"

func (a *archive) begin(state []byte, at int64) error {
	if _, err := io.WriteString(a.w, archiveMagic); err != nil {
		return err
	}
	return a.entry([]byte(archiveState), at, 0, nil, state)
}

func (a *archive) add(r *segment.Record) error {
	return a.entry(r.Subject, r.Time, r.Seq, r.Header, r.Body)
}

func (a *archive) end() error { return a.entry(nil, 0, 0, nil, nil) }

func (a *archive) entry(name []byte, at int64, seq uint64, header, body []byte) error {
	b := varint.AppendUvarint(a.buf[:0], uint64(len(name)))
	b = varint.AppendVarint(b, at)
	b = varint.AppendUvarint(b, seq)
	b = varint.AppendUvarint(b, uint64(len(header)))
	b = varint.AppendUvarint(b, uint64(len(body)))
	a.buf = append(append(append(b, name...), header...), body...)
	_, err := a.w.Write(a.buf)
	return err
}
