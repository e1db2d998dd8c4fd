package loadgen

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// Conditions say where and how a suite was run.
type Conditions struct {
	Date    string `json:"date"`
	Machine string `json:"machine"`
	System  string `json:"system"`
	Load    string `json:"load"`
	Server  string `json:"server"`
	Peer    string `json:"peer,omitempty"`
}

func (s *Suite) conditions() Conditions {
	return Conditions{
		Date:    time.Now().UTC().Format(time.DateOnly),
		Machine: fmt.Sprintf("%s, %d cores", cpuModel(), runtime.NumCPU()),
		System:  fmt.Sprintf("%s/%s, kernel %s", runtime.GOOS, runtime.GOARCH, kernel()),
		Load: fmt.Sprintf("generator (%s) on the same machine over loopback; %d runs in turn, medians; %v measured after %v of warm-up; at most %d MiB between publishers and a subscriber; memory after %v of rest",
			runtime.Version(), s.Runs, s.Window, s.Warmup, s.Backlog>>20, s.Settle),
	}
}

func (i *Info) describe() string {
	return fmt.Sprintf("version %s, %s", i.Version, i.Go)
}

func cpuModel() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown processor"
	}
	for line := range bytes.Lines(text) {
		if name, value, ok := strings.Cut(string(line), ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown processor"
}

func kernel() string {
	out, err := exec.Command("uname", "-r").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}
