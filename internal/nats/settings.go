package nats

import (
	"slices"

	"myelin/internal/nats/wire"
)

// Settings are those that can change while connections are there.
type Settings struct {
	Limits Limits
	Info   Info // what every connection is told; port 0 becomes the one that is bound
	// MaxTraced cuts payloads in traces; 0: whole.
	MaxTraced int
}

// Set puts other settings into force. Recheck follows: before it, connections go by some of them only.
func (l *Listener) Set(s Settings) { l.set(s) }

func (l *Listener) set(s Settings) {
	if s.Info.Port == 0 {
		s.Info.Port = l.acceptor.Addr().Port
	}
	l.settings.Store(&s)
}

func (l *Listener) limits() *Limits { return &l.settings.Load().Limits }

// Trim ends connections beyond the limit, those that came last first, and tells them why. It returns their number.
func (l *Listener) Trim() (ended int) {
	most := l.limits().MaxConnections
	if most == 0 {
		return 0
	}
	l.mu.Lock()
	conns := l.open()
	l.mu.Unlock()
	slices.SortFunc(conns, func(a, b *Conn) int { return int(a.id) - int(b.id) })
	for _, c := range conns[min(max(most, 0), len(conns)):] {
		c.tell(wire.AppendError(nil, textMaxConnections))
		c.l.opt.PeerLog.Errorf("%s - %s", c, textMaxConnections)
		c.leave(MaxConnections)
		ended++
	}
	return ended
}
