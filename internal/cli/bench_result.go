package cli

import (
	"fmt"
	"strings"
	"time"

	"myelin/internal/loadgen"
)

// benchResult is a benchmark's outcome as JSON.
type benchResult struct {
	Benchmark      string         `json:"benchmark"`
	Subject        string         `json:"subject"`
	Size           int            `json:"size"` // payload bytes of a message
	Messages       int64          `json:"messages"`
	Bytes          int64          `json:"bytes"`
	Duration       time.Duration  `json:"duration_ns"`
	Rate           float64        `json:"messages_per_second"`
	BytesPerSecond float64        `json:"bytes_per_second"`
	Latency        *benchLatency  `json:"latency_ns,omitempty"`
	ServerCPU      time.Duration  `json:"server_cpu_ns_per_message,omitempty"`
	Clients        []clientResult `json:"clients"`
}

// clientResult is the share of one connection.
type clientResult struct {
	Messages int64         `json:"messages"`
	Bytes    int64         `json:"bytes"`
	Duration time.Duration `json:"duration_ns"`
	Rate     float64       `json:"messages_per_second"`
}

// benchLatency are the quantiles of a latency.
type benchLatency struct {
	Min  time.Duration `json:"min"`
	Mean time.Duration `json:"mean"`
	P50  time.Duration `json:"p50"`
	P90  time.Duration `json:"p90"`
	P99  time.Duration `json:"p99"`
	P999 time.Duration `json:"p99_9"`
	Max  time.Duration `json:"max"`
}

// latencyOf is nil when no latency was measured.
func latencyOf(r *loadgen.Result) *benchLatency {
	h := r.Latency
	if h == nil || h.TotalCount() == 0 {
		return nil
	}
	quantile := func(q float64) time.Duration { return time.Duration(h.ValueAtQuantile(q)) }
	return &benchLatency{
		Min: time.Duration(h.Min()), Mean: time.Duration(h.Mean()), P50: quantile(50), P90: quantile(90),
		P99: quantile(99), P999: quantile(99.9), Max: time.Duration(h.Max()),
	}
}

// print writes the results.
func (b *benchmark) print(r *loadgen.Result, subject string, size int) error {
	if b.json {
		out := benchResult{
			Benchmark: b.kind, Subject: subject, Size: size, Messages: r.Messages, Bytes: r.Bytes, Duration: r.Duration,
			Rate: r.Rate(), BytesPerSecond: r.BytesPerSecond(), Latency: latencyOf(r), ServerCPU: r.CPUPerMessage(),
		}
		for _, w := range r.Workers {
			out.Clients = append(out.Clients, clientResult{w.Messages, w.Bytes, w.Duration, w.Rate()})
		}
		return b.con.jsonIndented(out)
	}
	b.con.printf("%s stats: %s msgs/sec ~ %s/sec (%s messages in %v)\n", b.kind,
		commas(r.Rate()), binary(r.BytesPerSecond()), commas(float64(r.Messages)), r.Duration.Round(time.Microsecond))
	if len(r.Workers) > 1 {
		for i, w := range r.Workers {
			b.con.printf("  [%d] %s msgs/sec (%s messages)\n", i+1, commas(w.Rate()), commas(float64(w.Messages)))
		}
	}
	if l := latencyOf(r); l != nil {
		b.con.printf("latency: min %v | mean %v | p50 %v | p90 %v | p99 %v | p99.9 %v | max %v\n",
			l.Min, l.Mean, l.P50, l.P90, l.P99, l.P999, l.Max)
	}
	if r.ServerCPU > 0 {
		b.con.printf("server CPU: %v per message\n", r.CPUPerMessage())
	}
	return nil
}

// commas writes a whole number with its thousands set apart.
func commas(v float64) string {
	digits := fmt.Sprintf("%.0f", v)
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}

// binary writes a number of bytes with a unit.
func binary(v float64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	for v >= 1024 && len(units) > 1 {
		v, units = v/1024, units[1:]
	}
	return fmt.Sprintf("%.1f %s", v, units[0])
}
