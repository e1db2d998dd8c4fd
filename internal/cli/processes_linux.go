package cli

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// serverProcesses lists the servers that run on this machine, by ascending process id. It reads /proc: an image
// that holds the server and nothing else has no pgrep.
func serverProcesses() ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		// A process that has ended meanwhile, or that we may not look at, is not one to signal.
		line, err := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		if err == nil && len(line) > 0 && isServer(strings.Split(strings.TrimRight(string(line), "\x00"), "\x00")) {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return pids, nil
}
