package stream

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"
)

// What a stock server takes for a schedule, and what it refuses.
func TestPatternsAreStocks(t *testing.T) {
	for _, pattern := range []string{
		"@at 2099-01-01T00:00:00Z", "@at 2099-01-01T00:00:00+02:00", "@at 2099-01-01T00:00:00.123456789Z", "@at 2000-01-01T00:00:00Z",
		"@every 1h", "@every 1s", "@every 1500ms", "@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@annually", "@yearly",
		"0 0 0 1 1 *", "* * * * * 6", "* * * * * SUN", "* * * * * sun-fri", "* * * * JAN,feb *", "0-59/15 * * * * *", "*/15 * * * * *",
		"5/15 * * * * *", "0 0 0 29 2 *", "? ? ? ? ? ?", "0 0 0 ? * *", "1,2,3 * * * * *", "  0 0 0 1 1 *  ", "0  0 0 1 1 *",
		"*,1 * * * * *", "*-5 * * * * *", "0\t0 0 1 1 *", "*/61 * * * * *", "00 0 0 01 01 00", "+1 * * * * *", "0 0 0 1-31/2 * 1-5",
	} {
		if !comesDue(pattern) {
			t.Errorf("%q is refused", pattern)
		}
	}
	for _, pattern := range []string{
		"@at 2099-01-01 00:00:00", "@at  2099-01-01T00:00:00Z", "@AT 2099-01-01T00:00:00Z", "@at", "@at x", "@every 999ms", "@every 0s",
		"@every -1s", "@every 1", "@every  1h", "@Every 1h", "@Hourly", "@reboot", "@hourly x", "* * * * *", "0 0 0 1 1 * *",
		"60 * * * * *", "* 60 * * * *", "* * 24 * * *", "* * * 0 * *", "* * * 32 * *", "* * * * 0 *", "* * * * 13 *", "* * * * * 7",
		"* * * * jan-x *", "5-1 * * * * *", "*/0 * * * * *", "0 0 0 31 2 *", "0 0 0 30 2 *", "0 0 0 L * *", "0 0 0 * * 1#2",
		"1, 2 * * * * *", "1-2-3 * * * * *", "1/2/3 * * * * *", "-1 * * * * *", "0 0 0 1 1 Monday", "0 0 0 1 january *",
		"TZ=UTC 0 0 0 1 1 *", "CRON_TZ=Europe/Berlin 0 0 0 1 1 *", "", ", * * * * *",
	} {
		if comesDue(pattern) {
			t.Errorf("%q is taken", pattern)
		}
	}
}

func comesDue(pattern string) bool {
	x, ok := parseTiming(pattern, nil)
	if !ok {
		return false
	}
	_, ok = x.first(1.8e18)
	return ok
}

// berlin has the rules as a host knows them, by way of a Zone.
func berlin(t *testing.T) *time.Location {
	t.Helper()
	host, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	z, ok := newZone("Europe/Berlin", ZoneRules(host, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)))
	if !ok {
		t.Fatal("its rules are not taken")
	}
	return z.location
}

// The next time of an expression is the first one that its fields allow, by the clock on the wall.
func TestNextTime(t *testing.T) {
	zone := berlin(t)
	for _, x := range []struct {
		pattern, after, want string
		zone                 *time.Location
	}{
		{"*/2 * * * * *", "2026-11-21T13:57:40.5Z", "2026-11-21T13:57:42Z", time.UTC},
		{"0 30 4 1,15 * 5", "2026-11-21T13:57:40Z", "2026-11-27T04:30:00Z", time.UTC}, // either of day and weekday
		{"0 30 4 13 * fri", "2026-11-28T13:57:40Z", "2026-12-04T04:30:00Z", time.UTC},
		{"0 0 0 29 2 *", "2026-03-01T00:00:00Z", "2028-02-29T00:00:00Z", time.UTC},
		{"59 59 23 31 12 *", "2026-12-31T23:59:59Z", "2027-12-31T23:59:59Z", time.UTC},
		{"0 0 0 * * 0", "2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z", time.UTC},
		{"0 0 12 * * *", "2026-07-01T09:00:00Z", "2026-07-01T12:00:00+02:00", zone},
		{"0 0 12 * * *", "2026-12-01T09:00:00Z", "2026-12-01T12:00:00+01:00", zone},
		{"0 30 2 * * *", "2026-03-29T00:00:00Z", "2026-03-30T02:30:00+02:00", zone}, // clocks skip it
		{"0 30 2 * * *", "2026-10-25T00:00:00Z", "2026-10-25T02:30:00+02:00", zone}, // and have it twice
		{"0 30 2 * * *", "2026-10-25T00:30:00Z", "2026-10-25T02:30:00+01:00", zone},
		{"0 0 0 1 1 *", "2055-06-01T00:00:00Z", "2056-01-01T00:00:00+01:00", zone},
	} {
		after, err := time.Parse(time.RFC3339Nano, x.after)
		c, ok := parseCron(x.pattern, x.zone)
		if err != nil || !ok {
			t.Fatal(x, err)
		}
		if got, ok := c.next(after); !ok || got.Format(time.RFC3339Nano) != x.want {
			t.Errorf("%q after %s: %s, want %s", x.pattern, x.after, got.Format(time.RFC3339Nano), x.want)
		}
	}
}

