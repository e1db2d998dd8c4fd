package monitor

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

// answer is what a page says to a request.
func answer(h http.Handler, method, url string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, url, nil))
	return w
}

func TestViewsAreJSON(t *testing.T) {
	f := new(fakeServer)
	p := newPages(f.options(t, ""))
	for page, key := range map[string]string{
		"/varz": "server_name", "/connz": "num_connections", "/subsz": "num_inserts", "/subscriptionsz": "num_inserts",
		"/routez": "num_routes", "/gatewayz": "outbound_gateways", "/leafz": "leafnodes", "/jsz": "reserved_memory", "/accountz": "system_account",
		"/accstatz": "account_statz", "/debug/vars": "memstats",
	} {
		w := answer(p, "GET", page)
		var view map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &view); err != nil || w.Code != http.StatusOK {
			t.Errorf("%s: status %d, %v", page, w.Code, err)
		}
		if _, ok := view[key]; !ok {
			t.Errorf("%s lacks %s", page, key)
		}
		if page == "/debug/vars" {
			continue
		}
		if got := w.Header(); got.Get("Content-Type") != "application/json" || got.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s has headers %v", page, got)
		}
		if !strings.HasPrefix(w.Body.String(), "{\n  \"") || !strings.HasSuffix(w.Body.String(), "\n}") {
			t.Errorf("%s is indented as %.20q", page, w.Body)
		}
	}
}

func TestArgumentsReachTheView(t *testing.T) {
	f := new(fakeServer)
	p := newPages(f.options(t, ""))
	for url, want := range map[string]string{
		"/connz":                               `"num_connections": 2`,
		"/connz?limit=1&offset=1":              `"cid": 2,`,
		"/connz?cid=1":                         `"num_connections": 1`,
		"/connz?sort=msgs_from&limit=1":        `"cid": 2,`,
		"/connz?state=CLOSED":                  `"reason": "Client Closed"`,
		"/connz?state=any":                     `"total": 3`,
		"/connz?state=all&acc=A":               `"total": 1`,
		"/connz?user=ann":                      `"num_connections": 1`,
		"/connz?user=ann&auth=true":            `"authorized_user": "ann"`,
		"/connz?mqtt_client=x":                 `"connections": []`,
		"/connz?subs=1":                        `"foo.\u003e"`,
		"/connz?subs=Detail":                   `"sid": "9"`,
		"/connz?filter_subject=bar&acc=$G":     `"num_connections": 0`,
		"/connz?limit=&sort=&state=&cid=":      `"limit": 1024`,
		"/connz?callback=f":                    "{\n  \"server_id\": \"NID\"",
		"/subsz?subs=1&limit=3&offset=0":       `"subject": "foo.\u003e"`,
		"/subsz?subs=1&test=bar":               `"total": 0`,
		"/subsz?subs=1&acc=A":                  `"total": 0`,
		"/subscriptionsz?subs=true&test=foo.a": `"total": 1`,
		"/routez?subs=detail":                  `"routes": []`,
		"/gatewayz?subs=detail&accs=1":         `"inbound_gateways": {}`,
		"/leafz?subs=1":                        `"leafs": []`,
		"/jsz?acc=A&raft=1&streams=1":          `"disabled": true`,
		"//varz":                               `"server_id": "NID"`,
		"/varz/":                               `"server_id": "NID"`,
	} {
		w := answer(p, "GET", url)
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: status %d without %s:\n%s", url, w.Code, want, w.Body)
		}
	}
}

// TestPollingLikeTop asks what nats-top asks, once per key that it sorts by, and reads what it shows.
func TestPollingLikeTop(t *testing.T) {
	f := new(fakeServer)
	p := newPages(f.options(t, ""))
	var general struct {
		ID            string    `json:"server_id"`
		Now           time.Time `json:"now"`
		CPU           float64   `json:"cpu"`
		Mem           int64     `json:"mem"`
		SlowConsumers int64     `json:"slow_consumers"`
		Uptime        string    `json:"uptime"`
	}
	decode(t, answer(p, "GET", "/varz"), &general)
	if general.ID != "NID" || !general.Now.Equal(now) || general.Mem == 0 || general.Uptime != "0s" {
		t.Errorf("general state: %+v", general)
	}
	for _, key := range []string{
		"cid", "start", "subs", "pending", "msgs_to", "msgs_from", "bytes_to", "bytes_from", "last", "idle", "uptime", "rtt",
	} {
		var list struct {
			Count       int `json:"num_connections"`
			Connections []struct {
				CID          uint64    `json:"cid"`
				LastActivity time.Time `json:"last_activity"`
				Uptime       string    `json:"uptime"`
				Subs         []string  `json:"subscriptions_list"`
			} `json:"connections"`
		}
		decode(t, answer(p, "GET", "/connz?limit=1024&sort="+key+"&subs=1"), &list)
		if list.Count != 2 || len(list.Connections) != 2 || len(list.Connections[0].Subs)+len(list.Connections[1].Subs) != 1 {
			t.Errorf("connections by %s: %+v", key, list)
		}
	}
}

