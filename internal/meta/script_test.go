package meta

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"myelin/internal/machine"
)

var rewrite = flag.Bool("rewrite", false, "write what scripts give as what they should give")

// Scripts explain the machine by example. Each is a sequence of
//
//	commands, one a line; # begins a comment
//	----
//	what follows from them
//	(an empty line)
//
// The commands of one block make one entry. Lines that are no commands: `account x` and `limits key=n ...` say
// who asks and what is allowed from there on, `after 1s` lets time go by, `restart` puts a snapshot and its
// restoration between.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("%v %v", files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			x := script{t: t, state: new(State), now: int64(time.Hour), account: "ACME", limits: Unlimited()}
			got := x.run(string(want))
			if *rewrite {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got != string(want) {
				t.Errorf("%s gives (-rewrite to accept):\n%s", file, got)
			}
		})
	}
}

type script struct {
	t       *testing.T
	state   *State
	now     int64
	account string
	limits  Limits
	entry   []byte
	out     strings.Builder
}

func (x *script) run(text string) string {
	skipping := false
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case line == "----":
			x.out.WriteString("----\n")
			x.apply()
			skipping = true
		case skipping && line != "":
		default:
			skipping = false
			x.out.WriteString(line + "\n")
			if command, _, _ := strings.Cut(line, "#"); strings.TrimSpace(command) != "" {
				x.command(strings.Fields(command))
			}
		}
	}
	return x.out.String()
}

func (x *script) command(words []string) {
	switch words[0] {
	case "create":
		q := x.request(words[1:])
		x.entry = (*CreateStream)(q).Encode(x.entry)
	case "update":
		q := x.request(words[1:])
		x.entry = (*UpdateStream)(q).Encode(x.entry)
	case "delete":
		x.entry = DeleteStream{x.account, words[1]}.Encode(x.entry)
	case "removed":
		x.entry = RemovedStream{uint64(x.number(words[1]))}.Encode(x.entry)
	case "bytes":
		for _, word := range words[1:] {
			x.entry = append(x.entry, byte(x.number(word)))
		}
	case "account":
		x.account = words[1]
	case "limits":
		x.limit(words[1:])
	case "after":
		d, err := time.ParseDuration(words[1])
		x.must(err)
		x.now += int64(d)
	case "restart":
		next := new(State)
		x.must(machine.Copy(next, x.state))
		x.state = next
	default:
		x.t.Fatalf("no command: %q", words)
	}
}

// request reads: name and what else the configuration has as JSON, which may be `pedantic` before that.
func (x *script) request(words []string) *Request {
	q := &Request{Account: x.account, Limits: x.limits}
	name := words[0]
	if words = words[1:]; len(words) > 0 && words[0] == "pedantic" {
		q.Pedantic, words = true, words[1:]
	}
	if len(words) > 0 {
		x.must(json.Unmarshal([]byte(strings.Join(words, " ")), &q.Config))
	}
	q.Config.Name = name
	return q
}

func (x *script) limit(words []string) {
	x.limits = Unlimited()
	for _, word := range words {
		key, value, _ := strings.Cut(word, "=")
		to, ok := map[string]*int64{
			"streams": &x.limits.MaxStreams, "memory": &x.limits.MaxMemory, "storage": &x.limits.MaxStorage,
			"memory_stream": &x.limits.MaxMemoryStream, "storage_stream": &x.limits.MaxStorageStream,
			"server_memory": &x.limits.ServerMemory, "server_storage": &x.limits.ServerStorage,
		}[key]
		switch {
		case ok:
			*to = x.number(value)
		case key == "bytes_required":
			x.limits.MaxBytesRequired = true
		case key != "none":
			x.t.Fatalf("no limit: %s", key)
		}
	}
}

func (x *script) number(s string) int64 {
	n, err := strconv.ParseInt(s, 0, 64)
	x.must(err)
	return n
}

func (x *script) must(err error) {
	if err != nil {
		x.t.Helper()
		x.t.Fatal(err)
	}
}

// apply ends a block: it applies the entry and writes what follows and what then is.
func (x *script) apply() {
	var fx Effects
	x.state.Apply(machine.Entry{Time: x.now, Data: x.entry}, &fx)
	x.entry = nil
	for _, r := range fx.Replies {
		switch {
		case r.Err != nil:
			fmt.Fprintf(&x.out, "refused: %v\n", r.Err)
		case r.Stream == nil:
			x.out.WriteString("ok\n")
		case r.Created:
			fmt.Fprintf(&x.out, "created %s\n", r.Stream.Config.Name)
		default:
			fmt.Fprintf(&x.out, "ok %s\n", r.Stream.Config.Name)
		}
	}
	for _, s := range fx.Changed {
		fmt.Fprintf(&x.out, "  changed %s\n", show(s))
	}
	for _, s := range fx.Deleted {
		fmt.Fprintf(&x.out, "  deleted %s\n", show(s))
	}
	for s := range x.state.All() {
		fmt.Fprintf(&x.out, "  = %s\n", show(s))
	}
	for _, s := range x.state.Deleting() {
		fmt.Fprintf(&x.out, "  = %s, to be removed\n", show(s))
	}
}

func show(s *Stream) string {
	text := fmt.Sprintf("%s %s in group %d since %v", s.Account, s.Config.Name, s.Group, time.Duration(s.Created))
	if len(s.Config.Subjects) > 0 {
		text += ", " + strings.Join(s.Config.Subjects, " ")
	}
	if s.Config.MaxBytes > 0 {
		text += fmt.Sprintf(", %d bytes of %v", s.Config.MaxBytes, s.Config.Storage)
	}
	if s.Config.MirrorDirect {
		text += ", mirror direct"
	}
	return text
}
