//go:build unix && !linux

package cli

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// serverProcesses lists the servers that run on this machine, by ascending process id.
func serverProcesses() ([]int, error) {
	table, err := output("ps", "-axo", "pid=,args=")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	var pids []int
	for line := range strings.Lines(string(table)) {
		words := strings.Fields(line)
		if len(words) < 2 || !isServer(words[1:]) {
			continue
		}
		if pid, err := strconv.Atoi(words[0]); err == nil {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return pids, nil
}