func decode(t *testing.T, w *httptest.ResponseRecorder, v any) {
	t.Helper()
	if err := json.Unmarshal(w.Body.Bytes(), v); err != nil || w.Code != http.StatusOK {
		t.Fatalf("status %d, %v: %s", w.Code, err, w.Body)
	}
}

func TestBadArgumentsAreRefused(t *testing.T) {
	f := new(fakeServer)
	p := newPages(f.options(t, ""))
	boolean := func(name, text string) string {
		return "Error decoding boolean for '" + name + `': strconv.ParseBool: parsing "` + text + `": invalid syntax`
	}
	integer := func(name, text string) string {
		return "Error decoding int for '" + name + `': strconv.Atoi: parsing "` + text + `": invalid syntax`
	}
	for url, want := range map[string]string{
		"/connz?auth=2":                     boolean("auth", "2"),
		"/connz?subs=x&offset=y":            boolean("subs", "x"),
		"/connz?offset=y&limit=z":           integer("offset", "y"),
		"/connz?limit=z&cid=x":              integer("limit", "z"),
		"/connz?limit=99999999999999999999": `Error decoding int for 'limit': strconv.Atoi: parsing "99999999999999999999": value out of range`,
		"/connz?cid=-5&state=x":             `Error decoding uint64 for 'cid': strconv.ParseUint: parsing "-5": invalid syntax`,
		"/connz?state=2":                    "Error decoding state for 2",
		"/connz?sort=zz":                    "invalid sorting option: zz",
		"/connz?sort=stop":                  "sort by stop only valid on closed connections",
		"/connz?filter_subject=a":           "filter by subject only valid with account filtering",
		"/subsz?subs=detail":                boolean("subs", "detail"),
		"/subsz?offset=x":                   integer("offset", "x"),
		"/subsz?limit=x":                    integer("limit", "x"),
		"/subsz?test=a.*":                   "invalid test subject, must be valid publish subject: a.*",
		"/routez?subs=x":                    boolean("subs", "x"),
		"/gatewayz?accs=x":                  boolean("accs", "x"),
		"/leafz?subs=detail":                boolean("subs", "detail"),
		"/jsz?accounts=x":                   boolean("accounts", "x"),
		"/jsz?streams=x":                    boolean("streams", "x"),
		"/jsz?consumers=x":                  boolean("consumers", "x"),
		"/jsz?direct-consumers=x":           boolean("direct-consumers", "x"),
		"/jsz?config=x":                     boolean("config", "x"),
		"/jsz?leader-only=x":                boolean("leader-only", "x"),
		"/jsz?stream-leader-only=x":         boolean("stream-leader-only", "x"),
		"/jsz?raft=x":                       boolean("raft", "x"),
		"/jsz?offset=x":                     integer("offset", "x"),
		"/jsz?limit=x&leader-only=x":        integer("limit", "x"),
		"/healthz?js-enabled=x&details=y":   boolean("js-enabled", "x"),
		"/healthz?js-enabled-only=x":        boolean("js-enabled-only", "x"),
		"/healthz?js-server-only=x":         boolean("js-server-only", "x"),
		"/healthz?js-meta-only=x":           boolean("js-meta-only", "x"),
		"/healthz?details=x":                boolean("details", "x"),
	} {
		w := answer(p, "GET", url)
		if w.Code != http.StatusBadRequest || strings.TrimSuffix(w.Body.String(), "\n") != want {
			t.Errorf("%s: status %d, %s, want %s", url, w.Code, w.Body, want)
		}
		if got := w.Header().Get("Content-Type"); got != "text/plain; charset=utf-8" {
			t.Errorf("%s: type %s", url, got)
		}
	}
}

