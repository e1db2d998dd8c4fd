package nats

import (
	"sync"
	"time"

	"myelin/internal/clock"
)

// rate bounds how many handshakes begin within a second: they are what costs most about a connection.
type rate struct {
	mu       sync.Mutex // guards what follows
	end      time.Time  // of the current second
	begun    int        // in it
	rejected int        // since that was last told
}

// admit reports whether another handshake may begin; a limit of 0 is none. How many may not is logged within a second.
func (r *rate) admit(limit int, clk clock.Clock, log Logger) bool {
	if limit == 0 {
		return true
	}
	now := clk.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if !now.Before(r.end) {
		r.end, r.begun = now.Add(time.Second), 0
	}
	if r.begun < limit {
		r.begun++
		return true
	}
	if r.rejected++; r.rejected == 1 {
		clk.AfterFunc(r.end.Sub(now), func() { r.tell(log) })
	}
	return false
}

func (r *rate) tell(log Logger) {
	r.mu.Lock()
	n := r.rejected
	r.rejected = 0
	r.mu.Unlock()
	log.Warnf("Rejected %d connections due to TLS rate limiting", n)
}
