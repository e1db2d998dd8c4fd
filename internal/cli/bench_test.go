package cli

import "testing"

func TestParseSize(t *testing.T) {
	for s, want := range map[string]int{"0": 0, "16": 16, "128B": 128, "1k": 1024, "2KiB": 2048, "1MB": 1 << 20, "64m": 64 << 20} {
		if got, err := parseSize(s); err != nil || got != want {
			t.Errorf("parseSize(%q) = %d, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "B", "-1", "1q", "1.5K", "65MB", "99999999999999999999", "1BB"} {
		if got, err := parseSize(s); err == nil {
			t.Errorf("parseSize(%q) = %d", s, got)
		}
	}
}

func TestNumbersForPeople(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 999: "999", 1000: "1,000", 1234567.4: "1,234,567"} {
		if got := commas(v); got != want {
			t.Errorf("commas(%v) = %s", v, got)
		}
	}
	for v, want := range map[float64]string{512: "512.0 B", 1536: "1.5 KiB", 3 << 30: "3.0 GiB"} {
		if got := binary(v); got != want {
			t.Errorf("binary(%v) = %s", v, got)
		}
	}
}
