package cli

import "errors"

// signalProcess refuses: Windows has no signals between processes.
func signalProcess(string, int) (known bool, err error) {
	return false, errors.New("sending signals is not supported on Windows")
}

// serverProcesses refuses likewise.
func serverProcesses() ([]int, error) {
	return nil, errors.New("sending signals is not supported on Windows")
}
