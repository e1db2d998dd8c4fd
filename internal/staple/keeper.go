package staple

import (
	"context"
	"sync"
	"time"

	"myelin/internal/clock"
)

const (
	// leastPause and mostPause bound the time between two questions.
	leastPause = time.Second
	mostPause  = time.Hour
	// retryPause is between questions that nobody answers.
	retryPause = time.Minute
)

// Keeper asks again and again, each time when half of the answer's time is over.
type Keeper struct {
	responder *Responder
	clock     clock.Clock
	renewed   func(*Answer, error)
	ctx       context.Context // done when nothing is to be asked any more
	cancel    context.CancelFunc

	turn  sync.Mutex // held by who asks, which owns what follows
	timer clock.Timer
	last  *Answer
}

// Keep begins with an answer. From then on renewed is called with each new one, on a goroutine of its own and never twice at
// a time; or with the error, and then with the answer before, or nil when that does not hold any longer. Nothing is called
// after Stop, which renewed must not call.
func Keep(r *Responder, first *Answer, renewed func(*Answer, error)) *Keeper {
	k := &Keeper{responder: r, clock: r.clock, renewed: renewed, last: first}
	k.ctx, k.cancel = context.WithCancel(context.Background())
	k.turn.Lock()
	defer k.turn.Unlock()
	k.timer = k.clock.AfterFunc(Pause(first, k.clock.Now()), k.ask)
	return k
}

// Pause is how long an answer is left alone.
func Pause(a *Answer, now time.Time) time.Duration {
	if a == nil || a.NextUpdate.IsZero() {
		return mostPause
	}
	return min(max(a.NextUpdate.Sub(now)/2, leastPause), mostPause)
}

func (k *Keeper) ask() {
	k.turn.Lock()
	defer k.turn.Unlock()
	answer, err := k.responder.Ask(k.ctx)
	if k.ctx.Err() != nil {
		return
	}
	now := k.clock.Now()
	pause := Pause(answer, now)
	if err != nil {
		answer, pause = k.kept(now)
	}
	k.last = answer
	k.renewed(answer, err)
	k.timer.Reset(pause)
}

// kept is the answer there was, as long as it holds, and how long to wait when there is no other.
func (k *Keeper) kept(now time.Time) (*Answer, time.Duration) {
	if k.last == nil || k.last.NextUpdate.IsZero() {
		return k.last, retryPause
	}
	left := k.last.NextUpdate.Sub(now)
	if left <= 0 {
		return nil, retryPause
	}
	return k.last, min(retryPause, max(left, leastPause))
}

// Stop ends the asking and returns when renewed is not called any more.
func (k *Keeper) Stop() {
	k.cancel()
	k.turn.Lock()
	defer k.turn.Unlock()
	k.timer.Stop()
}
