package hostile

import (
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"myelin/internal/testkit"
)

// CONNECT takes any JSON object that has the right types, up to the length of a
// control line; anything else ends the connection without a word.
func TestConnectDocuments(t *testing.T) {
	const fine, bad = "PONG", ""
	deep := func(open, inner, close string, depth int) string {
		return strings.Repeat(open, depth) + inner + strings.Repeat(close, depth)
	}
	documents := []struct{ name, text, answer string }{
		{"a field unknown to all, of 4 KB of nested arrays", `{"verbose":false,"x":` + deep("[", "", "]", 2_000) + `}`, fine},
		{"nested objects", `{"verbose":false,"x":` + deep(`{"a":`, "1", "}", 600) + `}`, fine},
		{"arrays that do not end", `{"verbose":false,"x":` + strings.Repeat("[", 4_000), bad},
		{"nested arrays in a text's place", `{"verbose":false,"name":` + deep("[", "", "]", 1_900) + `}`, bad},
		{"a field twice: the last counts", `{"verbose":true,"verbose":false}`, fine},
		{"a field twice, in two cases", `{"Verbose":true,"vErBoSe":false}`, fine},
		{"a field twice, then null: as if it were not there", `{"verbose":false,"verbose":null}`, fine},
		{"text for a flag", `{"verbose":"no"}`, bad},
		{"a number for a flag", `{"verbose":false,"echo":1}`, bad},
		{"text for a number", `{"verbose":false,"protocol":"1"}`, bad},
		{"a fraction", `{"verbose":false,"protocol":0.5}`, bad},
		{"a power", `{"verbose":false,"protocol":1e0}`, bad},
		{"a number beyond all", `{"verbose":false,"protocol":99999999999999999999}`, bad},
		{"a number for a text", `{"verbose":false,"name":42}`, bad},
		{"an object for a text", `{"verbose":false,"lang":{}}`, bad},
		{"null for a text", `{"verbose":false,"name":null}`, fine},
		{"bytes that are no UTF-8, in a text", "{\"verbose\":false,\"name\":\"\xff\xfe\x80\"}", fine},
		{"bytes that are no UTF-8, in a key", "{\"verbose\":false,\"\xff\":1}", fine},
		{"half a pair of code units", `{"verbose":false,"name":"\ud800"}`, fine},
		{"bytes that are no UTF-8 at all", "\xff\xff", bad},
		{"a zero byte behind", "{\"verbose\":false}\x00", bad},
		{"a zero byte", "\x00", bad},
		{"numbers for texts that nobody asked for", `{"verbose":false,"jwt":1}`, bad},
		{"an array for a password", `{"verbose":false,"pass":[]}`, bad},
		{"a number for a key", `{"verbose":false,"nkey":1}`, bad},
		{"a number for a signature", `{"verbose":false,"sig":1}`, bad},
		{"a number for a token", `{"verbose":false,"auth_token":1}`, bad},
		{"text for a flag that nobody asked for", `{"verbose":false,"tls_required":"yes"}`, bad},
		{"no end", `{"verbose":false`, bad},
		{"text", `"verbose"`, bad},
		{"a number", `1`, bad},
		{"a flag", `true`, bad},
	}
	a := enter(t, "")
	for _, document := range documents {
		t.Logf("%s", document.name) // the line of a failure lies elsewhere
		p := a.intrude("CONNECT " + document.text + "\r\nPING\r\n")
		if document.answer == fine {
			a.expect(p, "PONG")
			p.Close()
			continue
		}
		a.expectEnd(p)
		a.expectReason(p, "Protocol Violation")
	}
	a.deserted()
	a.served()
}

// What speaks another protocol is told so at its first byte.
func TestOtherProtocols(t *testing.T) {
	a := enter(t, "")
	for _, hello := range []string{
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "POST /", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03", "\x80\x9e\x01\x03\x01", "AMQP\x00\x00\x09\x01",
		"\x10\x0c\x00\x04MQTT", "SSH-2.0-x\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n", "\x00\x00\x00\x14\x00\x12\x00\x00",
	} {
		p := a.intrude(hello)
		a.expect(p, "-ERR 'Unknown Protocol Operation'")
		a.expectEnd(p)
		a.expectReason(p, "Protocol Violation")
	}
	if page, err := (&http.Client{Timeout: testkit.Patience}).Get("http://" + a.Addr()); err == nil {
		page.Body.Close()
		t.Error("an HTTP client got a page")
	} else if os.IsTimeout(err) {
		t.Error("an HTTP client got no answer")
	}
	if conn, err := tls.Dial("tcp", a.Addr(), &tls.Config{InsecureSkipVerify: true}); err == nil {
		conn.Close()
		t.Error("a TLS client got a connection")
	}
	a.deserted()
	a.served()
}

