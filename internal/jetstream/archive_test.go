package jetstream

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

// write returns the bytes of an archive.
func write(t testing.TB, list ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	a, err := newArchiveWriter(&b)
	for i := range list {
		err = errors.Join(err, a.add(&list[i]))
	}
	if err := errors.Join(err, a.close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// readAll returns what an archive holds.
func readAll(b []byte) (list []entry, err error) {
	a, err := newArchiveReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	for {
		e, err := a.next()
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return list, err
		}
		list = append(list, entry{bytes.Clone(e.Name), bytes.Clone(e.Header), bytes.Clone(e.Body), e.Seq, e.Time})
	}
}

func someEntries() []entry {
	return []entry{
		{Name: []byte("state.json"), Body: []byte("{}"), Time: 1},
		{Name: []byte("a.b"), Header: []byte("NATS/1.0\r\n\r\n"), Body: []byte("x"), Seq: 1, Time: -5},
		{Name: []byte("a"), Seq: 7, Time: 1 << 62},
	}
}

// What is written is read again.
func TestArchiveIsReadAsWritten(t *testing.T) {
	want := someEntries()
	got, err := readAll(write(t, want...))
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, %v", got, err)
	}
}

// The bytes of a stock server's archive are taken, and made.
func TestArchiveIsStocks(t *testing.T) {
	const stock = "NATSARC1" +
		"\x04\x82\xee\x88\xb3\xbc\xf9\x89\xea1\x01\x00\x06sn.0body-0" +
		"\x04\xb0\x9c\x99\xb3\xbc\xf9\x89\xea1\x02\x15\x06sn.1NATS/1.0\r\nKey: v1\r\n\r\nbody-1" +
		"\x00\x00\x00\x00\x00"
	list, err := readAll([]byte(stock))
	if err != nil || len(list) != 2 || list[1].Seq != 2 || string(list[1].Name) != "sn.1" || string(list[1].Body) != "body-1" || timeOf(list[0].Time).Year() != 2026 {
		t.Fatalf("%v, %v", list, err)
	}
	if got := write(t, list...); string(got) != stock {
		t.Errorf("written as %q", got)
	}
}

// An archive that is cut anywhere, or damaged in certain ways, is refused.
func TestArchiveFaults(t *testing.T) {
	whole := write(t, someEntries()...)
	for n := range whole {
		if _, err := readAll(whole[:n]); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("the first %d bytes: %v", n, err)
		}
	}
	for _, row := range []struct{ bytes, fault string }{
		{"NATSARC2\x00\x00\x00\x00\x00", "another version"},
		{"NATSARC1\x00\x00\x01\x00\x00", "has no name"},
		{"NATSARC1\x01\x00\x02\x00\x00a\x01\x00\x01\x00\x00a", "comes after"},
		{"NATSARC1\xff\xff\xff\xff\x0f\x00\x02\x00\x00a", "beyond"},
		{"NATSARC1\x01\x00\x02\x00\xff\xff\xff\x3fa", "unexpected EOF"},
	} {
		if _, err := readAll([]byte(row.bytes)); err == nil || !strings.Contains(err.Error(), row.fault) {
			t.Errorf("%q: %v, want %s", row.bytes, err, row.fault)
		}
	}
}

func FuzzArchive(f *testing.F) {
	f.Add(write(f, someEntries()...))
	f.Add([]byte("NATSARC1\x01\x00\x02\x00\xff\xff\xff\x3fa"))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := readAll(data)
		if err != nil {
			return
		}
		again, err := readAll(write(t, list...))
		if err != nil || fmt.Sprint(again) != fmt.Sprint(list) {
			t.Fatalf("%v is written as %v, %v", list, again, err)
		}
	})
}
