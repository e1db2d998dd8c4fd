package config

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"myelin/internal/vfs"
)

var rewrite = flag.Bool("rewrite", false, "write what the scripts give into them")

// TestScripts runs the cases of testdata/script. A case is a line === with its name and sections that begin with ---:
// files by their name (the configuration is nats.conf), "env" with NAME=value lines, and "args" with a command line
// (default: -c nats.conf). The last section is what has to come out: "tree" is the parsed file as JSON, "config" the
// fields that are not at their default, with warnings, "digest" the digest of the file. Each is an error if there is
// one. Run with -rewrite to record what comes out, and read the difference.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/script/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) { runScript(t, file) })
	}
}

func runScript(t *testing.T, file string) {
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(string(data), "\n=== ")
	out := parts[0]
	for _, part := range parts[1:] {
		name, rest, _ := strings.Cut(part, "\n")
		c := parseCase(strings.TrimRight(rest, "\n") + "\n")
		got := c.run()
		if !*rewrite && got != c.want {
			t.Errorf("%s\n got: %s\nwant: %s", name, got, c.want)
		}
		out += "\n=== " + name + "\n" + c.head + got
	}
	if *rewrite {
		if err := os.WriteFile(file, []byte(out), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// scriptCase is one case of a script.
type scriptCase struct {
	files memFS
	env   map[string]string
	args  []string
	kind  string // of output
	want  string
	head  string // all before want, as it was written
}

func parseCase(text string) *scriptCase {
	c := &scriptCase{files: memFS{texts: map[string]string{}}, env: map[string]string{}, args: []string{"-c", "nats.conf"}}
	for section := range strings.SplitSeq(text, "--- ") {
		name, body, _ := strings.Cut(section, "\n")
		switch name {
		case "":
		case "env":
			for line := range strings.Lines(body) {
				key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
				c.env[key] = value
			}
		case "args":
			c.args = strings.Fields(body)
		case "tree", "config", "digest":
			c.kind, c.want = name, body
			c.head = strings.TrimSuffix(text, body)
		default:
			c.files.texts[name] = body
		}
	}
	return c
}

func (c *scriptCase) run() string {
	lookup := func(name string) (string, bool) {
		value, ok := c.env[name]
		return value, ok
	}
	out, err := c.output(lookup)
	if err != nil {
		out = "error: " + err.Error() + "\n"
	}
	return out
}

func (c *scriptCase) output(lookup LookupEnv) (string, error) {
	if c.kind == "tree" {
		m, err := Parse(c.files, "nats.conf", lookup)
		if err != nil {
			return "", err
		}
		return treeJSON(m) + "\n", nil
	}
	f, err := ParseFlags(c.args)
	if err != nil {
		return "", err
	}
	if f.Action != Run {
		return fmt.Sprintf("action %d %+v\n", f.Action, f.Signal), nil
	}
	config, err := f.Load(c.files, lookup)
	if err != nil {
		return "", err
	}
	if c.kind == "digest" {
		return config.Digest + "\n", nil
	}
	return describe(config), nil
}

// describe lists the fields of a configuration that are not at their default.
func describe(c *Config) string {
	base := Default()
	base.File, base.Digest, base.HTTPHost = c.File, c.Digest, c.Host
	var b strings.Builder
	describeStruct(&b, "", reflect.ValueOf(*c), reflect.ValueOf(*base))
	if b.Len() == 0 {
		return "default\n"
	}
	return b.String()
}

func describeStruct(b *strings.Builder, prefix string, v, base reflect.Value) {
	for i := range v.NumField() {
		name, field := prefix+v.Type().Field(i).Name, v.Field(i)
		switch {
		case field.Kind() == reflect.Struct:
			describeStruct(b, name+".", field, base.Field(i))
		case name == "Warnings":
			for _, warning := range field.Interface().([]string) {
				fmt.Fprintf(b, "warning: %s\n", warning)
			}
		case !reflect.DeepEqual(field.Interface(), base.Field(i).Interface()):
			fmt.Fprintf(b, "%s = %+v\n", name, field.Interface())
		}
	}
}

// treeJSON writes a tree as its digest sees it.
func treeJSON(m *Map) string {
	var b strings.Builder
	writeJSON(&b, m)
	return b.String()
}

// memFS holds files by name, for reading. The rest of vfs.FS is not there to be called.
type memFS struct {
	vfs.FS
	texts map[string]string
}

func (m memFS) Open(name string) (vfs.File, error) {
	text, ok := m.texts[filepath.ToSlash(name)]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return &memFile{reader: strings.NewReader(text)}, nil
}

type memFile struct {
	vfs.File
	reader *strings.Reader
}

func (f *memFile) Read(p []byte) (int, error) { return f.reader.Read(p) }
func (f *memFile) Close() error               { return nil }
