package consumer

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// stockServer answers scripts by asking a server: one connection, one stream S on the subjects s and s.>, one
// consumer C. Each is new for a script.
type stockServer struct {
	t       *testing.T
	conn    net.Conn
	mu      sync.Mutex // guards what follows
	inbox   []string
	text    []string
	replies map[string]string // ack subjects by stream sequence
	flow    string            // where the last flow control request is to be answered
	pin     string
	info    chan string
	sids    map[string]int
	nextSid int
}

func newStock(t *testing.T, address string) backend {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	s := &stockServer{t: t, conn: conn, replies: map[string]string{}, info: make(chan string, 1), sids: map[string]int{}, nextSid: 10}
	s.send("CONNECT {\"verbose\":false,\"headers\":true,\"no_responders\":true}\r\nSUB I.> 1\r\nSUB $JS.EVENT.ADVISORY.CONSUMER.> 2\r\nSUB $JS.EVENT.METRIC.> 3\r\n")
	go s.read()
	s.ask("$JS.API.STREAM.DELETE.S", "")
	time.Sleep(settle)
	s.events()
	return s
}

func (s *stockServer) send(text string) {
	if _, err := s.conn.Write([]byte(text)); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stockServer) publish(subject, reply, body string) {
	s.send(fmt.Sprintf("PUB %s %s %d\r\n%s\r\n", subject, reply, len(body), body))
}

func (s *stockServer) ask(subject, body string) string {
	s.publish(subject, "I.info", body)
	select {
	case text := <-s.info:
		return text
	case <-time.After(5 * time.Second):
		s.t.Fatal("no answer: " + subject)
		return ""
	}
}

func (s *stockServer) wait(d time.Duration) { time.Sleep(d) }

func (s *stockServer) events() (inbox, text []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	inbox, text = s.inbox, s.text
	s.inbox, s.text = nil, nil
	return inbox, text
}

func (s *stockServer) do(command, rest string) {
	first, second, _ := strings.Cut(rest, " ")
	switch command {
	case "stream":
		s.api(s.ask("$JS.API.STREAM.CREATE.S", `{"name":"S","subjects":["s","s.>"],`+rest+`}`))
	case "consumer":
		if !strings.Contains(rest, `"deliver_subject"`) || strings.Contains(rest, `"durable_name"`) {
			s.api(s.ask("$JS.API.CONSUMER.CREATE.S.C", `{"stream_name":"S","config":{"name":"C",`+rest+`}}`))
			return
		}
		s.api(s.ask("$JS.API.CONSUMER.CREATE.S.C", `{"stream_name":"S","config":{"name":"C",`+rest+`}}`))
	case "publish":
		n, _ := strconv.Atoi(first)
		size, _ := strconv.Atoi(second)
		for range n { // the consumer sees each before the next comes
			s.ask("s", strings.Repeat("x", size))
			s.wait(5 * time.Millisecond)
		}
	case "header": // a message with a header of 20 bytes
		s.send(fmt.Sprintf("HPUB s I.info 20 %d\r\nNATS/1.0\r\nK: 123\r\n\r\n%s\r\n", 20+size(first), strings.Repeat("x", size(first))))
		<-s.info
	case "pull":
		s.subscribe(first)
		s.mu.Lock()
		second = strings.ReplaceAll(second, "$pin", s.pin)
		s.mu.Unlock()
		s.publish("$JS.API.CONSUMER.MSG.NEXT.S.C", "R."+first, second)
	case "listen":
		s.subscribe(first)
	case "gone":
		s.send(fmt.Sprintf("UNSUB %d\r\n", s.sids[first]))
		delete(s.sids, first)
	case "ack":
		s.mu.Lock()
		reply := s.replies[first]
		s.mu.Unlock()
		s.publish(reply, "", second)
	case "flow":
		s.mu.Lock()
		reply := s.flow
		s.mu.Unlock()
		s.publish(reply, "", "")
	case "flowack": // as clients of the flow_control ack policy answer
		s.mu.Lock()
		reply := s.flow
		s.mu.Unlock()
		header := "NATS/1.0\r\nNats-Last-Stream: " + first + "\r\nNats-Last-Consumer: " + second + "\r\n\r\n"
		s.send(fmt.Sprintf("HPUB %s %d %d\r\n%s\r\n", reply, len(header), len(header), header))
	case "delete":
		s.ask("$JS.API.STREAM.MSG.DELETE.S", `{"seq":`+first+`,"no_erase":true}`)
	case "purge":
		s.ask("$JS.API.STREAM.PURGE.S", rest)
	case "pause":
		d, _ := time.ParseDuration(first)
		s.ask("$JS.API.CONSUMER.PAUSE.S.C", `{"pause_until":"`+time.Now().Add(d).Format(time.RFC3339Nano)+`"}`)
	case "move": // to another deliver subject; the rest is the configuration
		s.api(s.ask("$JS.API.CONSUMER.CREATE.S.C", `{"stream_name":"S","config":{"name":"C","deliver_subject":"R.`+first+`",`+second+`}}`))
	case "unpin":
		s.ask("$JS.API.CONSUMER.UNPIN.S.C", `{"group":"`+first+`"}`)
	case "drop":
		s.ask("$JS.API.CONSUMER.DELETE.S.C", "")
	case "info":
		s.wait(10 * time.Millisecond)
		s.note("info", figures(s.ask("$JS.API.CONSUMER.INFO.S.C", "")))
	default:
		s.t.Fatal("unknown command: " + command)
	}
}

