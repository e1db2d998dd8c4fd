package logging

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"myelin/internal/clock"
	"myelin/internal/vfs"
)

// faulty is the real file system, but some operations fail.
type faulty struct {
	vfs.OS
	rename, append, remove, list error
}

func (f *faulty) Rename(from, to string) error {
	if f.rename != nil {
		return f.rename
	}
	return f.OS.Rename(from, to)
}

func (f *faulty) Append(name string) (vfs.File, error) {
	if f.append != nil {
		return nil, f.append
	}
	return f.OS.Append(name)
}

func (f *faulty) Remove(name string) error {
	if f.remove != nil {
		return f.remove
	}
	return f.OS.Remove(name)
}

func (f *faulty) List(dir string) ([]string, error) {
	if f.list != nil {
		return nil, f.list
	}
	return f.OS.List(dir)
}

// logFile opens a log to x.log in a folder of its own.
func logFile(t *testing.T, o Options) (l *Logger, dir string, files *faulty, c *clock.Fake, stderr *bytes.Buffer) {
	t.Helper()
	dir, files, c, stderr = t.TempDir(), &faulty{}, clock.NewFake(noon), &bytes.Buffer{}
	o.File = filepath.Join(dir, "x.log")
	l, err := open(o, files, c, process{stderr: stderr, pid: 42})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l, dir, files, c, stderr
}

// content maps the names of dir to what is in them.
func content(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]string)
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		got[e.Name()] = strings.ReplaceAll(string(data), dir, "DIR")
	}
	return got
}

func wantContent(t *testing.T, dir string, want map[string]string) {
	t.Helper()
	got := content(t, dir)
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("unexpected file %s", name)
		}
	}
	for name, text := range want {
		if got[name] != text {
			t.Errorf("%s holds\n%s\nwant\n%s", name, got[name], text)
		}
	}
}

func TestFileIsAppendedTo(t *testing.T) {
	l, dir, _, _, stderr := logFile(t, Options{})
	l.Noticef("one")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l.Noticef("after the end")
	l, err := Open(Options{File: filepath.Join(dir, "x.log"), Format: "json"}, vfs.OS{}, clock.NewFake(noon))
	if err != nil {
		t.Fatal(err)
	}
	l.format.Load().pid = 7
	l.Noticef("two")
	l.Close()
	wantContent(t, dir, map[string]string{"x.log": "[42] [INF] one\n" + `{"level":"INFO","msg":"two","pid":7}` + "\n"})
	if stderr.String() != "[42] [INF] after the end\n" {
		t.Errorf("stderr: %s", stderr)
	}
}

