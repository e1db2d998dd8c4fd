package consumer

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"myelin/internal/stream"
)

// model answers scripts with a dispatcher and a small model of a stream with one consumer. Its commands:
//
//	stream JSON             fields of the configuration of the stream
//	consumer JSON           fields of the configuration of the consumer
//	publish N SIZE          messages with a body of that size, one after the other
//	header SIZE             one with a header of 20 bytes
//	pull INBOX REQUEST      asks for messages, as JSON or a number; $pin is the last Nats-Pin-Id
//	listen INBOX, gone INBOX
//	ack SEQ PAYLOAD         answers the last delivery of a message
//	flow                    answers the last flow-control request
//	flowack SEQ DSEQ        the same, and acknowledges
//	delete SEQ, purge JSON, pause DURATION, unpin GROUP, drop, info
//	after DURATION          lets time go by
type model struct {
	t         *testing.T
	now       int64
	d         *Dispatcher
	start     Start
	out       Out
	limits    stream.Config
	config    stream.ConsumerConfig
	last      uint64
	messages  map[uint64]stored
	seqs      []uint64 // of messages, ascending
	pending   map[uint64]bool
	listeners map[string]bool
	ids       int
	pin       string
	flow      string
	inbox     []string
	text      []string
	gone      bool // the consumer
}

type stored struct {
	head, body int
	time       int64
}

func newModel(t *testing.T) *model {
	return &model{t: t, now: 1_700_000_000_000_000_000, messages: map[uint64]stored{}, pending: map[uint64]bool{}, listeners: map[string]bool{}}
}

func (m *model) Next(from uint64) (uint64, bool) {
	i, _ := slices.BinarySearch(m.seqs, from)
	if i == len(m.seqs) {
		return 0, false
	}
	return m.seqs[i], true
}

func (m *model) CountFrom(from uint64) uint64 {
	i, _ := slices.BinarySearch(m.seqs, from)
	return uint64(len(m.seqs) - i)
}

func (m *model) Look(seq uint64) (int, int64, bool) {
	s, ok := m.messages[seq]
	return len("s") + s.head + s.body, s.time, ok
}

func (m *model) events() (inbox, text []string) {
	inbox, text = m.inbox, m.text
	m.inbox, m.text = nil, nil
	return inbox, text
}

// wait lets time go by, with a Run at each Deadline.
func (m *model) wait(d time.Duration) {
	end := m.now + int64(d)
	for m.d != nil && !m.gone {
		at := m.d.Deadline()
		if at > end {
			break
		}
		m.now = max(m.now, at)
		m.run()
	}
	m.now = end
}

// run is what an engine does after each event: Run, then all that follows.
func (m *model) run() {
	if m.d == nil || m.gone {
		return
	}
	for m.d.Run(m.now, 7, &m.out) {
	}
	m.handle()
}

func (m *model) handle() {
	o := &m.out
	at := 0
	for i := range o.Deliveries {
		for ; at < len(o.Statuses) && o.Statuses[at].At <= i; at++ {
			m.status(&o.Statuses[at])
		}
		m.delivery(&o.Deliveries[i])
	}
	for ; at < len(o.Statuses); at++ {
		m.status(&o.Statuses[at])
	}
	for i := range o.Advisories {
		m.note("event", advised(&o.Advisories[i]))
	}
	for _, ack := range o.Acks {
		delete(m.pending, ack.Seq)
	}
	if o.Drop {
		m.gone = true
		m.note("event", "deleted")
	}
	o.Reset()
}

func (m *model) note(inbox, text string) {
	m.inbox, m.text = append(m.inbox, inbox), append(m.text, text)
}

func (m *model) delivery(d *Delivery) {
	if m.config.Ack != stream.AckNone {
		m.pending[d.Seq] = true
	}
	text := fmt.Sprintf("seq=%d dseq=%d count=%d pending=%d", d.Seq, d.DSeq, d.Count, d.Pending)
	if d.Pin != "" {
		m.pin = d.Pin
		text += " Nats-Pin-Id=?"
	}
	if m.messages[d.Seq].head > 0 {
		text += " K=123"
	}
	if m.config.HeadersOnly {
		text += " Nats-Msg-Size=" + strconv.Itoa(m.messages[d.Seq].body)
	}
	m.note(strings.TrimPrefix(string(d.To), "R."), text)
}

