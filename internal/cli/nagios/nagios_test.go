package nagios

import (
	"encoding/json"
	"strings"
	"testing"
)

func example() *Result {
	r := &Result{Suite: "stream", Name: "S"}
	r.Okf("0 sources")
	r.Judge(Metric{Name: "messages", Value: 1, Warn: 5, Crit: 1, Help: "Messages stored"}, "%d messages", 1)
	r.Measure(Metric{Name: "age", Value: 0.25, Crit: 3600, Unit: "s", Help: "Age"})
	r.Measure(Metric{Name: "bytes", Value: 38, Unit: "B", Help: "Bytes"})
	return r
}

// The forms are those of the nats tool.
func TestForms(t *testing.T) {
	for _, c := range []struct{ format, want string }{
		{"nagios", "CRITICAL S Crit:1 messages OK:0 sources | messages=1;5;1 age=0.2500s;;3600.0000 bytes=38B\n"},
		{"prometheus", `# HELP ns_stream_age Age
# TYPE ns_stream_age gauge
ns_stream_age{item="S"} 0.25
# HELP ns_stream_bytes Bytes
# TYPE ns_stream_bytes gauge
ns_stream_bytes{item="S"} 38
# HELP ns_stream_messages Messages stored
# TYPE ns_stream_messages gauge
ns_stream_messages{item="S"} 1
# HELP ns_stream_status_code Nagios compatible status code for stream
# TYPE ns_stream_status_code gauge
ns_stream_status_code{item="S",status="CRITICAL"} 2
`},
		{"text", `S: CRITICAL

OK  0 sources

CRITICAL  1 messages

Metric    Value   Warning  Critical  Description
messages  1       5        1         Messages stored
age       0.25 s           3600 s    Age
bytes     38 B                       Bytes
`},
	} {
		got, err := example().Render(c.format, "ns")
		if err != nil || got != c.want {
			t.Errorf("%s: %v\n%s\ninstead of\n%s", c.format, err, got, c.want)
		}
	}
	if _, err := example().Render("xml", ""); err == nil || !strings.Contains(err.Error(), "prometheus") {
		t.Errorf("an unknown form: %v", err)
	}
}

func TestJSON(t *testing.T) {
	text, err := example().Render("json", "")
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Status   string   `json:"status"`
		Suite    string   `json:"check_suite"`
		Name     string   `json:"check_name"`
		Critical []string `json:"critical"`
		Metrics  []struct {
			Name     string  `json:"name"`
			Critical float64 `json:"critical"`
		} `json:"perf_data"`
	}
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	if got.Status != "CRITICAL" || got.Suite != "stream" || len(got.Critical) != 1 || len(got.Metrics) != 3 || got.Metrics[1].Critical != 3600 {
		t.Errorf("%+v of %s", got, text)
	}
}

// What a message says must not end its line, nor look like a metric.
func TestMessagesStayInTheirPlace(t *testing.T) {
	r := &Result{Suite: "request", Name: "a|b\nc"}
	r.Critf("said %q and\n| x=1", `"`)
	line, _ := r.Render("nagios", "")
	if strings.Count(line, "\n") != 1 || strings.Contains(line, "|") {
		t.Errorf("%q", line)
	}
	page, _ := r.Render("prometheus", "ns")
	if !strings.Contains(page, `{item="a|b\nc",status="CRITICAL"} 2`) {
		t.Errorf("%q", page)
	}
}

func TestLevels(t *testing.T) {
	for _, c := range []struct {
		value, warn, crit float64
		want              Status
	}{
		{5, 0, 0, OK}, {5, 5, 0, Warning}, {5, 6, 0, OK}, {5, 0, 5, Critical}, {5, 3, 6, Warning}, {7, 3, 6, Critical},
		{5, 6, 3, Warning}, {3, 6, 3, Critical}, {7, 6, 3, OK}, {0, 1, 0, OK}, {0, 6, 3, Critical}, {5, -1, -1, OK},
	} {
		m := Metric{Value: c.value, Warn: c.warn, Crit: c.crit}
		if got := m.Level(); got != c.want {
			t.Errorf("%v with %v and %v: %v instead of %v", c.value, c.warn, c.crit, got, c.want)
		}
	}
}