// The rules of a Zone are those of the zone.
func TestZoneRules(t *testing.T) {
	now := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	for _, name := range []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC", "Africa/Casablanca", "Etc/GMT+5"} {
		host, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		z, ok := newZone(name, ZoneRules(host, now))
		if !ok {
			t.Fatalf("%s is not taken", name)
		}
		for at := now.AddDate(-1, 0, 0); at.Before(now.AddDate(zoneYears-1, 0, 0)); at = at.Add(7 * 13 * time.Hour) {
			if got, want := at.In(z.location).String(), at.In(host).String(); got != want {
				t.Fatalf("%s: %s, want %s", name, got, want)
			}
		}
	}
}

// clockwork is a lab whose schedules fire: it keeps what is stored, as an engine does.
type clockwork struct {
	*lab
	held map[uint64]Stored
}

func newClockwork(t *testing.T, cfg Config) *clockwork {
	cfg.AllowSchedules = true
	cfg.Subjects = []string{"s.*", "o.*"}
	x := &clockwork{newLab(t, cfg), map[uint64]Stored{}}
	x.now = time.Date(2026, 11, 21, 13, 57, 34, 740e6, time.UTC).UnixNano()
	return x
}

func (x *clockwork) do(command any) Reply {
	r := x.lab.do(command)
	for _, m := range x.fx.Stored {
		m.Header, m.Body = bytes.Clone(m.Header), bytes.Clone(m.Body)
		x.held[m.Seq] = m
	}
	return r
}

func (x *clockwork) publish(subject, body string, fields ...string) string {
	return answer(x.do(&Append{1, []byte(subject), headerOf(fields...), []byte(body)}))
}

// run lets time go by, and tells what the schedules made of it, and when.
func (x *clockwork) run(d time.Duration) string {
	var out strings.Builder
	for end := x.now + int64(d); ; {
		at := x.state.Deadline()
		if at == 0 || at > end {
			x.now = end
			return out.String()
		}
		x.now = max(x.now, at)
		x.do(Tick{})
		for _, due := range append([]Due(nil), x.fx.Due...) {
			schedule := x.held[due.Seq]
			from := schedule
			if due.Sample != 0 {
				from = x.held[due.Sample]
			}
			x.do(&Fire{due.Seq, due.Time, schedule.Header, from.Header, from.Body})
			for _, m := range x.fx.Stored {
				fmt.Fprintf(&out, "%s %s %q %s\n", time.Unix(0, m.Time).UTC().Format("05.000"), m.Subject, m.Header, m.Body)
			}
		}
	}
}

func (x *clockwork) wants(got, want string) {
	x.t.Helper()
	if got != want {
		x.t.Errorf("got\n%swant\n%s", got, want)
	}
}

// A single schedule fires once and is gone; its message has the header that a stock server gives it.
func TestScheduleFiresOnce(t *testing.T) {
	x := newClockwork(t, Config{AllowTTL: true})
	x.publish("s.a", "body", "Nats-Schedule: @at 2026-11-21T13:57:35.94Z", "Nats-Schedule-Target: o.1", "A: b", "Nats-Msg-Id: m1",
		"Nats-TTL: 1h", "Nats-Expected-Stream: T", "Nats-Schedule-TTL: 5m", "B: c")
	x.publish("s.b", "past", "Nats-Schedule: @at 2000-01-01T00:00:00Z", "Nats-Schedule-Target: o.2", "Nats-Schedule-Rollup: sub")
	x.wants(x.run(time.Minute), `34.740 o.2 "NATS/1.0\r\nNats-Scheduler: s.b\r\nNats-Schedule-Next: purge\r\nNats-Rollup: sub\r\n\r\n" past
35.940 o.1 "NATS/1.0\r\nA: b\r\nB: c\r\nNats-Scheduler: s.a\r\nNats-Schedule-Next: purge\r\nNats-TTL: 5m\r\n\r\n" body
`)
	if i := x.state.Info(); i.Messages != 2 || i.Subjects != 2 {
		t.Errorf("%+v", i)
	}
	x.publish("s.c", "late", "Nats-Schedule: @at 9999-01-01T00:00:00Z", "Nats-Schedule-Target: o.1")
	x.wants(x.run(24*time.Hour), "")
}

