package consumer

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	stock   = flag.String("stock", "", "write scripts as the server at this address answers; it has JetStream and no streams")
	rewrite = flag.Bool("rewrite", false, "write what scripts give as what they should give")
)

// settle is how long each block of a script lasts at least.
const settle = 40 * time.Millisecond

// Scripts are transcripts of a stock server, which the dispatcher gives again. Each is a sequence of
//
//	commands, one a line; # begins a comment
//	----
//	what came of them, by inbox
//	(an empty line)
//
// Commands are explained in model_test.go, whose backend answers with a dispatcher and a small model of a stream, and
// in stock_test.go, whose backend asks a server (-stock; it writes the scripts). Files named own-*.txt
// are of things in which we differ, and no server is asked.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("%v %v", files, err)
	}
	for _, file := range files {
		own := strings.HasPrefix(filepath.Base(file), "own-")
		if own && *stock != "" {
			continue
		}
		t.Run(filepath.Base(file), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := play(t, string(want))
			if *stock != "" || *rewrite && own {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got != string(want) {
				t.Errorf("%s gives:\n%s", file, difference(got, string(want)))
			}
		})
	}
}

// backend is something that answers scripts.
type backend interface {
	do(command, rest string)        // at once
	wait(d time.Duration)           // lets time go by
	events() (inbox, text []string) // what came since it was last asked, in order
}

func play(t *testing.T, text string) string {
	var b backend
	if *stock != "" {
		b = newStock(t, *stock)
	} else {
		b = newModel(t)
	}
	var out strings.Builder
	skipping := false
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case line == "----":
			b.wait(settle)
			out.WriteString("----\n" + strings.Join(sorted(b.events()), ""))
			skipping = true
		case skipping && line != "":
		default:
			skipping = false
			out.WriteString(line + "\n")
			line, _, _ = strings.Cut(line, "#")
			if command, rest, _ := strings.Cut(strings.TrimSpace(line), " "); command != "" {
				run(t, b, command, strings.TrimSpace(rest))
			}
		}
	}
	return out.String()
}

func run(t *testing.T, b backend, command, rest string) {
	if command != "after" {
		b.do(command, rest)
		return
	}
	d, err := time.ParseDuration(rest)
	if err != nil {
		t.Fatal(err)
	}
	b.wait(d)
}

// sorted are the lines of events, by inbox, else in their order.
func sorted(inbox, text []string) []string {
	order := make([]int, len(inbox))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return strings.Compare(inbox[a], inbox[b]) })
	lines := make([]string, len(order))
	for i, at := range order {
		lines[i] = inbox[at] + ": " + text[at] + "\n"
	}
	return lines
}

// difference shows the lines of got around the first that is not in want.
func difference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	at := 0
	for at < len(g) && at < len(w) && g[at] == w[at] {
		at++
	}
	lines := slices.Clone(g[max(0, at-12):min(len(g), at+12)])
	return strings.Join(lines, "\n") + "\nwhere a stock server gives:\n" + strings.Join(w[min(at, len(w)):min(len(w), at+12)], "\n")
}
