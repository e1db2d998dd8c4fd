package cli

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/s2"
	"github.com/nats-io/nats.go"

	"myelin/server"
)

// fakeAPI is a server without JetStream on which a test answers for it.
type fakeAPI struct {
	t   *testing.T
	nc  *nats.Conn
	out bytes.Buffer // of commands, both streams
}

func newFakeAPI(t *testing.T) *fakeAPI {
	cfg := server.DefaultConfig()
	cfg.Host, cfg.Port = "127.0.0.1", -1
	cfg.Log.File = filepath.Join(t.TempDir(), "server.log")
	s, err := server.New(server.Options{Config: cfg})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Shutdown)
	nc, err := nats.Connect(s.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return &fakeAPI{t: t, nc: nc}
}

// answer has requests to a subject of the API answered by a function, in a goroutine of its own each.
func (f *fakeAPI) answer(subject string, reply func(*nats.Msg)) {
	f.t.Helper()
	if _, err := f.nc.Subscribe("$JS.API."+subject, func(m *nats.Msg) { go reply(m) }); err != nil {
		f.t.Fatal(err)
	}
	if err := f.nc.Flush(); err != nil {
		f.t.Fatal(err)
	}
}

// run runs a command line and returns what it says.
func (f *fakeAPI) run(args ...string) (string, int) {
	f.out.Reset()
	args = append([]string{"myelin"}, args...)
	args = append(args, "--no-context", "-s", f.nc.ConnectedUrl())
	code := Run(args, strings.NewReader(""), &f.out, &f.out)
	return f.out.String(), code
}

// A configuration of a newer server keeps what this client has no words for.
func TestEditKeepsUnknownMembers(t *testing.T) {
	f := newFakeAPI(t)
	const config = `{"name":"A","subjects":["a"],"retention":"limits","storage":"file","max_msgs":5,"future":{"size":18446744073709551615}}`
	f.answer("STREAM.INFO.A", func(m *nats.Msg) {
		m.Respond([]byte(`{"type":"x","config":` + config + `,"created":"2026-01-01T00:00:00Z","state":{"messages":1,"newer":true}}`))
	})
	updates := make(chan []byte, 1)
	f.answer("STREAM.UPDATE.A", func(m *nats.Msg) {
		updates <- m.Data
		m.Respond([]byte(`{"config":` + string(m.Data) + `}`))
	})
	if out, code := f.run("stream", "edit", "A", "--max-msgs", "6", "-f"); code != 0 {
		t.Fatal(out)
	}
	want := strings.Replace(config, `"max_msgs":5`, `"max_msgs":6`, 1)
	if got := string(<-updates); got != want {
		t.Errorf("sent %s\nwant %s", got, want)
	}
	if out, _ := f.run("stream", "info", "A", "--json"); !strings.Contains(out, "18446744073709551615") || !strings.Contains(out, `"newer": true`) {
		t.Errorf("what is not known is not shown: %s", out)
	}
}

// A snapshot that does not end well, or that cannot be unpacked, leaves the older backup as it is, and no other files.
func TestBackupFails(t *testing.T) {
	var packed bytes.Buffer
	w := s2.NewWriter(&packed)
	for i := range 1000 {
		fmt.Fprintf(w, "%x", sha256.Sum256([]byte{byte(i), byte(i >> 8)}))
	}
	w.Close()
	flipped := bytes.Clone(packed.Bytes())
	flipped[len(flipped)/2] ^= 1

	for _, c := range []struct {
		name    string
		data    []byte
		status  string // of the last message, with its description
		failure string // or ""
	}{
		{"without status", packed.Bytes(), "", ""},
		{"well", packed.Bytes(), "204", ""},
		{"refused", packed.Bytes()[:100], "408 No Interest", "the server ended the snapshot: No Interest (408)"},
		{"cut", packed.Bytes()[:len(packed.Bytes())-9], "", "cannot be unpacked"},
		{"flipped", flipped, "", "cannot be unpacked"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFakeAPI(t)
			f.answer("STREAM.SNAPSHOT.A", func(m *nats.Msg) { f.snapshot(m, c.data, c.status) })
			dir := t.TempDir()
			old := filepath.Join(dir, backupData)
			for _, name := range []string{backupMeta, backupData} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte("old"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			out, code := f.run("stream", "backup", "A", dir)
			left, err := os.ReadFile(old)
			if err != nil {
				t.Fatal(err)
			}
			if (code == 0) != (c.failure == "") || !strings.Contains(out, c.failure) {
				t.Errorf("code %d, said %s", code, out)
			}
			if want := c.data; c.failure == "" && !bytes.Equal(left, want) || c.failure != "" && string(left) != "old" {
				t.Errorf("the folder has %d bytes", len(left))
			}
			if files, _ := os.ReadDir(dir); len(files) != 2 {
				t.Errorf("the folder has %d files", len(files))
			}
		})
	}
}

// snapshot answers a request for one and sends it in small chunks, each once the one before was acknowledged.
func (f *fakeAPI) snapshot(m *nats.Msg, data []byte, status string) {
	var q snapshotRequest
	if err := json.Unmarshal(m.Data, &q); err != nil {
		f.t.Error(err)
		return
	}
	m.Respond([]byte(`{"config":{"name":"A"},"state":{"bytes":10}}`))
	for len(data) > 0 {
		chunk := data[:min(len(data), 6000)]
		data = data[len(chunk):]
		if _, err := f.nc.Request(q.Deliver, chunk, time.Minute); err != nil {
			f.t.Error(err)
			return
		}
	}
	end := nats.NewMsg(q.Deliver)
	if code, text, _ := strings.Cut(status, " "); code != "" {
		end.Header = nats.Header{"Status": {code}, "Description": {text}}
	}
	f.nc.PublishMsg(end)
}

// A server that objects to a chunk ends a restore with its words.
func TestRestoreRefused(t *testing.T) {
	f := newFakeAPI(t)
	f.answer("STREAM.RESTORE.A", func(m *nats.Msg) { m.Respond([]byte(`{"deliver_subject":"chunks"}`)) })
	if _, err := f.nc.Subscribe("chunks", func(m *nats.Msg) {
		m.Respond([]byte(`{"error":{"code":500,"err_code":10062,"description":"the disk is full"}}`))
	}); err != nil {
		t.Fatal(err)
	}
	f.nc.Flush()
	dir := t.TempDir()
	for name, text := range map[string]string{backupMeta: `{"config":{"name":"A"},"state":{}}`, backupData: "data"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, code := f.run("stream", "restore", dir); code == 0 || !strings.Contains(out, "restore stream A: the disk is full (10062)") {
		t.Errorf("code %d, said %s", code, out)
	}
}
