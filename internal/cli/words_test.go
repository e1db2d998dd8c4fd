package cli

import (
	"slices"
	"testing"
)

func TestSplitWords(t *testing.T) {
	for line, want := range map[string][]string{
		`echo hello`:                       {"echo", "hello"},
		"  a\tb\n":                         {"a", "b"},
		`sh -c 'echo "a b"' ''`:            {"sh", "-c", `echo "a b"`, ""},
		`a"b c"d e\ f`:                     {"ab cd", "e f"},
		`"a \"b\" \c"`:                     {`a "b" \c`},
		`say {{ Random 1 2 }} {{.Count}}x`: {"say", "{{ Random 1 2 }}", "{{.Count}}x"},
	} {
		got, err := splitWords(line)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("splitWords(%q) = %q, %v; want %q", line, got, err, want)
		}
	}
	for _, line := range []string{"", "  ", `a 'b`, `"a`, `{{a`, `"a\`} {
		if got, err := splitWords(line); err == nil {
			t.Errorf("splitWords(%q) = %q", line, got)
		}
	}
}
