// Package monitor serves the views of a server over HTTP, for dashboards, probes and people, and Go's
// profiles on a port of their own.
//
// Paths, arguments, status codes and texts are those of stock nats-server; what the pages say is built by
// package report. Pages are read-only and take any method. A Server owns its listener and connections;
// timeouts and a bound on their number see to it that slow or idle readers hold nothing for long.
package monitor

import (
	"context"
	"crypto/tls"
	"fmt"
	"log"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"myelin/internal/report"
)

// Options say where and what to serve.
type Options struct {
	Addr     string                           // host:port to listen on; port 0 takes a free one
	BasePath string                           // what every path begins with; may be empty
	Views    *report.Views                    // what the pages show
	Warnf    func(format string, args ...any) // called from any goroutine
	TLS      func() *tls.Config               // asked at each connection; nil: plain HTTP
	// PeerErrorf is told of what readers do wrong, which they can do at any rate; nil: Warnf is.
	PeerErrorf func(format string, args ...any)
}

// Bounds on what readers can hold.
const (
	headerTimeout  = 5 * time.Second
	readTimeout    = 10 * time.Second
	writeTimeout   = 30 * time.Second
	idleTimeout    = time.Minute
	maxHeaderBytes = 16 << 10
	maxConns       = 1024
)

// Server is one HTTP server.
type Server struct {
	listener net.Listener
	http     http.Server
	conns    atomic.Int64
	done     chan struct{} // closed when nothing is accepted any more
}

// Start listens and serves the monitoring pages until Shutdown.
func Start(o Options) (*Server, error) {
	s := new(Server)
	s.http.Handler = newPages(o)
	s.http.ReadTimeout, s.http.WriteTimeout = readTimeout, writeTimeout
	if o.PeerErrorf != nil {
		s.http.ErrorLog = log.New(lineWriter(o.PeerErrorf), "", 0)
	}
	if err := s.start(o.Addr, o.TLS, o.Warnf); err != nil {
		return nil, fmt.Errorf("start monitoring: %w", err)
	}
	return s, nil
}

func (s *Server) start(addr string, secure func() *tls.Config, warnf func(string, ...any)) (err error) {
	if s.listener, err = net.Listen("tcp", addr); err != nil {
		return err
	}
	if secure != nil {
		s.listener = tls.NewListener(s.listener, pagesTLS(secure))
	}
	s.http.ReadHeaderTimeout, s.http.IdleTimeout = headerTimeout, idleTimeout
	s.http.MaxHeaderBytes = maxHeaderBytes
	s.http.ConnState = s.limitConns
	if s.http.ErrorLog == nil {
		s.http.ErrorLog = log.New(lineWriter(warnf), "", 0)
	}
	s.done = make(chan struct{})
	go func() {
		defer close(s.done)
		if err := s.http.Serve(s.listener); err != http.ErrServerClosed {
			warnf("HTTP server on %s stopped: %v", s.listener.Addr(), err)
		}
	}()
	return nil
}

// pagesTLS protects the pages as clients are protected at the time, except that readers show no certificate.
func pagesTLS(current func() *tls.Config) *tls.Config {
	return &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		c := current().Clone()
		c.ClientAuth, c.VerifyConnection = tls.NoClientCert, nil
		return c, nil
	}}
}

// Addr is the address that s listens on.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Shutdown stops listening, waits for the requests being answered until ctx ends, and drops the rest.
func (s *Server) Shutdown(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		s.http.Close()
	}
	<-s.done
	return err
}

// limitConns closes new connections while there are too many.
func (s *Server) limitConns(c net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		if s.conns.Add(1) > maxConns {
			c.Close()
		}
	case http.StateClosed, http.StateHijacked:
		s.conns.Add(-1)
	}
}

// lineWriter hands each line that package net/http logs to a function, as one about monitoring.
type lineWriter func(format string, args ...any)

func (w lineWriter) Write(line []byte) (int, error) {
	text := strings.TrimSuffix(string(line), "\n")
	w("monitoring: %s", strings.TrimPrefix(text, "http: "))
	return len(line), nil
}
