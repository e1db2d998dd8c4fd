package loadgen

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// A Result is what a number of equal workers did together.
type Result struct {
	Messages  int64
	Bytes     int64 // of payloads and headers
	Duration  time.Duration
	Latency   *hdrhistogram.Histogram // nanoseconds; nil or empty when nothing had a time to compare with
	ServerCPU time.Duration           // used by the server meanwhile; 0 unless its process id was given
	Workers   []WorkerResult
}

// A WorkerResult is the share of one worker.
type WorkerResult struct {
	Messages int64
	Bytes    int64
	Duration time.Duration
}

// Rate returns messages per second.
func (r *Result) Rate() float64 { return perSecond(r.Messages, r.Duration) }

// BytesPerSecond returns bytes of payload and header per second.
func (r *Result) BytesPerSecond() float64 { return perSecond(r.Bytes, r.Duration) }

// CPUPerMessage returns the server's CPU time per message, 0 when it was not
// measured.
func (r *Result) CPUPerMessage() time.Duration {
	if r.Messages == 0 {
		return 0
	}
	return r.ServerCPU / time.Duration(r.Messages)
}

// Rate returns messages per second.
func (r *WorkerResult) Rate() float64 { return perSecond(r.Messages, r.Duration) }

func perSecond(n int64, d time.Duration) float64 {
	if d <= 0 {
		return 0
	}
	return float64(n) / d.Seconds()
}

// add puts one worker's share into the total.
func (r *Result) add(w WorkerResult, latency *hdrhistogram.Histogram) {
	r.Workers = append(r.Workers, w)
	r.Messages += w.Messages
	r.Bytes += w.Bytes
	if latency != nil {
		if r.Latency == nil {
			r.Latency = newHistogram()
		}
		r.Latency.Merge(latency)
	}
}
