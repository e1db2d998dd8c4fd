package protocol

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"myelin/internal/testkit"
)

const megabyte = 1 << 20

func memory(t *testing.T, server *testkit.Server) int64 {
	t.Helper()
	var varz struct {
		Bytes int64 `json:"mem"`
	}
	server.Monitor("/varz", &varz)
	return varz.Bytes
}

// Lines that never end cost the server no memory, whether it reads on for ever or
// hangs up at some length.
func TestEndlessLine(t *testing.T) {
	for _, start := range []string{"SUB ", "PING", "PONG", "+OK"} {
		t.Run(strings.TrimSpace(start), func(t *testing.T) {
			server := testkit.Start(t, testkit.Options{})
			conn := server.Raw(t)
			conn.Send(quiet)
			conn.Sync()
			before := memory(t, server)
			conn.Write(start)
			blanks := strings.Repeat(" ", megabyte)
			for range 64 {
				if conn.TryWrite(blanks) != nil {
					break
				}
			}
			if grown := memory(t, server) - before; grown > 32*megabyte {
				t.Errorf("64 MiB of blanks cost %d bytes", grown)
			}
		})
	}
}

// Half an operation, for as long as a client likes, keeps nobody else waiting.
func TestHalfAnOperation(t *testing.T) {
	server := testkit.Start(t, testkit.Options{})
	other := server.Raw(t)
	other.Send(quiet, "SUB x 1")
	other.Sync()
	for _, half := range []string{"P", "CONNECT {\"verb", "SUB x", "PUB x 10", "PUB x 10\r", "PUB x 10\r\nhal", "PUB x 3\r\nhal", "PUB x 3\r\nhal\r", "UNSUB"} {
		conn := server.Raw(t)
		conn.Write("SUB x 1\r\n" + half)
		conn.Expect("+OK")
		other.Send("PUB x 2", "hi")
		other.Expect("MSG x 1 2", "hi")
		conn.Expect("MSG x 1 2", "hi")
	}
}

// Many subscriptions of one connection are all served, and gone with it.
func TestManySubscriptions(t *testing.T) {
	const count = 100_000
	server := testkit.Start(t, testkit.Options{})
	conn := server.Raw(t)
	conn.Send(quiet)
	var operations strings.Builder
	for i := range count {
		fmt.Fprintf(&operations, "SUB many.%d.%d %d\r\n", i%100, i, i)
	}
	conn.Write(operations.String())
	conn.Sync()
	for i := 0; i < count; i += count / 100 {
		conn.Send(fmt.Sprintf("PUB many.%d.%d 1", i%100, i), ".")
		conn.Expect(fmt.Sprintf("MSG many.%d.%d %d 1", i%100, i, i), ".")
	}
	if got := subscriptions(t, server); got != count {
		t.Errorf("/connz counts %d subscriptions instead of %d", got, count)
	}
	conn.Close()
	testkit.Eventually(t, "the subscriptions to be gone", func() bool {
		return subscriptions(t, server) == 0
	})
	late := server.Raw(t)
	late.Send(quiet, "PUB many.1.1 1", ".")
	late.Sync()
}

// The largest payload passes whole, and so does a message that is all headers.
func TestLargest(t *testing.T) {
	server := testkit.Start(t, testkit.Options{})
	conn := server.Raw(t)
	conn.Send(`CONNECT {"verbose":false,"headers":true}`, "SUB x 1")

	payload := strings.Repeat("0123456789abcdef", megabyte/16)
	conn.Send(fmt.Sprintf("PUB x %d", megabyte), payload)
	conn.Expect(fmt.Sprintf("MSG x 1 %d", megabyte), payload)

	value := strings.Repeat("v", megabyte-len("NATS/1.0\r\nA: \r\n\r\n"))
	conn.Send(fmt.Sprintf("HPUB x %d %d", megabyte, megabyte), "NATS/1.0", "A: "+value, "", "")
	conn.Expect(fmt.Sprintf("HMSG x 1 %d %d", megabyte, megabyte), "NATS/1.0", "A: "+value, "", "")
	conn.Sync()
}

// A burst that fans out to a hundred times its size arrives whole and in order.
func TestFanOutBurst(t *testing.T) {
	const subscriptions, messages = 100, 2_000
	server := testkit.Start(t, testkit.Options{})
	subscriber, publisher := server.Raw(t), server.Raw(t)
	subscriber.Send(quiet)
	for i := range subscriptions {
		subscriber.Send(fmt.Sprintf("SUB x %d", i))
	}
	subscriber.Sync()

	var burst strings.Builder
	for i := range messages {
		fmt.Fprintf(&burst, "PUB x 4\r\n%04d\r\n", i)
	}
	publisher.Send(quiet)
	publisher.Write(burst.String())
	next := make(map[string]int)
	for range subscriptions * messages {
		sid := strings.Fields(subscriber.Line())[2]
		if payload := subscriber.Line(); payload != fmt.Sprintf("%04d", next[sid]) {
			t.Fatalf("subscription %s got %s in place of %04d", sid, payload, next[sid])
		}
		next[sid]++
	}
	publisher.Sync()
}

// Whatever arrives, the server lives on and serves the others. Each round takes
// a valid session and breaks it in places drawn from the seed; SEEDS asks for
// more rounds.
func TestGarbage(t *testing.T) {
	server := testkit.Start(t, testkit.Options{Config: "max_control_line: 512\nmax_payload: 4096\n"})
	other := server.Raw(t)
	other.Send(quiet, "SUB still.here 1")
	other.Sync()
	for seed := range rounds(t) {
		conn := server.Raw(t)
		// The server may hang up in the middle, and that is fine.
		_ = conn.TryWrite(broken(rand.New(rand.NewPCG(seed, 0))))
		conn.Close()
		if seed%50 == 0 {
			other.Send("PUB still.here 2", "hi")
			other.Expect("MSG still.here 1 2", "hi")
		}
	}
}

func rounds(t *testing.T) uint64 {
	t.Helper()
	text := os.Getenv("SEEDS")
	if text == "" {
		return 500
	}
	count, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("SEEDS is %q instead of a number", text)
	}
	return count
}

// broken returns the session with bytes changed, removed, doubled or moved.
func broken(random *rand.Rand) string {
	bytes := []byte(session)
	for range 1 + random.IntN(8) {
		at := random.IntN(len(bytes))
		end := min(len(bytes), at+1+random.IntN(20))
		switch random.IntN(4) {
		case 0:
			bytes[at] = byte(random.IntN(256))
		case 1:
			bytes = append(bytes[:at:at], bytes[end:]...)
		case 2:
			bytes = append(bytes[:end:end], bytes[at:]...)
		case 3:
			digits := strconv.Itoa(random.IntN(1 << random.IntN(40)))
			bytes = append(append(bytes[:at:at], digits...), bytes[end:]...)
		}
		if len(bytes) == 0 {
			break
		}
	}
	return string(bytes)
}
