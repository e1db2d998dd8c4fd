package report

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
)

// TestJetStreamOfStock compares testdata/jetstream with what a stock server says in the situation that streamSituation
// describes, or writes it there:
//
//	STOCK_NATS_SERVER=/path/to/nats-server go test ./internal/report -run TestJetStreamOfStock [-record]
func TestJetStreamOfStock(t *testing.T) {
	binary := os.Getenv("STOCK_NATS_SERVER")
	if binary == "" {
		t.Skip("STOCK_NATS_SERVER names no server to compare with")
	}
	pages := runStockStreams(t, binary)
	for _, page := range jetStreamPages {
		var got string
		waitFor(t, "streams in the order of their names", func() bool {
			got = answerOf(t, pages+page.url)
			return streamsInOrder(got)
		})
		compareRecorded(t, page.name, page.pick(t, got))
	}
}

// answerOf returns the status code and the body of a page.
func answerOf(t *testing.T, url string) string {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	return fmt.Sprintf("%d\n%s\n", r.StatusCode, fetch(t, url))
}

// streamsInOrder says that streams are in the order of their names, and sources in that of the configuration. A stock
// server walks its maps.
func streamsInOrder(page string) bool {
	streams := strings.Repeat(" ", 10)
	sources := strings.Repeat(" ", 14)
	return inOrder(page, streams, "MEM", "MIR", "ORD", "SRC") && inOrder(page, sources, "ORD", "MEM", "FAR")
}

func inOrder(page, indent string, names ...string) bool {
	last := -1
	for _, name := range names {
		at := strings.Index(page, "\n"+indent+"\"name\": \""+name+`"`)
		if at >= 0 && at < last {
			return false
		}
		last = max(at, last)
	}
	return true
}

func compareRecorded(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", "jetstream", name+".txt")
	if *record {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is\n%s\nwant\n%s", name, got, want)
	}
}

// runStockStreams brings about streamSituation in a stock server, and returns the address of its pages.
func runStockStreams(t *testing.T, binary string) string {
	ports := [2]int{freePort(t), freePort(t)}
	dir := t.TempDir()
	conf := filepath.Join(dir, "server.conf")
	text := fmt.Sprintf(`listen: "127.0.0.1:%d", http: "127.0.0.1:%d", server_name: one, system_account: SYS
		jetstream {
			store_dir: %q, max_mem: 1G, max_file: 10G, sync: always, domain: hub, unique_tag: "az:"
			limits { max_ack_pending: 10000, duplicate_window: "5m", batch { max_msgs: 500, timeout: "5s" } }
		}
		server_tags: ["az:a"]
		accounts {
			A { jetstream: enabled, users: [{user: a, password: a}] }
			B { jetstream { max_mem: 1M, max_file: 2M }, users: [{user: b, password: b}] }
			C { users: [{user: c, password: c}] }
			SYS { users: [{user: s, password: s}] }
		}`, ports[0], ports[1], dir)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	startStock(t, binary, conf)
	url, pages := fmt.Sprintf("nats://127.0.0.1:%d", ports[0]), fmt.Sprintf("http://127.0.0.1:%d", ports[1])
	a, b := connectAs(t, url, "a"), connectAs(t, url, "b")
	request(t, a, "$JS.API.STREAM.CREATE.MEM", `{"name":"MEM","subjects":["mem.>"],"storage":"memory","max_bytes":1000}`)
	request(t, a, "$JS.API.STREAM.CREATE.MIR", `{"name":"MIR","mirror":{"name":"ORD"}}`)
	request(t, a, "$JS.API.STREAM.CREATE.ORD", `{"name":"ORD","subjects":["ord.>"],"description":"orders","metadata":{"a":"b"}}`)
	request(t, a, "$JS.API.STREAM.CREATE.SRC", `{"name":"SRC","sources":[{"name":"ORD","filter_subject":"ord.y"},`+
		`{"name":"MEM","subject_transforms":[{"src":"mem.x","dest":"x"}]},{"name":"FAR","external":{"api":"$JS.far.API","deliver":"d"}}]}`)
	request(t, b, "$JS.API.STREAM.CREATE.BBB", `{"name":"BBB","subjects":["b"],"max_bytes":1000}`)
	for _, subject := range []string{"ord.x", "ord.y", "ord.x", "mem.x"} {
		request(t, a, subject, "hello")
	}
	waitFor(t, "copies", func() bool {
		page := fetch(t, pages+"/jsz?acc=A&streams=1")
		return strings.Count(page, `"messages": 3`) == 2 && strings.Count(page, `"messages": 2`) == 1
	})
	request(t, a, "$JS.API.STREAM.MSG.DELETE.ORD", `{"seq":2}`)
	request(t, a, "$JS.API.CONSUMER.CREATE.ORD.C1", `{"stream_name":"ORD","config":{"name":"C1","durable_name":"C1","ack_policy":"explicit"}}`)
	request(t, b, "$JS.API.CONSUMER.CREATE.BBB.DIR", `{"stream_name":"BBB","config":{"name":"DIR","ack_policy":"none","direct":true,"deliver_subject":"d"}}`)
	request(t, a, "$JS.API.CONSUMER.MSG.NEXT.ORD.C1", "1")
	request(t, a, "$JS.API.STREAM.INFO.NOPE", "")
	return pages
}

func connectAs(t *testing.T, url, user string) (c *nats.Conn) {
	waitFor(t, "the server", func() (up bool) {
		var err error
		c, err = nats.Connect(url, nats.UserInfo(user, user))
		return err == nil
	})
	t.Cleanup(c.Close)
	return c
}

func request(t *testing.T, c *nats.Conn, subject, body string) {
	t.Helper()
	waitFor(t, subject, func() bool {
		m, err := c.Request(subject, []byte(body), nats.DefaultTimeout)
		return err == nil && (!strings.Contains(string(m.Data), `"error"`) || strings.HasSuffix(subject, ".NOPE"))
	})
}