// The file is moved aside after the line that exceeds the limit; the next one starts with where it went.
// The oldest backups go; files of other names stay.
func TestRotation(t *testing.T) {
	l, dir, _, c, _ := logFile(t, Options{UTC: true, SizeLimit: 30, MaxNum: 2})
	for _, name := range []string{"x.log.notes", "x.logs", "x.log.2020.01.01.00.00.00.000000000"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l.Noticef("123456789012345678") // 30 bytes: not over the limit
	c.Advance(time.Second)
	l.Noticef("b")
	wantContent(t, dir, map[string]string{
		"x.log.notes": "old", "x.logs": "old",
		"x.log.2026.11.21.12.00.01.123456789": "[42] [INF] 123456789012345678\n[42] [INF] b\n",
		"x.log": `[42] [INF] Rotated log, backup saved as "DIR/x.log.2026.11.21.12.00.01.123456789"
[42] [INF] Purged log file "x.log.2020.01.01.00.00.00.000000000"
`,
	})
	l.Noticef("c") // at the same time of day
	wantContent(t, dir, map[string]string{
		"x.log.notes": "old", "x.logs": "old",
		"x.log.2026.11.21.12.00.01.123456790": `[42] [INF] Rotated log, backup saved as "DIR/x.log.2026.11.21.12.00.01.123456789"
[42] [INF] Purged log file "x.log.2020.01.01.00.00.00.000000000"
[42] [INF] c
`,
		"x.log": `[42] [INF] Rotated log, backup saved as "DIR/x.log.2026.11.21.12.00.01.123456790"
[42] [INF] Purged log file "x.log.2026.11.21.12.00.01.123456789"
`,
	})
}

// What a file held when it was opened counts towards the limit.
func TestRotationCountsWhatWasThere(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "x.log")
	if err := os.WriteFile(name, []byte(strings.Repeat("x", 99)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := open(Options{File: name, SizeLimit: 100, UTC: true}, vfs.OS{}, clock.NewFake(noon), process{pid: 42})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	l.Noticef("x")
	if got := content(t, dir); len(got) != 2 || !strings.HasSuffix(got["x.log.2026.11.21.12.00.00.123456789"], "\n[42] [INF] x\n") {
		t.Errorf("files: %v", got)
	}
}

// A file that cannot be moved stays in use and says so once per limit; one that cannot be opened again
// leaves its lines to stderr until it can. No line is lost.
func TestRotationFails(t *testing.T) {
	l, dir, files, _, stderr := logFile(t, Options{UTC: true, SizeLimit: 100})
	files.rename = errors.New("no renaming")
	fifty := "[42] [INF] " + strings.Repeat("x", 50-len("[42] [INF] \n")) + "\n"
	logFifty := func() { l.Noticef("%s", fifty[len("[42] [INF] "):]) }
	for range 4 {
		logFifty()
	}
	grown := strings.Repeat(fifty, 3) + "[42] [INF] Log not rotated: no renaming\n" + fifty
	wantContent(t, dir, map[string]string{"x.log": grown})

	files.rename, files.append = nil, errors.New("no opening")
	logFifty()
	l.Noticef("into the gap")
	files.append = nil
	l.Noticef("new")
	wantContent(t, dir, map[string]string{"x.log.2026.11.21.12.00.00.123456789": grown + fifty, "x.log": "[42] [INF] new\n"})
	if want := "[42] [INF] Log not rotated: error opening file: no opening\n[42] [INF] into the gap\n"; stderr.String() != want {
		t.Errorf("stderr: %s\nwant %s", stderr, want)
	}
}

func TestPurgeFails(t *testing.T) {
	l, dir, files, _, _ := logFile(t, Options{UTC: true, SizeLimit: 1, MaxNum: 1})
	files.remove = errors.New("no removing")
	l.Noticef("a")
	files.list = errors.New("no listing")
	l.Noticef("b")
	got := content(t, dir)
	if want := `Unable to remove log backup "x.log.2026.11.21.12.00.00.123456789": no removing`; !strings.Contains(got["x.log.2026.11.21.12.00.00.123456790"], want) {
		t.Errorf("no %s in %v", want, got)
	}
	if want := `Unable to read directory "DIR/" for log backups: no listing`; !strings.Contains(got["x.log"], want) {
		t.Errorf("no %s in %v", want, got)
	}
}

// Reopen makes a file anew that was moved away, as log rotation by others does.
func TestReopen(t *testing.T) {
	l, dir, files, _, _ := logFile(t, Options{})
	l.Noticef("one")
	if err := os.Rename(filepath.Join(dir, "x.log"), filepath.Join(dir, "moved")); err != nil {
		t.Fatal(err)
	}
	l.Noticef("two")
	l.Reopen()
	l.Noticef("three")
	files.append = errors.New("no opening")
	l.Reopen()
	l.Noticef("four")
	wantContent(t, dir, map[string]string{
		"moved": "[42] [INF] one\n[42] [INF] two\n",
		"x.log": `[42] [INF] File log re-opened
[42] [INF] three
[42] [ERR] File log not re-opened: error opening file: no opening
[42] [INF] four
`,
	})
	l, out, _ := record(t, Options{})
	l.Reopen()
	if want := "[42] [INF] File log re-open ignored, not a file logger\n"; out.String() != want {
		t.Errorf("got %q, want %q", out, want)
	}
}
