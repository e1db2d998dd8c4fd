package broker

import (
	"bytes"
	"net/textproto"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"myelin/internal/clock"
	"myelin/internal/header"
	"myelin/internal/router"
)

// Latency says which requests to a service are measured, and where that is told.
type Latency struct {
	Subject string // in the exporting account
	// Percent of the requests; 0: those whose header says that they are part of a trace.
	Percent int
}

// Status is how a service did, in the numbers of HTTP.
type Status int

// What a service did: it answered; the request asked for no answer; nobody was there; the answer took too long.
const (
	StatusOK          Status = 200
	StatusBadRequest  Status = 400
	StatusUnavailable Status = 503
	StatusTimeout     Status = 504
)

// Measured is what a service did with one request.
type Measured struct {
	Exporter  *Account
	Importer  string
	Subject   string // where it is to be told, in Exporter
	Status    Status
	Requestor []byte              // as an Introducer says it; empty for somebody inside of the server
	Responder uint64              // the connection that answered, or 0
	Header    map[string][]string // by which the request was chosen, if it was
	Asked     time.Time
	Took      time.Duration // until the answer
}

// Meter takes what was measured. It does not block.
type Meter func(*Measured)

// measurement is one that is under way. A nil one is none.
type measurement struct {
	of    Measured
	meter Meter
	clock clock.Clock
	told  atomic.Bool
	timer atomic.Pointer[clock.Timer]
}

// sample begins to measure a request, if it is one to be measured.
func (i *serviceImport) sample(m *router.Message, info []byte, rnd func(n uint32) uint32) *measurement {
	broker := i.importer.broker
	meter := broker.meter.Load()
	if meter == nil {
		return nil
	}
	var fields map[string][]string
	if i.Latency.Percent == 0 {
		if fields = traced(m.Header); fields == nil {
			return nil
		}
	} else if int(rnd(100)) >= i.Latency.Percent {
		return nil
	}
	x := &measurement{meter: *meter, clock: broker.clock, of: Measured{
		Exporter: i.exporter, Importer: i.importer.name, Subject: i.Latency.Subject, Requestor: bytes.Clone(info), Header: fields,
		Asked: broker.clock.Now(),
	}}
	if len(m.Reply) > 0 {
		timer := broker.clock.AfterFunc(i.Threshold, func() { x.tell(StatusTimeout, 0) })
		x.timer.Store(&timer)
	}
	return x
}

// tell ends the measurement: what comes first counts.
func (x *measurement) tell(status Status, responder uint64) {
	if x == nil || x.told.Swap(true) {
		return
	}
	if timer := x.timer.Load(); timer != nil {
		(*timer).Stop()
	}
	x.of.Status, x.of.Responder, x.of.Took = status, responder, x.clock.Now().Sub(x.of.Asked)
	x.meter(&x.of)
}

// Fields of headers by which tracing systems find the parts of a request together.
const (
	uberField   = "Uber-Trace-Id"
	zipkinField = "B3"
	zipkinStart = "X-B3-"
	parentField = "Traceparent"
	stateField  = "Tracestate"
)

// traced returns the fields by which a header says that its message is part of a trace that is recorded; nil if it is not.
func traced(block []byte) map[string][]string {
	all := make(map[string][]string)
	for key, value := range header.Fields(block) {
		name := textproto.CanonicalMIMEHeaderKey(string(key))
		if name == uberField || name == zipkinField || name == parentField || name == stateField || strings.HasPrefix(name, zipkinStart) {
			all[name] = append(all[name], string(value))
		}
	}
	first := func(name string) string {
		if list := all[name]; len(list) > 0 {
			return list[0]
		}
		return ""
	}
	only := func(names ...string) map[string][]string {
		some := make(map[string][]string)
		for _, name := range names {
			if all[name] != nil {
				some[name] = all[name]
			}
		}
		return some
	}
	zipkin := []string{"X-B3-Traceid", "X-B3-Spanid", "X-B3-Parentspanid", "X-B3-Sampled", "X-B3-Flags"}
	switch {
	case first(uberField) != "":
		if flagged(first(uberField), ":", 4) {
			return only(uberField)
		}
	case first("X-B3-Sampled") == "1", first("X-B3-Sampled") == "" && first("X-B3-Traceid") != "":
		return only(zipkin...)
	case first("X-B3-Sampled") != "":
	case first(zipkinField) != "":
		if parts := strings.Split(first(zipkinField), "-"); len(parts) == 1 && parts[0] != "0" || len(parts) == 2 || len(parts) > 2 && parts[2] != "0" {
			return only(zipkinField)
		}
	case flagged(first(parentField), "-", 4):
		return only(parentField, stateField)
	}
	return nil
}

// flagged reports whether the last of so many parts, in hexadecimal digits, has its lowest bit set.
func flagged(text, separator string, parts int) bool {
	list := strings.Split(text, separator)
	if len(list) != parts {
		return false
	}
	flags, err := strconv.ParseUint(list[parts-1], 16, 8)
	return err == nil && flags&1 == 1
}
