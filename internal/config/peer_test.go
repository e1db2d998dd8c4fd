package config

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestPeerDigests compares the recorded digests with those of a stock server, if PEER is the path of one.
func TestPeerDigests(t *testing.T) {
	peer := os.Getenv("PEER")
	if peer == "" {
		t.Skip("PEER is not set")
	}
	data, err := os.ReadFile("testdata/script/digest.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range strings.Split(string(data), "\n=== ")[1:] {
		name, text, _ := strings.Cut(part, "\n")
		c := parseCase(strings.TrimRight(text, "\n") + "\n")
		dir := t.TempDir()
		for file, text := range c.files.texts {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		cmd := exec.Command(peer, "-t", "-c", "nats.conf")
		cmd.Dir, cmd.Env = dir, os.Environ()
		for key, value := range c.env {
			cmd.Env = append(cmd.Env, key+"="+value)
		}
		out, err := cmd.CombinedOutput()
		if want := strings.TrimSpace(c.want); err != nil || !strings.Contains(string(out), want) {
			t.Errorf("%s: recorded %s, the peer says: %s", name, want, out)
		}
	}
}
