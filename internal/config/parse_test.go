package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"myelin/internal/vfs"
)

// parseText parses one file of the given text.
func parseText(text string) (*Map, error) {
	return Parse(memFS{texts: map[string]string{"nats.conf": text}}, "nats.conf", nil)
}

// TestLineEnds shows what scripts cannot: bytes that editors hide.
func TestLineEnds(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"DOS", "a: 1\r\nb {\r\n c: x\r\n}\r\n", `{"a":1,"b":{"c":"x"}}`},
		{"old Macintosh", "a: 1\rb: x\r", `{"a":1,"b":"x"}`},
		{"DOS block", "a: (\r\nx\r\n)\r\n", `{"a":"\r\nx\r\n"}`},
		{"block at the end of the file", "a: (\nx\n)", `{"a":"\nx\n"}`},
		{"no line end", "a: x", `{"a":"x"}`},
		{"tabs", "a\t:\t1\t,\tb\t2", `{"a":1,"b":2}`},
		{"byte order mark", "\ufeffa: 1", `{"a":1}`},
		{"UTF-8", "é: ü, \"→\": '☃'", `{"é":"ü","→":"☃"}`},
		{"not UTF-8", "a: \"\xff\"", `{"a":"\ufffd"}`},
	} {
		m, err := parseText(test.text)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
		} else if got := treeJSON(m); got != test.want {
			t.Errorf("%s: got %s, want %s", test.name, got, test.want)
		}
	}
	if _, err := parseText("a: 1\nb: \"x\x00y\""); err == nil || err.Error() != "nats.conf:2:6: Parse error: unexpected zero byte" {
		t.Errorf("zero byte: %v", err)
	}
}

// TestPositions shows that a value knows where it was written, also when a variable stands for it.
func TestPositions(t *testing.T) {
	m, err := parseText("V: [x]\n\tname : 'value'\n\"quoted\" { inner: $V }\n")
	if err != nil {
		t.Fatal(err)
	}
	name, quoted := m.Get("name"), m.Get("quoted")
	inner := quoted.Value.Data.(*Map).Get("inner")
	for _, test := range []struct {
		what string
		pos  Pos
		want string
	}{
		{"a name", name.Pos, "nats.conf:2:2"},
		{"a value", name.Value.Pos, "nats.conf:2:10"},
		{"a name in quotes", quoted.Pos, "nats.conf:3:2"},
		{"a map", quoted.Value.Pos, "nats.conf:3:10"},
		{"a variable", inner.Value.Pos, "nats.conf:3:19"},
		{"what it stands for", inner.Value.Data.(Array)[0].Pos, "nats.conf:1:5"},
	} {
		if got := test.pos.String(); got != test.want {
			t.Errorf("%s is at %s, want %s", test.what, got, test.want)
		}
	}
}

// TestBounds shows that no file makes the parser go on for ever, or take memory without end.
func TestBounds(t *testing.T) {
	deep := func(n int) string { return "a: " + strings.Repeat("[", n) + strings.Repeat("]", n) }
	if _, err := parseText(deep(maxDepth)); err != nil {
		t.Errorf("%d levels: %v", maxDepth, err)
	}
	var laughs strings.Builder
	laughs.WriteString("V0: ha\n")
	for i := range 40 {
		fmt.Fprintf(&laughs, "V%d: [$V%d, $V%d]\n", i+1, i, i)
	}
	longName := "V0 { " + strings.Repeat("x", 1<<20) + ": 1 }\nA: [" + strings.Repeat("$V0,", 100) + "]"
	for _, test := range []struct{ name, text, want string }{
		{"deep arrays", deep(maxDepth + 1), "nested deeper than 100 levels"},
		{"deep maps", strings.Repeat("a {", 1_000_000), "nested deeper than 100 levels"},
		{"many braces", strings.Repeat("{", 1_000_000), "expected the name of a field"},
		{"variables of variables", laughs.String(), "the configuration is too large"},
		{"variables of long names", longName, "the configuration is too large"},
	} {
		if _, err := parseText(test.text); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %s", test.name, err, test.want)
		}
	}
}

// TestIncludeBounds shows the same of files that pull in others.
func TestIncludeBounds(t *testing.T) {
	chain, fan := map[string]string{}, map[string]string{}
	for i := range 200 {
		chain[fmt.Sprintf("%d", i)] = fmt.Sprintf("include %d\n", i+1)
		fan[fmt.Sprintf("%d", i)] = strings.Repeat(fmt.Sprintf("include %d\n", i+1), 1000)
	}
	fan["3"] = "a: b\n"
	if _, err := Parse(memFS{texts: chain}, "0", nil); err == nil || !strings.Contains(err.Error(), "nested deeper") {
		t.Errorf("a long chain: %v", err)
	}
	src := &source{fs: memFS{texts: fan}, left: 1 << 20}
	if _, err := src.file("0"); err == nil || !strings.Contains(err.Error(), "too large") {
		t.Errorf("files that include many: %v", err)
	}
	endless := func(name string) (string, bool) { return "$X" + name, true }
	if _, err := Parse(memFS{texts: map[string]string{"0": "a: $X"}}, "0", endless); err == nil || !strings.Contains(err.Error(), "nested deeper") {
		t.Errorf("an endless environment: %v", err)
	}
}

// TestErrorTypes shows how callers tell errors apart.
func TestErrorTypes(t *testing.T) {
	var syntax *Error
	if _, err := parseText("a: "); !errors.As(err, &syntax) || syntax.Pos != (Pos{"nats.conf", 1, 4}) {
		t.Errorf("syntax: %v", err)
	}
	var meaning Errors
	files := memFS{texts: map[string]string{"nats.conf": "a: 1\nb: 2"}}
	if _, err := LoadFile(files, "nats.conf", nil); !errors.As(err, &meaning) || len(meaning) != 2 {
		t.Errorf("meaning: %v", err)
	}
	if _, err := LoadFile(files, "other.conf", nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	files.texts["nats.conf"] = strings.Repeat("port: x\nb: 2\n", 1)
	for i := range 1000 {
		files.texts["nats.conf"] += fmt.Sprintf("f%d: 1\n", i)
	}
	if _, err := LoadFile(files, "nats.conf", nil); !errors.As(err, &meaning) || len(meaning) != maxErrors+1 {
		t.Errorf("many errors: %d", len(meaning))
	}
}

// TestRealFiles shows that names are those of the operating system.
func TestRealFiles(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"nats.conf":    "include sub/a.conf\ninclude '" + filepath.Join(dir, "b.conf") + "'\n",
		"sub/a.conf":   "include c.conf\n",
		"sub/c.conf":   "port: 4333\n",
		"b.conf":       "server_name: x\n",
		"directory.in": "include sub\n",
	} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	c, err := LoadFile(vfs.OS{}, filepath.Join(dir, "nats.conf"), os.LookupEnv)
	if err != nil || c.Port != 4333 || c.ServerName != "x" {
		t.Errorf("got %+v, %v", c, err)
	}
	if _, err := LoadFile(vfs.OS{}, filepath.Join(dir, "directory.in"), nil); err == nil {
		t.Error("a directory was included")
	}
}
