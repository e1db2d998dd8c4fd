package stream

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"myelin/internal/bin"
	"myelin/internal/machine"
)

// lab drives a State by hand.
type lab struct {
	t     *testing.T
	state *State
	now   int64
	fx    Effects
}

func newLab(t *testing.T, cfg Config) *lab {
	x := &lab{t: t, state: new(State), now: int64(time.Hour)}
	x.configure(cfg)
	return x
}

func (x *lab) configure(cfg Config) {
	x.t.Helper()
	cfg.Name = "T"
	checked, refused := Check(cfg, Bounds{}, false)
	if refused != nil {
		x.t.Fatal(refused)
	}
	if r := x.do(Configure{checked}); r.Err != nil {
		x.t.Fatal(r.Err)
	}
}

// do applies one command, and restarts the machine.
func (x *lab) do(command any) Reply {
	x.t.Helper()
	x.fx.Reset()
	x.state.Apply(machine.Entry{Time: x.now, Data: encode(command)}, &x.fx)
	if len(x.fx.Replies) != 1 {
		x.t.Fatalf("%d replies to one command", len(x.fx.Replies))
	}
	next := new(State)
	if err := machine.Copy(next, x.state); err != nil {
		x.t.Fatal(err)
	}
	x.state = next
	return x.fx.Replies[0]
}

// stored describes what the last command stored.
func (x *lab) stored() string {
	var out strings.Builder
	for _, m := range x.fx.Stored {
		fmt.Fprintf(&out, "%d %s %q %s\n", m.Seq, m.Subject, m.Header, m.Body)
	}
	return out.String()
}

func headerOf(fields ...string) []byte {
	if len(fields) == 0 {
		return nil
	}
	return []byte("NATS/1.0\r\n" + strings.Join(fields, "\r\n") + "\r\n\r\n")
}

func (x *lab) want(r Reply, answered, stored string) {
	x.t.Helper()
	if got := answer(r); got != answered {
		x.t.Errorf("answered %q, want %q", got, answered)
	}
	if got := x.stored(); got != stored {
		x.t.Errorf("stored\n%swant\n%s", got, stored)
	}
}

// A mirror keeps sequences, times and headers, but for what was said to its origin; what the origin does not
// have is missing in it, too; nothing is taken twice.
func TestMirror(t *testing.T) {
	x := newLab(t, Config{Mirror: &Source{Name: "O"}, AllowTTL: true, Transform: &SubjectTransform{"a.>", "b.>"}})
	o := x.state.Origins()[0]
	if !o.Mirror || o.Source.Name != "O" || o.Seq != 0 {
		t.Fatalf("%+v", o)
	}
	message := func(seq uint64, fields ...string) *Copy {
		return &Copy{o.Number, seq, 0, 1000 + int64(seq), Append{1, []byte("a.x"), headerOf(fields...), []byte("body")}}
	}
	x.want(x.do(message(3, "Nats-Expected-Last-Sequence: 2", "Nats-Batch-Id: 1")), "3 0 false", "3 b.x \"\" body\n")
	if x.fx.Stored[0].Time != 1003 {
		t.Errorf("stored at %d", x.fx.Stored[0].Time)
	}
	x.want(x.do(message(3)), "0 0 true", "")
	x.want(x.do(message(5, "Nats-Stream-Source: S 1 > > a", "Nats-Expected-Stream: O", "A:b")), "5 0 false",
		`5 b.x "NATS/1.0\r\nNats-Stream-Source: S 1 > > a\r\nA:b\r\n\r\n" body`+"\n")
	x.want(x.do(message(6, "Nats-TTL: 1m")), "6 0 false", `6 b.x "NATS/1.0\r\nNats-TTL: 1m\r\n\r\n" body`+"\n")
	if got, want := x.state.Deadline(), 1006+int64(time.Minute); got != want {
		t.Errorf("expires at %d, want %d", got, want)
	}
	if i := x.state.Info(); i.First != 3 || i.Last != 6 || i.Deleted != 1 {
		t.Errorf("%+v", i)
	}
	x.want(x.do(Skip{o.Number, 8, false}), "0 0 false", "")
	x.want(x.do(Skip{o.Number, 7, true}), "0 0 false", "")
	if x.state.Origins()[0].Seq != 8 || x.state.Info().Last != 7 {
		t.Errorf("skipped to %d, %d", x.state.Origins()[0].Seq, x.state.Info().Last)
	}
	x.want(x.do(message(8)), "0 0 true", "")
	x.want(x.do(&Append{Span: 1, Subject: []byte("a.x")}), "bad request (10003)", "")
	// A purge may move the mirror ahead of its origin, which it then waits for.
	x.do(Purge{Before: 11})
	x.want(x.do(message(10)), "0 0 true", "")
	x.want(x.do(message(11)), "11 0 false", "11 b.x \"\" body\n")
	// Without its origin it is a stream of its own, and goes on.
	x.configure(Config{Subjects: []string{"own"}})
	x.want(x.do(message(12)), "bad request (10003)", "")
	x.want(x.do(&Append{Span: 1, Subject: []byte("own")}), "12 0 false", "12 own \"\" \n")
}

