package monitor

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"path"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"myelin/internal/report"
)

// pages answers requests for the pages below a base path.
type pages struct {
	base  string // empty, or with a leading and without a trailing slash
	views *report.Views
	warnf func(format string, args ...any)
	serve map[string]http.HandlerFunc // by path below base
}

func newPages(o Options) *pages {
	p := &pages{base: strings.TrimRight(path.Join("/", o.BasePath), "/"), views: o.Views, warnf: o.Warnf}
	p.serve = map[string]http.HandlerFunc{
		"/":               p.index,
		"/varz":           p.view("/varz", varz),
		"/connz":          p.view("/connz", connz),
		"/subsz":          p.view("/subsz", subsz),
		"/subscriptionsz": p.view("/subsz", subsz),
		"/routez":         p.view("/routez", routez),
		"/gatewayz":       p.view("/gatewayz", gatewayz),
		"/leafz":          p.view("/leafz", leafz),
		"/jsz":            p.view("/jsz", jsz),
		"/accountz":       p.view("/accountz", accountz),
		"/accstatz":       p.view("/accstatz", accstatz),
		"/ipqueuesz":      p.view("", ipqueuesz),
		"/raftz":          raftz,
		"/healthz":        p.healthz,
		"/stacksz":        stacksz,
		"/debug/vars":     p.expvarz,
	}
	return p
}

// ServeHTTP finds the page. Doubled and trailing slashes are overlooked: tools that join a base URL and
// a path make them.
func (p *pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, below := strings.CutPrefix(path.Clean("/"+r.URL.Path), p.base)
	if name == "" {
		name = "/"
	}
	serve := p.serve[name]
	if !below || serve == nil {
		http.NotFound(w, r)
		return
	}
	serve(w, r)
}

// builder makes a view as the arguments ask for; its errors are those of the arguments.
type builder func(v *report.Views, a *args) (any, error)

// view serves what build makes, and counts the requests under the page's name; under none for "", as stock does.
func (p *pages) view(name string, build builder) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if name != "" {
			p.views.Count(name)
		}
		view, err := build(p.views, newArgs(r))
		if err != nil {
			refuse(w, http.StatusBadRequest, err.Error())
			return
		}
		body, err := json.MarshalIndent(view, "", "  ")
		p.write(w, http.StatusOK, body, err)
	}
}

// write answers with an encoded view.
func (p *pages) write(w http.ResponseWriter, code int, body []byte, err error) {
	if err != nil {
		p.warnf("Error marshaling monitoring response: %v", err)
		http.Error(w, "encoding failed", http.StatusInternalServerError)
		return
	}
	setJSON(w)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(code)
	w.Write(body)
}

// refuse says in a line of text without an end why there is no view.
func refuse(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	io.WriteString(w, text)
}

// setJSON sets the headers of a view: any web page may read it.
func setJSON(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Access-Control-Allow-Origin", "*")
}

func varz(v *report.Views, _ *args) (any, error) { return v.Varz(), nil }

func connz(v *report.Views, a *args) (any, error) {
	auth := a.boolean("auth")
	subs, detail := a.subs()
	o := report.ConnzOptions{
		Sort:     report.SortKey(a.text("sort")),
		Username: auth, Subscriptions: subs, SubscriptionsDetail: detail,
		Offset: a.integer("offset"), Limit: a.integer("limit"),
		CID: a.unsigned("cid"), State: a.state(),
		User: a.text("user"), Account: a.text("acc"), MQTTClient: a.text("mqtt_client"),
		FilterSubject: a.text("filter_subject"),
	}
	if a.err != nil {
		return nil, a.err
	}
	return v.Connz(o)
}

func subsz(v *report.Views, a *args) (any, error) {
	o := report.SubszOptions{
		Subscriptions: a.boolean("subs"),
		Offset:        a.integer("offset"), Limit: a.integer("limit"),
		Test: a.text("test"), Account: a.text("acc"),
	}
	if a.err != nil {
		return nil, a.err
	}
	return v.Subsz(o)
}

