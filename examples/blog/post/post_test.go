package post

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
)

// A name is made of what a reader would recognise of the title.
func TestName(t *testing.T) {
	for title, want := range map[string]string{
		"Hello":                     "hello",
		"  Hello, World!  ":         "hello-world",
		"C++ & Go: 2 languages":     "c-go-2-languages",
		"Über Öl":                   "über-öl",
		"日本語":                       "日本語",
		"../../etc/passwd":          "etc-passwd",
		`..\windows\system.ini`:     "windows-system-ini",
		"a/b":                       "a-b",
		"a\x00b":                    "a-b",
		strings.Repeat("word ", 50): strings.TrimSuffix(strings.Repeat("word-", 12), "-"),
	} {
		got, err := Name(title)
		if err != nil || got != want {
			t.Errorf("the name of %q is %q (%v) instead of %q", title, got, err, want)
		}
	}
}

// Titles without letters and digits have no name.
func TestNoName(t *testing.T) {
	for _, title := range []string{"", " ", "...", "../..", "!?"} {
		if got, err := Name(title); !errors.Is(err, ErrNoName) {
			t.Errorf("the name of %q is %q (%v)", title, got, err)
		}
	}
}

// Whatever the title, a name stays within its folder.
func FuzzName(f *testing.F) {
	f.Add("Hello, World!")
	f.Add("../../etc/passwd")
	f.Fuzz(func(t *testing.T, title string) {
		name, err := Name(title)
		if err != nil {
			return
		}
		if !fs.ValidPath(name) || strings.ContainsAny(name, `./\:`+"\x00") {
			t.Errorf("the name of %q is %q", title, name)
		}
	})
}
