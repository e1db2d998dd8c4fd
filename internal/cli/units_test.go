package cli

import (
	"math"
	"testing"
	"time"
)

// Durations and sizes are read as people write them for the nats tool, and said back in few words.
func TestDurations(t *testing.T) {
	for _, c := range []struct {
		text string
		d    time.Duration
		said string
	}{
		{"0", 0, "0s"},
		{"90s", 90 * time.Second, "1m30s"},
		{"1d3h5m2s", 27*time.Hour + 5*time.Minute + 2*time.Second, "1d3h5m2s"},
		{"1.5h", 90 * time.Minute, "1h30m0s"},
		{"2w", 14 * day, "14d0h0m0s"},
		{"1y", year, "1y0d0h0m0s"},
		{"1234567ns", 1234567, "1.23ms"},
		{"-1m", -time.Minute, "-1m0s"},
	} {
		d, err := parseDuration(c.text)
		if err != nil || d != c.d {
			t.Errorf("%s: %v, %v", c.text, d, err)
		}
		if said := durationText(d); said != c.said {
			t.Errorf("%s: said %q, want %q", c.text, said, c.said)
		}
	}
	for _, bad := range []string{"", "-", "5", "d", "1x", "1h 2m", "400y400y", "1..2h", "h1"} {
		if d, err := parseDuration(bad); err == nil {
			t.Errorf("%q is taken as %v", bad, d)
		}
	}
}

func TestBytes(t *testing.T) {
	for _, c := range []struct {
		text string
		n    int64
		said string
	}{
		{"0", 0, "0 B"},
		{"1023", 1023, "1023 B"},
		{"1k", 1024, "1.0 KiB"},
		{"1.5MB", 3 << 19, "1.5 MiB"},
		{"2GiB", 2 << 30, "2.0 GiB"},
		{"7 E", 7 << 60, "7.0 EiB"},
		{"9223372036854775807", math.MaxInt64, "8.0 EiB"},
	} {
		n, err := parseBytes(c.text)
		if err != nil || n != c.n {
			t.Errorf("%s: %d, %v", c.text, n, err)
		}
		if said := bytesText(uint64(n)); said != c.said {
			t.Errorf("%s: said %q, want %q", c.text, said, c.said)
		}
	}
	for _, bad := range []string{"", "B", "-2", "1Q", "1KK", "8EB", "1.2.3", "KMB"} {
		if n, err := parseBytes(bad); err == nil {
			t.Errorf("%q is taken as %d", bad, n)
		}
	}
}

func TestCounts(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", -1234567: "-1,234,567"} {
		if got := countText(n); got != want {
			t.Errorf("%d: %q", n, got)
		}
	}
}