func TestHealthz(t *testing.T) {
	const ok = `{"status":"ok"}`
	tests := []struct {
		url    string
		sick   error
		status int
		body   string
		log    []string
	}{
		{"/healthz", nil, 200, ok, nil},
		{"/healthz?js-enabled-only=true&js-server-only=1&js-meta-only=1&account=A", nil, 200, ok, nil},
		{"/healthz?js-enabled=true", nil, 200, ok, []string{"Healthcheck: js-enabled deprecated, use js-enabled-only instead"}},
		{"/healthz?account=A&consumer=C", nil, 400, `{"status":"error","error":"\"stream\" must not be empty when checking consumer health"}`,
			[]string{`Healthcheck failed: "\"stream\" must not be empty when checking consumer health"`}},
		{"/healthz?stream=S&details=1", nil, 400, `{"status":"error","errors":[{"type":"BAD_REQUEST","error":"\"account\" must not be empty when checking stream health"}]}`,
			[]string{"Healthcheck failed: 1 errors"}},
		{"/healthz", errTired, 500, `{"status":"error","error":"tired"}`, []string{`Healthcheck failed: "tired"`}},
	}
	for _, test := range tests {
		f := &fakeServer{sick: test.sick}
		w := answer(newPages(f.options(t, "")), "GET", test.url)
		if w.Code != test.status || w.Body.String() != test.body {
			t.Errorf("%s: status %d, %s", test.url, w.Code, w.Body)
		}
		if got := f.log.all(); !slices.Equal(got, test.log) {
			t.Errorf("%s logged %q", test.url, got)
		}
		if w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%s: headers %v", test.url, w.Header())
		}
	}
}

func TestAnyMethodWillDo(t *testing.T) {
	f := new(fakeServer)
	server := httptest.NewServer(newPages(f.options(t, "")))
	defer server.Close()
	for _, method := range []string{"HEAD", "POST", "PUT", "DELETE", "OPTIONS"} {
		r, err := http.NewRequest(method, server.URL+"/connz", strings.NewReader("sort=bad"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(w.Body)
		w.Body.Close()
		if err != nil || w.StatusCode != http.StatusOK || w.ContentLength <= 0 {
			t.Errorf("%s: status %d, length %d, %v", method, w.StatusCode, w.ContentLength, err)
		}
		if (len(body) == 0) != (method == "HEAD") {
			t.Errorf("%s: %d bytes", method, len(body))
		}
	}
}

func TestIndex(t *testing.T) {
	f := new(fakeServer)
	for base, prefix := range map[string]string{"": "", "/": "", "nats": "/nats", "/a/b/": "/a/b"} {
		p := newPages(f.options(t, base))
		w := answer(p, "GET", prefix+"/")
		body := w.Body.String()
		if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "text/html; charset=utf-8" {
			t.Errorf("index below %q: status %d, headers %v", base, w.Code, w.Header())
		}
		if !strings.Contains(body, "one &amp; &lt;two&gt;") || strings.Contains(body, "{{") {
			t.Errorf("index is not filled in:\n%s", body)
		}
		for _, l := range links {
			if !strings.Contains(body, `<a href="`+prefix+l.path+`">`) {
				t.Errorf("index below %q does not name %s", base, l.path)
			}
			if w := answer(p, "GET", prefix+l.path); w.Code != http.StatusOK {
				t.Errorf("%s below %q: status %d", l.path, base, w.Code)
			}
		}
	}
}

func TestUnknownPages(t *testing.T) {
	f := new(fakeServer)
	for base, urls := range map[string][]string{
		"":     {"/nope", "/VARZ", "/varz/x", "/jszz", "/debug/pprof/", "/metrics"},
		"/a/b": {"/", "/varz", "/a", "/a/b/nope", "/a/bvarz", "/debug/vars"},
	} {
		p := newPages(f.options(t, base))
		for _, url := range urls {
			if w := answer(p, "GET", url); w.Code != http.StatusNotFound || w.Body.String() != "404 page not found\n" {
				t.Errorf("%s below %q: status %d, %s", url, base, w.Code, w.Body)
			}
		}
	}
}

func TestRequestsAreCounted(t *testing.T) {
	f := new(fakeServer)
	o := f.options(t, "/x")
	p := newPages(o)
	for _, url := range []string{
		"/x", "/x/varz", "/x/subsz", "/x/subscriptionsz", "/x/connz?sort=bad", "/x/healthz?details=x", "/x/leafz",
		"/x/nope", "/varz", "/x/stacksz", "/x/debug/vars",
	} {
		answer(p, "GET", url)
	}
	got := o.Views.Varz().HTTPReqStats
	want := map[string]uint64{"/": 1, "/varz": 1, "/subsz": 2, "/connz": 1, "/healthz": 1, "/leafz": 1}
	if !maps.Equal(got, want) {
		t.Errorf("counted %v", got)
	}
}

func TestStacksz(t *testing.T) {
	f := new(fakeServer)
	w := answer(newPages(f.options(t, "")), "GET", "/stacksz")
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "goroutine ") || !strings.Contains(w.Body.String(), "TestStacksz") {
		t.Errorf("status %d:\n%s", w.Code, w.Body)
	}
}
