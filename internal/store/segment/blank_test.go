package segment

import (
	"bytes"
	"errors"
	"testing"

	"myelin/internal/vfs"
)

// A message that looks as if it had been erased is kept like any other, and can be erased.
func TestRecordsThatLookErased(t *testing.T) {
	for _, compress := range []bool{false, true} {
		fs := vfs.NewMem()
		if err := fs.MakeDirs("data"); err != nil {
			t.Fatal(err)
		}
		s, _, err := Open(fs, dir, Options{Compress: compress})
		if err != nil {
			t.Fatal(err)
		}
		var records []Record
		for seq := range uint64(40) {
			b := bytes.Repeat([]byte{erasedByte}, int(1+seq))
			at := 1 + int(seq)/3
			records = append(records, Record{Seq: seq + 1, Span: 1, Subject: b[:at], Header: b[at : at+(len(b)-at)/2], Body: b[at+(len(b)-at)/2:]})
		}
		if err := s.Write(records); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			for i := range records {
				if r, _, err := s.Read(records[i].Seq, nil); err != nil || !same(&r, &records[i]) {
					t.Errorf("reading %d: %v", records[i].Seq, err)
				}
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if s, _, err = Open(fs, dir, Options{Compress: compress}); err != nil {
				t.Fatal(err)
			}
		}
		for i := range records {
			if err := s.Erase(records[i].Seq); err != nil {
				t.Fatal(err)
			}
			if _, _, err := s.Read(records[i].Seq, nil); !errors.Is(err, ErrNotFound) {
				t.Errorf("reading %d, which was erased: %v", records[i].Seq, err)
			}
		}
	}
}
