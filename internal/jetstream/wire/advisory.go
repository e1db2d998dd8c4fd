package wire

import (
	"time"

	"myelin/internal/consumer"
)

const (
	advisorySubject = "$JS.EVENT.ADVISORY.CONSUMER."
	metricSubject   = "$JS.EVENT.METRIC.CONSUMER.ACK."
	advisoryType    = "io.nats.jetstream.advisory.v1."
	metricType      = "io.nats.jetstream.metric.v1.consumer_ack"
)

// Teller is who an advisory is about, and what makes it one of its own.
type Teller struct {
	Account, Stream, Consumer, Domain string
	ID                                string // unique
	Time                              time.Time
}

// Advisory is an event to publish: Body is for encoding/json.
type Advisory struct {
	Subject string
	Body    any
}

// eventHead is what all events begin with.
type eventHead struct {
	Type string    `json:"type"`
	ID   string    `json:"id"`
	Time time.Time `json:"timestamp"`
}

// names are those of the consumer and its stream.
type names struct {
	Stream   string `json:"stream"`
	Consumer string `json:"consumer"`
}

type messageEvent struct {
	eventHead
	names
	DSeq    uint64 `json:"consumer_seq"`
	Seq     uint64 `json:"stream_seq"`
	AckTime *int64 `json:"ack_time,omitempty"` // of samples
	Count   uint32 `json:"deliveries"`
	Reason  string `json:"reason,omitempty"` // of terminated messages
	Domain  string `json:"domain,omitempty"`
}

type maxDeliverEvent struct {
	eventHead
	names
	Seq    uint64 `json:"stream_seq"`
	Count  uint32 `json:"deliveries"`
	Domain string `json:"domain,omitempty"`
}

type groupEvent struct {
	eventHead
	Account string `json:"account,omitempty"`
	names
	Domain string `json:"domain,omitempty"`
	Group  string `json:"group"`
	Pin    string `json:"pinned_id,omitempty"`
	Reason string `json:"reason,omitempty"`
}

type pauseEvent struct {
	eventHead
	names
	Paused bool      `json:"paused"`
	Until  time.Time `json:"pause_until"`
	Domain string    `json:"domain,omitempty"`
}

type actionEvent struct {
	eventHead
	names
	Action string `json:"action"`
	Domain string `json:"domain,omitempty"`
}

func (t *Teller) head(kind string) eventHead {
	return eventHead{advisoryType + kind, t.ID, t.Time.UTC()}
}

func (t *Teller) names() names { return names{t.Stream, t.Consumer} }

// advisory publishes to the subject of a kind of advisories.
func (t *Teller) advisory(kind string, body any) Advisory {
	return Advisory{advisorySubject + kind + "." + t.Stream + "." + t.Consumer, body}
}

// Created says that the consumer came.
func (t *Teller) Created() Advisory { return t.action("CREATED", "create") }

// Deleted says that the consumer went.
func (t *Teller) Deleted() Advisory { return t.action("DELETED", "delete") }

func (t *Teller) action(subject, action string) Advisory {
	return t.advisory(subject, actionEvent{t.head("consumer_action"), t.names(), action, t.Domain})
}

// Pause says that the consumer begins to pause, or that it goes on, by the clock of who asked for it. The zero time is that of a pause
// which was taken back.
func (t *Teller) Pause(paused bool, until time.Time) Advisory {
	return t.advisory("PAUSE", pauseEvent{t.head("consumer_pause"), t.names(), paused, until, t.Domain})
}

// Advise turns what a dispatcher has to tell into an event. until is up to when the consumer pauses, or paused; the
// zero time if it does not. An advisory of an unknown kind has no subject.
func (t *Teller) Advise(a *consumer.Advisory, until time.Time) Advisory {
	switch a.Kind {
	case consumer.MaxDeliver:
		return t.advisory("MAX_DELIVERIES", maxDeliverEvent{t.head("max_deliver"), t.names(), a.Seq, a.Count, t.Domain})
	case consumer.Naked:
		return t.advisory("MSG_NAKED", t.message(t.head("nak"), a))
	case consumer.Terminated:
		return t.advisory("MSG_TERMINATED", t.message(t.head("terminated"), a))
	case consumer.AckSample:
		return Advisory{metricSubject + t.Stream + "." + t.Consumer, t.message(eventHead{metricType, t.ID, t.Time.UTC()}, a)}
	case consumer.Pinned:
		return t.advisory("PINNED", t.group("consumer_group_pinned", a))
	case consumer.Unpinned:
		return t.advisory("UNPINNED", t.group("consumer_group_unpinned", a))
	case consumer.Paused, consumer.Resumed:
		return t.Pause(a.Kind == consumer.Paused, until)
	}
	return Advisory{}
}

func (t *Teller) message(head eventHead, a *consumer.Advisory) messageEvent {
	e := messageEvent{eventHead: head, names: t.names(), DSeq: a.DSeq, Seq: a.Seq, Count: a.Count, Domain: t.Domain}
	switch a.Kind {
	case consumer.AckSample:
		e.AckTime = &a.Delay
	case consumer.Terminated:
		e.Reason = a.Reason
	}
	return e
}

func (t *Teller) group(kind string, a *consumer.Advisory) groupEvent {
	e := groupEvent{eventHead: t.head(kind), Account: t.Account, names: t.names(), Domain: t.Domain, Group: a.Group}
	if a.Kind == consumer.Pinned {
		e.Pin = a.Pin
	} else {
		e.Reason = a.Reason
	}
	return e
}
