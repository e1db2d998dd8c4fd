package server

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"myelin/internal/clock"
	"myelin/internal/config"
)

// quietLog drops everything but keeps what went wrong.
type quietLog struct{ t *testing.T }

func (quietLog) Noticef(string, ...any)           {}
func (quietLog) Debugf(string, ...any)            {}
func (quietLog) Tracef(string, ...any)            {}
func (quietLog) Errorf(string, ...any)            {}
func (quietLog) TraceEnabled() bool               { return false }
func (quietLog) Reopen()                          {}
func (l quietLog) Warnf(format string, a ...any)  { l.t.Logf(format, a...) }
func (l quietLog) Fatalf(format string, a ...any) { l.t.Logf(format, a...) }

func testConfig() *Config {
	cfg := DefaultConfig()
	cfg.Host, cfg.Port = "127.0.0.1", -1
	return cfg
}

func run(t *testing.T, cfg *Config) *Server {
	t.Helper()
	s, err := New(Options{Config: cfg, Log: quietLog{t}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Shutdown)
	return s
}

// A program can embed a server, talk to it, and stop it more than once.
func TestEmbedded(t *testing.T) {
	s := run(t, testConfig())
	nc, err := nats.Connect(s.ClientURL(), nats.Timeout(patience))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	sub, err := nc.SubscribeSync("greet.*")
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.Publish("greet.you", []byte("hello")); err != nil {
		t.Fatal(err)
	}
	msg, err := sub.NextMsg(patience)
	if err != nil || string(msg.Data) != "hello" {
		t.Fatal(msg, err)
	}
	s.Shutdown()
	s.Shutdown()
	s.Wait()
	if (source{s}).Healthy() == nil {
		t.Fatal("a stopped server calls itself healthy")
	}
}

// The pid file and the ports file stand while the server runs, and are gone afterwards.
func TestFilesComeAndGo(t *testing.T) {
	dir := t.TempDir()
	cfg := testConfig()
	cfg.HTTPPort, cfg.HTTPHost = -1, "127.0.0.1"
	cfg.PidFile, cfg.PortsFileDir = filepath.Join(dir, "pid"), dir
	s := run(t, cfg)
	if len(s.files) != 2 {
		t.Fatalf("files %v", s.files)
	}
	text, err := os.ReadFile(s.files[1])
	if err != nil {
		t.Fatal(err)
	}
	var p ports
	if err := json.Unmarshal(text, &p); err != nil || len(p.NATS) != 1 || p.NATS[0] != s.ClientURL() || p.Monitoring[0] != s.MonitorURL() {
		t.Fatalf("%s: %v", text, err)
	}
	s.Shutdown()
	if left, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(left) > 0 {
		t.Fatalf("left behind: %v %v", left, err)
	}
}

// A port that is taken is an error with the address, and leaves nothing open or behind.
func TestPortInUse(t *testing.T) {
	first := run(t, testConfig())
	cfg := testConfig()
	cfg.Port = first.clients.Addr().Port
	cfg.PidFile = filepath.Join(t.TempDir(), "pid")
	s, err := New(Options{Config: cfg, Log: quietLog{t}})
	if err != nil {
		t.Fatal(err)
	}
	err = s.Start()
	var taken *portError
	if !errors.As(err, &taken) || !strings.HasPrefix(err.Error(), "Error listening on port: 127.0.0.1:") {
		t.Fatal(err)
	}
	if _, err := os.Stat(cfg.PidFile); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal("the pid file is there")
	}
	s.Shutdown()
}

// A server that cannot write its files does not start.
func TestUnwritableFile(t *testing.T) {
	cfg := testConfig()
	cfg.PidFile = filepath.Join(t.TempDir(), "no", "such", "folder")
	s, err := New(Options{Config: cfg, Log: quietLog{t}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err == nil || !strings.Contains(err.Error(), "pidfile") {
		t.Fatal(err)
	}
	if _, err := nats.Connect(s.ClientURL()); err == nil {
		t.Fatal("it accepts connections")
	}
	s.Shutdown()
}

// A lame duck tells its clients, accepts no more, closes those that stay, and stops.
func TestLameDuck(t *testing.T) {
	cfg := testConfig()
	cfg.LameDuckGrace, cfg.LameDuckDuration = 50*time.Millisecond, 100*time.Millisecond
	s := run(t, cfg)
	told, closed := make(chan bool, 1), make(chan bool, 1)
	nc, err := nats.Connect(s.ClientURL(), nats.NoReconnect(), nats.Timeout(patience),
		nats.LameDuckModeHandler(func(*nats.Conn) { told <- true }),
		nats.ClosedHandler(func(*nats.Conn) { closed <- true }))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	s.LameDuck()
	for what, ch := range map[string]chan bool{"told": told, "closed": closed} {
		select {
		case <-ch:
		case <-time.After(patience):
			t.Errorf("the client was not %s", what)
		}
	}
	if _, err := nats.Connect(s.ClientURL(), nats.Timeout(time.Second)); err == nil {
		t.Error("a stopped server accepts connections")
	}
}

// Mappings are checked when the server is made.
func TestBadMapping(t *testing.T) {
	cfg := testConfig()
	cfg.Mappings = append(cfg.Mappings, config.Mapping{Source: "a.*", Dests: []config.MappingDest{{Subject: "b.$2", Weight: 100}}})
	if _, err := New(Options{Config: cfg, Log: quietLog{t}}); err == nil || !strings.Contains(err.Error(), `"a.*"`) {
		t.Fatal(err)
	}
}

// What is advertised stands in INFO instead of the address that is bound.
func TestAdvertise(t *testing.T) {
	for advertise, want := range map[string]string{"": "127.0.0.1:bound", "example.org": "example.org:bound", "example.org:99": "example.org:99"} {
		cfg := testConfig()
		cfg.ClientAdvertise = advertise
		s := run(t, cfg)
		info := s.clients.Info()
		port := strconv.Itoa(info.Port)
		if info.Port == s.clients.Addr().Port {
			port = "bound"
		}
		if got := info.Host + ":" + port; got != want {
			t.Errorf("advertising %q: INFO says %s, want %s", advertise, got, want)
		}
	}
}

// Memory is given back once after each rush, not during one, and not when nothing happened.
func TestTrimmer(t *testing.T) {
	c := clock.NewFake(time.Unix(0, 0))
	var work uint64
	tr := startTrimmer(c, func() uint64 { return work })
	defer tr.stop()
	step := func(done uint64) (owed bool) {
		work += done
		c.Advance(trimEvery)
		return tr.owed
	}
	for i, row := range []struct {
		done uint64
		owed bool
	}{{0, false}, {1e6, true}, {1e6, true}, {10, false}, {10, false}, {1e6, true}, {0, false}} {
		if got := step(row.done); got != row.owed {
			t.Errorf("step %d: owed %v", i, got)
		}
	}
}

// A host that stands for all addresses is spelled out, for programs that read where to connect.
func TestURLsOfAllAddresses(t *testing.T) {
	cfg := testConfig()
	cfg.Host = "0.0.0.0"
	s := run(t, cfg)
	list := s.ports().NATS
	if !strings.HasPrefix(list[0], "nats://127.0.0.1:") {
		t.Fatal(list)
	}
	for _, url := range list {
		if strings.Contains(url, "0.0.0.0") || strings.Contains(url, "[::]") {
			t.Errorf("%s is no address to connect to", url)
		}
	}
}
