package logging

import (
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"
)

// RateLimited logs for one place in the code that could flood the log: one line per interval on average, and so many at once
// after a quiet time, so that nothing is missing of what happens now and then. A line says how many were held back since
// the one before it. It is safe for concurrent use.
type RateLimited struct {
	log   *Logger
	every time.Duration
	ahead time.Duration // how far next may be ahead of now for a line to be logged
	start time.Time
	next  atomic.Int64 // when all lines until now would have been logged at intervals, after start, in nanoseconds
	held  atomic.Uint64
}

// RateLimited returns a logger for one place in the code. Up to burst lines, at least one, may come at once.
func (l *Logger) RateLimited(every time.Duration, burst int) *RateLimited {
	return &RateLimited{log: l, every: every, ahead: every * time.Duration(max(burst-1, 0)), start: l.clock.Now()}
}

// Noticef is Logger.Noticef, or nothing.
func (r *RateLimited) Noticef(format string, args ...any) { r.printf(slog.LevelInfo, format, args) }

// Warnf is Logger.Warnf, or nothing.
func (r *RateLimited) Warnf(format string, args ...any) { r.printf(slog.LevelWarn, format, args) }

// Errorf is Logger.Errorf, or nothing.
func (r *RateLimited) Errorf(format string, args ...any) { r.printf(slog.LevelError, format, args) }

func (r *RateLimited) printf(level slog.Level, format string, args []any) {
	if !r.admit(int64(r.log.clock.Now().Sub(r.start))) {
		r.held.Add(1)
		return
	}
	message := fmt.Sprintf(format, args...)
	if n := r.held.Swap(0); n > 0 {
		message = fmt.Sprintf("%s (and %d more like it before)", message, n)
	}
	r.log.printf(level, "%s", []any{message})
}

// admit reports whether a line may be logged, and counts it if so.
func (r *RateLimited) admit(now int64) bool {
	for {
		next := r.next.Load()
		if next > now+int64(r.ahead) {
			return false
		}
		if r.next.CompareAndSwap(next, max(now, next)+int64(r.every)) {
			return true
		}
	}
}
