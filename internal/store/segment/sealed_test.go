package segment

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/fnv"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"myelin/internal/store/seal"
	"myelin/internal/vfs"
)

// testKeys are none, one of each cipher, one that follows the first, and one of another store.
var testKeys = sync.OnceValue(func() []*seal.Keys {
	list := make([]*seal.Keys, 5)
	for i, k := range []struct {
		cipher        seal.Cipher
		key, previous string
	}{{seal.ChaCha20, "", ""}, {seal.ChaCha20, "first", ""}, {seal.AES, "first", ""}, {seal.AES, "second", "first"}, {seal.ChaCha20, "other", ""}} {
		keys, err := seal.New(k.cipher, k.key, k.previous)
		if err != nil {
			panic(err)
		}
		list[i] = keys
	}
	return list
})

// keysFor are the keys that a test uses, by its name, in which its seed is: none for a third of them.
func keysFor(t *testing.T) *seal.Keys {
	h := fnv.New32a()
	_, _ = h.Write([]byte(t.Name()))
	return testKeys()[h.Sum32()%3]
}

// sealedSet is a set of several files, closed, with bodies that hold a needle.
func sealedSet(t *testing.T, disk *vfs.Mem, keys *seal.Keys, compress bool) (*model, Options) {
	t.Helper()
	m := newModel(t, disk, rand.New(rand.NewPCG(1, 0)), Options{Stream: [16]byte{7}, SegmentBytes: 4096, Compress: compress})
	options := m.options
	options.Keys = keys
	set, _, err := Open(disk, dir, options)
	m.ok(err)
	for seq := uint64(1); seq < 100; seq++ {
		r := record(seq, 1)
		r.Body = append(r.Body, strings.Repeat("needle", 9)...)
		m.records = append(m.records, r)
		m.ok(set.Write([]Record{r}))
	}
	m.ok(set.Close())
	return m, options
}

func (m *model) readAll(set *Set) {
	m.t.Helper()
	var buf []byte
	for i := range m.records {
		r, b, err := set.Read(m.records[i].Seq, buf)
		if buf = b; err != nil || !same(&r, &m.records[i]) {
			m.t.Fatalf("read %d: %v", m.records[i].Seq, err)
		}
	}
}

// Subjects, headers and bodies are in no file, and are read as they were written. What counts as size and as dead is the
// same as without encryption.
func TestNothingIsReadableInSealedFiles(t *testing.T) {
	for _, keys := range testKeys()[1:3] {
		for _, compress := range []bool{false, true} {
			disk := vfs.NewMem()
			m, options := sealedSet(t, disk, keys, compress)
			names, err := disk.List(dir)
			m.ok(err)
			for _, name := range names {
				data, err := vfs.ReadFile(disk, filepath.Join(dir, name))
				m.ok(err)
				for _, text := range []string{"needle", "subject", "NATS/1.0", "body"} {
					if bytes.Contains(data, []byte(text)) {
						t.Errorf("%s holds %q", name, text)
					}
				}
			}
			set, damages, err := Open(disk, dir, options)
			if err != nil || len(damages) > 0 {
				t.Fatal(err, damages)
			}
			m.readAll(set)
			if damages, err := set.Check(); err != nil || len(damages) > 0 {
				t.Fatal(err, damages)
			}
			size := int64(0)
			for i := range m.records {
				size += m.records[i].size()
			}
			if stats := set.Stats(); stats.RecordBytes != size {
				t.Errorf("%d bytes of records count as %d", size, stats.RecordBytes)
			}
		}
	}
}

// A key that is not the right one is said to be just that, with the file, and nothing is touched.
func TestAWrongKeyIsNoDamage(t *testing.T) {
	disk := vfs.NewMem()
	_, options := sealedSet(t, disk, testKeys()[1], false)
	for _, keys := range []*seal.Keys{nil, testKeys()[4]} {
		fs := vfs.NewFault(disk)
		options.Keys = keys
		if _, _, err := Open(fs, dir, options); !errors.Is(err, seal.ErrKey) || !strings.Contains(err.Error(), suffix) {
			t.Fatalf("opened with a wrong key: %v", err)
		}
		if n := fs.Count(vfs.OpChange); n > 0 {
			t.Fatalf("%d changes", n)
		}
	}
}

