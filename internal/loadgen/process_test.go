package loadgen

import (
	"os"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	got, err := parseStat([]byte("4242 (a (b) c) S 1 2 3 0 -1 4194560 5 6 7 8 150 25 0 0 20 0 9 0 100 1 2\n"))
	if err != nil || got != 1750*time.Millisecond {
		t.Errorf("got %v, %v", got, err)
	}
	for _, bad := range []string{"", "1 (a) S 1 2", "1 (a) S 1 2 3 0 -1 4194560 5 6 7 8 x 25"} {
		if _, err := parseStat([]byte(bad)); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

func TestParseStatus(t *testing.T) {
	got, err := parseStatus([]byte("Name:\tx\nVmHWM:\t  9000 kB\nVmRSS:\t   1234 kB\nThreads:\t5\n"))
	if err != nil || got != 1234<<10 {
		t.Errorf("got %d, %v", got, err)
	}
	if _, err := parseStatus([]byte("Name:\tx\n")); err == nil {
		t.Error("a status without VmRSS is accepted")
	}
}

func TestParsePS(t *testing.T) {
	for out, want := range map[string]time.Duration{
		"0:01.50  1000\n":      1500 * time.Millisecond,
		"  12:34 1000":         12*time.Minute + 34*time.Second,
		"01:02:03 1000":        time.Hour + 2*time.Minute + 3*time.Second,
		"2-01:00:00 1000":      49 * time.Hour,
		"   0:00.00     1000 ": 0,
	} {
		got, err := parsePS(out)
		if err != nil || got.CPU.Round(time.Millisecond) != want || got.RSS != 1000<<10 {
			t.Errorf("%q: %+v, %v", out, got, err)
		}
	}
	for _, bad := range []string{"", "1:00", "x:00 5", "1-x:00 5", "1:00 x"} {
		if _, err := parsePS(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

func TestProcessUsageOfThisProcess(t *testing.T) {
	u, err := ProcessUsage(os.Getpid())
	if err != nil {
		t.Skip(err) // no /proc and no ps here
	}
	if u.RSS <= 0 {
		t.Errorf("got %+v", u)
	}
}
