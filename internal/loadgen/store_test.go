package loadgen

import (
	"os"
	"strings"
	"testing"
)

func TestStorePrepare(t *testing.T) {
	parent := t.TempDir()
	if dir, args, err := NoStore.prepare(parent); dir != "" || args != nil || err != nil {
		t.Errorf("without a store: %q, %v, %v", dir, args, err)
	}
	dir, args, err := OwnSync.prepare(parent)
	if err != nil || !strings.HasPrefix(dir, parent) || args[0] != "-js" || !strings.HasPrefix(args[2], dir) {
		t.Errorf("synced as the server likes: %q, %v, %v", dir, args, err)
	}
	dir, args, err = AlwaysSync.prepare(parent)
	if err != nil || args[0] != "-c" {
		t.Fatalf("synced always: %q, %v, %v", dir, args, err)
	}
	text, err := os.ReadFile(args[1])
	if err != nil || !strings.Contains(string(text), "sync_interval: always") || !strings.Contains(string(text), dir) {
		t.Errorf("the configuration is %q, %v", text, err)
	}
}

func TestDiskSync(t *testing.T) {
	took, err := diskSync(t.TempDir())
	if err != nil || took <= 0 {
		t.Errorf("got %g, %v", took, err)
	}
}

// stagedAPI is a client of the API of a fake server.
func stagedAPI(t *testing.T) (*stage, *apiClient) {
	t.Helper()
	st := newStage(testContext(t), Dialer{Addr: startFake(t)})
	t.Cleanup(st.close)
	api, err := st.api()
	if err != nil {
		t.Fatal(err)
	}
	return st, api
}

func TestAPIErrors(t *testing.T) {
	st, api := stagedAPI(t)
	if _, err := api.state(st.ctx, "NONE"); err == nil || !strings.Contains(err.Error(), "stream not found (404, 10059)") {
		t.Errorf("an unknown stream: %v", err)
	}
	if err := api.call(st.ctx, "NO.SUCH", nil, nil); err == nil || !strings.Contains(err.Error(), "stream not found") {
		t.Errorf("an unknown call: %v", err)
	}
	if err := api.create(st.ctx, streamOf("S", "s")); err != nil {
		t.Fatal(err)
	}
	if err := api.call(st.ctx, "NO.S", nil, nil); err == nil || !strings.Contains(err.Error(), "no JetStream") {
		t.Errorf("nobody answers: %v", err)
	}
}

// A case must not count what a server refuses or does not store.
func TestRefusalsAreSeen(t *testing.T) {
	st, api := stagedAPI(t)
	publish := func(subject string, check func(*event) error) error {
		r, err := st.storer(2, repeated(subject, 8))
		if err != nil {
			t.Fatal(err)
		}
		r.check = check
		return r.Run(st.ctx, 4)
	}
	if err := publish("nobody", refused); err == nil || !strings.Contains(err.Error(), "nobody answers") && !strings.Contains(err.Error(), "503") {
		t.Errorf("published to no stream: %v", err)
	}
	if err := publish("$JS.API.STREAM.INFO.NONE", refused); err == nil || !strings.Contains(err.Error(), "not found") {
		t.Errorf("refused: %v", err)
	}
	if err := publish("$JS.API.DIRECT.GET.NONE", found); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("not found: %v", err)
	}
	if err := api.create(st.ctx, streamOf(streamName(0), "bench.00")); err != nil {
		t.Fatal(err)
	}
	if err := publish("bench.00", refused); err != nil {
		t.Errorf("stored: %v", err)
	}
	lying := new(Requester)
	lying.replies.Store(5)
	if err := st.checkStored(api, []*Requester{lying}); err == nil || !strings.Contains(err.Error(), "holds 4 messages of 5") {
		t.Errorf("one is missing: %v", err)
	}
}
