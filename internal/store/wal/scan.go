package wal

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"myelin/internal/store/seal"
	"myelin/internal/vfs"
)

// scan is a segment in memory, as far as it can be read.
type scan struct {
	header segmentHeader
	name   string
	seed   seeder
	data   []byte // what the file has, not more than limit
	limit  int64  // where the blocks end at the latest
	pieces []piece
	errors []int64 // offsets of chunks that could not be read and are zeros in data

	box   *seal.Box // opens entries; nil: they are plain
	plain []byte    // the last one opened
	place [placeBytes]byte
}

// piece is a block, or a gap where no block can be made out.
type piece struct {
	off, end int64
	header   blockHeader
	gap      bool
}

const chunkBytes = 4096 // read at once where a larger read failed

// load reads a segment up to the limit and finds its blocks. The buffer is used again.
func load(fs vfs.FS, dir string, keys *seal.Keys, name string, header segmentHeader, limit int64, buf []byte) (*scan, error) {
	s := &scan{header: header, name: name, seed: newSeeder(header.log, header.generation), limit: limit}
	if err := s.openWith(keys); err != nil {
		return nil, err
	}
	file, err := fs.Open(filepath.Join(dir, name))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	size, err := file.Size()
	if err != nil {
		return nil, err
	}
	n := min(size, limit)
	if int64(cap(buf)) < n {
		buf = make([]byte, n)
	}
	s.data = buf[:n]
	if _, err := file.ReadAt(s.data, 0); err != nil && !errors.Is(err, io.EOF) {
		s.readChunks(file)
	}
	s.find()
	return s, nil
}

// readChunks reads what can be read, after a read of everything has failed.
func (s *scan) readChunks(file vfs.File) {
	for at := int64(0); at < int64(len(s.data)); at += chunkBytes {
		chunk := s.data[at:min(at+chunkBytes, int64(len(s.data)))]
		if _, err := file.ReadAt(chunk, at); err != nil && !errors.Is(err, io.EOF) {
			clear(chunk)
			s.errors = append(s.errors, at)
		}
	}
}

// find divides the segment into blocks and gaps.
func (s *scan) find() {
	for off := int64(pageBytes); off < s.limit; {
		h, ok := s.block(off)
		if !ok {
			h, ok = correctBlockHeader(s.from(off), s.seed, s.header.generation, off)
			ok = ok && off+blockHeaderBytes+int64(h.length) <= s.limit
		}
		p := piece{off: off, header: h, gap: !ok}
		if ok {
			p.end = off + blockHeaderBytes + int64(h.length)
		} else {
			p.end = s.next(off + 8)
		}
		s.pieces = append(s.pieces, p)
		off = p.end
	}
}

// block reads the block header at an offset.
func (s *scan) block(off int64) (h blockHeader, ok bool) {
	h, ok = parseBlockHeader(s.from(off), s.seed, s.header.generation, off)
	return h, ok && off+blockHeaderBytes+int64(h.length) <= s.limit
}

// next is where the next block begins, or the limit.
func (s *scan) next(off int64) int64 {
	for ; off+blockHeaderBytes <= int64(len(s.data)); off += 8 {
		if le.Uint32(s.data[off:]) != blockMagic {
			continue
		}
		if _, ok := s.block(off); ok {
			return off
		}
	}
	return s.limit
}

func (s *scan) from(off int64) []byte { return s.data[min(off, int64(len(s.data))):] }

// synced is the offset up to which the segment had been synced, by its own account.
func (s *scan) synced() (offset int64) {
	for _, p := range s.pieces {
		if !p.gap {
			offset = max(offset, min(p.header.synced, s.limit))
		}
	}
	return offset
}

// visitor is told what a block holds.
type visitor struct {
	record func(h recordHeader, body []byte, off int64)
	// broken is told of a record that is not whole. known says that the header is what it once was.
	broken func(h recordHeader, known bool, off int64, why string)
}

const wrongChecksum = "wrong checksum"

