package wal

import (
	"bytes"
	"encoding/hex"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"myelin/internal/store/seal"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

// The bytes of the format are as they always were: header, a commit of each kind of record, a table.
func TestGoldenBytes(t *testing.T) {
	const log, generation = 0x0123456789abcdef, 7
	seed := newSeeder(log, generation)
	h := segmentHeader{log: log, generation: generation, size: 65536, previous: 5, previousEnd: 4242, first: 3,
		salt: [16]byte{0xa1, 0xa2, 15: 0xaf}, mark: seal.Mark{Cipher: seal.AES, Key: 0x11223344}}
	out := h.appendPage(nil)

	g := &group{id: 9, number: 4, term: 2, vote: 1, commit: 3, checkpointIndex: 2, checkpointTerm: 1, last: 5, lastTerm: 2, settled: 3, damage: &Damage{}}
	table := appendState(make([]byte, blockHeaderBytes), g, seed, pageBytes+blockHeaderBytes)
	blockHeader{length: uint32(len(table) - blockHeaderBytes), count: 1, flags: flagTable, synced: pageBytes, first: 3}.put(table, seed, generation, pageBytes)
	out = append(out, table...)

	at := int64(len(out))
	block := make([]byte, blockHeaderBytes)
	for i, r := range []Record{
		{Kind: HardState, Group: 9, Term: 3, Vote: 2, Index: 4},
		{Kind: Entry, Tag: 1, Group: 9, Term: 3, Index: 6, Data: []byte("hello world")},
		{Kind: Checkpoint, Group: 9, Term: 3, Index: 6},
		{Kind: Drop, Group: 9},
	} {
		block = appendRecord(block, &r, r.Data, bodySum(&r, r.Data), uint64(5+i), seed, at+int64(len(block)))
	}
	blockHeader{length: uint32(len(block) - blockHeaderBytes), count: 4, synced: at, first: 5}.put(block, seed, generation, at)
	out = append(out, block...)

	dump := strings.ReplaceAll(hex.Dump(out), strings.Repeat("00 ", 8)+" "+strings.Repeat("00 ", 8)+" |................|", "zeros")
	golden := filepath.Join("testdata", "golden.txt")
	if *rewrite {
		if err := os.WriteFile(golden, []byte(squeeze(dump)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got := squeeze(dump); got != string(want) {
		t.Errorf("the format has changed:\n%s", got)
	}
}

// squeeze leaves out the lines of a dump that are zeros only.
func squeeze(dump string) string {
	var b strings.Builder
	for line := range strings.Lines(dump) {
		if !strings.Contains(line, "zeros") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// Any single bit of a header that is turned over is noticed, and what the header said is found again.
func TestHeadersAreReadDespiteAWrongBit(t *testing.T) {
	seed := newSeeder(1, 2)
	block := make([]byte, blockHeaderBytes)
	want := blockHeader{length: 96, count: 2, synced: 4096, first: 1}
	want.put(block, seed, 2, 8192)
	r := &Record{Kind: Entry, Group: 77, Term: 3, Index: 12, Data: []byte("x")}
	record := appendRecord(nil, r, r.Data, bodySum(r, r.Data), 5, seed, 8240)
	for bit := range blockHeaderBytes * 8 {
		damaged := bytes.Clone(block)
		damaged[bit/8] ^= 1 << (bit % 8)
		if _, ok := parseBlockHeader(damaged, seed, 2, 8192); ok {
			t.Fatalf("bit %d of the block header goes unnoticed", bit)
		}
		if got, ok := correctBlockHeader(damaged, seed, 2, 8192); !ok || got.length != 96 || got.count != 2 {
			t.Fatalf("bit %d of the block header: corrected to %+v, %v", bit, got, ok)
		}
	}
	for bit := range recordHeaderBytes * 8 {
		damaged := bytes.Clone(record)
		damaged[bit/8] ^= 1 << (bit % 8)
		h, whole, known := parseRecordHeader(damaged, seed, 8240)
		if whole || !known || h.group != 77 || h.number != 5 {
			t.Fatalf("bit %d of the record header: %+v, whole %v, known %v", bit, h, whole, known)
		}
	}
}

// A block is valid at its own place only: in its log, generation and offset.
func TestBlocksAreBoundToTheirPlace(t *testing.T) {
	block := make([]byte, blockHeaderBytes)
	blockHeader{length: 48, count: 1}.put(block, newSeeder(1, 2), 2, 4096)
	for _, c := range []struct {
		log, generation uint64
		offset          int64
		ok              bool
	}{{1, 2, 4096, true}, {2, 2, 4096, false}, {1, 3, 4096, false}, {1, 2, 4104, false}} {
		if _, ok := parseBlockHeader(block, newSeeder(c.log, c.generation), c.generation, c.offset); ok != c.ok {
			t.Errorf("log %d, generation %d, offset %d: valid is %v", c.log, c.generation, c.offset, ok)
		}
	}
}

func segmentOf(log, generation uint64, blocks []byte) *scan {
	s := &scan{header: segmentHeader{log: log, generation: generation}, name: "fuzz", seed: newSeeder(log, generation)}
	s.data = append(make([]byte, pageBytes), blocks...)
	s.limit = int64(len(s.data))
	return s
}

// Whatever stands in a segment, reading it ends, stays within it, and gives only what has a right checksum.
func FuzzScan(f *testing.F) {
	seed := newSeeder(1, 1)
	block := make([]byte, blockHeaderBytes)
	for i := range 3 {
		r := &Record{Kind: Entry, Group: uint64(i + 1), Term: 1, Index: 1, Data: []byte("some data")}
		block = appendRecord(block, r, r.Data, bodySum(r, r.Data), 1, seed, pageBytes+int64(len(block)))
	}
	blockHeader{length: uint32(len(block) - blockHeaderBytes), count: 3, synced: pageBytes}.put(block, seed, 1, pageBytes)
	f.Add(block, uint16(0), byte(0))
	f.Add(append(bytes.Clone(block), block...), uint16(50), byte(1))
	f.Add(block[:100], uint16(20), byte(0xff))
	f.Fuzz(func(t *testing.T, blocks []byte, at uint16, flip byte) {
		blocks = bytes.Clone(blocks)
		if len(blocks) > 0 {
			blocks[int(at)%len(blocks)] ^= flip
		}
		s := segmentOf(1, 1, blocks)
		s.find()
		end, _ := s.trim()
		if end < pageBytes || end > s.limit {
			t.Fatalf("the segment ends at %d of %d", end, s.limit)
		}
		off := int64(pageBytes)
		for _, p := range s.pieces {
			if p.off != off || p.end <= p.off || p.end > s.limit {
				t.Fatalf("piece %+v after %d", p, off)
			}
			off = p.end
			if p.gap {
				continue
			}
			s.visit(p, visitor{
				record: func(h recordHeader, body []byte, _ int64) {
					if checksum(0, body) != h.bodySum {
						t.Fatal("a record with a wrong body")
					}
					decodeState(h, body)
				},
				broken: func(recordHeader, bool, int64, string) {},
			})
		}
	})
}

func FuzzSegmentHeader(f *testing.F) {
	f.Add(segmentHeader{log: 1, generation: 2, size: 3, previous: 4, previousEnd: 5, first: 6, mark: seal.Mark{Cipher: 1, Key: 2}}.appendPage(nil)[:segmentHeaderBytes])
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := parseSegmentHeader(b)
		if err == nil && !bytes.Equal(h.appendPage(nil)[:segmentHeaderBytes], b[:segmentHeaderBytes]) {
			t.Fatalf("%+v is not what it was read from", h)
		}
	})
}
