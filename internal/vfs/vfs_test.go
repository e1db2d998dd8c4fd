package vfs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// seeds is how many seeds a seeded test draws: so many, or what SEEDS asks for.
func seeds(t testing.TB, usual int) uint64 {
	t.Helper()
	text := os.Getenv("SEEDS")
	if text == "" {
		return uint64(usual)
	}
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		t.Fatalf("SEEDS is %q instead of a number", text)
	}
	return n
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// get returns v; a test that cannot have it ends in a panic that names the error.
func get[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// systems are all file systems, and an empty directory in each.
func systems(t *testing.T, test func(t *testing.T, f FS, dir string)) {
	t.Run("OS", func(t *testing.T) { test(t, OS{}, t.TempDir()) })
	for name, f := range map[string]FS{"Mem": NewMem(), "Fault": NewFault(NewMem())} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join("a", "store")
			ok(t, f.MakeDirs(dir))
			test(t, f, dir)
		})
	}
}

// What a file is opened for decides where writes go and what is refused.
func TestOpening(t *testing.T) {
	systems(t, func(t *testing.T, f FS, dir string) {
		name := filepath.Join(dir, "x")
		for _, open := range []func(string) (File, error){f.Open, f.OpenReadWrite} {
			if _, err := open(name); !errors.Is(err, fs.ErrNotExist) {
				t.Fatalf("opening what is not there: %v", err)
			}
		}
		created := get(f.Create(name))
		get(created.Write([]byte("0123456789")))
		get(created.WriteAt([]byte("ab"), 2))
		get(created.Write([]byte("!")))

		edited := get(f.OpenReadWrite(name))
		get(edited.Write([]byte("AB")))
		get(edited.WriteAt([]byte("end"), 12))

		appended := get(f.Append(name))
		get(appended.Write([]byte("++")))
		get(created.WriteAt([]byte("-"), 20))
		get(appended.Write([]byte("+")))
		if got, want := string(get(ReadFile(f, name))), "ABab456789!\x00end++\x00\x00\x00-+"; got != want {
			t.Fatalf("file is %q, want %q", got, want)
		}

		if _, err := appended.WriteAt([]byte("x"), 0); err == nil {
			t.Error("a file for appending was written to at an offset")
		}
		if _, err := appended.Read(make([]byte, 1)); err == nil {
			t.Error("a file for appending was read from")
		}
		read := get(f.Open(name))
		if _, err := read.Write([]byte("x")); err == nil {
			t.Error("a file for reading was written to")
		}
		if err := read.Truncate(0); err == nil {
			t.Error("a file for reading was cut")
		}
		ok(t, get(f.Create(name)).Close())
		if size := get(read.Size()); size != 0 {
			t.Errorf("created anew, the file has %d bytes", size)
		}
		for _, file := range []File{created, edited, appended, read} {
			ok(t, file.Close())
		}
	})
}

// Reading ends where the file does, and positions are one's own.
func TestReading(t *testing.T) {
	systems(t, func(t *testing.T, f FS, dir string) {
		name := filepath.Join(dir, "x")
		ok(t, WriteFile(f, name, []byte("0123456789")))
		a, b := get(f.Open(name)), get(f.Open(name))
		buf := make([]byte, 6)
		for _, c := range []struct {
			what string
			read func() (int, error)
			want string
			err  error
		}{
			{"first", func() (int, error) { return a.Read(buf) }, "012345", nil},
			{"second", func() (int, error) { return a.Read(buf) }, "6789", nil},
			{"at the end", func() (int, error) { return a.Read(buf) }, "", io.EOF},
			{"nothing at the end", func() (int, error) { return a.Read(nil) }, "", nil},
			{"another's first", func() (int, error) { return b.Read(buf) }, "012345", nil},
			{"at an offset", func() (int, error) { return a.ReadAt(buf, 3) }, "345678", nil},
			{"over the end", func() (int, error) { return a.ReadAt(buf, 7) }, "789", io.EOF},
			{"beyond the end", func() (int, error) { return a.ReadAt(buf, 70) }, "", io.EOF},
		} {
			n, err := c.read()
			if got := string(buf[:n]); got != c.want || !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
				t.Errorf("%s: %q, %v; want %q, %v", c.what, got, err, c.want, c.err)
			}
		}
		if _, err := a.ReadAt(buf, -1); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("before the beginning: %v", err)
		}
		ok(t, errors.Join(a.Close(), b.Close()))
	})
}

