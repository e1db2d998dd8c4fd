package cli

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"testing"

	"github.com/nats-io/nats.go"
)

// The dev command says where it listens, serves there, and stops when it is interrupted.
func TestDev(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a process cannot be interrupted on Windows")
	}
	cmd := exec.Command("myelin", "dev", "--port", "-1", "--http-port", "-1", "--json")
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
	var at devAddresses
	if err := json.Unmarshal(line, &at); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	nc, err := nats.Connect(at.ClientURL)
	if err != nil {
		t.Fatal(err)
	}
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
}
