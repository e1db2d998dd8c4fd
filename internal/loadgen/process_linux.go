package loadgen

import (
	"fmt"
	"os"
	"strconv"
)

// ProcessUsage reads what the process with this id has used so far.
func ProcessUsage(pid int) (Usage, error) {
	dir := "/proc/" + strconv.Itoa(pid)
	stat, err := os.ReadFile(dir + "/stat")
	if err != nil {
		return Usage{}, err
	}
	status, err := os.ReadFile(dir + "/status")
	if err != nil {
		return Usage{}, err
	}
	var u Usage
	if u.CPU, err = parseStat(stat); err == nil {
		u.RSS, err = parseStatus(status)
	}
	if err != nil {
		return Usage{}, fmt.Errorf("process %d: %w", pid, err)
	}
	return u, nil
}
