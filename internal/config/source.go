package config

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"myelin/internal/vfs"
)

// What a configuration may cost to read. Variables and includes can repeat text without end; these bounds hold
// for all that a file pulls in, together.
const (
	maxTreeBytes = 64 << 20 // text that is read, and the values that it stands for
	maxDepth     = 100      // maps, arrays, includes and environment variables in each other
	valueBytes   = 64       // what a value costs beside its text
)

// LookupEnv finds an environment variable, as os.LookupEnv does.
type LookupEnv func(name string) (value string, ok bool)

// source is where text comes from. It is shared by a file and all that the file refers to.
type source struct {
	fs     vfs.FS
	lookup LookupEnv

	files     []string // that include each other down to the one being read
	variables []string // of the environment, likewise
	depth     int      // of the value being read
	left      int      // of maxTreeBytes
}

// Parse reads a configuration file into a tree. Without a lookup there are no environment variables.
func Parse(fs vfs.FS, file string, lookup LookupEnv) (*Map, error) {
	src := &source{fs: fs, lookup: lookup, left: maxTreeBytes}
	return src.file(file)
}

// file parses a file.
func (s *source) file(name string) (*Map, error) {
	text, err := s.read(name)
	if err != nil {
		return nil, err
	}
	s.files = append(s.files, filepath.Clean(name))
	defer func() { s.files = s.files[:len(s.files)-1] }()
	return newParser(s, name, text).document()
}

// read returns a file's text without a byte order mark. What is read need not be a file with a size.
func (s *source) read(name string) (string, error) {
	f, err := s.fs.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxTreeBytes+1))
	if err != nil {
		return "", err
	}
	return strings.TrimPrefix(string(text), "\ufeff"), nil
}

// include parses a file that is named in the one being read, relative to that.
func (s *source) include(name string) (*Map, error) {
	if !filepath.IsAbs(name) {
		name = filepath.Join(filepath.Dir(s.files[len(s.files)-1]), name)
	}
	if slices.Contains(s.files, filepath.Clean(name)) {
		return nil, fmt.Errorf("include cycle for %q", name)
	}
	return s.file(name)
}

// variable parses the value of an environment variable; found is false when there is none of that name.
func (s *source) variable(name string) (v *Value, found bool, err error) {
	if s.lookup == nil {
		return nil, false, nil
	}
	text, found := s.lookup(name)
	if !found {
		return nil, false, nil
	}
	if slices.Contains(s.variables, name) {
		return nil, true, fmt.Errorf("variable reference cycle for '%s'", name)
	}
	s.variables = append(s.variables, name)
	defer func() { s.variables = s.variables[:len(s.variables)-1] }()
	v, err = newParser(s, "$"+name, text).lone()
	return v, true, err
}

// charge counts what has been read against the bound of all.
func (s *source) charge(bytes int) error {
	if bytes > s.left {
		return errors.New("the configuration is too large")
	}
	s.left -= bytes
	return nil
}
