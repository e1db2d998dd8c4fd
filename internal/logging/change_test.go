package logging

import (
	"path/filepath"
	"testing"
)

// A log that is prepared for other options goes on as before until it changes; from then on lines go where they say.
func TestChange(t *testing.T) {
	l, dir, _, _, stderr := logFile(t, Options{})
	l.Noticef("before")
	other := Options{File: filepath.Join(dir, "y.log"), Format: "json", Debug: true}
	change, _, err := l.Prepare(other)
	if err != nil {
		t.Fatal(err)
	}
	l.Noticef("prepared")
	change()
	l.Debugf("changed")
	if _, _, err := l.Prepare(Options{Format: "xml"}); err == nil {
		t.Error("a format that does not exist is taken")
	}
	if _, _, err := l.Prepare(Options{File: filepath.Join(dir, "none", "z.log")}); err == nil {
		t.Error("a folder that does not exist is taken")
	}
	l.Noticef("stays")
	_, drop, err := l.Prepare(Options{})
	if err != nil {
		t.Fatal(err)
	}
	drop()
	if change, _, err = l.Prepare(Options{}); err != nil {
		t.Fatal(err)
	}
	change()
	l.Debugf("not shown")
	l.Noticef("to stderr")
	wantContent(t, dir, map[string]string{
		"x.log": "[42] [INF] before\n[42] [INF] prepared\n",
		"y.log": `{"level":"DEBUG","msg":"changed","pid":42}` + "\n" + `{"level":"INFO","msg":"stays","pid":42}` + "\n",
	})
	if stderr.String() != "[42] [INF] to stderr\n" {
		t.Errorf("stderr: %s", stderr)
	}
}
