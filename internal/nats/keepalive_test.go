package nats

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"myelin/internal/auth"
	"myelin/internal/clock"
)

// The round trip is what it took a client to connect, until it has answered the first ping.
func TestRoundTrip(t *testing.T) {
	fake := clock.NewFake(time.Now())
	l := guarded(t, &auth.Config{Users: []auth.User{{Name: "ann", Password: "p"}}}, fake)
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	in := bufio.NewReader(conn)
	await := func(prefix string) string {
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(line, prefix) {
				return strings.TrimPrefix(line, prefix)
			}
		}
	}
	var info struct {
		ID uint64 `json:"client_id"`
	}
	if err := json.Unmarshal([]byte(await("INFO ")), &info); err != nil {
		t.Fatal(err)
	}
	trip := func(send string) time.Duration {
		fmt.Fprintf(conn, "%s\r\nPING\r\n", send)
		await("PONG")
		guest, ok := l.opt.Registry.Get(info.ID)
		if !ok {
			t.Fatal("the connection is not known")
		}
		return guest.Describe().RTT
	}
	fake.Advance(3 * time.Millisecond)
	if got := trip(`CONNECT {"user":"ann","pass":"p","verbose":false}`); got != 3*time.Millisecond {
		t.Errorf("%v after CONNECT", got)
	}
	fake.Advance(3 * time.Second)
	await("PING")
	fake.Advance(5 * time.Millisecond)
	if got := trip("PONG"); got != 5*time.Millisecond {
		t.Errorf("%v after PONG", got)
	}
}
