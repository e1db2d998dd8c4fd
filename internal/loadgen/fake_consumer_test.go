package loadgen

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

type fakeMessage struct{ subject, header, body string }

// A fakeConsumer delivers the messages of a fake stream. It says what a server
// may say in between: flow control to those it pushes to, and that requests
// have timed out to those that pull.
type fakeConsumer struct {
	config  consumerConfig
	stream  *fakeStream
	next    int   // of the stream's messages, to look at
	sent    int64 // deliveries
	acked   int64
	pending int64 // messages to deliver

	inbox     string
	wanted    int // messages of the last request
	requests  int
	stalled   bool // waits for an answer to flow control
	unchecked int  // messages since the last one
}

const (
	fakeFlow     = 50 // messages between requests for flow control
	fakeTimeouts = 3  // one of so many requests times out before it is done
)

func fakeMatches(pattern, subject string) bool {
	prefix, wild := strings.CutSuffix(pattern, ">")
	return pattern == "" || pattern == subject || wild && strings.HasPrefix(subject, prefix)
}

// enter stores a message, or its schedule.
func (s *fakeStore) enter(st *fakeStream, m fakeMessage) {
	st.State.Last++
	st.State.Messages++
	index := len(st.messages)
	st.messages = append(st.messages, m)
	if st.last == nil {
		st.last = make(map[string]int)
	}
	if old, ok := st.last[m.subject]; ok && st.Config.MaxPerSubject == 1 {
		st.remove(old)
	}
	st.last[m.subject] = index
	if text := string(headerValue([]byte(m.header), "Nats-Schedule")); text != "" {
		s.schedule(st, index, m, strings.TrimPrefix(text, "@at "))
	}
	for _, c := range st.consumers {
		if fakeMatches(c.config.Filter, m.subject) {
			c.pending++
		}
		c.deliver(s.server)
	}
}

func (st *fakeStream) remove(index int) {
	st.messages[index] = fakeMessage{}
	st.State.Messages--
}

func (s *fakeStore) schedule(st *fakeStream, index int, m fakeMessage, at string) {
	due, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return
	}
	target := string(headerValue([]byte(m.header), "Nats-Schedule-Target"))
	time.AfterFunc(time.Until(due), func() {
		s.server.mu.Lock()
		defer s.server.mu.Unlock()
		st.remove(index)
		s.enter(st, fakeMessage{target, "NATS/1.0\r\nNats-Scheduler: " + m.subject + "\r\n\r\n", m.body})
	})
}

func (s *fakeStore) consumerCall(call, reply string, body []byte) (fakeAnswer, bool) {
	if next, ok := strings.CutPrefix(call, "MSG.NEXT."); ok {
		stream, name, _ := strings.Cut(next, ".")
		c := s.Streams[stream].consumers[name]
		return fakeAnswer{}, c != nil && c.pull(s.server, reply, body)
	}
	verb, rest, _ := strings.Cut(call, ".")
	stream, name, _ := strings.Cut(rest, ".")
	st := s.Streams[stream]
	if st == nil {
		return fakeAnswer{body: `{"error":{"code":404,"err_code":10059,"description":"stream not found"}}`}, true
	}
	if verb == "CREATE" {
		s.addConsumer(st, body)
		return fakeAnswer{body: `{"config":{}}`}, true
	}
	c := st.consumers[name]
	if c == nil {
		return fakeAnswer{body: `{"error":{"code":404,"err_code":10014,"description":"consumer not found"}}`}, true
	}
	if verb == "DELETE" {
		delete(st.consumers, name)
		return fakeAnswer{body: `{"success":true}`}, true
	}
	text, _ := json.Marshal(c.state()) // numbers only
	return fakeAnswer{body: string(text)}, verb == "INFO"
}

