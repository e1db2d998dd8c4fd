package loadgen

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

// fakeEnv makes the test binary be a server, so that a suite can start it.
const fakeEnv = "LOADGEN_TEST_SERVER"

func TestMain(m *testing.M) {
	if os.Getenv(fakeEnv) == "" {
		os.Exit(m.Run())
	}
	args := strings.Join(os.Args[1:], " ")
	var host, port string
	if _, err := fmt.Sscanf(args, "-a %s -p %s", &host, &port); err != nil {
		fmt.Fprintln(os.Stderr, "bad arguments:", args)
		os.Exit(1)
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, port))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	server := new(fakeServer)
	if err := server.store.open(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	server.serve(l)
}

// startFake runs a fake server within the test and returns its address.
func startFake(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go new(fakeServer).serve(l)
	return l.Addr().String()
}

// A fakeServer speaks just enough of the protocol: literal subjects, a final
// wildcard token, queue groups, and 503 for requests that nobody takes.
type fakeServer struct {
	mu    sync.Mutex
	subs  []fakeSub
	turns int // of queue members
	store fakeStore
}

type fakeSub struct {
	conn                net.Conn
	subject, queue, sid string
}

func (s *fakeServer) serve(l net.Listener) {
	s.store.server = s
	for {
		nc, err := l.Accept()
		if err != nil {
			return
		}
		go s.client(nc)
	}
}

func (s *fakeServer) client(nc net.Conn) {
	defer nc.Close()
	defer s.unsubscribe(nc, "")
	fmt.Fprint(nc, "INFO {\"version\":\"0.0.0\",\"headers\":true,\"max_payload\":1048576}\r\n")
	fmt.Fprint(nc, "PING\r\n")
	buf := make([]byte, 0, 64<<10)
	for {
		if len(buf) == cap(buf) {
			buf = append(make([]byte, 0, 2*cap(buf)), buf...)
		}
		n, err := nc.Read(buf[len(buf):cap(buf)])
		if err != nil {
			return
		}
		buf = buf[:len(buf)+n]
		buf = buf[:copy(buf, buf[s.take(nc, buf):])]
	}
}

// take handles the whole operations in buf and returns how long they are.
func (s *fakeServer) take(nc net.Conn, buf []byte) int {
	out := make(map[net.Conn][]byte)
	defer func() {
		for to, frames := range out {
			to.Write(frames)
		}
	}()
	pos := 0
	for {
		i := bytes.IndexByte(buf[pos:], '\n')
		if i < 0 {
			return pos
		}
		fields := strings.Fields(string(buf[pos : pos+i]))
		next := pos + i + 1
		switch fields[0] {
		case "PING":
			out[nc] = append(out[nc], "PONG\r\n"...)
		case "SUB":
			s.subscribe(nc, fields[1:])
		case "UNSUB":
			s.unsubscribe(nc, fields[1])
		case "PUB":
			size, _ := parseInt([]byte(fields[len(fields)-1]))
			if len(buf)-next < size+2 {
				return pos
			}
			s.publish(nc, fields[1:len(fields)-1], "", buf[next:next+size+2], out)
			next += size + 2
		case "HPUB":
			head, _ := parseInt([]byte(fields[len(fields)-2]))
			size, _ := parseInt([]byte(fields[len(fields)-1]))
			if len(buf)-next < size+2 {
				return pos
			}
			s.publish(nc, fields[1:len(fields)-2], string(buf[next:next+head]), buf[next+head:next+size+2], out)
			next += size + 2
		}
		pos = next
	}
}

func (s *fakeServer) subscribe(nc net.Conn, args []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sub := fakeSub{conn: nc, subject: args[0], sid: args[len(args)-1]}
	if len(args) == 3 {
		sub.queue = args[1]
	}
	s.subs = append(s.subs, sub)
}

// unsubscribe ends one subscription of a connection, or with an empty sid all.
func (s *fakeServer) unsubscribe(nc net.Conn, sid string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.subs = slices.DeleteFunc(s.subs, func(sub fakeSub) bool { return sub.conn == nc && (sid == "" || sub.sid == sid) })
}

func (s *fakeServer) publish(from net.Conn, address []string, header string, payload []byte, out map[net.Conn][]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.store.told(address[0]) {
		return
	}
	if len(address) == 2 {
		if answer, ok := s.store.answer(address[0], address[1], header, payload[:len(payload)-2]); ok {
			s.respond(from, address[1], answer, out)
			return
		}
	}
	var targets, members []fakeSub
	for _, sub := range s.subs {
		prefix, wild := strings.CutSuffix(sub.subject, "*")
		switch {
		case sub.subject != address[0] && !(wild && strings.HasPrefix(address[0], prefix)):
		case sub.queue != "":
			members = append(members, sub)
		default:
			targets = append(targets, sub)
		}
	}
	if len(members) > 0 {
		s.turns++
		targets = append(targets, members[s.turns%len(members)])
	}
	for _, sub := range targets {
		line := fmt.Sprintf("MSG %s %s %s %d\r\n", address[0], sub.sid, strings.Join(address[1:], " "), len(payload)-2)
		out[sub.conn] = append(append(out[sub.conn], strings.ReplaceAll(line, "  ", " ")...), payload...)
	}
	if len(targets) > 0 || len(address) < 2 {
		return
	}
	s.respond(from, address[1], fakeStatus("503"), out)
}

// A fakeAnswer is a reply of the server itself.
type fakeAnswer struct {
	header string // with its empty line; "" for none
	body   string
}

func fakeStatus(status string) fakeAnswer {
	return fakeAnswer{header: "NATS/1.0 " + status + "\r\n\r\n"}
}

// send delivers a message of a consumer at once, so that its messages keep
// their order whoever caused them.
func (s *fakeServer) send(subject, reply string, a fakeAnswer) {
	for _, sub := range s.subs {
		if sub.subject != subject {
			continue
		}
		if a.header == "" {
			fmt.Fprintf(sub.conn, "MSG %s %s %s %d\r\n%s\r\n", subject, sub.sid, reply, len(a.body), a.body)
			continue
		}
		fmt.Fprintf(sub.conn, "HMSG %s %s %s %d %d\r\n%s%s\r\n",
			subject, sub.sid, reply, len(a.header), len(a.header)+len(a.body), a.header, a.body)
	}
}

func (s *fakeServer) respond(to net.Conn, reply string, a fakeAnswer, out map[net.Conn][]byte) {
	if a == (fakeAnswer{}) {
		return
	}
	for _, sub := range s.subs {
		if prefix, _ := strings.CutSuffix(sub.subject, "*"); sub.conn != to || !strings.HasPrefix(reply, prefix) {
			continue
		}
		if a.header == "" {
			out[to] = fmt.Appendf(out[to], "MSG %s %s %d\r\n%s\r\n", reply, sub.sid, len(a.body), a.body)
		} else {
			out[to] = fmt.Appendf(out[to], "HMSG %s %s %d %d\r\n%s%s\r\n",
				reply, sub.sid, len(a.header), len(a.header)+len(a.body), a.header, a.body)
		}
	}
}
