package vfs

import (
	"bytes"
	"errors"
	"io/fs"
	"syscall"
	"testing"
)

// everything does one operation of each kind, and two writes.
func everything(f FS) map[Kind]error {
	done := map[Kind]error{}
	done[OpMakeDirs] = f.MakeDirs("d")
	file, err := f.Create("d/x")
	if err != nil {
		file = get(f.Append("d/x"))
	}
	done[OpCreate] = err
	_, done[OpWrite] = file.Write([]byte("content"))
	_, done[OpRead] = file.ReadAt(make([]byte, 3), 0)
	_, done[OpStat] = file.Size()
	done[OpTruncate] = file.Truncate(3)
	done[OpSync] = file.Sync()
	done[OpClose] = file.Close()
	_, done[OpOpen] = f.Open("d/x")
	_, done[OpAppend] = f.Append("d/x")
	done[OpRename] = f.Rename("d/x", "d/y")
	done[OpSyncDir] = f.SyncDir("d")
	_, done[OpList] = f.List("d")
	done[OpRemove] = f.Remove("d/z")
	_, done[OpLock] = f.Lock("d/lock")
	return done
}

// Each kind of operation fails when told to, with the error and a name, and the others do not.
func TestEachKindFails(t *testing.T) {
	for i, name := range kindNames {
		kind := Kind(1) << i
		f := NewFault(NewMem())
		ok(t, f.fs.MakeDirs("d"))
		ok(t, WriteFile(f.fs, "d/z", nil))
		f.Inject(Rule{Kinds: kind, Times: 1, Err: syscall.EIO})
		for k, err := range everything(f) {
			var where *fs.PathError
			switch {
			case k != kind && (kind == OpCreate || kind == OpWrite): // nothing to read then
			case k != kind && err != nil:
				t.Errorf("with %s to fail, %s fails: %v", name, k, err)
			case k == kind && (!errors.Is(err, syscall.EIO) || !errors.As(err, &where) || where.Op != name || where.Path == ""):
				t.Errorf("%s was to fail: %v", name, err)
			}
		}
		if n := f.Count(kind); n < 1 {
			t.Errorf("%d operations of kind %s counted", n, kind)
		}
	}
	if got, want := (OpWrite | OpSync).String(), "write|sync"; got != want {
		t.Errorf("kinds are called %q, want %q", got, want)
	}
}

// A rule takes hold by name and number, for as long as it says, or until all is healed.
func TestRules(t *testing.T) {
	f := NewFault(NewMem())
	log, other := get(f.Create("a.log")), get(f.Create("a.idx"))
	run := func() (failed string) {
		for range 6 {
			_, err := log.Write([]byte("x"))
			_, err2 := other.Write([]byte("x"))
			failed += map[bool]string{true: ".", false: "F"}[err == nil]
			if err2 != nil {
				t.Errorf("the other file: %v", err2)
			}
		}
		return failed
	}
	for _, c := range []struct {
		rule Rule
		want string
	}{
		{Rule{Kinds: OpWrite, Name: "*.log", Skip: 2, Times: 1}, "..F..."},
		{Rule{Kinds: OpChange, Name: "a.log", Skip: 1, Times: 3}, ".FFF.."},
		{Rule{Name: "a.lo?", Skip: 4}, "....FF"},
		{Rule{Kinds: OpSync | OpRead}, "......"},
	} {
		c.rule.Err = ErrKilled
		f.Inject(c.rule)
		if got := run(); got != c.want {
			t.Errorf("by %+v: %s, want %s", c.rule, got, c.want)
		}
		f.Heal()
	}
	if got := run(); got != "......" {
		t.Errorf("healed: %s", got)
	}
	if n := f.Count(OpWrite); n != 60 {
		t.Errorf("%d writes counted, want 60", n)
	}
}

// A write that fails may have been done in part, as may a read.
func TestPartialWrite(t *testing.T) {
	f := NewFault(NewMem())
	file := get(f.Create("x"))
	f.Inject(Rule{Kinds: OpWrite, Skip: 1, Times: 2, Err: syscall.EIO, Partial: 3})
	get(file.Write([]byte("0123")))
	for range 2 {
		if n, err := file.Write([]byte("abcde")); n != 3 || !errors.Is(err, syscall.EIO) {
			t.Fatalf("%d bytes, %v", n, err)
		}
	}
	get(file.WriteAt([]byte("!"), 5))
	if got, want := string(get(ReadFile(f, "x"))), "0123a!cabc"; got != want {
		t.Fatalf("file is %q, want %q", got, want)
	}
	f.OnOp = func(op Op) error {
		if op.Kind == OpRead && op.Name == "x" && op.Bytes == 8 {
			return &Partial{Bytes: 2, Err: syscall.EIO}
		}
		return nil
	}
	buf := make([]byte, 8)
	if n, err := file.ReadAt(buf, 4); n != 2 || string(buf[:n]) != "a!" || !errors.Is(err, syscall.EIO) {
		t.Fatalf("read %q, %v", buf[:n], err)
	}
}

