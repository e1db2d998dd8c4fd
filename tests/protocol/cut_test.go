package protocol

import (
	"strings"
	"testing"
	"time"

	"myelin/internal/testkit"
)

// A session with every operation, and what it brings.
const (
	session = "CONNECT {\"verbose\":true,\"pedantic\":true,\"headers\":true,\"no_responders\":true}\r\n" +
		"SUB in.* 1\r\n" +
		"SUB x.> q 22\r\n" +
		"PUB x.y 0\r\n\r\n" +
		"PUB x.y in.r 13\r\nhello\r\nworld!\r\n" +
		"HPUB x.z 18 23\r\nNATS/1.0\r\nA: b\r\n\r\nhello\r\n" +
		"PUB nobody in.r 2\r\nhi\r\n" +
		"ping\r\n" +
		"SUB x..y 3\r\n" +
		"UNSUB 22 4\r\n" +
		"PUB x.y 2\r\n\r\n\r\n" +
		"PUB x.y 1\r\n.\r\n" +
		"UNSUB 1\r\n" +
		"PING\r\n"

	answer = "+OK\r\n+OK\r\n+OK\r\n" +
		"+OK\r\nMSG x.y 22 0\r\n\r\n" +
		"+OK\r\nMSG x.y 22 in.r 13\r\nhello\r\nworld!\r\n" +
		"+OK\r\nHMSG x.z 22 18 23\r\nNATS/1.0\r\nA: b\r\n\r\nhello\r\n" +
		"+OK\r\nHMSG in.r 1 38 38\r\nNATS/1.0 503\r\nNats-Subject: nobody\r\n\r\n\r\n" +
		"PONG\r\n" +
		"-ERR 'Invalid Subject'\r\n" +
		"+OK\r\n" +
		"+OK\r\nMSG x.y 22 2\r\n\r\n\r\n" +
		"+OK\r\n" +
		"+OK\r\n" +
		"PONG\r\n"
)

// Where the network cuts the bytes makes no difference: each test sends the
// session in other pieces and gets the same answer.
func TestCuts(t *testing.T) {
	server := testkit.Start(t, testkit.Options{})
	t.Run("whole", func(t *testing.T) {
		expectAnswer(t, server, session)
	})
	t.Run("in two", func(t *testing.T) {
		for cut := 1; cut < len(session); cut++ {
			expectAnswer(t, server, session[:cut], session[cut:])
		}
	})
	t.Run("byte by byte", func(t *testing.T) {
		expectAnswer(t, server, strings.Split(session, "")...)
	})
}

func expectAnswer(t *testing.T, server *testkit.Server, pieces ...string) {
	t.Helper()
	conn := server.Raw(t)
	for i, piece := range pieces {
		if i > 0 {
			// Long enough that the pieces most often arrive one by one. If they
			// do not, less is tested, and the answer is the same.
			time.Sleep(time.Millisecond)
		}
		conn.Write(piece)
	}
	conn.CloseWrite()
	got := strings.Join(conn.ExpectReset(), "\r\n") + "\r\n"
	conn.Close()
	if got != answer {
		t.Fatalf("cut after %q the answer is\n%q\ninstead of\n%q", pieces[0], got, answer)
	}
}
