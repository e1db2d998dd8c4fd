package server

import (
	"encoding/json"
	"time"

	"github.com/nats-io/nuid"

	"myelin/internal/broker"
	"myelin/internal/jetstream"
)

// serviceLatency is what is told of a request to a service.
type serviceLatency struct {
	Type        string              `json:"type"`
	ID          string              `json:"id"`
	Time        time.Time           `json:"timestamp"`
	Status      broker.Status       `json:"status"`
	Description string              `json:"description,omitempty"`
	Requestor   json.RawMessage     `json:"requestor,omitempty"`
	Responder   *jetstream.Client   `json:"responder,omitempty"`
	Header      map[string][]string `json:"header,omitempty"`
	Start       time.Time           `json:"start"` // when the request was sent, by the round trip of who sent it
	Service     time.Duration       `json:"service"`
	System      time.Duration       `json:"system"` // spent here
	Total       time.Duration       `json:"total"`
}

var latencyText = map[broker.Status]string{
	broker.StatusBadRequest: "Bad Request", broker.StatusUnavailable: "Service Unavailable", broker.StatusTimeout: "Service Timeout",
}

// measure is a broker.Meter: it tells of a request in the account that exports the service.
func (s *Server) measure(m *broker.Measured) {
	answered := s.clock.Now()
	s.system.Tell(m.Exporter, m.Subject, func() any { return s.latencyOf(m, answered) })
}

func (s *Server) latencyOf(m *broker.Measured, answered time.Time) *serviceLatency {
	now := s.clock.Now()
	l := &serviceLatency{
		Type: "io.nats.server.metric.v1.service_latency", ID: nuid.Next(), Time: now.UTC(), Status: m.Status,
		Description: latencyText[m.Status], Requestor: m.Requestor, Header: m.Header,
	}
	var who requestor
	if len(m.Requestor) == 0 {
		l.Requestor, _ = json.Marshal(requestor{Account: m.Importer})
	} else if err := json.Unmarshal(m.Requestor, &who); err != nil {
		l.Requestor = nil
	}
	l.Start = m.Asked.Add(-who.RTT).UTC()
	if m.Status != broker.StatusOK {
		return l
	}
	if l.Responder = s.clientOf(m.Responder); l.Responder != nil {
		l.Service = max(0, m.Took-l.Responder.RTT)
	} else {
		l.Service = m.Took
	}
	l.System = now.Sub(answered)
	l.Total = who.RTT + m.Took + l.System
	return l
}