// visit goes through the records of a block.
func (s *scan) visit(p piece, v visitor) {
	off, lost := p.off+blockHeaderBytes, false
	for n := uint32(0); off < p.end && (lost || n < p.header.count); n++ {
		b := s.data[min(off, int64(len(s.data))):min(p.end, int64(len(s.data)))]
		h, whole, known := parseRecordHeader(b, s.seed, off)
		size := int64(recordHeaderBytes) + (int64(h.length)+7)&^7
		if !known || off+size > p.end {
			v.broken(h, false, off, wrongChecksum)
			off, lost = s.nextRecord(p, off+8), true
			continue
		}
		end := int64(recordHeaderBytes) + int64(h.length)
		if whole = whole && int64(len(b)) >= end && checksum(0, b[recordHeaderBytes:end]) == h.bodySum; !whole {
			v.broken(h, true, off, wrongChecksum)
		} else if body, err := s.open(h, b[recordHeaderBytes:end]); err != nil {
			v.broken(h, true, off, err.Error())
		} else {
			v.record(h, body, off)
		}
		off += size
	}
}

// nextRecord is where the next whole record header of a block stands, or the end of the block.
func (s *scan) nextRecord(p piece, off int64) int64 {
	for end := min(p.end, int64(len(s.data))); off+recordHeaderBytes <= end; off += 8 {
		if le.Uint32(s.data[off:]) == checksum(s.seed.at(off), s.data[off+4:off+recordHeaderBytes]) {
			return off
		}
	}
	return p.end
}

// whole says whether all of a block is as it was written.
func (s *scan) whole(p piece) bool {
	whole := !p.gap
	if whole {
		s.visit(p, visitor{
			record: func(recordHeader, []byte, int64) {},
			broken: func(recordHeader, bool, int64, string) { whole = false },
		})
	}
	return whole
}

// trim finds where the newest segment ends, and drops what is behind. It returns the bytes that were written there
// and never synced, if there are any.
func (s *scan) trim() (end int64, tail []byte) {
	synced := s.synced()
	end = s.limit
	for i, p := range s.pieces {
		if p.header.flags&flagEnd == 0 && (p.end <= synced || s.whole(p)) {
			continue
		}
		if end = p.off; end >= synced || !p.gap {
			tail = s.tail(i)
			s.pieces = s.pieces[:i]
			return end, tail
		}
		// A gap that begins where all was synced and reaches beyond.
		s.pieces[i].end = synced
		s.pieces = slices.Insert(s.pieces, i+1, piece{off: synced, end: p.end, gap: true})
		tail = s.tail(i + 1)
		s.pieces = s.pieces[:i+1]
		return synced, tail
	}
	return end, nil
}

// tail is what was written of the pieces from one on. Bytes that are left of an earlier use of the file
// do not count, as far as they can be told from others.
func (s *scan) tail(from int) []byte {
	first, end := s.pieces[from], int64(0)
	for _, p := range s.pieces[from:] {
		if !p.gap && p.header.flags&flagEnd == 0 {
			end = min(p.end, int64(len(s.data)))
		}
	}
	b := s.from(first.off)
	if first.gap && len(b) >= blockHeaderBytes && (le.Uint32(b) == blockMagic || le.Uint64(b[8:]) == s.header.generation) {
		length := int64(min(le.Uint32(b[16:]), maxBlockBytes))
		end = max(end, min(first.off+blockHeaderBytes+length, int64(len(s.data))))
	}
	if end <= first.off {
		return nil
	}
	return s.data[first.off:end]
}

// readHeader reads the header of a file that is named as the given segment. begun says that it is that
// segment; broken that it could be and the header is damaged. If neither, the file was about to be used.
func readHeader(fs vfs.FS, dir, name string, number uint64) (h segmentHeader, begun, broken bool, err error) {
	file, err := fs.Open(filepath.Join(dir, name))
	if err != nil {
		return h, false, false, err
	}
	defer file.Close()
	page := make([]byte, pageBytes)
	n, err := file.ReadAt(page, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return h, false, true, nil
	}
	broken = n < pageBytes
	for _, at := range [...]int{0, secondCopyOffset} {
		b := page[at : at+segmentHeaderBytes]
		found, err := parseSegmentHeader(b)
		switch {
		case errors.Is(err, errVersion):
			return h, false, false, fmt.Errorf("%s: %w", name, err)
		case err == nil && found.generation == number:
			return found, true, false, nil
		case err != nil && string(b) != string(make([]byte, segmentHeaderBytes)):
			broken = true
		}
	}
	return h, false, broken, nil
}
