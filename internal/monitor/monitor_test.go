package monitor

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func started(t *testing.T, f *fakeServer) *Server {
	t.Helper()
	s, err := Start(f.options(t, ""))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Shutdown(t.Context()) })
	return s
}

func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(text)
}

func TestServesUntilShutdown(t *testing.T) {
	s := started(t, new(fakeServer))
	url := "http://" + s.Addr().String()
	if status, body := get(t, url+"/healthz"); status != http.StatusOK || body != `{"status":"ok"}` {
		t.Fatalf("status %d, %s", status, body)
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := http.Get(url + "/healthz"); err == nil {
		t.Fatal("still serving after the shutdown")
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Fatalf("second shutdown: %v", err)
	}
}

func TestPortInUse(t *testing.T) {
	f := new(fakeServer)
	o := f.options(t, "")
	o.Addr = started(t, f).Addr().String()
	if _, err := Start(o); err == nil || !strings.Contains(err.Error(), "start monitoring: ") {
		t.Fatalf("second server on %s: %v", o.Addr, err)
	}
}

// A reader that never finishes its request does not keep the server from stopping.
func TestShutdownDropsSlowReaders(t *testing.T) {
	s := started(t, new(fakeServer))
	c, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "GET /varz HTTP/1.1\r\nHost: x\r\n"); err != nil {
		t.Fatal(err)
	}
	get(t, "http://"+s.Addr().String()+"/varz") // the slow one has been accepted before
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Shutdown(ctx); err != context.Canceled {
		t.Fatalf("shutdown: %v", err)
	}
	c.SetReadDeadline(time.Now().Add(time.Minute))
	if _, err := io.ReadAll(c); isTimeout(err) {
		t.Fatal("the connection was left open")
	}
}

func isTimeout(err error) bool {
	e, ok := err.(net.Error)
	return ok && e.Timeout()
}

func TestServersHaveTimeouts(t *testing.T) {
	s := started(t, new(fakeServer))
	if s.http.ReadHeaderTimeout == 0 || s.http.ReadTimeout == 0 || s.http.WriteTimeout == 0 || s.http.IdleTimeout == 0 {
		t.Error("the monitoring server waits for ever")
	}
	p := startedProfiler(t)
	if p.http.ReadHeaderTimeout == 0 || p.http.IdleTimeout == 0 {
		t.Error("the profiler waits for ever")
	}
	if p.http.ReadTimeout != 0 || p.http.WriteTimeout != 0 {
		t.Error("the profiler cuts long profiles short")
	}
}

// Connections beyond the bound are closed, and those that end make room again.
func TestConnectionsAreBounded(t *testing.T) {
	s := new(Server)
	ours, theirs := net.Pipe()
	defer theirs.Close()
	s.conns.Store(maxConns - 1)
	s.limitConns(ours, http.StateNew)
	ours.SetReadDeadline(time.Now())
	if _, err := ours.Read(make([]byte, 1)); !isTimeout(err) {
		t.Fatalf("the last connection within the bound: %v", err)
	}
	s.limitConns(ours, http.StateNew)
	if _, err := ours.Read(make([]byte, 1)); err != io.ErrClosedPipe {
		t.Fatalf("the first connection beyond the bound: %v", err)
	}
	s.limitConns(ours, http.StateActive)
	s.limitConns(ours, http.StateClosed)
	if n := s.conns.Load(); n != maxConns {
		t.Errorf("%d connections counted", n)
	}
}

func startedProfiler(t *testing.T) *Server {
	t.Helper()
	s, err := StartProfiler(ProfilerOptions{Addr: "127.0.0.1:0", Warnf: t.Logf})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Shutdown(t.Context()) })
	return s
}

func TestProfiler(t *testing.T) {
	url := "http://" + startedProfiler(t).Addr().String()
	for path, want := range map[string]string{
		"/debug/pprof/":                  "goroutine",
		"/debug/pprof/goroutine?debug=1": "goroutine profile:",
		"/debug/pprof/cmdline":           "monitor.test",
		"/debug/pprof/profile?seconds=1": "",
	} {
		if status, body := get(t, url+path); status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: status %d, %.200q", path, status, body)
		}
	}
	if status, _ := get(t, url+"/"); status != http.StatusNotFound {
		t.Errorf("/: status %d", status)
	}
}