// What is cut off is gone, and what is added reads as zeros.
func TestTruncate(t *testing.T) {
	systems(t, func(t *testing.T, f FS, dir string) {
		name := filepath.Join(dir, "x")
		file := get(f.Create(name))
		want := bytes.Repeat([]byte("0123456789abcdef"), 1000)
		get(file.Write(want))
		for _, size := range []int{15999, 4097, 4096, 4000, 20000, 1, 0, 5000} {
			ok(t, file.Truncate(int64(size)))
			want = append(want[:min(size, len(want))], make([]byte, max(0, size-len(want)))...)
			if got := get(ReadFile(f, name)); !bytes.Equal(got, want) || get(file.Size()) != int64(size) {
				t.Fatalf("cut to %d: %d bytes, or other content", size, len(got))
			}
		}
		if file.Truncate(-1) == nil {
			t.Error("a negative size is taken")
		}
		ok(t, file.Sync())
		ok(t, file.Close())
		_, err := file.Size()
		for what, err := range map[string]error{
			"sync": file.Sync(), "close": file.Close(), "size": err, "truncate": file.Truncate(1),
		} {
			if !errors.Is(err, fs.ErrClosed) {
				t.Errorf("%s of a closed file: %v", what, err)
			}
		}
	})
}

func TestNames(t *testing.T) {
	systems(t, func(t *testing.T, f FS, dir string) {
		in := func(names ...string) string { return filepath.Join(append([]string{dir}, names...)...) }
		ok(t, f.MakeDirs(in("sub", "deep")))
		ok(t, f.MakeDirs(in("sub")))
		ok(t, WriteFile(f, in("b"), []byte("b")))
		ok(t, WriteFile(f, in("a"), []byte("aa")))
		list := func(dir, want string) {
			t.Helper()
			if got := fmt.Sprint(get(f.List(dir))); got != want {
				t.Fatalf("%s has %s, want %s", dir, got, want)
			}
		}
		list(dir, "[a b sub]")
		list(in("sub"), "[deep]")
		info := get(f.Stat(in("a")))
		if info.Size() != 2 || info.IsDir() || info.Name() != "a" || !info.Mode().IsRegular() {
			t.Errorf("a is described as %v", info)
		}
		if info := get(f.Stat(in("sub"))); !info.IsDir() || !info.Mode().IsDir() || info.Name() != "sub" {
			t.Errorf("sub is described as %v", info)
		}
		ok(t, f.SyncDir(dir))
		ok(t, f.Rename(in("a"), in("b")))
		ok(t, f.Rename(in("b"), in("b")))
		ok(t, f.Rename(in("sub"), in("bus")))
		list(dir, "[b bus]")
		if got := string(get(ReadFile(f, in("b")))); got != "aa" {
			t.Errorf("b was not replaced: %q", got)
		}
		ok(t, f.Remove(in("b")))
		ok(t, f.Remove(in("bus", "deep")))
		ok(t, f.Remove(in("bus")))
		list(dir, "[]")
	})
}