func (m *model) status(s *Status) {
	text := strconv.Itoa(s.Code) + " " + s.Text
	switch s.Kind {
	case Unserved:
		text += fmt.Sprintf(" Nats-Pending-Messages=%d Nats-Pending-Bytes=%d", s.First, s.Second)
	case Beat:
		text += fmt.Sprintf(" Nats-Last-Consumer=%d Nats-Last-Stream=%d", s.First, s.Second)
		if s.Token != "" {
			text += " Nats-Consumer-Stalled=?"
		}
	case Flow:
		m.flow = s.Token
	}
	m.note(strings.TrimPrefix(string(s.To), "R."), text)
}

func advised(a *Advisory) string {
	about := fmt.Sprintf("seq=%d dseq=%d count=%d", a.Seq, a.DSeq, a.Count)
	switch a.Kind {
	case MaxDeliver:
		return fmt.Sprintf("max_deliver seq=%d count=%d", a.Seq, a.Count)
	case Naked:
		return "nak " + about
	case Terminated:
		return "terminated " + about + " reason=" + a.Reason
	case AckSample:
		return "ack " + about
	case Pinned:
		return "pinned " + a.Group
	case Unpinned:
		return "unpinned " + a.Group + " " + a.Reason
	}
	return fmt.Sprintf("paused=%v", a.Kind == Paused)
}

func (m *model) do(command, rest string) {
	first, second, _ := strings.Cut(rest, " ")
	switch command {
	case "stream":
		m.decode(rest, &m.limits)
	case "consumer":
		m.create(rest)
	case "publish":
		n, _ := strconv.Atoi(first)
		for range n {
			m.publish(stored{body: atoi(second), time: m.now})
			m.now += int64(5 * time.Millisecond) // as the backend that asks a server
		}
	case "header":
		m.publish(stored{head: 20, body: atoi(first), time: m.now})
	case "pull":
		m.listeners["R."+first] = true
		m.pull([]byte("R."+first), strings.ReplaceAll(second, "$pin", m.pin))
	case "listen", "gone":
		m.listeners["R."+first] = command == "listen"
		if m.config.DeliverSubject == "R."+first {
			m.d.Interest(m.now, command == "listen")
		}
	case "ack":
		m.ack(uint64(atoi(first)), second)
	case "flow":
		m.d.FlowReply(m.now, m.flow)
	case "flowack":
		m.flowAck(uint64(atoi(first)))
	case "delete":
		m.remove(uint64(atoi(first)), true)
	case "purge":
		m.purge(rest)
	case "info":
		m.info()
	default:
		m.manage(command, first)
	}
	m.run()
}

func (m *model) manage(command, argument string) {
	switch command {
	case "pause":
		d, err := time.ParseDuration(argument)
		if err != nil {
			m.t.Fatal(err)
		}
		config := m.config
		until := time.Unix(0, m.now+int64(d))
		config.PauseUntil = &until
		m.config = config
		m.d.Configure(m.now, &config, &m.out)
	case "move":
		config := m.config
		config.DeliverSubject = "R." + argument
		m.config = config
		m.d.Configure(m.now, &config, &m.out)
		m.d.Interest(m.now, m.listeners[config.DeliverSubject])
	case "unpin":
		m.d.Unpin(m.now, argument, &m.out)
	case "drop":
		m.d.Close("Consumer Deleted", &m.out)
		m.out.Drop = true
		m.handle()
	default:
		m.t.Fatal("unknown command: " + command)
	}
}

func atoi(text string) int {
	n, _ := strconv.Atoi(text)
	return n
}

func (m *model) decode(fields string, v any) {
	if err := json.Unmarshal([]byte("{"+fields+"}"), v); err != nil {
		m.t.Fatal(err)
	}
}

func (m *model) create(fields string) {
	config := stream.ConsumerConfig{Name: "C"}
	m.decode(fields, &config)
	checked, err := stream.CheckConsumer(config, &stream.Config{Name: "S", Subjects: []string{"s"}}, stream.ConsumerBounds{}, false)
	if err != nil {
		m.t.Fatal(err)
	}
	m.config = *checked
	m.start = Start{
		Config: checked, Last: m.last, Listening: m.listeners[config.DeliverSubject], MaxBytes: 1 << 20, AckPrefix: len("$JS.ACK.S.C."),
		Listens: func(to []byte) bool { return m.listeners[string(to)] },
		NewID:   func() string { m.ids++; return "id" + strconv.Itoa(m.ids) },
	}
	m.d = New(m.now, m.start, m)
}

