package logging

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"myelin/internal/clock"
	"myelin/internal/vfs"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 123456789, time.UTC)

// record opens a log to a buffer, at noon.
func record(t testing.TB, o Options) (*Logger, *bytes.Buffer, *clock.Fake) {
	t.Helper()
	var out bytes.Buffer
	c := clock.NewFake(noon)
	l, err := open(o, vfs.OS{}, c, process{stderr: &out, pid: 42, name: "myelin"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l, &out, c
}

func logEachLevel(l *Logger) {
	l.Tracef("%s - <<- [%s]", "127.0.0.1:5000 - cid:5", "PING")
	l.Debugf("Client connection created")
	l.Noticef("Server is ready")
	l.Warnf("Plaintext passwords detected")
	l.Errorf("authentication error\n")
	l.Fatalf("Error listening on port: %d", 4222)
}

// The lines of a stock server, byte for byte: with and without time, and on a terminal.
func TestTextLines(t *testing.T) {
	all := Options{Debug: true, Trace: true, Time: true, UTC: true}
	plain := all
	plain.Time = false
	for _, row := range []struct {
		options Options
		colour  bool
		want    string
	}{
		{all, false, `[42] 2026/11/21 12:00:00.123456 [TRC] 127.0.0.1:5000 - cid:5 - <<- [PING]
[42] 2026/11/21 12:00:00.123456 [DBG] Client connection created
[42] 2026/11/21 12:00:00.123456 [INF] Server is ready
[42] 2026/11/21 12:00:00.123456 [WRN] Plaintext passwords detected
[42] 2026/11/21 12:00:00.123456 [ERR] authentication error
[42] 2026/11/21 12:00:00.123456 [FTL] Error listening on port: 4222
`},
		{plain, true, "[42] [\x1b[33mTRC\x1b[0m] 127.0.0.1:5000 - cid:5 - <<- [PING]\n" +
			"[42] [\x1b[36mDBG\x1b[0m] Client connection created\n" +
			"[42] [\x1b[32mINF\x1b[0m] Server is ready\n" +
			"[42] [\x1b[0;93mWRN\x1b[0m] Plaintext passwords detected\n" +
			"[42] [\x1b[31mERR\x1b[0m] authentication error\n" +
			"[42] [\x1b[31mFTL\x1b[0m] Error listening on port: 4222\n"},
	} {
		l, out, _ := record(t, row.options)
		l.format.Load().colour = row.colour
		logEachLevel(l)
		if out.String() != row.want {
			t.Errorf("got\n%s\nwant\n%s", out, row.want)
		}
	}
}

func TestLocalTime(t *testing.T) {
	l, out, _ := record(t, Options{Time: true})
	l.Noticef("x")
	if want := "[42] " + noon.Local().Format("2006/01/02 15:04:05.000000") + " [INF] x\n"; out.String() != want {
		t.Errorf("got %q, want %q", out, want)
	}
}

func TestJSONLines(t *testing.T) {
	l, out, _ := record(t, Options{Format: "json", Debug: true, Trace: true, Time: true, UTC: true})
	logEachLevel(l)
	l.Slog().With("cid", 5).WithGroup("client").Warn("slow consumer", "pending", 1<<20, "err", errors.New("late"))
	want := `{"time":"2026-11-21T12:00:00.123456789Z","level":"TRACE","msg":"127.0.0.1:5000 - cid:5 - <<- [PING]","pid":42}
{"time":"2026-11-21T12:00:00.123456789Z","level":"DEBUG","msg":"Client connection created","pid":42}
{"time":"2026-11-21T12:00:00.123456789Z","level":"INFO","msg":"Server is ready","pid":42}
{"time":"2026-11-21T12:00:00.123456789Z","level":"WARN","msg":"Plaintext passwords detected","pid":42}
{"time":"2026-11-21T12:00:00.123456789Z","level":"ERROR","msg":"authentication error\n","pid":42}
{"time":"2026-11-21T12:00:00.123456789Z","level":"FATAL","msg":"Error listening on port: 4222","pid":42}
{"time":"2026-11-21T12:00:00.123456789Z","level":"WARN","msg":"slow consumer","pid":42,"cid":5,"client":{"pending":1048576,"err":"late"}}
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out, want)
	}
	l, out, _ = record(t, Options{Format: "json"})
	l.Noticef("no time")
	if want := `{"level":"INFO","msg":"no time","pid":42}` + "\n"; out.String() != want {
		t.Errorf("got %s, want %s", out, want)
	}
}

func TestSlogInText(t *testing.T) {
	l, out, _ := record(t, Options{})
	s := l.Slog()
	s.Info("plain message")
	s.With("cid", 5).WithGroup("g").Error("two words", "a", "b c", "level", "high", "msg", "inner")
	s.Debug("off")
	s.Log(t.Context(), LevelFatal+1, "beyond", "msg", "kept")
	l.SetLevels(true, true)
	s.Log(t.Context(), LevelTrace-1, "below")
	s.Debug("on")
	want := `[42] [INF] plain message
[42] [ERR] two words cid=5 g.a="b c" g.level=high g.msg=inner
[42] [FTL] beyond msg=kept
[42] [TRC] below
[42] [DBG] on
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out, want)
	}
}

