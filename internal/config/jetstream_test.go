package config

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSecretHides shows that no way to print or to encode a configuration shows a secret.
func TestSecretHides(t *testing.T) {
	const text = "do not tell"
	c := Default()
	c.JetStream.Key, c.JetStream.PrevKey = text, text
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%t"} {
		fmt.Fprintf(&out, verb+"\n", c.JetStream)
		fmt.Fprintf(&out, verb+"\n", c.JetStream.Key)
	}
	data, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(data)
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "key", c.JetStream.Key, "config", c)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "key", c.JetStream.Key, "config", c)
	hex := fmt.Sprintf("%x", text)
	if got := out.String(); strings.Contains(got, text) || strings.Contains(got, hex) || !strings.Contains(got, redacted) {
		t.Errorf("printed: %s", got)
	}
	if none := Secret(""); none.String() != "" || string(c.JetStream.Key) != text {
		t.Error("a secret is not what it was")
	}
}

// TestStoreFolder shows where streams are kept, and which folders are temporary.
func TestStoreFolder(t *testing.T) {
	temporary := os.TempDir()
	elsewhere := filepath.Join(filepath.Dir(filepath.Clean(temporary)), "var", "lib")
	for _, c := range []struct {
		storeDir, dir string
		temporary     bool
	}{
		{"", filepath.Join(temporary, "nats", "jetstream"), true},
		{filepath.Join(temporary, "a"), filepath.Join(temporary, "a", "jetstream"), true},
		{temporary, filepath.Join(temporary, "jetstream"), true},
		{filepath.Join(temporary, "..data"), filepath.Join(temporary, "..data", "jetstream"), true},
		{elsewhere, filepath.Join(elsewhere, "jetstream"), false},
		{filepath.Join(temporary, "..", "srv"), filepath.Join(filepath.Dir(filepath.Clean(temporary)), "srv", "jetstream"), false},
		{filepath.Clean(temporary) + "orary", filepath.Clean(temporary) + filepath.FromSlash("orary/jetstream"), false},
	} {
		j := JetStream{StoreDir: c.storeDir}
		if got := j.Dir(); got != c.dir {
			t.Errorf("%s: the folder is %s", c.storeDir, got)
		}
		if got := j.InTemporaryFolder(); got != c.temporary {
			t.Errorf("%s: temporary is %v", c.storeDir, got)
		}
	}
}
