package config

import (
	"encoding/json"
	"strings"
	"testing"
)

// FuzzParse shows that no text of a file, of an included file and of an environment variable, which may refer to each
// other, does anything but give a tree or an error; that a tree is what its digest says; and that the same holds for
// decoding it.
func FuzzParse(f *testing.F) {
	f.Add("port: 4222\ninclude a\nhost: $A", "server_name: x", "[1, 2k]")
	f.Fuzz(func(t *testing.T, file, included, variable string) {
		files := memFS{texts: map[string]string{"nats.conf": file, "a": included}}
		lookup := func(name string) (string, bool) { return variable, name == "A" || name == "B" }
		src := &source{fs: files, lookup: lookup, left: 1 << 20}
		m, err := src.file("nats.conf")
		if err != nil {
			return
		}
		text := treeJSON(m)
		if !json.Valid([]byte(text)) {
			t.Errorf("not JSON: %s", text)
		}
		again, err := Parse(files, "nats.conf", lookup)
		if err != nil || digest(again) != digest(m) {
			t.Errorf("parsed again: %v", err)
		}
		if c, err := LoadFile(files, "nats.conf", lookup); err == nil {
			if err := c.Validate(); err != nil {
				t.Errorf("loaded, but not valid: %v", err)
			}
		}
	})
}

// FuzzParseFlags shows that no command line does anything but give flags or an error.
func FuzzParseFlags(f *testing.F) {
	f.Add("-p 4222 -D=false --name x -c nats.conf")
	f.Fuzz(func(t *testing.T, line string) {
		flags, err := ParseFlags(strings.Fields(line))
		if err != nil {
			return
		}
		c, err := flags.Load(memFS{texts: map[string]string{"nats.conf": "port: 1"}}, nil)
		if err == nil && c.Validate() != nil {
			t.Errorf("loaded, but not valid: %v", c.Validate())
		}
	})
}
