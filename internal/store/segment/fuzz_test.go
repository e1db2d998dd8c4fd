package segment

import (
	"bytes"
	"errors"
	"path/filepath"
	"testing"

	"myelin/internal/store/seal"
	"myelin/internal/vfs"
)

// A head that parses is the one that put writes.
func FuzzFrame(f *testing.F) {
	var head [headSize]byte
	for _, fr := range []frame{
		{kind: kindRecord, subject: 3, payload: 20, size: 5, count: 1, seq: 9, aux: 10},
		{kind: kindBlock, payload: 100, size: 200, count: 4, seq: 9, aux: 12},
		{kind: kindMark, aux: 64},
		{kind: kindIndex, payload: 80, count: 1, aux: 64},
	} {
		fr.put(head[:], 77, 640)
		f.Add(bytes.Clone(head[4:]), uint32(77), uint32(80))
	}
	f.Fuzz(func(t *testing.T, rest []byte, seed, place uint32) {
		b := append(make([]byte, 4), rest...)
		if len(b) < headSize {
			return
		}
		offset := int64(place) * 8
		sum := headSum(b, seed, offset)
		b[0], b[1], b[2], b[3] = byte(sum), byte(sum>>8), byte(sum>>16), byte(sum>>24)
		fr, err := parseFrame(b, seed, offset)
		if err != nil {
			return
		}
		var again [headSize]byte
		fr.put(again[:], seed, offset)
		if !bytes.Equal(again[:], b[:headSize]) {
			t.Fatalf("%x parses as %+v, which is %x", b[:headSize], fr, again)
		}
		if _, err := parseFrame(b, seed, offset+8); err == nil {
			t.Fatal("the frame fits another place")
		}
	})
}

func FuzzHeader(f *testing.F) {
	f.Add(header{stream: [16]byte{1}, generation: 2, first: 3, replaced: 4}.append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := parseHeader(b)
		if err == nil && !bytes.Equal(h.append(nil), b[:headerSize]) {
			t.Fatalf("%x parses as %+v", b, h)
		}
	})
}

// A footer that parses leads into its file.
func FuzzFooter(f *testing.F) {
	x := index{{1, 64}, {9, 5000}}
	f.Add(appendFooter(nil, x, summary{low: 1, high: 9, records: 9, bytes: 6000, size: 6064}, 3, 77), int64(6064))
	f.Fuzz(func(t *testing.T, b []byte, at int64) {
		if len(b) < headSize+trailerSize || at < 0 || at > 1<<40 {
			return
		}
		tr, err := parseTrailer(b[len(b)-trailerSize:], at+int64(len(b)), 77)
		if err != nil || tr.at != at {
			return
		}
		fr, err := parseFrame(b, 77, at)
		if err != nil || fr.kind != kindIndex || fr.length() != int64(len(b)) || !fr.fits(b[headSize:]) {
			return
		}
		x, err := parseIndex(b[headSize:], fr, at)
		if err == nil && !bytes.Equal(appendFooter(nil, x, summary{tr.low, tr.high, tr.records, tr.bytes, at}, tr.replaced, 77), b) {
			t.Fatalf("footer %x parses as %+v, %v", b, tr, x)
		}
	})
}

// fuzzStream is the stream of the golden files.
var fuzzStream = [16]byte{1, 2, 3, 15: 9}

// sealedFile is a file of that stream, sealed, as FuzzFile names it.
func sealedFile(f *testing.F, keys *seal.Keys) []byte {
	disk := vfs.NewMem()
	set, _, err := Open(disk, dir, Options{Stream: fuzzStream, Keys: keys})
	if err == nil {
		err = errors.Join(set.Write([]Record{record(42, 1), record(45, 1), record(50, 5)}), set.Close())
	}
	if err != nil {
		f.Fatal(err)
	}
	data, err := vfs.ReadFile(disk, filepath.Join(dir, "00000000000000000042-0000000001.seg"))
	if err != nil {
		f.Fatal(err)
	}
	return data
}

// Whatever a file holds, opening and reading it ends, with records or with errors that say where.
func FuzzFile(f *testing.F) {
	for _, compress := range []bool{false, true} {
		_, data := goldenFile(f, compress)
		f.Add(data, uint64(0))
		f.Add(data[:len(data)-30], uint64(53))
		f.Add(data[:len(data)/2], uint64(0))
	}
	for _, keys := range testKeys()[1:3] {
		data := sealedFile(f, keys)
		f.Add(data, uint64(0))
		f.Add(data[:len(data)-30], uint64(53))
		f.Add(append(make([]byte, headerSize), data[headerSize:]...), uint64(0))
	}
	f.Fuzz(func(t *testing.T, data []byte, synced uint64) {
		disk := vfs.NewMem()
		file := filepath.Join(dir, "00000000000000000042-0000000001.seg")
		if err := errors.Join(disk.MakeDirs(dir), vfs.WriteFile(disk, file, data)); err != nil {
			t.Fatal(err)
		}
		set, _, err := Open(disk, dir, Options{Stream: fuzzStream, Synced: synced, Keys: testKeys()[1]})
		if errors.Is(err, seal.ErrKey) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		count := 0
		for from := uint64(0); count < 1000; count++ {
			err := set.Scan(from, func(r *Record) bool { count++; return true })
			var d *Damage
			if err == nil || errors.As(err, &d) && d.Next == 0 {
				break
			}
			if d == nil || d.Next <= from {
				t.Fatalf("scan from %d: %v", from, err)
			}
			from = d.Next
		}
		for seq := uint64(40); seq < 60; seq++ {
			_, _, _ = set.Read(seq, nil)
		}
		if _, err := set.Check(); err != nil {
			t.Fatal(err)
		}
		if set.Last() < 1<<63 {
			if err := set.Write([]Record{record(set.Last()+1, 1)}); err != nil {
				t.Fatal(err)
			}
		}
		if err := set.Close(); err != nil {
			t.Fatal(err)
		}
	})
}
