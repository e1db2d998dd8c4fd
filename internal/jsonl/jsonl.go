// Package jsonl reads files with a JSON value in each line: what was recorded of stock servers, for the tests that compare
// with it.
package jsonl

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"
)

// Each calls visit with the lines of a file and what they say. A file that cannot be read, or has no lines, fails the test.
func Each[T any](t testing.TB, file string, visit func(line string, v T)) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if len(data) == 0 {
		t.Fatalf("%s is empty", file)
	}
	for line := range bytes.Lines(data) {
		var v T
		if err := json.Unmarshal(line, &v); err != nil {
			t.Fatalf("%s: %v in %s", file, err, line)
		}
		visit(string(bytes.TrimSuffix(line, []byte("\n"))), v)
	}
}

// Read returns what the lines of a file say.
func Read[T any](t testing.TB, file string) (list []T) {
	t.Helper()
	Each(t, file, func(_ string, v T) { list = append(list, v) })
	return list
}
