package cli

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
)

// The dev command says where it listens and where its streams are, serves there, stops when it is interrupted, and
// leaves behind what it was told to.
func TestDev(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a process cannot be interrupted on Windows")
	}
	t.Run("without a folder", func(t *testing.T) {
		temporary := t.TempDir()
		at := runDev(t, temporary, createStream)
		if left, err := os.ReadDir(temporary); err != nil || len(left) > 0 || !strings.HasPrefix(at.StoreDir, temporary) {
			t.Errorf("%s: left %v, %v", at.StoreDir, left, err)
		}
	})
	t.Run("with a folder", func(t *testing.T) {
		temporary, kept := t.TempDir(), filepath.Join(t.TempDir(), "kept")
		at := runDev(t, temporary, createStream, "--dir", kept)
		if left, err := os.ReadDir(temporary); err != nil || len(left) > 0 || at.StoreDir != filepath.Join(kept, "jetstream") {
			t.Errorf("%s: left %v, %v", at.StoreDir, left, err)
		}
		runDev(t, temporary, findStream, "--dir", kept)
	})
}

func createStream(t *testing.T, nc *nats.Conn) {
	request(t, nc, "$JS.API.STREAM.CREATE.GREETINGS", `{"name":"GREETINGS","subjects":["greet.>"]}`, `"created":`)
	request(t, nc, "greet.you", "hello", `"seq":1`)
}

func findStream(t *testing.T, nc *nats.Conn) {
	request(t, nc, "$JS.API.STREAM.INFO.GREETINGS", "", `"messages":1`)
}

// request wants a part of the reply.
func request(t *testing.T, nc *nats.Conn, subject, body, want string) {
	t.Helper()
	m, err := nc.Request(subject, []byte(body), nats.DefaultTimeout)
	if err != nil {
		t.Fatalf("%s: %v", subject, err)
	}
	if !strings.Contains(string(m.Data), want) {
		t.Errorf("%s: %s", subject, m.Data)
	}
}

// runDev runs the dev command from its start to its end, and uses the server in between.
func runDev(t *testing.T, temporary string, use func(*testing.T, *nats.Conn), args ...string) (at devAddresses) {
	cmd := exec.Command("myelin", append([]string{"dev", "--port", "-1", "--http-port", "-1", "--json"}, args...)...)
	cmd.Env = append(os.Environ(), "TMPDIR="+temporary)
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(line, &at); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	nc, err := nats.Connect(at.ClientURL)
	if err != nil {
		t.Fatal(err)
	}
	use(t, nc)
	nc.Close()
	page, err := http.Get(at.MonitorURL + "/varz")
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, page.Body)
	page.Body.Close()
	if page.StatusCode != http.StatusOK || at.PID != cmd.Process.Pid {
		t.Fatalf("status %s, pid %d", page.Status, at.PID)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	return at
}