func TestLevelsAreSwitched(t *testing.T) {
	l, out, _ := record(t, Options{Trace: true})
	l.Tracef("a")
	l.Debugf("b")
	l.SetLevels(true, false)
	l.Tracef("c")
	l.Debugf("d")
	l.SetLevels(false, false)
	l.Tracef("e")
	l.Debugf("f")
	if want := "[42] [TRC] a\n[42] [DBG] d\n"; out.String() != want {
		t.Errorf("got %q, want %q", out, want)
	}
	if n := testing.AllocsPerRun(100, func() { l.Tracef("off"); l.Debugf("off") }); n != 0 {
		t.Errorf("what is switched off makes %v allocations", n)
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	for want, o := range map[string]Options{
		`unknown log format "xml": want text or json`: {Format: "xml"},
		"error opening file: open " + dir + "/none/x": {File: dir + "/none/x"},
		"error opening file: open " + dir + ":":       {File: dir},
	} {
		_, err := open(o, vfs.OS{}, clock.Real{}, process{})
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%+v: %v, want %s", o, err, want)
		}
	}
}

// Lines of concurrent writers are whole, and one that logs while it is formatted does not block.
func TestConcurrentLines(t *testing.T) {
	l, out, _ := record(t, Options{Debug: true})
	var writers sync.WaitGroup
	for i := range 8 {
		writers.Go(func() {
			for range 200 {
				l.Noticef("%s", chatty{l, i})
				l.Slog().Info("structured", "who", i)
			}
		})
	}
	for range 50 {
		l.SetLevels(true, false)
		l.SetLevels(false, true)
	}
	writers.Wait()
	whole := regexp.MustCompile(`^\[42\] \[(INF\] writer|ERR\] writer \d speaks|INF\] structured who=\d)`)
	lines := strings.Split(strings.TrimRight(out.String(), "\n"), "\n")
	for _, line := range lines {
		if !whole.MatchString(line) {
			t.Fatalf("torn line %q", line)
		}
	}
	if len(lines) != 8*200*3 {
		t.Errorf("%d lines", len(lines))
	}
}

// chatty logs when it is formatted.
type chatty struct {
	log *Logger
	id  int
}

func (c chatty) String() string {
	c.log.Errorf("writer %d speaks", c.id)
	return fmt.Sprintf("writer %d", c.id)
}

func TestRateLimited(t *testing.T) {
	l, out, c := record(t, Options{})
	limited := l.RateLimited(time.Second, 1)
	for range 5 {
		limited.Warnf("Slow consumer %d%%", 50)
	}
	c.Advance(time.Second)
	limited.Errorf("Slow consumer")
	c.Advance(time.Second - 1)
	limited.Noticef("held")
	c.Advance(1)
	limited.Noticef("again")
	c.Advance(time.Hour)
	limited.Noticef("later")
	want := `[42] [WRN] Slow consumer 50%
[42] [ERR] Slow consumer (and 4 more like it before)
[42] [INF] again (and 1 more like it before)
[42] [INF] later
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out, want)
	}
}

// After a quiet time so many lines are logged at once, and never more than that and one per interval.
func TestRateLimitedBurst(t *testing.T) {
	l, out, c := record(t, Options{})
	limited := l.RateLimited(time.Second, 3)
	for round := range 3 {
		for i := range 5 {
			limited.Noticef("%d.%d", round, i)
		}
		c.Advance([]time.Duration{time.Second, time.Hour, 0}[round])
	}
	want := `[42] [INF] 0.0
[42] [INF] 0.1
[42] [INF] 0.2
[42] [INF] 1.0 (and 2 more like it before)
[42] [INF] 2.0 (and 4 more like it before)
[42] [INF] 2.1
[42] [INF] 2.2
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out, want)
	}
}

func BenchmarkTracefOff(b *testing.B) {
	l, _, _ := record(b, Options{})
	for b.Loop() {
		l.Tracef("off")
	}
}

func BenchmarkNoticef(b *testing.B) {
	l, out, _ := record(b, Options{Time: true})
	for b.Loop() {
		l.Noticef("%s - cid:%d - Client connection created", "127.0.0.1:5000", 5)
		out.Reset()
	}
}

var _ slog.Handler = (*handler)(nil)
