package testkit

import (
	"os"
	"os/exec"
)

// process is one run of the binary.
type process struct {
	cmd       *exec.Cmd
	log       *log
	ended     chan struct{} // closed when the process is gone and its log complete
	collected bool          // the test knows that it ended
}

func startProcess(command []string) (*process, error) {
	p := &process{cmd: exec.Command(command[0], command[1:]...), log: &log{}, ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	// A binary with the race detector otherwise idles for a second at its end.
	p.cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0")
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(p.ended)
		// How it ended stands in ProcessState, which is what is asked later.
		_ = p.cmd.Wait()
	}()
	return p, nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

func (p *process) hasEnded() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

func (p *process) kill() {
	// It may have ended already, and then there is nothing to do.
	_ = p.cmd.Process.Kill()
	<-p.ended
}