// Copies of sources say where they are from, go by the limits of this stream, and are taken once each.
func TestSources(t *testing.T) {
	first := Source{Name: "A"}
	second := Source{Name: "A", Transforms: []SubjectTransform{{"a.x", "z.x"}, {"a.y", ""}}}
	cfg := Config{Sources: []Source{first, second}, MaxMsgSize: 120, DuplicateWindow: time.Minute}
	x := newLab(t, cfg)
	list := x.state.Origins()
	x.want(x.do(Follow{list[1].Number, "id234567", 4, ""}), "0 0 false", "")
	if changed := x.state.Origins()[1]; changed.Number == list[1].Number || changed.Seq != 4 || changed.Identity != "id234567" {
		t.Fatalf("%+v", changed)
	}
	message := func(origin int, seq uint64, subject string, fields ...string) *Copy {
		return &Copy{x.state.Origins()[origin].Number, seq, 0, 1, Append{1, []byte(subject), headerOf(fields...), []byte("body")}}
	}
	x.want(x.do(message(0, 5, "a.x", "Nats-Stream-Source: S 1 > > a", "Nats-Msg-Id: 1")), "1 0 false",
		`1 a.x "NATS/1.0\r\nNats-Msg-Id: 1\r\nNats-Stream-Source: A 5 > > a.x\r\n\r\n" body`+"\n")
	if got := x.fx.Stored[0].Time; got != x.now {
		t.Errorf("stored at %d", got)
	}
	x.want(x.do(message(1, 5, "a.x")), "2 0 false", `2 z.x "NATS/1.0\r\nNats-Stream-Source: A 5 a.x\fa.y z.x\f> a.x id234567\r\n\r\n" body`+"\n")
	x.want(x.do(message(1, 6, "a.y")), "3 0 false", `3 a.y "NATS/1.0\r\nNats-Stream-Source: A 6 a.x\fa.y z.x\f> a.y id234567\r\n\r\n" body`+"\n")
	x.want(x.do(message(1, 9, "a.z")), "0 0 true", "")
	x.want(x.do(message(0, 6, "a.x", "Nats-Msg-Id: 1")), "1 0 true", "")
	x.want(x.do(message(0, 7, "a.x", "Long: "+strings.Repeat("x", 120))), "message size exceeds maximum allowed (10054)", "")
	if list := x.state.Origins(); list[0].Seq != 6 || list[1].Seq != 9 {
		t.Fatalf("%+v", list)
	}
	// What comes after a copy that was refused is refused with it.
	behind := message(0, 8, "a.x")
	behind.After = 7
	x.want(x.do(behind), "bad request (10003)", "")
	// What the stream does not allow is kept as text, and does nothing.
	x.want(x.do(message(0, 8, "a.x", "Nats-Rollup: all", "Nats-TTL: no")), "4 0 false",
		`4 a.x "NATS/1.0\r\nNats-Rollup: all\r\nNats-TTL: no\r\nNats-Stream-Source: A 8 > > a.x\r\n\r\n" body`+"\n")
	if x.state.Info().Messages != 4 {
		t.Errorf("%+v", x.state.Info())
	}
	// An origin that comes back goes on where it was; one that is another incarnation begins anew.
	cfg.Sources = cfg.Sources[1:]
	x.configure(cfg)
	cfg.Sources = []Source{second, first}
	x.configure(cfg)
	if list := x.state.Origins(); list[1].Seq != 8 || list[0].Seq != 9 {
		t.Fatalf("%+v", list)
	}
	late := message(0, 2, "a.x")
	x.do(Follow{x.state.Origins()[0].Number, "another", 1, ""})
	x.want(x.do(late), "bad request (10003)", "")
	x.want(x.do(message(0, 2, "a.y")), "5 0 false", `5 a.y "NATS/1.0\r\nNats-Stream-Source: A 2 a.x\fa.y z.x\f> a.y another\r\n\r\n" body`+"\n")
	x.want(x.do(Follow{x.state.Origins()[0].Number, "another", 0, ""}), "0 0 false", "")
	x.want(x.do(Follow{x.state.Origins()[0].Number, "a b", 0, ""}), "bad request (10003)", "")
	x.want(x.do(Follow{99, "a", 0, ""}), "bad request (10003)", "")
	x.want(x.do(Follow{x.state.Origins()[0].Number, "a", 0, "b c"}), "bad request (10003)", "")
}