func size(text string) int {
	n, _ := strconv.Atoi(text)
	return n
}

func (s *stockServer) api(answer string) {
	if strings.Contains(answer, `"error"`) {
		s.t.Fatal(answer)
	}
}

func (s *stockServer) subscribe(inbox string) {
	if s.sids[inbox] == 0 {
		s.nextSid++
		s.sids[inbox] = s.nextSid
		s.send(fmt.Sprintf("SUB R.%s %d\r\n", inbox, s.nextSid))
	}
}

func figures(answer string) string {
	var i struct {
		Delivered struct {
			Consumer uint64 `json:"consumer_seq"`
			Stream   uint64 `json:"stream_seq"`
		} `json:"delivered"`
		Floor struct {
			Consumer uint64 `json:"consumer_seq"`
			Stream   uint64 `json:"stream_seq"`
		} `json:"ack_floor"`
		AckPending  int             `json:"num_ack_pending"`
		Redelivered int             `json:"num_redelivered"`
		Waiting     int             `json:"num_waiting"`
		Pending     int             `json:"num_pending"`
		Bound       bool            `json:"push_bound"`
		Error       json.RawMessage `json:"error"`
	}
	if err := json.Unmarshal([]byte(answer), &i); err != nil {
		return err.Error()
	}
	if i.Error != nil {
		return string(i.Error)
	}
	return fmt.Sprintf("delivered=%d/%d ack_pending=%d waiting=%d pending=%d", i.Delivered.Stream, i.Delivered.Consumer, i.AckPending, i.Waiting, i.Pending)
}

func (s *stockServer) note(inbox, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inbox, s.text = append(s.inbox, inbox), append(s.text, text)
}

func (s *stockServer) read() {
	in := bufio.NewReader(s.conn)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		fields := strings.Fields(line)
		switch fields[0] {
		case "PING":
			s.send("PONG\r\n")
		case "-ERR":
			s.note("err", strings.TrimSpace(line))
		case "MSG", "HMSG":
			s.message(in, fields)
		}
	}
}