func (s *fakeStore) addConsumer(st *fakeStream, body []byte) {
	var request consumerRequest
	if err := json.Unmarshal(body, &request); err != nil {
		panic(err) // it ends the server, and the test with it
	}
	if st.consumers == nil {
		st.consumers = make(map[string]*fakeConsumer)
	}
	c := &fakeConsumer{config: request.Config, stream: st, inbox: request.Config.DeliverSubject}
	c.next = max(0, int(c.config.StartSeq)-1)
	for _, m := range st.messages[c.next:] {
		if m.subject != "" && fakeMatches(c.config.Filter, m.subject) {
			c.pending++
		}
	}
	st.consumers[c.config.Name] = c
	c.deliver(s.server)
}

func (c *fakeConsumer) state() consumerState {
	acked := c.acked
	if c.config.AckPolicy == "none" {
		acked = c.sent
	}
	return consumerState{Delivered: sequencePair{Consumer: c.sent}, Floor: sequencePair{Consumer: acked}, AckPending: c.sent - acked, Pending: c.pending}
}

// pull takes a request. Some of them have timed out before they came to an end.
func (c *fakeConsumer) pull(to *fakeServer, inbox string, body []byte) bool {
	var request struct {
		Batch int `json:"batch"`
	}
	if json.Unmarshal(body, &request) != nil {
		return false
	}
	c.inbox = inbox
	c.requests++
	left := 0
	if c.requests%fakeTimeouts == 0 {
		left = request.Batch / 2
	}
	c.wanted += request.Batch - left
	c.deliver(to)
	if left > 0 {
		to.send(inbox, "", fakeAnswer{header: fmt.Sprintf("NATS/1.0 408 Request Timeout\r\nNats-Pending-Messages: %d\r\nNats-Pending-Bytes: 0\r\n\r\n", left)})
	}
	return true
}

// deliver sends what is there as long as it may.
func (c *fakeConsumer) deliver(to *fakeServer) {
	pushed := c.config.DeliverSubject != ""
	for ; c.next < len(c.stream.messages) && !c.stalled && (pushed || c.wanted > 0); c.next++ {
		m := c.stream.messages[c.next]
		if m.subject == "" || !fakeMatches(c.config.Filter, m.subject) {
			continue
		}
		c.sent++
		c.pending--
		c.wanted--
		to.send(c.inbox, fmt.Sprintf("$JS.ACK.%s.%s.1.%d.%d.1700000000000000000.%d",
			c.stream.Config.Name, c.config.Name, c.next+1, c.sent, c.pending), fakeAnswer{m.header, m.body})
		if c.unchecked++; pushed && c.unchecked == fakeFlow {
			c.stall(to)
		}
	}
}

// stall asks for flow control, or says that it was not answered.
func (c *fakeConsumer) stall(to *fakeServer) {
	c.stalled, c.unchecked = true, 0
	subject := "$JS.FC." + c.stream.Config.Name + "." + c.config.Name
	if c.sent/fakeFlow%2 == 0 {
		to.send(c.inbox, subject, fakeAnswer{header: "NATS/1.0 100 FlowControl Request\r\n\r\n"})
		return
	}
	to.send(c.inbox, "", fakeAnswer{header: fmt.Sprintf("NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Consumer: %d\r\nNats-Consumer-Stalled: %s\r\n\r\n", c.sent, subject)})
}

// told takes acknowledgements and answers to flow control, and says whether
// that is what it is.
func (s *fakeStore) told(subject string) bool {
	tokens := strings.Split(subject, ".")
	if tokens[0] != "$JS" || tokens[1] != "ACK" && tokens[1] != "FC" {
		return false
	}
	st := s.Streams[tokens[2]]
	c := st.consumers[tokens[3]]
	switch {
	case c == nil:
	case tokens[1] == "FC":
		c.stalled = false
		c.deliver(s.server)
	default:
		c.acked++
		if st.Config.Retention == "workqueue" {
			seq, _ := parseInt([]byte(tokens[5]))
			st.remove(seq - 1)
		}
	}
	return true
}