// Noise does no harm. MYELIN_NOISE, the seed that a failure tells, makes the
// same noise again; SEEDS asks for more of it.
func TestNoise(t *testing.T) {
	seed := number(t, "MYELIN_NOISE", uint64(time.Now().UnixNano()))
	t.Logf("the noise is that of MYELIN_NOISE=%d", seed)
	a := enter(t, "")
	a.crowd(8, int(number(t, "SEEDS", uint64(many(2_000)))), func(i int) error {
		p, err := a.dial()
		if err != nil {
			return err
		}
		defer p.Close()
		if p.send(noise(rand.New(rand.NewPCG(seed, uint64(i))))) != nil || p.Conn.(*net.TCPConn).CloseWrite() != nil {
			return nil // it was hung up on, as it deserves
		}
		return p.drain()
	})
	a.deserted()
	a.served()
	a.expectPeak(64 * megabyte)
}

// number is what the environment says, or otherwise.
func number(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	value, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s is %q instead of a number", name, text)
	}
	return value
}

// noise returns random bytes, for the most part behind something that makes the
// server listen.
func noise(random *rand.Rand) string {
	starts := []string{
		"", quiet, quiet + "PUB ", quiet + "HPUB noise 20 40\r\n", quiet + "PUB noise 1000000\r\n", "CONNECT {\"name\":\"",
		quiet + "SUB noise ", quiet + "SUB ", quiet + "UNSUB ", "PING", "INFO {", "-ERR ", quiet + "SUB > 1\r\nPUB noise noise 100\r\n",
	}
	text := []byte(starts[random.IntN(len(starts))])
	alphabet := []byte(" \t\r\n.*>019xPUBSHMG{}\"'\x00\xff")
	for range random.IntN(2_000) {
		if random.IntN(4) == 0 {
			text = append(text, byte(random.IntN(256)))
		} else {
			text = append(text, alphabet[random.IntN(len(alphabet))])
		}
	}
	return string(text)
}

// A header block is any bytes; they arrive as they were sent, whatever their
// share of the message, and are left out for a client that takes none.
func TestHeaderBlocks(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	garbage := make([]byte, 100_000)
	for i := range garbage {
		garbage[i] = byte(random.IntN(256))
	}
	var keys strings.Builder
	keys.WriteString("NATS/1.0\r\n")
	for i := 0; keys.Len() < 900_000; i++ {
		fmt.Fprintf(&keys, "Key-%d:%d\r\n", i%1000, i)
	}
	keys.WriteString("\r\n")
	a := enter(t, "")
	p, old := a.join("SUB x 1\r\n"), a.intrude("CONNECT {\"verbose\":false,\"headers\":false}\r\nSUB x 2\r\nPING\r\n")
	a.expect(old, "PONG")
	for _, block := range []string{
		keys.String(), string(garbage), "NATS/1.0", "NATS/1.0\r\n", "NATS/1.0\r\n\r\n", "\r\n", "\n", "MSG x 1 999999999\r\n", ":", "NATS/9.9 999999999999 \x00\r\n\r\n",
		strings.Repeat("\r\n", 50_000), strings.Repeat("NATS/1.0\r\n\r\n", 20_000), "NATS/1.0\r\n" + strings.Repeat("k", megabyte-40),
	} {
		for _, payload := range []string{"", "the payload"} {
			header, total := len(block), len(block)+len(payload)
			a.send(p, fmt.Sprintf("HPUB x %d %d\r\n%s%s\r\n", header, total, block, payload))
			if err := p.expectMessage(fmt.Sprintf("HMSG x 1 %d %d", header, total), block+payload); err != nil {
				t.Fatal(err)
			}
			if err := old.expectMessage(fmt.Sprintf("MSG x 2 %d", len(payload)), payload); err != nil {
				t.Fatal(err)
			}
		}
	}
	a.served()
}

