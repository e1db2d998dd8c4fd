package report

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// TestFieldsOfStock compares testdata/fields with what a stock server shows; see the comment on record.
func TestFieldsOfStock(t *testing.T) {
	binary := os.Getenv("STOCK_NATS_SERVER")
	if binary == "" {
		t.Skip("STOCK_NATS_SERVER names no server to compare with")
	}
	url := runStock(t, binary)
	for name, view := range allShown {
		got := fieldsOf(t, []byte(fetch(t, url+view.url)))
		if *record {
			if err := os.WriteFile(fieldsFile(name), []byte(strings.Join(got, "\n")+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if want := readFields(t, name); !slices.Equal(got, want) {
			t.Errorf("%s: added %q, missing %q", name, without("", got, want), without("", want, got))
		}
	}
}

// runStock starts a server with every setting that its pages show and the clients of situation, and
// returns the address of its pages.
func runStock(t *testing.T, binary string) string {
	ports := [2]int{freePort(t), freePort(t)}
	conf := filepath.Join(t.TempDir(), "server.conf")
	text := fmt.Sprintf("listen: 127.0.0.1:%d\nhttp: 127.0.0.1:%d\nserver_tags: [a]\nserver_metadata: {k: v}\n"+
		"max_subscriptions: 100\nwrite_timeout: close\n", ports[0], ports[1])
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	startStock(t, binary, conf)
	clientURL, pages := fmt.Sprintf("nats://127.0.0.1:%d", ports[0]), fmt.Sprintf("http://127.0.0.1:%d", ports[1])
	t.Cleanup(connectClient(t, clientURL).Close)
	connectClient(t, clientURL).Close()
	waitFor(t, "a closed connection", func() bool {
		return strings.Contains(fetch(t, pages+"/connz?state=closed"), `"num_connections": 1`)
	})
	return pages
}

// startStock runs a server with a configuration file until the test ends.
func startStock(t *testing.T, binary, conf string) {
	server := exec.Command(binary, "-c", conf)
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Process.Kill(); server.Wait() })
}

// connectClient connects a client with subscriptions of each kind and a message received, once the server
// is up.
func connectClient(t *testing.T, url string) (c *nats.Conn) {
	waitFor(t, "the server", func() (up bool) {
		var err error
		c, err = nats.Connect(url, nats.Name("alpha"), nats.UserInfo("ann", "secret"))
		return err == nil
	})
	received := make(chan struct{}, 1)
	foo, err1 := c.Subscribe("foo", func(*nats.Msg) { received <- struct{}{} })
	_, err2 := c.QueueSubscribeSync("bar.*", "q")
	baz, err3 := c.SubscribeSync("baz")
	for _, err := range []error{err1, err2, err3, baz.AutoUnsubscribe(10), c.Publish(foo.Subject, []byte("hello")), c.Flush()} {
		if err != nil {
			t.Fatal(err)
		}
	}
	<-received
	return c
}

// waitFor waits until condition holds.
func waitFor(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !condition(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func fetch(t *testing.T, url string) string {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
