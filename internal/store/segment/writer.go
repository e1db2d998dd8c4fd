package segment

import (
	"fmt"
	"sync"

	"myelin/internal/vfs"
)

// writeBytes is about how many bytes go to the disk in one write.
const writeBytes = 1 << 20

// syncBytes is about how many bytes are written until they are synced, whether anybody asks or not. The sync of a whole
// file at once would keep the disk busy for so long that the log has to wait.
const syncBytes = 4 << 20

// buffers are shared by all sets: one that writes takes one, an idle one has none.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// writer appends frames to one file. What readers may see of it is published in its segment after each write.
type writer struct {
	set     *Set
	segment *segment
	file    vfs.File

	// As they are once the buffer is written.
	sum   summary
	index index

	buf    *[]byte // frames not written yet; nil when idle
	block  block   // records not compressed yet
	seal   sealing // of payloads
	marked int64   // the synced position that the last mark gives
}

// newWriter returns a writer for a segment whose file is open, and new if size is 0.
func (s *Set) newWriter(seg *segment, file vfs.File) *writer {
	w := &writer{set: s, segment: seg, file: file, sum: seg.summary, index: seg.index, marked: seg.footed, seal: newSealing(seg.box)}
	if seg.size == 0 {
		w.begin()
		*w.buf = seg.header.append(*w.buf)
		w.sum.size = headerSize
	}
	return w
}

func (w *writer) begin() {
	if w.buf == nil {
		w.buf = buffers.Get().(*[]byte)
	}
}

// add appends a record. Large batches are written on the way.
func (w *writer) add(r *Record) error {
	w.begin()
	if w.marked < w.segment.synced {
		w.mark()
	}
	if !w.set.options.Compress && !r.blank() {
		w.addPlain(r)
	} else {
		w.block.add(r, w.segment.sum)
		if len(w.block.raw) >= maxBlockBytes || w.block.blank {
			w.endBlock()
		}
	}
	if len(*w.buf) >= writeBytes {
		return w.write()
	}
	return nil
}

// end is the size of the file with all that was added.
func (w *writer) end() int64 { return w.sum.size + int64(len(w.block.raw)) }

func (w *writer) addPlain(r *Record) {
	buf, f := r.append(*w.buf, w.segment.sum, w.sum.size, &w.seal)
	w.took(buf, f, 1, f.bytes())
}

// took counts a frame that was appended to the buffer.
func (w *writer) took(buf []byte, f frame, records uint64, bytes int64) {
	*w.buf = buf
	w.index = w.index.note(f.seq, w.sum.size)
	w.sum.note(f, records, bytes)
	w.sum.size += f.length()
}

// mark says in the file how much of it is on the disk.
func (w *writer) mark() {
	w.marked = w.segment.synced
	var head [headSize]byte
	f := frame{kind: kindMark, aux: uint64(w.marked)}
	f.put(head[:], w.segment.sum, w.sum.size)
	*w.buf = append(*w.buf, head[:]...)
	w.sum.size += headSize
}

// endBlock appends the records gathered: compressed when it is worth it.
func (w *writer) endBlock() {
	b := &w.block
	if b.records == 0 {
		return
	}
	buf, f, ok := b.append(*w.buf, w.segment.sum, w.sum.size, &w.seal)
	if ok {
		w.took(buf, f, uint64(b.records), int64(len(b.raw)))
		b.reset()
		return
	}
	for at := int64(0); at < int64(len(b.raw)); {
		f, err := parseFrame(b.raw[at:], w.segment.sum, at)
		if err != nil {
			panic(fmt.Sprintf("invariant broken: record just encoded: %v", err))
		}
		var r Record
		f.record(b.raw[at+headSize:], &r)
		w.addPlain(&r)
		at += f.length()
	}
	b.reset()
}

// write writes what was added and shows it to readers.
func (w *writer) write() error {
	if w.buf == nil {
		return nil
	}
	w.endBlock()
	at := w.sum.size - int64(len(*w.buf))
	if _, err := w.file.WriteAt(*w.buf, at); err != nil {
		return fmt.Errorf("write segment %s at offset %d: %w", w.segment.name(), at, err)
	}
	w.release()
	w.publish(func(g *segment) { g.summary, g.index = w.sum, w.index })
	if w.sum.size-w.segment.synced >= syncBytes {
		return w.sync()
	}
	return nil
}

func (w *writer) publish(change func(*segment)) {
	w.set.mu.Lock()
	defer w.set.mu.Unlock()
	change(w.segment)
}

// release gives the buffer back.
func (w *writer) release() {
	if w.buf == nil {
		return
	}
	if cap(*w.buf) <= 4*writeBytes {
		*w.buf = (*w.buf)[:0]
		buffers.Put(w.buf)
	}
	w.buf, w.block = nil, block{}
}

// sync returns when all that was written is on the disk.
func (w *writer) sync() error {
	if err := w.write(); err != nil || w.segment.synced == w.sum.size {
		return err
	}
	if err := w.file.Sync(); err != nil {
		return fmt.Errorf("sync segment %s: %w", w.segment.name(), err)
	}
	w.publish(func(g *segment) { g.synced = w.sum.size })
	return nil
}

// unfooted is how many bytes were written since the last footer.
func (w *writer) unfooted() int64 { return w.sum.size - w.segment.footed }

// foot writes the footer and syncs it, unless there is one behind all records. These are synced before, so
// that a footer that is there proves them.
func (w *writer) foot() error {
	if err := w.sync(); err != nil {
		return err
	}
	if w.unfooted() == 0 {
		w.publish(func(g *segment) { g.index = nil })
		return nil
	}
	w.begin()
	*w.buf = appendFooter(*w.buf, w.index, w.sum, w.segment.replaced, w.segment.sum)
	at := w.sum.size
	w.sum.size += int64(len(*w.buf))
	if err := w.sync(); err != nil {
		return err
	}
	w.publish(func(g *segment) { g.footer, g.footed, g.index = at, w.sum.size, nil })
	return nil
}