// Schedules that repeat go on until their message is replaced, removed or ended by another message.
func TestScheduleRepeats(t *testing.T) {
	x := newClockwork(t, Config{})
	x.publish("o.src", "latest", "X: y", "Nats-Msg-Id: src1")
	x.publish("s.e", "body", "Nats-Schedule: @every 1500ms", "Nats-Schedule-Target: o.3")
	x.publish("s.f", "own", "Nats-Schedule: @every 3s", "Nats-Schedule-Target: o.5", "Nats-Schedule-Source: o.src", "Z: own")
	x.publish("s.g", "own", "Nats-Schedule: 0 * * * * *", "Nats-Schedule-Target: o.6", "Nats-Schedule-Source: o.none", "Z: own")
	x.wants(x.run(5*time.Second), `36.500 o.3 "NATS/1.0\r\nNats-Scheduler: s.e\r\nNats-Schedule-Next: 2026-11-21T13:57:38.5Z\r\n\r\n" body
38.000 o.5 "NATS/1.0\r\nX: y\r\nNats-Scheduler: s.f\r\nNats-Schedule-Next: 2026-11-21T13:57:41Z\r\n\r\n" latest
38.500 o.3 "NATS/1.0\r\nNats-Scheduler: s.e\r\nNats-Schedule-Next: 2026-11-21T13:57:40.5Z\r\n\r\n" body
`)
	x.publish("s.e", "replaced")
	x.do(Delete{Seq: x.state.Info().Last})
	x.wants(x.publish("s.f", "", "Nats-Scheduler: s.f", "Nats-Schedule-Next: purge"), "message schedules invalid scheduler (10212)")
	x.wants(x.publish("o.x", "", "Nats-Scheduler: o.src", "Nats-Schedule-Next: purge"), "message schedules invalid scheduler (10212)")
	x.wants(x.publish("o.x", "", "Nats-Scheduler: s.f", "Nats-Schedule-Next: purge"), "9 0 false")
	x.wants(x.run(30*time.Second), `00.000 o.6 "NATS/1.0\r\nZ: own\r\nNats-Scheduler: s.g\r\nNats-Schedule-Next: 2026-11-21T13:59:00Z\r\n\r\n" own
`)
	// What was missed while nobody looked is not made up for.
	x.now += int64(time.Hour)
	x.wants(x.run(0), fmt.Sprintf("09.740 o.6 %q own\n", "NATS/1.0\r\nZ: own\r\nNats-Scheduler: s.g\r\nNats-Schedule-Next: 2026-11-21T14:59:00Z\r\n\r\n"))
	x.do(Purge{Filter: "s.*"})
	x.wants(x.run(time.Hour), "")
}

// A schedule is asked for again if nothing comes of it, and fires once per time all the same.
func TestScheduleIsAskedForAgain(t *testing.T) {
	x := newClockwork(t, Config{})
	x.publish("s.a", "body", "Nats-Schedule: @every 1h", "Nats-Schedule-Target: o.1")
	x.now = x.state.Deadline()
	x.do(Tick{})
	due := x.fx.Due[0]
	if x.do(Tick{}); len(x.fx.Due) != 0 || x.state.Deadline() != x.now+int64(fireRetry) {
		t.Errorf("asked for %v, next at %d", x.fx.Due, x.state.Deadline()-x.now)
	}
	x.now += int64(fireRetry)
	if x.do(Tick{}); len(x.fx.Due) != 1 || x.fx.Due[0] != due {
		t.Errorf("asked for %v, want %v", x.fx.Due, due)
	}
	header := x.held[1].Header
	fire := &Fire{due.Seq, due.Time, header, header, nil}
	x.wants(answer(x.do(fire)), "2 0 false")
	x.wants(answer(x.do(fire)), "sequence 1 not found (10043)")
	if x.state.Deadline() < x.now+int64(59*time.Minute) {
		t.Error("it fires too soon")
	}
}

