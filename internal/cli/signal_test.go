//go:build unix

package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestIsServer(t *testing.T) {
	for line, want := range map[string]bool{
		"nats-server":                    true,
		"/usr/local/bin/nats-server -js": true,
		"./nats-server-2.15 -p 4333":     true,
		"myelin":                         true,
		"/opt/myelin -c myelin.conf":     true,
		"myelin dev":                     true,
		"myelin server -c myelin.conf":   true,
		"myelin server check connection": false,
		"myelin server":                  false,
		"myelin sub >":                   false,
		"bash -c nats-server":            false,
		"":                               false,
	} {
		if got := isServer(strings.Fields(line)); got != want {
			t.Errorf("isServer(%q) = %v", line, got)
		}
	}
}

// A process id that is not above zero would reach many processes at once: it must never get as far as kill.
func TestSignalTargetsRefuseAnythingButAProcess(t *testing.T) {
	pidFile := filepath.Join(t.TempDir(), "pid")
	if err := os.WriteFile(pidFile, []byte("-1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{"-1", "0", "abc", "/nonexistent", "1,2", "12*3", "a*", "-*", pidFile} {
		pids, err := signalTargets(target)
		if err == nil || !strings.HasPrefix(err.Error(), "invalid pid: ") {
			t.Errorf("signalTargets(%q) = %v, %v", target, pids, err)
		}
	}
}

func TestSignalTargetsReadAPIDFile(t *testing.T) {
	pidFile := filepath.Join(t.TempDir(), "pid")
	if err := os.WriteFile(pidFile, []byte("4711\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	pids, err := signalTargets(pidFile)
	if err != nil || len(pids) != 1 || pids[0] != 4711 {
		t.Fatalf("got %v, %v", pids, err)
	}
}

func TestUnknownSignal(t *testing.T) {
	if err := sendSignal("foo", "4711"); err == nil || err.Error() != `unknown signal "foo"` {
		t.Fatal(err)
	}
}
