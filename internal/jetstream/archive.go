package jetstream

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// An archive is what a backup of a stream holds; its layout is in archive.md.
const (
	archiveMagic   = "NATSARC1"
	archiveState   = "state.json"
	archiveConsume = "consumers/"
	// maxArchived bounds each part of an entry, in bytes.
	maxArchived = 256 << 20
)

// entry is one entry of an archive. Seq is 0 unless it is a message.
type entry struct {
	Name, Header, Body []byte
	Seq                uint64
	Time               int64
}

// end reports whether it is the entry that ends an archive.
func (e *entry) end() bool {
	return e.Seq == 0 && e.Time == 0 && len(e.Name) == 0 && len(e.Header) == 0 && len(e.Body) == 0
}

// archiveWriter writes an archive.
type archiveWriter struct {
	w   io.Writer
	buf []byte
}

// newArchiveWriter begins an archive.
func newArchiveWriter(w io.Writer) (*archiveWriter, error) {
	_, err := io.WriteString(w, archiveMagic)
	return &archiveWriter{w: w}, err
}

// add writes an entry.
func (a *archiveWriter) add(e *entry) error {
	b := binary.AppendUvarint(a.buf[:0], uint64(len(e.Name)))
	b = binary.AppendVarint(b, e.Time)
	b = binary.AppendUvarint(b, e.Seq)
	b = binary.AppendUvarint(b, uint64(len(e.Header)))
	b = binary.AppendUvarint(b, uint64(len(e.Body)))
	a.buf = append(append(append(b, e.Name...), e.Header...), e.Body...)
	_, err := a.w.Write(a.buf)
	return err
}

// close ends the archive.
func (a *archiveWriter) close() error { return a.add(&entry{}) }

var errArchive = errors.New("not an archive of a stream, or one of another version")

// archiveReader reads an archive.
type archiveReader struct {
	r    *bufio.Reader
	last uint64 // sequence of the last message
	buf  bytes.Buffer
}

// newArchiveReader reads the start of an archive.
func newArchiveReader(r io.Reader) (*archiveReader, error) {
	a := &archiveReader{r: bufio.NewReaderSize(r, 64<<10)}
	var magic [len(archiveMagic)]byte
	if _, err := io.ReadFull(a.r, magic[:]); err != nil {
		return nil, fmt.Errorf("read the start of the archive: %w", truncated(err))
	}
	if string(magic[:]) != archiveMagic {
		return nil, errArchive
	}
	return a, nil
}

// next returns an entry whose slices are valid until the call after; io.EOF follows the last one.
func (a *archiveReader) next() (e entry, err error) {
	name, err := a.size(nil)
	if err == nil {
		e.Time, err = binary.ReadVarint(a.r)
	}
	if err == nil {
		e.Seq, err = binary.ReadUvarint(a.r)
	}
	head, err := a.size(err)
	body, err := a.size(err)
	if err == nil {
		err = a.fill(name + head + body)
	}
	if err != nil {
		return entry{}, fmt.Errorf("read the entry after sequence %d: %w", a.last, truncated(err))
	}
	b := a.buf.Bytes()
	e.Name, e.Header, e.Body = b[:name:name], b[name:name+head:name+head], b[name+head:]
	switch {
	case e.end():
		return entry{}, io.EOF
	case e.Seq > 0 && e.Seq <= a.last:
		return entry{}, fmt.Errorf("sequence %d comes after %d", e.Seq, a.last)
	case len(e.Name) == 0:
		return entry{}, fmt.Errorf("an entry after sequence %d has no name", a.last)
	}
	a.last = max(a.last, e.Seq)
	return e, nil
}

// size reads the size of a part, unless there was an error before.
func (a *archiveReader) size(before error) (int, error) {
	if before != nil {
		return 0, before
	}
	n, err := binary.ReadUvarint(a.r)
	if err == nil && n > maxArchived {
		err = fmt.Errorf("a part of %d bytes is beyond %d", n, maxArchived)
	}
	return int(n), err
}

// fill reads n bytes into the buffer, which grows only as they come.
func (a *archiveReader) fill(n int) error {
	a.buf.Reset()
	_, err := io.CopyN(&a.buf, a.r, int64(n))
	return err
}

// truncated says that what ends within an archive ends too early.
func truncated(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