// A hook sees each operation before it happens, and can look at the crash there.
func TestHookSeesEachOperation(t *testing.T) {
	disk := NewMem()
	f := NewFault(disk)
	var seen []string
	f.OnOp = func(op Op) error {
		seen = append(seen, op.Kind.String()+" "+content("x")(disk.Crash(ProcessDeath)))
		return nil
	}
	file := get(f.Create("x"))
	get(file.Write([]byte("1")))
	get(file.Write([]byte("2")))
	ok(t, file.Sync())
	want := []string{"create absent", "write ", "write 1", "sync 12"}
	if len(seen) != len(want) {
		t.Fatalf("seen %q, want %q", seen, want)
	}
	for i := range want {
		if seen[i] != want[i] {
			t.Errorf("seen %q, want %q", seen[i], want[i])
		}
	}
}

// A disk that is full takes what fits, takes more when there is more space or something goes, and never
// refuses to overwrite what is there.
func TestFullDisk(t *testing.T) {
	f := NewFault(NewMem())
	full := func(wantN, n int, err error) {
		t.Helper()
		if n != wantN || !IsFull(err) || !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("%d bytes written, want %d; %v", n, wantN, err)
		}
	}
	space := func(want int64) {
		t.Helper()
		if got := f.Space(); got != want {
			t.Fatalf("%d bytes are left, want %d", got, want)
		}
	}
	space(-1)
	file := get(f.Create("x"))
	f.SetSpace(10)
	get(file.Write([]byte("01234567")))
	space(2)
	n, err := file.Write([]byte("abcd"))
	full(2, n, err)
	n, err = file.Write([]byte("cd"))
	full(0, n, err)
	get(file.WriteAt([]byte("ABCD"), 6))
	n, err = file.WriteAt([]byte("EFGH"), 8)
	full(2, n, err)
	f.SetSpace(100)
	get(file.Write([]byte("cd")))
	space(98)
	ok(t, file.Truncate(50))
	space(60)
	full(0, 0, file.Truncate(111))
	n, err = file.WriteAt([]byte("x"), 110)
	full(0, n, err)
	space(60)
	ok(t, file.Truncate(20))
	space(90)

	get(get(f.Create("y")).Write(make([]byte, 90)))
	n, err = get(f.Append("x")).Write([]byte("x"))
	full(0, n, err)
	ok(t, f.Rename("x", "y"))
	space(90)
	get(get(f.Append("y")).Write(make([]byte, 30)))
	space(60)
	get(f.Create("y"))
	space(110)
	ok(t, WriteFile(f, "z", make([]byte, 110)))
	ok(t, f.Remove("z"))
	space(110)
	f.SetSpace(-1)
	ok(t, WriteFile(f, "z", make([]byte, 1<<20)))
}

// A process is killed at each change in turn; a log of synced records has lost none of those that it was
// told are durable, and has the record that was being written whole, in part or not at all.
func TestKilledAtEachChange(t *testing.T) {
	record := func(i int) []byte { return bytes.Repeat([]byte{byte('a' + i)}, 700) }
	run := func(f FS) (durable int) {
		file, err := f.Create("log")
		if err != nil || f.SyncDir(".") != nil {
			return 0
		}
		for i := range 5 {
			if _, err := file.Write(record(i)); err != nil || file.Sync() != nil {
				return i
			}
		}
		return 5
	}
	for n, finished := 0, false; !finished; n++ {
		disk := NewMem()
		process := NewFault(disk)
		process.Inject(Rule{Kinds: OpChange, Skip: n, Err: ErrKilled, Partial: 600})
		durable := run(process)
		finished = durable == 5
		var want []byte
		for i := range durable {
			want = append(want, record(i)...)
		}
		for seed := range seeds(t, 20) {
			found, err := ReadFile(disk.Crash(PowerLoss(seed)), "log")
			if !bytes.HasPrefix(found, want) || len(found) > len(want)+700 || err != nil && durable > 0 {
				t.Fatalf("killed at change %d, seed %d: %d bytes found, %d durable, %v", n, seed, len(found), len(want), err)
			}
		}
	}
}
