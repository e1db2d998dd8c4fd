package report

import (
	"math"
	"sync"
	"time"

	"myelin/internal/clock"
)

// cpuInterval is how long the use of the processor is averaged over.
const cpuInterval = time.Second

// cpuMeter measures, interval by interval, how much processor time the process uses.
type cpuMeter struct {
	clock clock.Clock
	used  func() time.Duration // processor time used so far

	mu       sync.Mutex
	timer    clock.Timer
	stopped  bool
	lastAt   time.Time
	lastUsed time.Duration
	percent  float64 // of one processor, over the last full interval
}

func startCPUMeter(c clock.Clock, used func() time.Duration) *cpuMeter {
	m := &cpuMeter{clock: c, used: used, lastAt: c.Now(), lastUsed: used()}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.timer = c.AfterFunc(cpuInterval, m.measure)
	return m
}

func (m *cpuMeter) measure() {
	now, used := m.clock.Now(), m.used()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stopped {
		return
	}
	if elapsed := now.Sub(m.lastAt); elapsed > 0 {
		share := 100 * float64(used-m.lastUsed) / float64(elapsed)
		m.percent = math.Round(share*10) / 10
	}
	m.lastAt, m.lastUsed = now, used
	m.timer.Reset(cpuInterval)
}

func (m *cpuMeter) read() float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.percent
}

func (m *cpuMeter) stop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stopped = true
	m.timer.Stop()
}
