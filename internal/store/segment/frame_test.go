package segment

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"myelin/internal/vfs"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

// golden compares a file with what a version 1 file always looked like.
func golden(t testing.TB, name string, got []byte) {
	t.Helper()
	name = filepath.Join("testdata", name)
	if *rewrite {
		if err := os.WriteFile(name, []byte(hex.Dump(got)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if hex.Dump(got) != string(want) {
		t.Fatalf("%s: the format changed:\n%s", name, hex.Dump(got))
	}
}

// goldenFile is a file with every kind of frame.
func goldenFile(t testing.TB, compress bool) (string, []byte) {
	t.Helper()
	disk := vfs.NewMem()
	set, _, err := Open(disk, dir, Options{Stream: [16]byte{1, 2, 3, 15: 9}, Compress: compress})
	if err != nil {
		t.Fatal(err)
	}
	write := func(records ...Record) {
		t.Helper()
		if err := errors.Join(set.Write(records), set.Sync()); err != nil {
			t.Fatal(err)
		}
	}
	write(Record{Seq: 42, Time: 1_700_000_000_000_000_001, Subject: []byte("orders.new"), Header: []byte("NATS/1.0\r\n\r\n"), Body: []byte("hello")},
		Record{Seq: 50, Time: -1, Span: 3, Subject: []byte("a"), Body: bytes.Repeat([]byte("abcdefgh"), 20)})
	write(Record{Seq: 53, Time: 3, Subject: []byte("secret"), Body: []byte("erased")})
	if !compress {
		if err := set.Erase(53); err != nil {
			t.Fatal(err)
		}
	}
	if err := set.Close(); err != nil {
		t.Fatal(err)
	}
	names, err := disk.List(dir)
	if err != nil || len(names) != 1 {
		t.Fatal(err, names)
	}
	data, err := vfs.ReadFile(disk, filepath.Join(dir, names[0]))
	if err != nil {
		t.Fatal(err)
	}
	return names[0], data
}

// The bytes of a file are what format.md says, for good.
func TestGoldenBytes(t *testing.T) {
	name, data := goldenFile(t, false)
	if want := "00000000000000000042-0000000001.seg"; name != want {
		t.Fatalf("file is named %s instead of %s", name, want)
	}
	golden(t, "plain.hex", data)
	if bytes.Contains(data, []byte("erased")) || bytes.Contains(data, []byte("secret")) {
		t.Fatal("the erased message is in the file")
	}
}

// What the compressor makes of a block may change; that a block of today is read may not.
func TestGoldenBlock(t *testing.T) {
	name := filepath.Join("testdata", "block.seg")
	if *rewrite {
		_, data := goldenFile(t, true)
		if err := os.WriteFile(name, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	disk := vfs.NewMem()
	file := filepath.Join(dir, "00000000000000000042-0000000001.seg")
	if err := errors.Join(disk.MakeDirs(dir), vfs.WriteFile(disk, file, data)); err != nil {
		t.Fatal(err)
	}
	set, damages, err := Open(disk, dir, Options{Stream: [16]byte{1, 2, 3, 15: 9}})
	if err != nil || len(damages) > 0 {
		t.Fatal(err, damages)
	}
	r, _, err := set.Read(51, nil)
	if err != nil || r.Seq != 50 || r.Span != 3 || len(r.Body) != 160 || r.Time != -1 {
		t.Fatalf("read %+v, %v", r, err)
	}
}

func TestNames(t *testing.T) {
	g := newSegment(header{first: 42, generation: 12})
	if first, generation, ok := parseName(g.name()); !ok || first != 42 || generation != 12 {
		t.Fatalf("%s is read as %d, %d, %v", g.name(), first, generation, ok)
	}
	for _, name := range []string{"", ".seg", "42-1.seg", "00000000000000000042-000000000c.seg.tmp", "0000000000000000004x-000000000c.seg", "00000000000000000042_000000000c.seg"} {
		if _, _, ok := parseName(name); ok {
			t.Errorf("%q passes for a segment", name)
		}
	}
}

// What cannot be stored is refused before anything is written.
func TestRefusedRecords(t *testing.T) {
	set, _, err := Open(vfs.NewMem(), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []Record{
		{Seq: 0, Subject: []byte("a")},
		{Seq: 1},
		{Seq: 1, Subject: []byte{erasedByte, erasedByte}},
		{Seq: 1, Subject: bytes.Repeat([]byte("a"), 1<<16)},
		{Seq: 1<<64 - 1, Span: 2, Subject: []byte("a")},
	} {
		if err := set.Write([]Record{record(7, 1), r}); err == nil {
			t.Errorf("%d with span %d is written", r.Seq, r.Span)
		}
	}
	if set.Last() != 0 {
		t.Fatalf("%d is written", set.Last())
	}
	if err := set.Write([]Record{record(7, 1)}); err != nil {
		t.Fatalf("after a refusal: %v", err)
	}
	if err := set.Write([]Record{record(7, 1)}); !errors.Is(err, ErrOrder) {
		t.Fatalf("the same sequence again: %v", err)
	}
}
