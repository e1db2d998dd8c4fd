package vfs

import (
	"bytes"
	"path/filepath"
	"runtime"
	"testing"
)

// readMapped reads until the mapping gives something: where it is for real, not before it was asked for twice.
func readMapped(m Mapping, n int, off int64) ([]byte, bool) {
	b := make([]byte, n)
	for range 3 {
		if m.ReadAt(b, off) {
			return b, true
		}
	}
	return nil, false
}

// A mapping shows the file as it is, also what is written later, and after the file is closed and removed.
func TestMapping(t *testing.T) {
	const size, length = 1 << 20, 4 << 20
	systems(t, func(t *testing.T, f FS, dir string) {
		name := filepath.Join(dir, "x")
		file := get(f.Create(name))
		content := bytes.Repeat([]byte("0123456789abcdef"), size/16)
		get(file.Write(content))
		m, ok := Mapped(get(f.Open(name)), length)
		if !ok {
			if runtime.GOOS == "linux" || filepath.VolumeName(dir) == "" && dir == filepath.Join("a", "store") {
				t.Fatal("nothing is mapped")
			}
			t.Skip("the system maps no files")
		}
		expect := func(n int, off int64) {
			t.Helper()
			if b, ok := readMapped(m, n, off); !ok || !bytes.Equal(b, content[off:off+int64(n)]) {
				t.Errorf("%d bytes at %d: %.40q, %v", n, off, b, ok)
			}
		}
		expect(40, 12345)
		expect(200_000, 3)
		expect(16, size-16)
		for _, beyond := range []int64{-1, size - 8, length - 8, length, length + size} {
			if b, ok := readMapped(m, 16, beyond); ok {
				t.Errorf("at %d there is %q", beyond, b)
			}
		}
		get(file.WriteAt([]byte("now"), 12350))
		copy(content[12350:], "now")
		content = append(content, content...)
		get(file.WriteAt(content[size:], size))
		ok1 := file.Close()
		ok2 := f.Remove(name)
		if ok1 != nil || ok2 != nil {
			t.Fatal(ok1, ok2)
		}
		expect(40, 12345)
		expect(4096, 2*size-4096)
		expect(4096, size-2048)
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
}

// A mapping of a file that somebody cuts gives nothing there, and does not end the process.
func TestMappingOfWhatIsCut(t *testing.T) {
	const size = 1 << 20
	systems(t, func(t *testing.T, f FS, dir string) {
		file := get(f.Create(filepath.Join(dir, "x")))
		get(file.Write(make([]byte, size)))
		m, mapped := Mapped(file, size)
		if !mapped {
			t.Skip("the system maps no files")
		}
		defer m.Close()
		if _, found := readMapped(m, 40, size/2); !found {
			t.Fatal("the file cannot be read")
		}
		ok(t, file.Truncate(100))
		if b, found := readMapped(m, 40, size/2); found {
			t.Errorf("behind the end there is %q", b)
		}
	})
}

// A mapping fails where reading the file would.
func TestMappingFails(t *testing.T) {
	disk := NewFault(NewMem())
	file := get(disk.Create("x"))
	get(file.Write(make([]byte, 100)))
	m, _ := Mapped(file, 100)
	disk.Inject(Rule{Kinds: OpRead, Err: ErrKilled})
	if _, found := readMapped(m, 40, 0); found {
		t.Error("it was read")
	}
}

func BenchmarkMapping(b *testing.B) {
	const size = 64 << 20
	file := get(OS{}.Create(filepath.Join(b.TempDir(), "x")))
	get(file.Write(make([]byte, size)))
	defer file.Close()
	buf := make([]byte, 256)
	for _, step := range []int64{256, 160 << 10} {
		name := map[bool]string{true: "on", false: "jump"}[step == 256]
		b.Run(name, func(b *testing.B) {
			m, ok := Mapped(file, size)
			if !ok {
				b.Skip("the system maps no files")
			}
			defer m.Close()
			off := int64(0)
			for b.Loop() {
				if !m.ReadAt(buf, off) {
					get(file.ReadAt(buf, off))
				}
				if off += step; off > size-256 {
					off -= size - 256
				}
			}
		})
		b.Run(name+"/call", func(b *testing.B) {
			off := int64(0)
			for b.Loop() {
				get(file.ReadAt(buf, off))
				if off += step; off > size-256 {
					off -= size - 256
				}
			}
		})
	}
}