// Zones are known once they are stated, and survive a restart.
func TestScheduleInZone(t *testing.T) {
	x := newClockwork(t, Config{})
	fields := []string{"Nats-Schedule: 0 0 18 * * *", "Nats-Schedule-Target: o.1", "Nats-Schedule-Time-Zone: Europe/Berlin"}
	x.wants(x.publish("s.a", "", fields...), "message schedules time zone is invalid (10223)")
	rules := ZoneRules(berlin(t), time.Unix(0, x.now))
	x.wants(answer(x.do(Zone{"Europe/Berlin", rules})), "0 0 false")
	x.wants(answer(x.do(Zone{"Europe/Berlin", []byte("no rules")})), "message schedules time zone is invalid (10223)")
	x.wants(answer(x.do(Zone{"", rules})), "message schedules time zone is invalid (10223)")
	x.wants(x.publish("s.a", "", fields...), "1 0 false")
	x.wants(x.publish("s.b", "", append([]string{"Nats-Schedule: @every 1h"}, fields[1:]...)...), "message schedules pattern is invalid (10189)")
	x.wants(x.run(4*time.Hour), `00.000 o.1 "NATS/1.0\r\nNats-Scheduler: s.a\r\nNats-Schedule-Next: 2026-11-22T18:00:00+01:00\r\n\r\n" `+"\n")
	if !x.state.HasZone("Europe/Berlin") || !x.state.HasZone("UTC") || x.state.HasZone("Local") {
		t.Error("the zones are wrong")
	}
}

// What a message with a schedule says is looked at in the order of a stock server.
func TestScheduleRefusals(t *testing.T) {
	const at, target = "Nats-Schedule: @at 2099-01-01T00:00:00Z", "Nats-Schedule-Target: o.a"
	x := newClockwork(t, Config{})
	for _, c := range []struct {
		code   int
		fields string
	}{
		{10223, at + "|Nats-Schedule-Time-Zone: x|Nats-Schedule-TTL: x"}, {10223, at + "|Nats-Schedule-Time-Zone:"},
		{10189, at + "|Nats-Schedule-Time-Zone: UTC"}, {10189, "Nats-Schedule: bad|Nats-Schedule-TTL: x"},
		{10191, at + "|Nats-Schedule-TTL: x|Nats-Schedule-Rollup: x"}, {10191, at + "|Nats-Schedule-TTL: 0"},
		{10166, at + "|Nats-Schedule-TTL: 5m|Nats-Schedule-Rollup: x"}, {10192, at + "|Nats-Schedule-Rollup: SUB|Nats-Schedule-Source: q"},
		{10203, at + "|Nats-Schedule-Source: q|Nats-Schedule-Target: q"}, {10203, at + "|Nats-Schedule-Source: o.*|" + target},
		{10203, at + "|Nats-Schedule-Source: o.a|" + target}, {10203, at + "|Nats-Schedule-Source: s.x|" + target},
		{10190, at + "|Nats-Schedule-Target: q.x|Nats-Rollup: x"}, {10190, at}, {10190, at + "|Nats-Schedule-Target: o.*"},
		{10190, at + "|Nats-Schedule-Target: s.x"}, {10192, at + "|" + target + "|Nats-Rollup: all"},
		{10227, at + "|" + target + "|Nats-Stream-Source: x"}, {10071, at + "|Nats-Expected-Last-Sequence: 9"},
		{10212, "Nats-Schedule-Next: purge"}, {10212, "Nats-Scheduler: s.1"}, {10212, "Nats-Scheduler: s.1|Nats-Schedule-Next: x"},
		{10212, "Nats-Scheduler: s.*|Nats-Schedule-Next: purge"}, {10212, "Nats-Scheduler: s.x|Nats-Schedule-Next: purge"},
	} {
		if got := x.publish("s.x", "", strings.Split(c.fields, "|")...); !strings.HasSuffix(got, fmt.Sprintf("(%d)", c.code)) {
			t.Errorf("%s: %s, want %d", c.fields, got, c.code)
		}
	}
	x.wants(x.publish("s.x", "", "Nats-Schedule-Target: q", "Nats-Schedule:"), "1 0 false")
	x.wants(x.publish("s.x", "", "Nats-Scheduler: q.q", "Nats-Schedule-Next: purge"), "2 0 false")
	if x.publish("s.x", "", at, target); !strings.HasSuffix(string(x.fx.Stored[0].Header), "\r\nNats-Rollup: sub\r\n\r\n") || x.state.Info().Messages != 1 {
		t.Errorf("stored %q", x.fx.Stored[0].Header)
	}
}

// Who proposes a message can tell which zone it needs.
func TestWantedZone(t *testing.T) {
	for want, fields := range map[string][]string{
		"":              {"Nats-Schedule: @hourly"},
		"Europe/Berlin": {"Nats-Schedule: @hourly", "Nats-Schedule-Time-Zone:  Europe/Berlin"},
	} {
		a := &Append{1, []byte("a"), headerOf(fields...), nil}
		if got, ok := WantedZone(a.Encode(nil)); got != want || ok != (want != "") {
			t.Errorf("%q, %v, want %q", got, ok, want)
		}
	}
	if _, ok := WantedZone([]byte{1, kindTick}); ok {
		t.Error("a tick wants a zone")
	}
}
