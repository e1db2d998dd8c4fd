package protocol

import (
	"net"
	"os"
	"syscall"
	"testing"

	"myelin/internal/testkit"
)

const quiet = `CONNECT {"verbose":false}`

// A client that never answers a PING is told so and disconnected.
func TestStaleConnection(t *testing.T) {
	server := testkit.Start(t, testkit.Options{Config: "ping_interval: \"50ms\"\nping_max: 2\n"})
	conn := server.Raw(t)
	conn.ShowPings = true
	conn.Send(quiet)
	conn.Expect("PING", "PING", "-ERR 'Stale Connection'")
	conn.ExpectClosed()
	expectReason(t, server, conn.Info.ClientID, "Stale Connection")
	var varz struct {
		Stale int `json:"stale_connections"`
	}
	server.Monitor("/varz", &varz)
	if varz.Stale != 1 {
		t.Errorf("/varz counts %d stale connections instead of 1", varz.Stale)
	}
}

// A client that answers stays, for many more intervals than it may miss.
func TestAnsweredPings(t *testing.T) {
	server := testkit.Start(t, testkit.Options{Config: "ping_interval: \"500ms\"\nping_max: 2\n"})
	conn := server.Raw(t)
	conn.ShowPings = true
	conn.Send(quiet)
	for range 6 {
		conn.Expect("PING")
		conn.Send("PONG")
	}
	conn.ShowPings = false
	conn.Sync()
}

// The first PING comes soon after CONNECT, whatever the interval, so that the
// server learns how far away the client is.
func TestFirstPing(t *testing.T) {
	server := testkit.Start(t, testkit.Options{Config: "ping_interval: \"1h\"\n"})
	conn := server.Raw(t)
	conn.ShowPings = true
	conn.Send(quiet)
	conn.Expect("PING")
}

// A server that is asked to stop closes its connections without a word and ends
// well.
func TestShutdown(t *testing.T) {
	server := testkit.Start(t, testkit.Options{})
	conn := server.Raw(t)
	conn.Send(quiet)
	conn.Sync()
	server.Signal(syscall.SIGTERM)
	conn.ExpectClosed()
	if code := server.WaitExit(); code != 0 {
		t.Errorf("the exit code is %d", code)
	}
}

// What was taken in before the stop is delivered before the end.
func TestShutdownDelivers(t *testing.T) {
	server := testkit.Start(t, testkit.Options{})
	subscriber, publisher := server.Raw(t), server.Raw(t)
	subscriber.Send(quiet, "SUB x 1")
	subscriber.Sync()
	publisher.Send(quiet, "PUB x 2", "hi")
	publisher.Sync()
	server.Signal(os.Interrupt)
	subscriber.Expect("MSG x 1 2", "hi")
	subscriber.ExpectClosed()
	if code := server.WaitExit(); code != 0 {
		t.Errorf("the exit code is %d", code)
	}
}

// Lame duck: new connections are refused, those of protocol 1 are told, all go
// on working until they are closed one by one, and the server ends well.
func TestLameDuck(t *testing.T) {
	server := testkit.Start(t, testkit.Options{
		Config: "lame_duck_duration: \"30s\"\nlame_duck_grace_period: \"2s\"\n",
	})
	modern, old := server.Raw(t), server.Raw(t)
	modern.Send(`CONNECT {"verbose":false,"protocol":1}`, "SUB x 1", "PING")
	modern.Expect("PONG")
	modern.ReadInfo()
	old.Send(`CONNECT {"verbose":false,"protocol":0}`)
	old.Sync()

	server.LameDuck()
	if info := modern.ReadInfo(); !info.LameDuck || info.ServerID != modern.Info.ServerID {
		t.Errorf("the news is %s", info.Text)
	}
	if conn, err := net.Dial("tcp", server.Addr()); err == nil {
		conn.Close()
		t.Error("a new connection is taken")
	}
	modern.Send("PUB x 2", "hi")
	modern.Expect("MSG x 1 2", "hi")
	modern.ExpectClosed()
	old.ExpectClosed()
	if code := server.WaitExit(); code != 0 {
		t.Errorf("the exit code is %d", code)
	}
}

// A client that hangs up in the middle of an operation leaves nothing behind.
func TestHangUp(t *testing.T) {
	server := testkit.Start(t, testkit.Options{})
	conn := server.Raw(t)
	conn.Send(quiet, "SUB x 1", "SUB y q 2")
	conn.Sync()
	conn.Write("PUB x 10\r\nhal")
	conn.Close()
	expectReason(t, server, conn.Info.ClientID, "Client Closed")
	testkit.Eventually(t, "the subscriptions to be gone", func() bool {
		return subscriptions(t, server) == 0
	})
}

// subscriptions returns how many subscriptions of clients there are.
func subscriptions(t *testing.T, server *testkit.Server) int {
	t.Helper()
	var connz struct {
		Connections []struct {
			Subscriptions int `json:"subscriptions"`
		} `json:"connections"`
	}
	server.Monitor("/connz", &connz)
	total := 0
	for _, conn := range connz.Connections {
		total += conn.Subscriptions
	}
	return total
}
