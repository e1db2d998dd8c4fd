package loadgen

import (
	"cmp"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// filled is a stream of n messages of a fake server.
func filled(t *testing.T, n int) (*stage, *apiClient) {
	t.Helper()
	st, api := stagedAPI(t)
	if err := st.fill(api, streamOf("S", "s.>"), n, cycled("s.", n, 8)); err != nil {
		t.Fatal(err)
	}
	return st, api
}

// The fake consumer asks for flow control and lets requests time out: a taker
// has all messages nevertheless, and the server all acknowledgements.
func TestTakersTakeAll(t *testing.T) {
	const n = 2345
	st, api := filled(t, n)
	for _, c := range []struct {
		config consumerConfig
		again  int
	}{
		{durableConsumer("FETCH"), fetchAgain},
		{durableConsumer("CONSUME"), consumeAgain},
		{orderedPull("ORDERED"), consumeAgain},
		{orderedPush("PUSH", newInbox()), 0},
	} {
		if _, err := st.drain(&Env{Server: testServer(t)}, api, "S", c.config, c.again, n); err != nil {
			t.Errorf("%s: %v", c.config.Name, err)
		}
	}
}

// testServer stands for this process, which is never stopped.
func testServer(t *testing.T) *Server {
	process, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	return &Server{cmd: &exec.Cmd{Process: process}, exited: make(chan struct{})}
}

// pipeConn returns a connection and its other end.
func pipeConn(t *testing.T) (*Conn, net.Conn) {
	client, server := net.Pipe()
	t.Cleanup(func() {
		client.Close()
		server.Close()
	})
	return newConn(client, defaultReadBuffer), server
}

func TestTakerSaysWhatIsWrong(t *testing.T) {
	status := func(header string) string {
		header = "NATS/1.0 " + header + "\r\n\r\n"
		return fmt.Sprintf("HMSG in 1 %d %d\r\n%s\r\n", len(header), len(header), header)
	}
	for _, c := range []struct{ frame, want string }{
		{"MSG in 1 $JS.ACK.S.C.1.1.1.1.0 1\r\nx\r\nMSG in 1 $JS.ACK.S.C.1.1.2.1.0 1\r\nx\r\n", "after 1 messages: message 1 was delivered twice"},
		{"MSG in 1 1\r\nx\r\n", "without the reply subject"},
		{status("409 Consumer Deleted"), "409 Consumer Deleted"},
		{status("503"), "503"},
		{status("100 Idle Heartbeat\r\nNats-Last-Consumer: 123"), "a heartbeat after delivery 123, of which 0 arrived"},
	} {
		conn, server := pipeConn(t)
		taker := &taker{conn: conn, limit: 5, pull: &pulling{batch: 5, again: 1, subject: []byte("next"), inbox: []byte("in")}}
		taker.conn.in.wantAddresses, taker.conn.in.wantHead = true, takeHead
		taker.tally.ordered = true
		failed := make(chan error, 1)
		go func() { failed <- taker.run(testContext(t)) }()
		request := make([]byte, 200)
		n, err := server.Read(request)
		if err != nil || !strings.Contains(string(request[:n]), `{"batch":5,"expires":30000000000,"idle_heartbeat":5000000000}`) {
			t.Errorf("asked %q, %v", request[:n], err)
		}
		server.Write([]byte(c.frame))
		if err := <-failed; err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v", c.frame, err)
		}
	}
}

func TestWrongCountsFail(t *testing.T) {
	st, api := filled(t, 10)
	config := durableConsumer("C")
	taker, err := st.follow(api, "S", config, fetchAgain)
	if err != nil {
		t.Fatal(err)
	}
	taker.limit = 5
	if err := taker.run(st.ctx); err != nil {
		t.Fatal(err)
	}
	if err := api.awaitAcked(st.ctx, "S", "C", 5); err != nil {
		t.Error(err)
	}
	if err := api.awaitAcked(st.ctx, "S", "C", 4); err == nil || !strings.Contains(err.Error(), "after 4 messages") {
		t.Errorf("one more than taken: %v", err)
	}
	if err := api.checkDelivered(st.ctx, "S", "C", 5); err == nil || !strings.Contains(err.Error(), "Pending:5") {
		t.Errorf("some are left: %v", err)
	}
	if err := api.awaitAcked(st.ctx, "S", "NONE", 4); err == nil || !strings.Contains(err.Error(), "consumer not found") {
		t.Errorf("no consumer: %v", err)
	}
}

// The suite's cases of consumers are run against this test binary.
func TestSuiteOfConsumers(t *testing.T) {
	t.Setenv(fakeEnv, "1")
	suite := &Suite{Server: os.Args[0], Match: "jsc-*", Runs: 1, Warmup: time.Millisecond, Window: 20 * time.Millisecond,
		Settle: time.Millisecond, Dir: t.TempDir(), Scale: 0.0005}
	report, err := suite.Run(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Rows) != 16 {
		t.Errorf("%d rows", len(report.Rows))
	}
	for _, row := range report.Rows {
		if row.Error != "" {
			t.Errorf("%s: %s", row.Name, row.Error)
		} else if s := row.Ours[0]; cmp.Or(s[Rate], s[Published]) <= 0 {
			t.Errorf("%s: %v", row.Name, s)
		}
	}
}
