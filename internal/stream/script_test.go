package stream

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

	"myelin/internal/header"
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
// The commands of one block make one entry. Lines that are no commands: `after 1s` lets time go by,
// `restart` puts a snapshot and its restoration between.
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
			x := script{t: t, state: new(State), now: int64(time.Hour), due: map[uint64]int64{}}
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
	t     *testing.T
	state *State
	now   int64
	fx    Effects
	entry []byte
	due   map[uint64]int64 // what was asked for
	out   strings.Builder
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

// command adds to the entry, or does what is no command once the block ends.
func (x *script) command(words []string) {
	switch words[0] {
	case "configure":
		var cfg Config
		x.must(json.Unmarshal([]byte(strings.Join(words[1:], " ")), &cfg))
		cfg.Name = "ORDERS"
		checked, err := Check(cfg, Bounds{}, false)
		if err != nil {
			x.t.Fatal(err)
		}
		x.entry = Configure{checked}.Encode(x.entry)
	case "publish":
		a := x.publish(words[1:])
		x.entry = a.Encode(x.entry)
	case "delete":
		x.entry = Delete{x.number(words[1]), len(words) > 2 && words[2] == "erase"}.Encode(x.entry)
	case "purge":
		var p Purge
		for _, word := range words[1:] {
			switch key, value, _ := strings.Cut(word, "="); key {
			case "filter":
				p.Filter = value
			case "before":
				p.Before = x.number(value)
			case "keep":
				p.Keep = x.number(value)
			}
		}
		x.entry = p.Encode(x.entry)
	case "tick":
		x.entry = Tick{}.Encode(x.entry)
	case "copy":
		c := &Copy{Origin: x.number(words[1]), Seq: x.number(words[2]), Time: x.now, Append: *x.publish(words[3:])}
		x.entry = c.Encode(x.entry)
	case "skip":
		x.entry = Skip{x.number(words[1]), x.number(words[2]), len(words) > 3 && words[3] == "gone"}.Encode(x.entry)
	case "follow":
		x.entry = Follow{x.number(words[1]), words[2], x.number(words[3]), ""}.Encode(x.entry)
	case "batch":
		b := &Batch{ID: []byte(words[1])}
		for _, subject := range words[2:] {
			b.Messages = append(b.Messages, *x.publish([]string{subject}))
		}
		x.entry = b.Encode(x.entry)
	case "fast":
		c, ok := ParseFast([]byte(words[1] + fastSuffix))
		if !ok {
			x.t.Fatalf("no fast batch: %q", words)
		}
		c.Append = *x.publish(words[2:])
		x.entry = c.Encode(x.entry)
	case "fire":
		seq := x.number(words[1])
		f := &Fire{Seq: seq, Time: x.due[seq], Schedule: x.publish(words[1:]).Header}
		f.Header = f.Schedule
		x.entry = f.Encode(x.entry)
	case "bytes":
		for _, word := range words[1:] {
			x.entry = append(x.entry, byte(x.number(word)))
		}
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

// publish reads: subject, size=n, span=n, and header fields as key:value.
func (x *script) publish(words []string) *Append {
	a := &Append{Span: 1, Subject: []byte(words[0])}
	fields := []byte(nil)
	for _, word := range words[1:] {
		if n, ok := strings.CutPrefix(word, "size="); ok {
			a.Body = make([]byte, x.number(n))
		} else if n, ok := strings.CutPrefix(word, "span="); ok {
			a.Span = uint32(x.number(n))
		} else {
			key, value, _ := strings.Cut(word, ":")
			fields = header.AppendField(fields, key, strings.ReplaceAll(value, "_", " "))
		}
	}
	if fields != nil {
		a.Header = header.AppendEnd(append(header.AppendStart(nil), fields...))
	}
	return a
}

func (x *script) number(s string) uint64 {
	n, err := strconv.ParseUint(s, 0, 64)
	x.must(err)
	return n
}

func (x *script) must(err error) {
	if err != nil {
		x.t.Helper()
		x.t.Fatal(err)
	}
}

// apply ends a block: it applies the entry, if there is one, and writes what follows and what then is.
func (x *script) apply() {
	x.fx.Reset()
	if x.entry != nil {
		x.state.Apply(machine.Entry{Time: x.now, Data: x.entry}, &x.fx)
		x.entry = nil
	}
	for _, r := range x.fx.Replies {
		switch {
		case r.Fast:
			fmt.Fprintf(&x.out, "answers %s\n", strings.Join(frameTexts(r), ", "))
		case r.Err != nil:
			fmt.Fprintf(&x.out, "refused: %v\n", r.Err)
		case r.Count > 0:
			fmt.Fprintf(&x.out, "ack %d for all %d of batch %s\n", r.Seq, r.Count, r.Batch)
		case r.Value != nil:
			fmt.Fprintf(&x.out, "ack %d, the sum is %s\n", r.Seq, r.Value)
		case r.Duplicate:
			fmt.Fprintf(&x.out, "duplicate of %d\n", r.Seq)
		case r.Seq > 0:
			fmt.Fprintf(&x.out, "ack %d\n", r.Seq)
		case r.Removed > 0:
			fmt.Fprintf(&x.out, "removed %d\n", r.Removed)
		default:
			x.out.WriteString("ok\n")
		}
	}
	for _, s := range x.fx.Stored {
		fmt.Fprintf(&x.out, "  stored %d", s.Seq)
		if s.Span > 1 {
			fmt.Fprintf(&x.out, "-%d", s.Seq+uint64(s.Span)-1)
		}
		fmt.Fprintf(&x.out, " %s", s.Subject)
		if s.Previous > 0 {
			fmt.Fprintf(&x.out, " after %d", s.Previous)
		}
		x.out.WriteString("\n")
	}
	for _, g := range x.fx.Gone {
		fmt.Fprintf(&x.out, "  %s %d", g.Reason, g.First)
		if g.Last > g.First {
			fmt.Fprintf(&x.out, "-%d", g.Last)
		}
		x.out.WriteString("\n")
	}
	for _, d := range x.fx.Due {
		x.due[d.Seq] = d.Time
		fmt.Fprintf(&x.out, "  due %d", d.Seq)
		if d.Sample > 0 {
			fmt.Fprintf(&x.out, " with what is in %d", d.Sample)
		}
		x.out.WriteString("\n")
	}
	x.show()
}

// frameTexts are the answers to a message of a fast batch.
func frameTexts(r Reply) (texts []string) {
	for _, f := range r.Frames {
		switch f.Kind {
		case FrameAck:
			texts = append(texts, fmt.Sprintf("ack up to %d, then every %d", f.Seq, f.Other))
		case FrameGap:
			texts = append(texts, fmt.Sprintf("gap from %d to %d", f.Other, f.Seq))
		case FrameErr:
			texts = append(texts, fmt.Sprintf("%d is refused: %v", f.Seq, f.Err))
		case FrameDone:
			if r.Err != nil {
				texts = append(texts, fmt.Sprintf("refused: %v", r.Err))
			} else {
				texts = append(texts, fmt.Sprintf("ack %d for %d of batch %s", r.Seq, r.Count, r.Batch))
			}
		}
	}
	if texts == nil {
		texts = []string{"nothing"}
	}
	return texts
}

func (x *script) show() {
	i := x.state.Info()
	fmt.Fprintf(&x.out, "  = %d messages, %d bytes, %d to %d, %d subjects", i.Messages, i.Bytes, i.First, i.Last, i.Subjects)
	if i.Deleted > 0 {
		x.out.WriteString(", without")
		for first, last := range x.state.Deleted() {
			fmt.Fprintf(&x.out, " %d", first)
			if last > first {
				fmt.Fprintf(&x.out, "-%d", last)
			}
		}
	}
	for _, o := range x.state.Origins() {
		fmt.Fprintf(&x.out, "; %s at %d", o.Source.Name, o.Seq)
	}
	if d := x.state.Deadline(); d > 0 {
		fmt.Fprintf(&x.out, "; tick in %v", time.Duration(d-x.now))
	}
	x.out.WriteString("\n")
}
