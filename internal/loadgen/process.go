package loadgen

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Usage is what a process has taken from its machine.
type Usage struct {
	CPU time.Duration // user and system time since it started
	RSS int64         // resident memory, bytes
}

// clockTick is the unit of times in /proc, which Linux fixes for programs.
const clockTick = 10 * time.Millisecond

// parseStat reads utime and stime, fields 14 and 15 of /proc/PID/stat. The
// name in field 2 may hold spaces and parentheses.
func parseStat(stat []byte) (time.Duration, error) {
	i := bytes.LastIndexByte(stat, ')')
	fields := bytes.Fields(stat[i+1:])
	if i < 0 || len(fields) < 13 {
		return 0, errors.New("short process status")
	}
	var ticks int64
	for _, field := range fields[11:13] {
		n, err := strconv.ParseInt(string(field), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("CPU time %q: %w", field, err)
		}
		ticks += n
	}
	return time.Duration(ticks) * clockTick, nil
}

// parseStatus reads VmRSS of /proc/PID/status.
func parseStatus(status []byte) (int64, error) {
	for line := range bytes.Lines(status) {
		if rest, ok := bytes.CutPrefix(line, []byte("VmRSS:")); ok {
			kib, err := strconv.ParseInt(strings.TrimSuffix(string(bytes.TrimSpace(rest)), " kB"), 10, 64)
			if err != nil {
				return 0, fmt.Errorf("VmRSS: %w", err)
			}
			return kib << 10, nil
		}
	}
	return 0, errors.New("no VmRSS in process status")
}

// parsePS reads the output of `ps -o time=,rss=`: [[dd-]hh:]mm:ss[.cc] and KiB.
func parsePS(out string) (Usage, error) {
	fields := strings.Fields(out)
	if len(fields) != 2 {
		return Usage{}, fmt.Errorf("unexpected output of ps: %q", out)
	}
	var seconds float64
	clock := fields[0]
	if days, rest, ok := strings.Cut(clock, "-"); ok {
		n, err := strconv.Atoi(days)
		if err != nil {
			return Usage{}, fmt.Errorf("CPU time of ps: %w", err)
		}
		seconds, clock = float64(n)*24/60, rest // the loop multiplies it by 60 before it adds the hours
	}
	for part := range strings.SplitSeq(clock, ":") {
		n, err := strconv.ParseFloat(part, 64)
		if err != nil {
			return Usage{}, fmt.Errorf("CPU time of ps: %w", err)
		}
		seconds = seconds*60 + n
	}
	kib, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return Usage{}, fmt.Errorf("memory of ps: %w", err)
	}
	return Usage{CPU: time.Duration(seconds * float64(time.Second)), RSS: kib << 10}, nil
}
