package testkit

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Options say how a server is started.
type Options struct {
	Config string   // text of its configuration file; empty for none
	Flags  []string // flags beyond the address, the ports and the configuration
	Port   int      // for clients; 0 takes a free one

	// Wrapper is a command line to which the server's own is added, as with
	// unshare or prlimit. It has to execute the server in its own place, under
	// the same process id.
	Wrapper []string
}

// Server is one server under test. It keeps its client port over restarts, so
// that clients find it again.
type Server struct {
	tb      testing.TB
	options Options
	config  string // path of the configuration file, or ""

	// The process that runs now, or that ran last.
	process *process
	ports   ports
}

// ports is the content of the ports file.
type ports struct {
	Clients []string `json:"nats"`
	Monitor []string `json:"monitoring"`
}

// Start starts a server with monitoring on and returns when it listens. It is
// stopped when the test ends.
func Start(tb testing.TB, options Options) *Server {
	tb.Helper()
	s := &Server{tb: tb, options: options}
	if options.Config != "" {
		s.config = filepath.Join(tb.TempDir(), "server.conf")
		if err := os.WriteFile(s.config, []byte(options.Config), 0o600); err != nil {
			tb.Fatal("testkit: write the configuration: ", err)
		}
	}
	s.Start()
	tb.Cleanup(s.Stop)
	return s
}

// Start starts the server again after Stop, Kill or WaitExit, on the client
// port that it had before.
func (s *Server) Start() {
	s.tb.Helper()
	dir := s.tb.TempDir()
	p, err := startProcess(s.command(dir))
	if err != nil {
		s.tb.Fatal("testkit: start the server: ", err)
	}
	s.process = p
	file := filepath.Join(dir, fmt.Sprintf("%s_%d.ports", executableName(Binary(s.tb)), p.pid()))
	s.waitPorts(file)
	s.options.Port = s.port()
}

// StartAndKill starts the server again, as Start does, and kills it after the
// delay, wherever it is by then: it need not listen yet.
func (s *Server) StartAndKill(delay time.Duration) {
	s.tb.Helper()
	p, err := startProcess(s.command(s.tb.TempDir()))
	if err != nil {
		s.tb.Fatal("testkit: start the server: ", err)
	}
	s.process = p
	select {
	case <-p.ended:
		s.tb.Errorf("testkit: the server ended on its own; its log:\n%s", s.Log())
	case <-time.After(delay):
	}
	s.Kill()
}

// command returns the whole command line.
func (s *Server) command(portsDir string) []string {
	return slices.Concat(s.options.Wrapper, []string{Binary(s.tb)}, s.flags(portsDir))
}

func (s *Server) flags(portsDir string) []string {
	port := -1
	if s.options.Port != 0 {
		port = s.options.Port
	}
	flags := []string{"-a", "127.0.0.1", "-p", strconv.Itoa(port), "-m", "-1", "--ports_file_dir", portsDir}
	if s.config != "" {
		flags = append(flags, "-c", s.config)
	}
	return append(flags, s.options.Flags...)
}

func executableName(path string) string {
	return strings.TrimSuffix(filepath.Base(path), ".exe")
}

func (s *Server) waitPorts(file string) {
	s.tb.Helper()
	ready := func() bool {
		text, err := os.ReadFile(file)
		return err == nil && json.Unmarshal(text, &s.ports) == nil && len(s.ports.Clients) > 0
	}
	if !poll(func() bool { return s.process.hasEnded() || ready() }) || !ready() {
		s.tb.Fatalf("testkit: the server did not come up; ended: %v; its log:\n%s", s.process.hasEnded(), s.Log())
	}
}

// Pid returns the process id of the server.
func (s *Server) Pid() int { return s.process.pid() }

// URL returns the address for clients, as in nats://127.0.0.1:4222.
func (s *Server) URL() string { return s.ports.Clients[0] }

// Addr returns the host and port for clients.
func (s *Server) Addr() string {
	u, err := url.Parse(s.URL())
	if err != nil {
		s.tb.Fatal("testkit: the ports file: ", err)
	}
	return u.Host
}

func (s *Server) port() int {
	s.tb.Helper()
	u, err := url.Parse(s.URL())
	if err != nil {
		s.tb.Fatal("testkit: the ports file: ", err)
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		s.tb.Fatal("testkit: the ports file: ", err)
	}
	return port
}

// Log returns what the server has printed since it was last started.
func (s *Server) Log() string { return s.process.log.String() }

// Signal sends a signal to the server.
func (s *Server) Signal(signal os.Signal) {
	s.tb.Helper()
	if err := s.process.cmd.Process.Signal(signal); err != nil {
		s.tb.Fatalf("testkit: send %v: %v", signal, err)
	}
}

// Stop asks the server to end and waits for that. The test fails if it had
// ended before, or does not end well. A server that was stopped already is left
// alone.
func (s *Server) Stop() {
	s.tb.Helper()
	if s.process.collected {
		return
	}
	if s.process.hasEnded() {
		s.tb.Errorf("testkit: the server ended on its own")
	} else if err := s.process.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.tb.Errorf("testkit: ask the server to stop: %v", err)
	}
	if code := s.WaitExit(); code != 0 {
		s.tb.Errorf("testkit: the server ended with code %d; its log:\n%s", code, s.Log())
	}
}

// WaitExit waits until the server ends by itself, as after a signal, and
// returns its exit code.
func (s *Server) WaitExit() int {
	s.tb.Helper()
	if !poll(s.process.hasEnded) {
		s.tb.Errorf("testkit: the server does not end; killed. Its log:\n%s", s.Log())
		s.process.kill()
	}
	s.collect()
	return s.process.cmd.ProcessState.ExitCode()
}

// Kill ends the server at once, as a crash would.
func (s *Server) Kill() {
	s.tb.Helper()
	s.process.kill()
	s.collect()
}

// collect notes the end of the process as expected and looks for crashes.
func (s *Server) collect() {
	s.tb.Helper()
	s.process.collected = true
	if line := s.process.log.crash(); line != "" {
		s.tb.Errorf("testkit: the server says %q; its log:\n%s", line, s.Log())
	}
}

// Monitor reads a monitoring page, as in "/varz", into the value.
func (s *Server) Monitor(page string, value any) {
	s.tb.Helper()
	response, err := http.Get(s.ports.Monitor[0] + page)
	if err != nil {
		s.tb.Fatal("testkit: ", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		s.tb.Fatalf("testkit: read %s: %v", page, err)
	}
	if err := json.Unmarshal(body, value); err != nil {
		s.tb.Fatalf("testkit: decode %s: %v in %q", page, err, body)
	}
}
