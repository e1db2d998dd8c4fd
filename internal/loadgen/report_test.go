package loadgen

import (
	"math"
	"strings"
	"testing"
)

func TestReportMarkdown(t *testing.T) {
	report := &Report{
		Conditions: Conditions{Date: "2026-01-02", Machine: "m", System: "s", Load: "l", Server: "a", Peer: "b"},
		Rows: []Row{
			{Name: "x", Title: "case x", Goals: []Goal{ratioAtLeast(Rate, 4), ratioAtMost(CPU, 0.25)},
				Ours: []Sample{{Rate: 8e6, CPU: 100}, {Rate: 9e6, CPU: 100}, {Rate: 10e6, CPU: 100}},
				Peer: []Sample{{Rate: 2e6, CPU: 300}, {Rate: 2e6, CPU: 300}, {Rate: 2e6, CPU: 300}}},
			{Name: "y", Title: "case y", Goals: []Goal{atMost(Memory, 300)}, Ours: []Sample{{Memory: 256}}},
			{Name: "z", Title: "case z", Error: "it\nbroke"},
		},
	}
	want := `- Date: 2026-01-02
- Machine: m
- System: s
- Load: l
- Server: a
- Peer: b

| case | metric | server (low–high) | peer (low–high) | ratio | goal | met |
|---|---|---|---|---|---|---|
| case x | rate | 9 M/s (8 M/s–10 M/s) | 2 M/s | 4.50 × | ≥ 4 × | yes |
|  | server CPU each | 100 ns | 300 ns | 0.33 × | ≤ 0.25 × | **no** |
| case y | RSS | 256 B |  |  | ≤ 300 B | yes |
| case z | failed | it broke |  |  |  | no |
`
	var b strings.Builder
	if err := report.WriteMarkdown(&b); err != nil {
		t.Fatal(err)
	}
	if got := b.String(); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestFormat(t *testing.T) {
	for _, c := range []struct {
		metric Metric
		value  float64
		want   string
	}{
		{Rate, 838, "838/s"}, {Rate, 12_345, "12.3 k/s"}, {Rate, 2.094e6, "2.09 M/s"},
		{CPU, 457.6, "458 ns"}, {P99, 950, "950 ns"}, {P99, 2.31e6, "2.31 ms"}, {Startup, 7.8e6, "7.8 ms"},
		{Kept, 0.84, "84 %"}, {Memory, 1178, "1.15 KiB"}, {BinarySize, 16.9e6, "16.9 MB"},
	} {
		if got := c.metric.format(c.value); got != c.want {
			t.Errorf("%s %g is %q, not %q", c.metric, c.value, got, c.want)
		}
	}
}

func TestMedian(t *testing.T) {
	samples := []Sample{{Rate: 3}, {Rate: 1}, {CPU: 9}, {Rate: 2}, {Rate: 10}}
	mid, low, high := median(samples, Rate)
	if mid != 2.5 || low != 1 || high != 10 {
		t.Errorf("got %g, %g, %g", mid, low, high)
	}
	if mid, _, _ := median(samples[:2], CPU); mid != 0 || math.IsNaN(mid) {
		t.Errorf("the median of nothing is %g", mid)
	}
}
