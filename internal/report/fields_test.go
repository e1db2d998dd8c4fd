package report

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// The files in testdata/fields say which fields, of which types, a stock server shows in a situation that
// makes it show what a single server can. TestFields holds our views against them, TestFieldsOfStock
// holds them against a real server, or writes them:
//
//	STOCK_NATS_SERVER=/path/to/nats-server go test ./internal/report -run TestFieldsOfStock [-record]
var record = flag.Bool("record", false, "write what the stock server shows to testdata/fields")

// shown is one view: where the stock server has it, and how we build it.
type shown struct {
	url   string
	build func(v *Views) (any, error)
}

// views by the name of their file.
var allShown = map[string]shown{
	"varz":         {"/varz", func(v *Views) (any, error) { return v.Varz(), nil }},
	"connz":        {"/connz", connzOf(ConnzOptions{})},
	"connz-subs":   {"/connz?subs=1&auth=1", connzOf(ConnzOptions{Subscriptions: true, Username: true})},
	"connz-detail": {"/connz?subs=detail", connzOf(ConnzOptions{SubscriptionsDetail: true})},
	"connz-closed": {"/connz?state=closed&subs=detail", connzOf(ConnzOptions{SubscriptionsDetail: true, State: ConnClosed})},
	"subsz":        {"/subsz", subszOf(SubszOptions{})},
	"subsz-list":   {"/subsz?subs=1&acc=$G", subszOf(SubszOptions{Subscriptions: true, Account: "$G"})},
	"routez":       {"/routez", func(v *Views) (any, error) { return v.Routez(), nil }},
	"gatewayz":     {"/gatewayz", func(v *Views) (any, error) { return v.Gatewayz(), nil }},
	"leafz":        {"/leafz", func(v *Views) (any, error) { return v.Leafz(), nil }},
	"healthz":      {"/healthz?stream=S", healthzOf(HealthzOptions{Stream: "S"})},
	"healthz-list": {"/healthz?stream=S&details=1", healthzOf(HealthzOptions{Stream: "S", Details: true})},
}

func connzOf(o ConnzOptions) func(*Views) (any, error) {
	return func(v *Views) (any, error) { return v.Connz(o) }
}

func subszOf(o SubszOptions) func(*Views) (any, error) {
	return func(v *Views) (any, error) { return v.Subsz(o) }
}

func healthzOf(o HealthzOptions) func(*Views) (any, error) {
	return func(v *Views) (any, error) {
		z := v.Healthz(o)
		z.StatusCode = 0 // said by HTTP
		return z, nil
	}
}

// departures are the fields that we add (+) and leave out (-).
var departures = map[string][]string{
	"varz":         {"+myelin_version string"},
	"connz-closed": {"+connections[].subscriptions_list_detail[].max number"},
}

func TestFields(t *testing.T) {
	v := situation().views()
	v.Count("/varz")
	for name, view := range allShown {
		built, err := view.build(v)
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(built)
		if err != nil {
			t.Fatal(err)
		}
		got, want := fieldsOf(t, text), readFields(t, name)
		diff := append(without("+", got, want), without("-", want, got)...)
		if !slices.Equal(diff, departures[name]) {
			t.Errorf("%s differs from stock by %q", name, diff)
		}
	}
}

// without returns the elements of a that are not in b, each after a sign.
func without(sign string, a, b []string) (list []string) {
	for _, s := range a {
		if !slices.Contains(b, s) {
			list = append(list, sign+s)
		}
	}
	return list
}

// situation is what runStock brings about in a stock server.
func situation() *fakeServer {
	f := newFake()
	f.identity.GoVersion = "go1.26"
	f.config.ServerTags = []string{"a"}
	f.config.ServerMetadata = map[string]string{"k": "v"}
	f.config.Limits.MaxSubscriptions = 100
	f.config.Limits.WriteTimeout = "close"
	subs := []Sub{
		{Account: "$G", Subject: "foo", SID: "1", Msgs: 1, CID: 1},
		{Account: "$G", Subject: "bar.*", Queue: "q", SID: "2", CID: 1},
		{Account: "$G", Subject: "baz", SID: "3", Max: 10, CID: 1},
	}
	conn := Conn{
		CID: 1, Kind: "Client", Type: "nats", IP: "127.0.0.1", Port: 40000, Start: start, LastActivity: start, RTT: time.Millisecond,
		InMsgs: 1, OutMsgs: 1, NumSubs: 3, Name: "alpha", Lang: "go", Version: "1", Account: "$G", User: "ann",
		Subs: func() []Sub { return slices.Clone(subs) },
	}
	gone := conn
	gone.CID, gone.Stop, gone.Reason = 2, start.Add(time.Second), "Client Closed"
	f.open, f.closed, f.subs = []Conn{conn}, []Conn{gone}, subs
	f.stats = map[string]RouterStats{"": {NumSubs: 3}, "$G": {NumSubs: 3}}
	return f
}

func fieldsFile(name string) string { return filepath.Join("testdata", "fields", name+".txt") }

func readFields(t *testing.T, name string) []string {
	t.Helper()
	text, err := os.ReadFile(fieldsFile(name))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

// fieldsOf lists the fields of a JSON document as lines of path and type, sorted.
func fieldsOf(t *testing.T, text []byte) []string {
	t.Helper()
	var document any
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	found := make(map[string]bool)
	collectFields("", document, found)
	delete(found, " object") // the document itself
	return slices.Sorted(maps.Keys(found))
}

// free are the objects whose keys are data.
var free = map[string]bool{"http_req_stats": true, "metadata": true}

func collectFields(path string, value any, found map[string]bool) {
	switch value := value.(type) {
	case map[string]any:
		found[path+" object"] = true
		for key, v := range value {
			if free[path] {
				key = "*"
			}
			collectFields(strings.TrimPrefix(path+"."+key, "."), v, found)
		}
	case []any:
		found[path+" array"] = true
		for _, v := range value {
			collectFields(path+"[]", v, found)
		}
	case float64:
		found[path+" number"] = true
	case nil:
		found[path+" null"] = true
	default:
		found[fmt.Sprintf("%s %T", path, value)] = true
	}
}