func TestNamesRefused(t *testing.T) {
	systems(t, func(t *testing.T, f FS, dir string) {
		in := func(names ...string) string { return filepath.Join(append([]string{dir}, names...)...) }
		ok(t, f.MakeDirs(in("full")))
		ok(t, WriteFile(f, in("full", "file"), nil))
		ok(t, WriteFile(f, in("file"), nil))
		_, list := f.List(in("none"))
		_, stat := f.Stat(in("none"))
		_, create := f.Create(in("none", "x"))
		for what, err := range map[string]error{
			"list": list, "stat": stat, "create": create, "remove": f.Remove(in("none")),
			"rename": f.Rename(in("none"), in("x")), "rename into": f.Rename(in("file"), in("none", "x")), "sync": f.SyncDir(in("none")),
		} {
			if !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s of what is not there: %v", what, err)
			}
		}
		_, open := f.Create(in("full"))
		_, below := f.Stat(in("file", "x"))
		_, list = f.List(in("file"))
		for what, err := range map[string]error{
			"removing a full directory": f.Remove(in("full")), "renaming over a directory": f.Rename(in("file"), in("full")),
			"renaming a directory over a file": f.Rename(in("full"), in("file")), "a directory in place of a file": f.MakeDirs(in("file")),
			"a directory in a file": f.MakeDirs(in("file", "x")), "creating a directory as a file": open,
			"looking into a file": below, "listing a file": list, "removing the root": f.Remove(string(filepath.Separator)),
		} {
			if err == nil {
				t.Errorf("%s is allowed", what)
			}
		}
	})
}

func TestHelpers(t *testing.T) {
	systems(t, func(t *testing.T, f FS, dir string) {
		name := filepath.Join(dir, "x")
		for _, content := range []string{"first", "second", ""} {
			ok(t, ReplaceFile(f, name, []byte(content)))
			if got := string(get(ReadFile(f, name))); got != content {
				t.Fatalf("replaced by %q, want %q", got, content)
			}
		}
		ok(t, f.MakeDirs(filepath.Join(dir, "a", "b")))
		ok(t, WriteFile(f, filepath.Join(dir, "a", "b", "c"), []byte("c")))
		for range 2 {
			ok(t, RemoveAll(f, filepath.Join(dir, "a")))
			ok(t, RemoveAll(f, name))
		}
		if left := get(f.List(dir)); len(left) != 0 {
			t.Fatalf("%v is left", left)
		}
		if err := ReplaceFile(f, filepath.Join(dir, "none", "x"), nil); !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("a file in no directory: %v", err)
		}
	})
}

func TestIsFull(t *testing.T) {
	if !IsFull(fmt.Errorf("write: %w", &fs.PathError{Err: syscall.ENOSPC})) || IsFull(syscall.EIO) || IsFull(nil) {
		t.Error("full is not told from broken")
	}
}

// By seed: whatever is written, cut and read, Mem gives what the system gives.
func TestMemIsLikeTheSystem(t *testing.T) {
	for seed := range seeds(t, 40) {
		rng := rand.New(rand.NewPCG(seed, 1))
		dir, m := t.TempDir(), NewMem()
		real := get(OS{}.Create(filepath.Join(dir, "x")))
		imagined := get(m.Create("x"))
		for step := range 60 {
			off, b := rng.Int64N(20000), make([]byte, rng.IntN(9000))
			for i := range b {
				b[i] = byte(rng.IntN(2) * rng.IntN(256))
			}
			if rng.IntN(4) == 0 {
				clear(b)
			}
			what := rng.IntN(6)
			for _, f := range []File{real, imagined} {
				switch what {
				case 0:
					ok(t, f.Truncate(off))
				case 1:
					get(f.Write(b))
				case 2:
					if f == imagined {
						ok(t, f.Sync())
					}
				case 3:
					if f == imagined { // what was found after a crash can be written to without harm
						found := get(m.Crash(Policy{Content: Chance, Names: Kept, Seed: seed}).OpenReadWrite("x"))
						get(found.WriteAt(bytes.Repeat([]byte("#"), 20000), 0))
					}
				default:
					get(f.WriteAt(b, off))
				}
			}
			want, got := make([]byte, 9000), make([]byte, 9000)
			n, _ := real.ReadAt(want, off)
			k, _ := imagined.ReadAt(got, off)
			if !bytes.Equal(want[:n], got[:k]) || get(real.Size()) != get(imagined.Size()) {
				t.Fatalf("seed %d step %d: content differs at %d, or sizes %d and %d", seed, step, off, get(real.Size()), get(imagined.Size()))
			}
		}
		ok(t, real.Close())
	}
}
