package loadgen

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"
)

const (
	startTimeout = 2 * time.Minute // a server may have much to read before it answers
	stopTimeout  = 15 * time.Second
	closeTimeout = 2 * time.Minute // and much to write before it ends
	startPoll    = 100 * time.Microsecond
)

// A Server is a server process that a suite started on the loopback interface.
type Server struct {
	Addr    string
	Startup time.Duration // from exec to the first INFO
	Info    Info

	cmd    *exec.Cmd
	exited chan struct{}
	output tail
}

// StartServer runs the binary on a free port, with extra arguments, and
// returns when it has sent its first INFO.
func StartServer(ctx context.Context, binary string, args ...string) (*Server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	s := &Server{Addr: net.JoinHostPort("127.0.0.1", port), exited: make(chan struct{})}
	args = append([]string{"-a", "127.0.0.1", "-p", port}, args...)
	s.cmd = exec.Command(binary, args...)
	s.cmd.Stdout, s.cmd.Stderr = &s.output, &s.output
	start := time.Now()
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		s.cmd.Wait() // how it ended is of no interest, its output is
		close(s.exited)
	}()
	if err := s.awaitInfo(ctx, start); err != nil {
		s.Stop()
		return nil, fmt.Errorf("start %s: %w; its output ends in:\n%s", binary, err, s.output.String())
	}
	return s, nil
}

// awaitInfo knocks until the server answers.
func (s *Server) awaitInfo(ctx context.Context, start time.Time) error {
	for {
		nc, err := net.DialTimeout("tcp", s.Addr, startTimeout)
		if err == nil {
			defer nc.Close()
			nc.SetDeadline(start.Add(startTimeout))
			return s.readInfo(nc, start)
		}
		select {
		case <-s.exited:
			return errors.New("it exited")
		case <-ctx.Done():
			return ctx.Err()
		default:
		}
		if time.Since(start) > startTimeout {
			return errors.New("no INFO in time")
		}
		pause(startPoll)
	}
}

func (s *Server) readInfo(nc net.Conn, start time.Time) error {
	c := newConn(nc, defaultReadBuffer)
	text, err := c.await(infoEvent)
	if err != nil {
		return err
	}
	s.Startup = time.Since(start)
	return json.Unmarshal(text, &s.Info)
}

// PID returns the process id.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// Usage reads what the server has used so far.
func (s *Server) Usage() (Usage, error) {
	select {
	case <-s.exited:
		return Usage{}, fmt.Errorf("server has exited; its output ends in:\n%s", s.output.String())
	default:
		return ProcessUsage(s.PID())
	}
}

// Stop interrupts the server and kills it when that does not help.
func (s *Server) Stop() {
	if err := s.cmd.Process.Signal(os.Interrupt); err != nil {
		s.cmd.Process.Kill()
	}
	select {
	case <-s.exited:
	case <-time.After(stopTimeout):
		s.cmd.Process.Kill()
		<-s.exited
	}
}

// Terminate asks the server to end, gives it the time to write what it has to,
// and returns an error when it had to be killed.
func (s *Server) Terminate() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("ask the server to end: %w", err)
	}
	select {
	case <-s.exited:
		return nil
	case <-time.After(closeTimeout):
		s.Kill()
		return fmt.Errorf("the server did not end within %v", closeTimeout)
	}
}

// Kill ends the server without a warning.
func (s *Server) Kill() {
	s.cmd.Process.Kill()
	<-s.exited
}

// freePort asks the system for a port that nobody uses at the moment.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port), nil
}

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailBytes = 4 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if extra := len(t.text) - tailBytes; extra > 0 {
		t.text = append(t.text[:0], t.text[extra:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.TrimSpace(t.text))
}
