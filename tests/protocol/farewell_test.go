package protocol

import (
	"fmt"
	"strings"
	"testing"

	"myelin/internal/testkit"
)

// A server with streams says so in its greeting. When it stops, who waits for messages is told before the connection
// ends, and what it does not get.
func TestGreetingAndFarewellWithStreams(t *testing.T) {
	server := testkit.Start(t, testkit.Options{Config: fmt.Sprintf("jetstream { store_dir: %q }\n", t.TempDir())})
	conn := server.Raw(t)
	if !strings.Contains(conn.Info.Text, `"jetstream":true,`) {
		t.Errorf("the greeting %s does not tell of JetStream", conn.Info.Text)
	}
	conn.Send(`CONNECT {"verbose":false,"headers":true,"no_responders":true}`)
	request(t, conn, "$JS.API.STREAM.CREATE.S", `{"name":"S","subjects":["s"]}`)
	request(t, conn, "$JS.API.CONSUMER.CREATE.S.C", `{"stream_name":"S","config":{"name":"C","durable_name":"C","ack_policy":"explicit"}}`)
	conn.Send("SUB inbox 7", "PUB $JS.API.CONSUMER.MSG.NEXT.S.C inbox 48", `{"batch":5,"max_bytes":90,"expires":60000000000}`)
	conn.Sync()
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		server.Stop()
	}()
	conn.Expect("HMSG inbox 7 82 82", "NATS/1.0 409 Server Shutdown", "Nats-Pending-Messages: 5", "Nats-Pending-Bytes: 90", "", "")
	conn.ExpectClosed()
	<-stopped
}
