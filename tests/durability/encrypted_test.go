package durability

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/nats-io/nats.go"

	"myelin/internal/testkit"
)

// Nothing of a message is to be read in the files of an encrypted store, while
// the server runs, after a crash and after a clean end; in the files of another
// store it is, or the search would be none.
func TestAnEncryptedStoreShowsNothing(t *testing.T) {
	for cipher, shows := range map[string]bool{"chacha": false, "aes": false, "": true} {
		t.Run("cipher "+cipher, func(t *testing.T) {
			store := t.TempDir()
			config := fmt.Sprintf("store_dir: %q, sync_interval: always", store)
			if cipher != "" {
				config += fmt.Sprintf(", cipher: %s, key: secret", cipher)
			}
			server := testkit.Start(t, testkit.Options{Config: "jetstream { " + config + " }\n"})
			storeSecrets(t, server)
			if got := readable(t, store); len(got) > 0 != shows {
				t.Errorf("of a running server one can read %q", got)
			}
			server.Kill()
			server.Start()
			server.Stop()
			if got := readable(t, store); len(got) > 0 != shows {
				t.Errorf("of a server that has ended one can read %q", got)
			}
		})
	}
}

// secrets are words in the subject, the header and the body of messages.
var secrets = []string{"hushed-subject", "hushed-header", "hushed-body"}

func storeSecrets(t *testing.T, server *testkit.Server) {
	t.Helper()
	var ending atomic.Bool
	c := connect(t, server, &ending)
	if _, err := ask(c, "STREAM.CREATE.SECRETS", map[string]any{"name": "SECRETS", "subjects": []string{"secrets.>"},
		"storage": "file", "num_replicas": 1}); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		m := &nats.Msg{Subject: "secrets." + secrets[0], Header: nats.Header{"Word": {secrets[1]}}, Data: []byte(secrets[2])}
		if _, err := c.RequestMsg(m, patience); err != nil {
			t.Fatal(err)
		}
	}
}

// readable returns those of the secrets that stand in the files below dir.
func readable(t *testing.T, dir string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, word := range secrets {
			if bytes.Contains(text, []byte(word)) {
				found = append(found, word+" in "+filepath.Base(path))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
