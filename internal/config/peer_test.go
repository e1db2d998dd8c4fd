package config

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestPeerDigests compares the recorded digests with those of a stock server, if PEER is the path of one.
func TestPeerDigests(t *testing.T) {
	for name, c := range peerCases(t, "digest") {
		out, err := askPeer(t, c)
		if want := strings.TrimSpace(c.want); err != nil || !strings.Contains(out, want) {
			t.Errorf("%s: recorded %s, the peer says: %s", name, want, out)
		}
	}
}

// stricter are the cases of JetStream that a stock server takes when it tests a file. With the domains it does not start.
var stricter = []string{"an interval that is none", "domains that are none", "domains with spaces"}

// TestPeerJetStream compares which settings of JetStream are valid with what a stock server says, likewise.
func TestPeerJetStream(t *testing.T) {
	for name, c := range peerCases(t, "jetstream") {
		f, err := ParseFlags(append([]string{"-t"}, c.args...))
		if c.files.texts["nats.conf"] == "" || err != nil {
			continue
		}
		_, own := f.Test(c.files, nil)
		if own != nil && strings.Contains(own.Error(), "not supported yet") {
			continue
		}
		out, err := askPeer(t, c)
		if agreed := (own == nil) == (err == nil); agreed == slices.Contains(stricter, name) {
			t.Errorf("%s: %v, but the peer says: %s", name, own, out)
		}
	}
}

// peerCases are the cases of a script, by name, if there is a peer to ask.
func peerCases(t *testing.T, script string) map[string]*scriptCase {
	t.Helper()
	if os.Getenv("PEER") == "" {
		t.Skip("PEER is not set")
	}
	data, err := os.ReadFile(filepath.Join("testdata", "script", script+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]*scriptCase{}
	for _, part := range strings.Split(string(data), "\n=== ")[1:] {
		name, text, _ := strings.Cut(part, "\n")
		cases[name] = parseCase(strings.TrimRight(text, "\n") + "\n")
	}
	return cases
}

// askPeer has the peer test the files of a case.
func askPeer(t *testing.T, c *scriptCase) (string, error) {
	t.Helper()
	dir := t.TempDir()
	for file, text := range c.files.texts {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(os.Getenv("PEER"), append([]string{"-t"}, c.args...)...)
	cmd.Dir, cmd.Env = dir, os.Environ()
	for key, value := range c.env {
		cmd.Env = append(cmd.Env, key+"="+value)
	}
	out, err := cmd.CombinedOutput()
	return string(out), err
}
