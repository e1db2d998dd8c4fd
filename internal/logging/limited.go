package logging

import (
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"
)

// RateLimited logs for one place in the code that could flood the log: at most one line per interval. A
// line says how many were held back since the one before it. It is safe for concurrent use.
type RateLimited struct {
	log   *Logger
	every time.Duration
	start time.Time
	next  atomic.Int64 // when the next line may be logged, after start, in nanoseconds
	held  atomic.Uint64
}

// RateLimited returns a logger for one place in the code.
func (l *Logger) RateLimited(every time.Duration) *RateLimited {
	return &RateLimited{log: l, every: every, start: l.clock.Now()}
}

// Noticef is Logger.Noticef, or nothing.
func (r *RateLimited) Noticef(format string, args ...any) { r.printf(slog.LevelInfo, format, args) }

// Warnf is Logger.Warnf, or nothing.
func (r *RateLimited) Warnf(format string, args ...any) { r.printf(slog.LevelWarn, format, args) }

// Errorf is Logger.Errorf, or nothing.
func (r *RateLimited) Errorf(format string, args ...any) { r.printf(slog.LevelError, format, args) }

func (r *RateLimited) printf(level slog.Level, format string, args []any) {
	now, next := int64(r.log.clock.Now().Sub(r.start)), r.next.Load()
	if now < next || !r.next.CompareAndSwap(next, now+int64(r.every)) {
		r.held.Add(1)
		return
	}
	message := fmt.Sprintf(format, args...)
	if n := r.held.Swap(0); n > 0 {
		message = fmt.Sprintf("%s (and %d more like it before)", message, n)
	}
	r.log.printf(level, "%s", []any{message})
}
