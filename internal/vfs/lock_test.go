package vfs

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// Whoever comes second is refused, whichever way a lock was let go of lets the next one in.
func TestLockIsHeldByOne(t *testing.T) {
	for name, f := range map[string]FS{"os": OS{}, "mem": NewMem(), "fault": NewFault(NewMem())} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "store", "lock")
			lock := func() io.Closer {
				t.Helper()
				held, err := Lock(f, file)
				if err != nil {
					t.Fatal(err)
				}
				return held
			}
			refused := func() {
				t.Helper()
				_, err := Lock(f, file)
				var held *Held
				if !errors.As(err, &held) || held.Name != file {
					t.Fatalf("locked twice: %v", err)
				}
				if name == "os" && held.PID != os.Getpid() {
					t.Fatalf("held by process %d, which is %d", held.PID, os.Getpid())
				}
			}
			first := lock()
			refused()
			refused()
			other, err := Lock(f, file+"-of-another-folder")
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(first.Close(), other.Close()); err != nil {
				t.Fatal(err)
			}
			second := lock()
			if first.Close() == nil {
				t.Error("closed twice without an error")
			}
			refused()
			if err := second.Close(); err != nil {
				t.Fatal(err)
			}
			if _, err := f.Stat(file); err != nil {
				t.Errorf("the file is gone: %v", err)
			}
		})
	}
}

// A process that dies holds nothing any more.
func TestCrashUnlocks(t *testing.T) {
	disk := NewMem()
	if _, err := Lock(disk, "store/lock"); err != nil {
		t.Fatal(err)
	}
	after, err := Lock(disk.Crash(ProcessDeath), "store/lock")
	if err != nil {
		t.Fatal(err)
	}
	if err := after.Close(); err != nil {
		t.Fatal(err)
	}
}

// A file system that cannot lock says so, and not that the file is locked.
func TestFailedLock(t *testing.T) {
	f := NewFault(NewMem())
	f.Inject(Rule{Kinds: OpLock, Err: ErrKilled})
	var held *Held
	if _, err := Lock(f, "store/lock"); !errors.Is(err, ErrKilled) || errors.As(err, &held) {
		t.Fatal(err)
	}
}

// What stands in a lock file does not matter.
func TestLockFileContent(t *testing.T) {
	for _, text := range []string{"", "12\n", "none", "-1", string(make([]byte, 100))} {
		name := filepath.Join(t.TempDir(), "lock")
		if err := WriteFile(OS{}, name, []byte(text)); err != nil {
			t.Fatal(err)
		}
		held, err := Lock(OS{}, name)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if err := held.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
