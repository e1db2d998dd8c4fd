package cli

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// sendSignal does what the server flag --signal asks for. The target is a process id, the beginning of one followed
// by *, or a file that holds either. Without a target there must be one server on this machine.
func sendSignal(command, target string) error {
	pids, err := signalTargets(target)
	if err != nil {
		return err
	}
	return signalAll(command, pids)
}

// signalTargets finds the processes that a target means.
func signalTargets(target string) ([]int, error) {
	if data, err := os.ReadFile(target); target != "" && err == nil {
		target = strings.TrimSpace(string(data))
	}
	prefix, glob := strings.CutSuffix(target, "*")
	if target != "" && !glob {
		pid, err := parsePID(target)
		return []int{pid}, err
	}
	if prefix != "" {
		if _, err := parsePID(prefix); err != nil {
			return nil, err
		}
	}
	pids, err := serverProcesses()
	if err != nil {
		return nil, err
	}
	pids = slices.DeleteFunc(pids, func(pid int) bool {
		return pid == os.Getpid() || !strings.HasPrefix(strconv.Itoa(pid), prefix)
	})
	switch {
	case len(pids) == 0:
		return nil, errors.New("no nats-server processes running")
	case len(pids) > 1 && !glob:
		return nil, fmt.Errorf("multiple nats-server processes running:%s", onePerLine(pids))
	}
	return pids, nil
}

// parsePID reads the id of one process. Zero and negative numbers are refused: to the operating system they mean
// groups of processes, or every process there is.
func parsePID(s string) (int, error) {
	pid, err := strconv.Atoi(s)
	if err != nil || pid <= 0 {
		return 0, fmt.Errorf("invalid pid: %s", s)
	}
	return pid, nil
}

func onePerLine(pids []int) string {
	var b strings.Builder
	for _, pid := range pids {
		fmt.Fprintf(&b, "\n%d", pid)
	}
	return b.String()
}

// signalAll signals every process, also after one has failed.
func signalAll(command string, pids []int) error {
	var failures strings.Builder
	for _, pid := range pids {
		known, err := signalProcess(command, pid)
		if !known {
			return cmp.Or(err, fmt.Errorf("unknown signal %q", command))
		}
		if err != nil {
			fmt.Fprintf(&failures, "\nsignal %q %d: %v", command, pid, err)
		}
	}
	if failures.Len() > 0 {
		return errors.New(failures.String())
	}
	return nil
}

// isServer reports whether a command line is that of a running server.
func isServer(argv []string) bool {
	if len(argv) == 0 {
		return false
	}
	switch name := baseName(argv[0]); {
	case strings.Contains(name, serverName):
		return true
	case name != "myelin":
		return false
	}
	if len(argv) == 1 || strings.HasPrefix(argv[1], "-") || argv[1] == "dev" {
		return true
	}
	_, server := serverFlags(argv[1:])
	return server
}