func entryOf(now int64, command any) machine.Entry {
	return machine.Entry{Time: now, Data: encode(command)}
}

// An update may take the mirror away, which makes the stream one of its own, and nothing else about it.
func TestMirrorIsPromotedByUpdate(t *testing.T) {
	old, refused := Check(Config{Name: "T", Mirror: &Source{Name: "O"}}, Bounds{}, false)
	if refused != nil {
		t.Fatal(refused)
	}
	promoted, refused := CheckUpdate(old, Config{Name: "T", Subjects: []string{"own"}}, Bounds{}, false)
	if refused != nil || promoted.DuplicateWindow != defaultWindow {
		t.Fatalf("%+v, %v", promoted, refused)
	}
	for want, cfg := range map[string]Config{
		"stream mirror configuration can not be updated (10055)": {Name: "T", Mirror: &Source{Name: "P"}},
		"stream mirrors can not contain subjects (10034)":        {Name: "T", Mirror: &Source{Name: "O"}, Subjects: []string{"own"}},
	} {
		if _, refused := CheckUpdate(promoted, cfg, Bounds{}, false); refused == nil || refused.Error() != want {
			t.Errorf("%v, want %s", refused, want)
		}
	}
}

// Marks call an incarnation what Follow says, also after a snapshot; one that was followed by its identity alone keeps that.
func TestMarksNameIncarnations(t *testing.T) {
	x := newLab(t, Config{Sources: []Source{{Name: "A"}}})
	long := strings.Repeat("0f", 16)
	mark := func(seq uint64) string {
		x.do(&Copy{x.state.Origins()[0].Number, seq, 0, 1, Append{1, []byte("a"), nil, nil}})
		return string(x.fx.Stored[0].Header)
	}
	x.do(Follow{x.state.Origins()[0].Number, long, 0, ""})
	if got, want := mark(1), "NATS/1.0\r\nNats-Stream-Source: A 1 > > a "+long+"\r\n\r\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	before := x.state.Origins()[0]
	x.do(Follow{before.Number, long, 9, "id234567"}) // it is the same
	if after := x.state.Origins()[0]; after.Number != before.Number || after.Identity != long || after.Seq != 1 {
		t.Errorf("%+v was %+v", after, before)
	}
	x.do(Follow{before.Number, "other", 0, "id234567"})
	snapshot := x.state.origins.snapshot(nil)
	x.state.origins.restore(bin.NewReader(snapshot))
	if o := x.state.Origins()[0]; o.Identity != "other" || o.Number == before.Number {
		t.Errorf("%+v", o)
	}
	if got, want := mark(1), "NATS/1.0\r\nNats-Stream-Source: A 1 > > a id234567\r\n\r\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
