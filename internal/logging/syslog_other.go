//go:build windows || plan9 || js || wasip1

package logging

import (
	"errors"
	"runtime"
)

func dialSyslog(remote, tag string) (sink, error) {
	return nil, errors.New("there is no syslog on " + runtime.GOOS + ": log to a file or to stderr")
}