func (s *stockServer) message(in *bufio.Reader, fields []string) {
	hasHeader := fields[0] == "HMSG"
	size, _ := strconv.Atoi(fields[len(fields)-1])
	data := make([]byte, size+2)
	for n := 0; n < len(data); {
		m, err := in.Read(data[n:])
		if err != nil {
			return
		}
		n += m
	}
	text, header := string(data[:size]), ""
	fixed := 4
	if hasHeader {
		length, _ := strconv.Atoi(fields[len(fields)-2])
		header, text = text[:length], text[length:]
		fixed = 5
	}
	reply := ""
	if len(fields) > fixed {
		reply = fields[3]
	}
	if os.Getenv("RAW") != "" {
		fmt.Printf("%s %q %q\n", strings.Join(fields, " "), header, text)
	}
	s.arrived(fields[1], fields[2], reply, header, text)
}

func (s *stockServer) arrived(subject, sid, reply, header, body string) {
	switch {
	case subject == "I.info":
		s.info <- body
	case strings.HasPrefix(subject, "$JS.EVENT."):
		if text := advisory(subject, body); text != "" {
			s.note("event", text)
		}
	case strings.HasPrefix(reply, "$JS.ACK."):
		token := strings.Split(reply, ".")
		s.mu.Lock()
		s.replies[token[5]] = reply
		name := ""
		for inbox, number := range s.sids {
			if strconv.Itoa(number) == sid {
				name = inbox
			}
		}
		s.mu.Unlock()
		s.note(name, fmt.Sprintf("seq=%s dseq=%s count=%s pending=%s%s", token[5], token[6], token[4], token[8], s.headers(header)))
	default:
		if strings.HasPrefix(reply, "$JS.FC.") {
			s.mu.Lock()
			s.flow = reply
			s.mu.Unlock()
		}
		status, rest, _ := strings.Cut(strings.TrimPrefix(header, "NATS/1.0 "), "\r\n")
		s.note(strings.TrimPrefix(subject, "R."), status+s.headers(rest)+body)
	}
}

// headers are those of a message on one line, without values that differ from run to run.
func (s *stockServer) headers(text string) string {
	var out strings.Builder
	for line := range strings.SplitSeq(text, "\r\n") {
		key, value, ok := strings.Cut(line, ":")
		if !ok {
			continue
		}
		value = strings.TrimSpace(value)
		if key == "Nats-Pin-Id" {
			s.mu.Lock()
			s.pin = value
			s.mu.Unlock()
			value = "?"
		}
		if key == "Nats-Consumer-Stalled" {
			value = "?"
		}
		out.WriteString(" " + key + "=" + value)
	}
	return out.String()
}

func advisory(subject, body string) string {
	var a struct {
		Seq    uint64 `json:"stream_seq"`
		DSeq   uint64 `json:"consumer_seq"`
		Count  int    `json:"deliveries"`
		Reason string `json:"reason"`
		Paused *bool  `json:"paused"`
		Group  string `json:"group"`
	}
	if err := json.Unmarshal([]byte(body), &a); err != nil {
		return err.Error()
	}
	kind := strings.Split(subject, ".")[4]
	switch kind {
	case "MAX_DELIVERIES":
		return fmt.Sprintf("max_deliver seq=%d count=%d", a.Seq, a.Count)
	case "MSG_NAKED":
		return fmt.Sprintf("nak seq=%d dseq=%d count=%d", a.Seq, a.DSeq, a.Count)
	case "MSG_TERMINATED":
		return fmt.Sprintf("terminated seq=%d dseq=%d count=%d reason=%s", a.Seq, a.DSeq, a.Count, a.Reason)
	case "PAUSE":
		return fmt.Sprintf("paused=%v", *a.Paused)
	case "PINNED":
		return "pinned " + a.Group
	case "UNPINNED":
		return "unpinned " + a.Group + " " + a.Reason
	case "CREATED":
		return ""
	case "DELETED":
		return "deleted"
	case "ACK":
		return fmt.Sprintf("ack seq=%d dseq=%d count=%d", a.Seq, a.DSeq, a.Count)
	}
	return kind + " " + body
}