func (m *model) publish(s stored) {
	m.last++
	m.messages[m.last] = s
	m.seqs = append(m.seqs, m.last)
	if limit := int(m.limits.MaxMsgs); limit > 0 && len(m.seqs) > limit {
		m.remove(m.seqs[0], true)
	}
	m.run()
}

func (m *model) remove(seq uint64, advise bool) {
	if i, ok := slices.BinarySearch(m.seqs, seq); ok {
		m.seqs = slices.Delete(m.seqs, i, i+1)
		delete(m.messages, seq)
		delete(m.pending, seq)
		if m.d != nil {
			m.d.Vanished(m.now, seq, advise, &m.out)
		}
	}
}

func (m *model) purge(request string) {
	var p struct{ Keep int }
	if err := json.Unmarshal([]byte(request), &p); err != nil {
		m.t.Fatal(err)
	}
	for len(m.seqs) > p.Keep {
		m.remove(m.seqs[0], false)
	}
}

func (m *model) pull(to []byte, text string) {
	var r struct {
		Batch     int   `json:"batch"`
		MaxBytes  int   `json:"max_bytes"`
		Expires   int64 `json:"expires"`
		Heartbeat int64 `json:"idle_heartbeat"`
		NoWait    bool  `json:"no_wait"`
		Group     string
		ID        string
		Pending   int64 `json:"min_pending"`
		Acks      int64 `json:"min_ack_pending"`
		Priority  int
	}
	if n, err := strconv.Atoi(text); err == nil || text == "" {
		r.Batch = n
	} else if err := json.Unmarshal([]byte(text), &r); err != nil {
		m.t.Fatal(err)
	}
	m.d.Pull(m.now, Request{
		To: to, Batch: r.Batch, MaxBytes: r.MaxBytes, Expires: r.Expires, Heartbeat: r.Heartbeat, NoWait: r.NoWait, Group: r.Group,
		ID: r.ID, MinPending: r.Pending, MinAckPending: r.Acks, Priority: r.Priority,
	}, &m.out)
}

func (m *model) ack(seq uint64, payload string) {
	item := stream.AckItem{Seq: seq}
	kind, rest, _ := strings.Cut(payload, " ")
	switch kind {
	case "", "+ACK":
		item.Kind = stream.AckDone
	case "-NAK":
		item.Kind, item.Delay = stream.AckNak, delay(rest)
	case "+WPI":
		item.Kind = stream.AckProgress
	case "+TERM":
		item.Kind, item.Reason = stream.AckTerm, []byte(rest)
	default:
		return
	}
	if m.config.Ack == stream.AckNone || !m.pending[seq] {
		return
	}
	if item.Kind == stream.AckDone || item.Kind == stream.AckTerm {
		for other := range m.pending {
			if other == seq || other < seq && m.config.Ack == stream.AckAll {
				delete(m.pending, other)
			}
		}
	}
	m.d.Acked(m.now, item, &m.out)
}

// flowAck answers the last flow-control request with what arrived.
func (m *model) flowAck(seq uint64) {
	if !m.d.FlowReply(m.now, m.flow) {
		return
	}
	for other := range m.pending {
		if other <= seq {
			delete(m.pending, other)
		}
	}
	m.d.Acked(m.now, stream.AckItem{Kind: stream.AckDone, Seq: seq}, &m.out)
}

func delay(text string) int64 {
	var j struct{ Delay int64 }
	if json.Unmarshal([]byte(text), &j) == nil {
		return j.Delay
	}
	d, _ := time.ParseDuration(text)
	return int64(d)
}

func (m *model) info() {
	m.wait(10 * time.Millisecond)
	if m.gone {
		m.note("info", `{"code":404,"err_code":10014,"description":"consumer not found"}`)
		return
	}
	if m.d.AckPending() != len(m.pending) {
		m.t.Errorf("%d wait for acknowledgements, not %d", m.d.AckPending(), len(m.pending))
	}
	seq, dseq := m.d.LastDelivered()
	m.note("info", fmt.Sprintf("delivered=%d/%d ack_pending=%d waiting=%d pending=%d", seq, dseq, len(m.pending), m.d.Waiting(), m.d.NumPending()))
}
