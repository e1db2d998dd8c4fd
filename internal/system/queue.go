package system

import (
	"encoding/json"
	"sync"

	"myelin/internal/broker"
	"myelin/internal/report"
	"myelin/internal/router"
)

// maxQueued bounds the requests and events that wait.
const maxQueued = 10_000

// queue is what waits to be told or answered. There is a worker while it holds something.
type queue struct {
	guest *Guest
	what  string // what waits in it, for the log

	mu      sync.Mutex // guards what follows
	jobs    []func()
	working bool
	left    int // that the worker has taken and not begun
	dropped int // since the last time that this was said
	closed  bool
	done    sync.WaitGroup
}

func (q *queue) init(g *Guest, what string) { q.guest, q.what = g, what }

// add has a job done after all that were added before. What is too much is dropped.
func (q *queue) add(job func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return
	}
	if len(q.jobs) >= maxQueued {
		q.dropped++
		return
	}
	q.jobs = append(q.jobs, job)
	if !q.working {
		q.working = true
		q.done.Add(1)
		go q.work()
	}
}

func (q *queue) work() {
	defer q.done.Done()
	for jobs, dropped := q.take(); jobs != nil; jobs, dropped = q.take() {
		if dropped > 0 {
			q.guest.opt.Log.Warnf("%d %s were dropped: more than %d waited", dropped, q.what, maxQueued)
		}
		for _, job := range jobs {
			q.begin()
			job()
		}
	}
}

func (q *queue) begin() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.left--
}

// describe says how many jobs wait, and how many are being done.
func (q *queue) describe() report.Queue {
	q.mu.Lock()
	defer q.mu.Unlock()
	d := report.Queue{Pending: len(q.jobs) + q.left}
	if q.working {
		d.InProgress = 1
	}
	return d
}

// Queues are those of the guest, by the names that they are shown with.
func (g *Guest) Queues() map[string]report.Queue {
	return map[string]report.Queue{"System recvQ": g.queue.describe(), "Message traces": g.traces.describe()}
}

// take takes all jobs; nil says that there are none, and that the worker is none any more.
func (q *queue) take() (jobs []func(), dropped int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	jobs, dropped = q.jobs, q.dropped
	q.jobs, q.dropped, q.left = nil, 0, len(jobs)
	q.working = jobs != nil
	return jobs, dropped
}

// close takes no more jobs and waits until those that it has are done.
func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.done.Wait()
}

// publish sends a document. It is called by the worker.
func (g *Guest) publish(a *broker.Account, subject []byte, document any) {
	body, err := json.Marshal(document)
	if err != nil {
		g.opt.Log.Errorf("What the system account is told on %s cannot be encoded: %v", subject, err)
		return
	}
	g.send(a, subject, body)
}

// send publishes bytes.
func (g *Guest) send(a *broker.Account, subject, body []byte) {
	session := a.Open(nil)
	session.Reply(&router.Message{Subject: subject, Payload: body})
	session.Rest()
}
