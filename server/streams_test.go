package server

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A store folder that is a file, or below one, is refused in the words of a stock server.
func TestStoreBelowAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{file, filepath.Join(file, "folder")} {
		cfg := testConfig()
		cfg.JetStream.Enabled, cfg.JetStream.StoreDir = true, dir
		s, err := New(Options{Config: cfg, Log: quietLog{t}})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Start(); err == nil || !strings.Contains(err.Error(), "storage directory is not a directory") {
			t.Errorf("%s: %v", dir, err)
		}
		s.Shutdown()
	}
}
