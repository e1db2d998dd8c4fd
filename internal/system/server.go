package system

import (
	"crypto/rand"
	"time"

	"myelin/internal/base62"
)

// Server is how a server introduces itself with everything that it tells.
type Server struct {
	Name         string            `json:"name"`
	Host         string            `json:"host"`
	ID           string            `json:"id"`
	Cluster      string            `json:"cluster,omitempty"`
	Domain       string            `json:"domain,omitempty"`
	Version      string            `json:"ver"`
	Tags         []string          `json:"tags,omitempty"`
	Metadata     map[string]string `json:"metadata,omitempty"`
	FeatureFlags map[string]bool   `json:"feature_flags"`
	JetStream    bool              `json:"jetstream"`
	Flags        uint64            `json:"flags"` // see the constants
	Serial       uint64            `json:"seq"`   // grows with everything that it tells
	Time         time.Time         `json:"time"`
}

// The flags of a server, by which others decide what they may send it.
const (
	FlagJetStream uint64 = 1 << iota
	FlagBinarySnapshots
	FlagAccountGroups
)

// server is the introduction of what is told next.
func (g *Guest) server() *Server {
	s := *g.self.Load()
	s.Serial, s.Time = g.serial.Add(1), g.now()
	return &s
}

func (g *Guest) now() time.Time { return g.opt.Clock.Now().UTC() }

// event is what events begin with.
type event struct {
	Type   string    `json:"type"`
	ID     string    `json:"id"`
	Time   time.Time `json:"timestamp"`
	Server *Server   `json:"server"`
}

const eventType = "io.nats.server.advisory.v1."

func (g *Guest) event(kind string) event {
	return event{Type: eventType + kind, ID: newID(), Time: g.now(), Server: g.server()}
}

// newID makes an id that no other event has.
func newID() string {
	var id [22]byte
	rand.Read(id[:]) // never fails
	for i, b := range id {
		id[i] = base62.Digits[int(b)%len(base62.Digits)]
	}
	return string(id[:])
}