// Encryption is turned on, its key and cipher are changed, and it is turned off: all files are read, new ones are as
// the last opening says, and rewritten ones too, so that the first key has no use any more when all were rewritten.
func TestKeysOfASetChange(t *testing.T) {
	disk := vfs.NewMem()
	m, options := sealedSet(t, disk, nil, false)
	for _, keys := range testKeys()[1:4] {
		options.Keys = keys
		set, damages, err := Open(disk, dir, options)
		if err != nil || len(damages) > 0 {
			t.Fatal(err, damages)
		}
		m.readAll(set)
		r := record(set.Last()+1, 1)
		m.records = append(m.records, r)
		m.ok(set.Write([]Record{r}))
		m.readAll(set)
		m.ok(set.Close())
	}
	if _, _, err := Open(disk, dir, Options{Stream: options.Stream}); !errors.Is(err, seal.ErrKey) {
		t.Fatalf("opened without a key: %v", err)
	}
	set, _, err := Open(disk, dir, options)
	m.ok(err)
	for i := range m.records {
		if i%9 > 0 {
			set.Dead(m.records[i].Seq, m.records[i].size())
			m.dead[m.records[i].Seq] = true
		}
	}
	more := true
	for more {
		more, err = set.Clean(m.live())
		m.ok(err)
	}
	r := record(set.Last()+1, 1)
	m.ok(set.Write([]Record{r})) // the last file was not full, and is now
	m.ok(set.Close())
	only, err := seal.New(seal.ChaCha20, "second", "")
	m.ok(err)
	options.Keys = only
	set, damages, err := Open(disk, dir, options)
	for i := range damages {
		t.Error(&damages[i])
	}
	if m.ok(err); set.Last() != r.Seq {
		t.Fatalf("the last is %d", set.Last())
	}
}

// A damaged header costs no record, also where it was to tell the key.
func TestAKeyIsFoundWithoutTheHeader(t *testing.T) {
	for _, keys := range testKeys()[:3] {
		disk := vfs.NewMem()
		m, options := sealedSet(t, disk, keys, false)
		names, err := disk.List(dir)
		m.ok(err)
		for _, name := range names {
			file, err := disk.OpenReadWrite(filepath.Join(dir, name))
			m.ok(err)
			_, err = file.WriteAt(bytes.Repeat([]byte{0xAA}, headerSize), 0)
			m.ok(errors.Join(err, file.Close()))
		}
		if keys == testKeys()[1] {
			options.Keys = testKeys()[3] // it is the previous one there, and the cipher is another
		}
		set, damages, err := Open(disk, dir, options)
		if m.ok(err); len(damages) != len(names) {
			t.Fatal(damages)
		}
		m.readAll(set)
	}
}

// A payload that was put in the place of another, with checksums made right, is found when it is read and when all is
// checked.
func TestAForgedPayloadIsDamage(t *testing.T) {
	disk := vfs.NewMem()
	m, options := sealedSet(t, disk, testKeys()[2], false)
	names, err := disk.List(dir)
	m.ok(err)
	name := filepath.Join(dir, names[0])
	data, err := vfs.ReadFile(disk, name)
	m.ok(err)
	first, generation, _ := parseName(names[0])
	seed := header{stream: options.Stream, first: first, generation: generation}.seed()
	a, err := parseFrame(data[headerSize:], seed, headerSize)
	m.ok(err)
	forged := bytes.Clone(data)
	binary.LittleEndian.PutUint64(forged[headerSize+32:], uint64(a.aux)+1) // another time
	a.aux++
	a.put(forged[headerSize:], seed, headerSize)
	m.ok(vfs.WriteFile(disk, name, forged))
	set, damages, err := Open(disk, dir, options)
	if err != nil || len(damages) > 0 {
		t.Fatal(err, damages)
	}
	var d *Damage
	if _, _, err := set.Read(m.records[0].Seq, nil); !errors.As(err, &d) || !errors.Is(err, seal.ErrForged) || d.Offset != headerSize {
		t.Fatal(err)
	}
	damages, err = set.Check()
	if m.ok(err); len(damages) != 1 || damages[0].Offset != headerSize {
		t.Fatal(damages)
	}
	if r, _, err := set.Read(m.records[1].Seq, nil); err != nil || !same(&r, &m.records[1]) {
		t.Fatal(err)
	}
}
