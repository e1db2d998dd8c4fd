package monitor

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"myelin/internal/config"
	"myelin/internal/report"
	"myelin/internal/stream"
)

// fakeStreams is a server with a stream in each of two accounts, and consumers of both kinds.
type fakeStreams struct{ fakeServer }

func (f *fakeStreams) JetStream() report.JetStream { return f }
func (f *fakeStreams) State() report.JetStreamState {
	return report.JetStreamState{StoreDir: "/data"}
}
func (f *fakeStreams) Accounts() []report.JetStreamAccount {
	return []report.JetStreamAccount{{Name: "A"}, {Name: "B"}}
}
func (f *fakeStreams) Streams(string) []report.Stream { return []report.Stream{fakeStream{}} }
func (f *fakeStreams) Consumers(string, string) []report.Consumer {
	return []report.Consumer{{Info: report.ConsumerInfo{Name: "C"}}, {Info: report.ConsumerInfo{Name: "D"}, Direct: true}}
}
func (f *fakeStreams) NumConsumers(string, string) int            { return 1 }
func (f *fakeStreams) HasConsumer(_, _, name string) bool         { return name == "C" || name == "D" }
func (f *fakeStreams) Origins(string, string) []report.Origin     { return nil }
func (f *fakeStreams) Outbox(string, string) *stream.OutboxStatus { return nil }
func (f *fakeStreams) Err() error                                 { return nil }
func (f *fakeStreams) Config() *config.Config {
	return &config.Config{JetStream: config.JetStream{Enabled: true}}
}

type fakeStream struct{}

func (fakeStream) Name() string           { return "S" }
func (fakeStream) Created() time.Time     { return now }
func (fakeStream) Config() *stream.Config { return &stream.Config{Name: "S", Description: "described"} }
func (fakeStream) Info() stream.Info      { return stream.Info{Messages: 1} }
func (fakeStream) Err() error             { return nil }

// TestArgumentsOfStreams shows which argument brings what.
func TestArgumentsOfStreams(t *testing.T) {
	f := new(fakeStreams)
	p := newPages(f.optionsOf(t, f, ""))
	parts := []string{`"name": "A"`, `"name": "B"`, `"name": "S"`, `"described"`, `"name": "C"`, `"name": "D"`, `"streams_leader"`}
	for url, want := range map[string]string{
		"/jsz":                     "",
		"/jsz?accounts=1":          "AB",
		"/jsz?acc=B":               "B",
		"/jsz?accounts=1&limit=1":  "A",
		"/jsz?accounts=1&offset=1": "B",
		"/jsz?streams=1":           "ABS",
		"/jsz?streams=1&config=1":  "ABSd",
		"/jsz?consumers=1":         "ABSC",
		"/jsz?consumers=1&direct-consumers=1&acc=A":  "ASCD",
		"/jsz?raft=1&leader-only=1":                  "l",
		"/jsz?stream-leader-only=1&streams=1&acc=B":  "BS",
		"/jsz?consumers=0&streams=false&accounts=no": "?",
	} {
		w := answer(p, "GET", url)
		got := ""
		for i, part := range parts {
			if strings.Contains(w.Body.String(), part) {
				got += "ABSdCDl"[i : i+1]
			}
		}
		if w.Code != http.StatusOK {
			got = "?"
		}
		if got != want {
			t.Errorf("%s shows %q, want %q:\n%s", url, got, want, w.Body)
		}
	}
}

// TestHealthOfStreams shows that its arguments reach the page.
func TestHealthOfStreams(t *testing.T) {
	f := new(fakeStreams)
	p := newPages(f.optionsOf(t, f, ""))
	for url, status := range map[string]int{
		"/healthz":                               200,
		"/healthz?account=A&stream=S&consumer=C": 200,
		"/healthz?account=X":                     404,
		"/healthz?account=A&stream=X":            404,
		"/healthz?account=A&stream=S&consumer=X": 404,
		"/healthz?account=X&js-enabled-only=1":   200,
		"/healthz?account=X&js-enabled=1":        200,
		"/healthz?account=X&js-server-only=1":    200,
		"/healthz?account=X&js-meta-only=1":      404,
	} {
		if w := answer(p, "GET", url); w.Code != status {
			t.Errorf("%s: status %d, %s", url, w.Code, w.Body)
		}
	}
}
