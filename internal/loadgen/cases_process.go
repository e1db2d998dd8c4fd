package loadgen

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"time"
)

func processCases() []Case {
	return []Case{{Name: "process", Title: "the server itself, idle", Once: true, Run: runProcess, Goals: []Goal{
		atMost(BinarySize, 20e6), atMost(Startup, float64(10*time.Millisecond)), atMost(Memory, 15<<20)}}}
}

const (
	starts   = 21
	idleRest = 5 * time.Second
)

// runProcess measures the binary, how soon it answers, and what it takes when
// nobody is connected.
func runProcess(ctx context.Context, env *Env) (Sample, error) {
	path, err := exec.LookPath(env.Binary)
	if err != nil {
		return nil, err
	}
	file, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	var startups []time.Duration
	for range starts {
		server, err := env.Start(ctx)
		if err != nil {
			return nil, err
		}
		startups = append(startups, server.Startup)
		server.Stop()
	}
	if err := sleep(ctx, min(env.Settle, idleRest)); err != nil {
		return nil, err
	}
	idle, err := env.Server.Usage()
	if err != nil {
		return nil, err
	}
	slices.Sort(startups)
	return Sample{
		BinarySize: float64(file.Size()),
		Startup:    float64(startups[starts/2]),
		StartupMin: float64(startups[0]),
		Memory:     float64(idle.RSS),
	}, nil
}