// What is wrong with the sizes of a message is known before its bytes, and is
// the end; a message of just the maximum passes.
func TestSizes(t *testing.T) {
	const tooLarge = "-ERR 'Maximum Payload Violation'"
	a := enter(t, "")
	whole := strings.Repeat("\x00\r\nM", megabyte/4)
	p := a.join(fmt.Sprintf("SUB x 1\r\nPUB x %d\r\n%s\r\nHPUB x %d %d\r\n%s\r\n", megabyte, whole, megabyte, megabyte, whole))
	for _, line := range []string{"MSG x 1 1048576", "HMSG x 1 1048576 1048576"} {
		if err := p.expectMessage(line, whole); err != nil {
			t.Fatal(err)
		}
	}
	for _, attack := range []struct{ line, answer, reason string }{
		{"PUB x 1048577", tooLarge, "Maximum Message Payload Exceeded"},
		{"PUB x 999999999", tooLarge, "Maximum Message Payload Exceeded"},
		{"HPUB x 1 1048577", tooLarge, "Maximum Message Payload Exceeded"},
		{"HPUB x 1048577 1048577", tooLarge, "Maximum Message Payload Exceeded"},
		{"HPUB x 3 2", "", "Protocol Violation"},
		{"HPUB x 1048577 1048576", "", "Protocol Violation"},
		{"HPUB x -1 1", "", "Protocol Violation"},
		{"PUB x -1", "", "Protocol Violation"},
		{"PUB x 1000000000", "", "Protocol Violation"},
		{"PUB x 4294967297", "", "Protocol Violation"},
		{"PUB x 18446744073709551617", "", "Protocol Violation"},
		{"PUB x 0000000001", "", "Protocol Violation"},
		{"HPUB x 0000000001 1", "", "Protocol Violation"},
	} {
		p := a.join(attack.line + "\r\n")
		if attack.answer != "" {
			a.expect(p, attack.answer)
		}
		a.expectEnd(p)
		a.expectReason(p, attack.reason)
	}
	a.served()
}

// A size is handed on as it was written, zeros and all, while subscriptions
// come and go that make the server look into what it has gathered.
func TestSizesWithZeros(t *testing.T) {
	const pieces, lines = 100, 100
	a := enter(t, "")
	p, publisher := a.join("SUB x 1\r\nPING\r\n"), a.join("")
	a.expect(p, "PONG")
	body := "\r\nMSG x 1 99999999\r\nhi"
	burst := strings.Repeat(fmt.Sprintf("HPUB x 000000002 %09d\r\n%s\r\nPUB x 000000022\r\n%s\r\n", len(body), body, body), lines)
	actors := []func() error{
		func() error { return publisher.send(burst) },
		func() error { return p.send(strings.Repeat("SUB y 2\r\nUNSUB 2\r\n", lines)) },
		func() error {
			for range lines {
				if err := p.expectMessage("HMSG x 1 000000002 000000022", body); err != nil {
					return err
				}
				if err := p.expectMessage("MSG x 1 000000022", body); err != nil {
					return err
				}
			}
			return nil
		},
	}
	a.crowd(len(actors), len(actors), func(i int) error {
		for range pieces {
			if err := actors[i](); err != nil {
				return err
			}
		}
		return nil
	})
	a.served()
}

// Control lines at the edges of the grammar.
func TestControlLines(t *testing.T) {
	const unknown, long, silent = "-ERR 'Unknown Protocol Operation'", "-ERR 'maximum control line exceeded'", ""
	blanks := strings.Repeat(" ", 5_000)
	a := enter(t, "")
	for _, attack := range []struct{ line, answer string }{
		{"PUB x" + blanks + "0", long},
		{"PUB x 2\r\r\nhi", silent},
		{"SUB\rx 1", unknown},
		{"UNSUB\r1", unknown},
		{"PUB\rx 0", unknown},
		{"HPUB\r1", unknown},
		{"-ERR", unknown},
		{"-ERR3", unknown},
		{"-ERR 'what'", silent},
		{"INFO", silent},
		{"INFO x", silent},
		{"INFO {} {}", silent},
		{"INFO {\"a\":1}", "PONG"},
	} {
		p := a.join(attack.line + "\r\nPING\r\n")
		line, _, err := p.next()
		if line != attack.answer || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%.40q of %d bytes is answered %q (%v) instead of %q", attack.line, len(attack.line), line, err, attack.answer)
		}
		p.Close()
	}
	a.served()
}