func routez(v *report.Views, a *args) (any, error) {
	a.subs()
	return v.Routez(), a.err
}

func gatewayz(v *report.Views, a *args) (any, error) {
	a.subs()
	a.boolean("accs")
	return v.Gatewayz(), a.err
}

func leafz(v *report.Views, a *args) (any, error) {
	a.boolean("subs")
	return v.Leafz(), a.err
}

func jsz(v *report.Views, a *args) (any, error) {
	o := report.JSzOptions{
		Account: a.text("acc"), Accounts: a.boolean("accounts"), Streams: a.boolean("streams"),
		Consumers: a.boolean("consumers"), DirectConsumers: a.boolean("direct-consumers"), Config: a.boolean("config"),
		Offset: a.integer("offset"), Limit: a.integer("limit"),
		LeaderOnly: a.boolean("leader-only"), RaftGroups: a.boolean("raft"), StreamLeaderOnly: a.boolean("stream-leader-only"),
	}
	return v.JSz(o), a.err
}

func accountz(v *report.Views, a *args) (any, error) {
	o := report.AccountzOptions{Account: a.text("acc")}
	if a.err != nil {
		return nil, a.err
	}
	return v.Accountz(o)
}

func accstatz(v *report.Views, a *args) (any, error) {
	return v.AccStatz(report.AccStatzOptions{Unused: a.boolean("unused")}), a.err
}

func ipqueuesz(v *report.Views, a *args) (any, error) {
	o := report.IPQueueszOptions{All: a.boolean("all"), Filter: a.text("queues")}
	return v.IPQueuesz(o), a.err
}

// raftz has nothing to show but for groups of servers.
func raftz(w http.ResponseWriter, _ *http.Request) {
	refuse(w, http.StatusNotFound, "No Raft nodes registered")
}

// expvarz shows the variables of the process as package expvar does, without secrets.
func (p *pages) expvarz(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	vars := p.views.Expvarz()
	separator := "{\n"
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		fmt.Fprintf(w, "%s%q: %s", separator, name, vars[name])
		separator = ",\n"
	}
	io.WriteString(w, "\n}\n")
}

// healthz answers in one line, and with the status code that says the same.
func (p *pages) healthz(w http.ResponseWriter, r *http.Request) {
	p.views.Count("/healthz")
	a := newArgs(r)
	o := report.HealthzOptions{
		JSEnabled: a.boolean("js-enabled"), JSEnabledOnly: a.boolean("js-enabled-only"),
		JSServerOnly: a.boolean("js-server-only"), JSMetaOnly: a.boolean("js-meta-only"),
		Details: a.boolean("details"),
		Account: a.text("account"), Stream: a.text("stream"), Consumer: a.text("consumer"),
	}
	if a.err != nil {
		refuse(w, http.StatusBadRequest, a.err.Error())
		return
	}
	if o.JSEnabled {
		p.warnf("Healthcheck: js-enabled deprecated, use js-enabled-only instead")
	}
	health := p.views.Healthz(o)
	switch {
	case health.Error != "":
		p.warnf("Healthcheck failed: %q", health.Error)
	case len(health.Errors) > 0:
		p.warnf("Healthcheck failed: %d errors", len(health.Errors))
	}
	code := health.StatusCode
	health.StatusCode = 0 // said by HTTP
	body, err := json.Marshal(health)
	p.write(w, code, body, err)
}

const (
	minStackBytes = 64 << 10
	maxStackBytes = 64 << 20
)

// stacksz writes the stacks of all goroutines, as text in spite of the type, which is stock's.
func stacksz(w http.ResponseWriter, _ *http.Request) {
	stacks := make([]byte, minStackBytes)
	n := runtime.Stack(stacks, true)
	for n == len(stacks) && n < maxStackBytes {
		stacks = make([]byte, 2*n)
		n = runtime.Stack(stacks, true)
	}
	setJSON(w)
	w.Write(stacks[:n])
}
