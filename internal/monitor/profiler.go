package monitor

import (
	"fmt"
	"io"
	"net/http"
	"net/http/pprof"
	"runtime"
	"strings"

	"myelin/internal/report"
)

// ProfilerOptions say where to serve profiles.
type ProfilerOptions struct {
	Addr      string                           // host:port to listen on; port 0 takes a free one
	BlockRate int                              // nanoseconds spent blocked per sample of the block profile; 0: no such profile
	Warnf     func(format string, args ...any) // called from any goroutine
}

// StartProfiler listens and serves the profiles of package net/http/pprof below /debug/pprof/ until
// Shutdown. Answers take as long as the profile that is asked for, so that only the reading of the header
// is limited in time.
func StartProfiler(o ProfilerOptions) (*Server, error) {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	s := new(Server)
	s.http.Handler = mux
	if err := s.start(o.Addr, nil, o.Warnf); err != nil {
		return nil, fmt.Errorf("start profiler: %w", err)
	}
	runtime.SetBlockProfileRate(o.BlockRate)
	return s, nil
}

// cmdline is pprof.Cmdline without secrets.
func cmdline(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	io.WriteString(w, strings.Join(report.CommandLine(), "\x00"))
}
