// Package report builds the views of a server that operators, dashboards and tools read: general state,
// connections, subscriptions, links, health.
//
// A view is a plain struct whose JSON is that of stock nats-server: the same field names, types, units
// and rules of omission. Options are structs too, with the names that requests over messages use. So one
// builder answers whoever asks, over HTTP or over a subject, and nothing here knows of either.
//
// Everything is read from a Source, the moment that it is asked for; Views adds only what the server does
// not count itself, the use of the processor and the pages asked for. A builder costs time and memory in
// proportion to what it reads (connections, or subscriptions when these are listed), and what it returns
// is the caller's.
package report

import (
	"maps"
	"sync"
	"time"

	"myelin/internal/clock"
)

// Views builds the views of one server. Its methods may be called concurrently.
type Views struct {
	source Source
	cpu    *cpuMeter

	mu       sync.Mutex
	requests map[string]uint64 // by page, guarded by mu
}

// New returns the views of source and starts to measure the use of the processor until Close.
func New(source Source, c clock.Clock) *Views {
	return &Views{source: source, cpu: startCPUMeter(c, processCPU), requests: make(map[string]uint64)}
}

// Close ends the measuring. The views can still be read.
func (v *Views) Close() { v.cpu.stop() }

// Count notes that a page, such as "/varz", was asked for.
func (v *Views) Count(page string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.requests[page]++
}

func (v *Views) requestCounts() map[string]uint64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	return maps.Clone(v.requests)
}

func (v *Views) id() string { return v.source.Identity().ID }

func (v *Views) now() time.Time { return v.source.Now().UTC() }

// page is the part of a list that is shown: at most limit items after the first offset ones.
type page struct{ offset, limit int }

// defaultLimit is how many items a list shows when the caller does not say.
const defaultLimit = 1024

func newPage(offset, limit int) page {
	if limit <= 0 {
		limit = defaultLimit
	}
	return page{offset: max(offset, 0), limit: limit}
}

// cut returns the items of list that are on p.
func cut[T any](list []T, p page) []T {
	from := min(p.offset, len(list))
	return list[from : from+min(p.limit, len(list)-from)]
}
