//go:build !linux

package loadgen

import (
	"fmt"
	"os/exec"
	"strconv"
)

// ProcessUsage asks ps what the process with this id has used so far.
func ProcessUsage(pid int) (Usage, error) {
	out, err := exec.Command("ps", "-o", "time=,rss=", "-p", strconv.Itoa(pid)).Output()
	if err != nil {
		return Usage{}, fmt.Errorf("ask ps about process %d: %w", pid, err)
	}
	return parsePS(string(out))
}
