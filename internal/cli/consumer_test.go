package cli

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

// What a user gives as the start of a consumer becomes what the server knows it as, and nothing of another start stays.
func TestSetStart(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct{ start, want string }{
		{"all", `{"deliver_policy":"all"}`},
		{"new", `{"deliver_policy":"new"}`},
		{"last", `{"deliver_policy":"last"}`},
		{"subject", `{"deliver_policy":"last_per_subject","filter_subject":">"}`},
		{"12", `{"deliver_policy":"by_start_sequence","opt_start_seq":12}`},
		{"1h30m", `{"deliver_policy":"by_start_time","opt_start_time":"2026-03-01T10:30:00Z"}`},
		{"2d", `{"deliver_policy":"by_start_time","opt_start_time":"2026-02-27T12:00:00Z"}`},
		{"2026-01-31T08:00:00Z", `{"deliver_policy":"by_start_time","opt_start_time":"2026-01-31T08:00:00Z"}`},
	} {
		cfg := &document{}
		cfg.set("deliver_policy", "all")
		cfg.set("opt_start_seq", 7)
		if err := setStart(cfg, c.start, now); err != nil {
			t.Errorf("%s: %v", c.start, err)
			continue
		}
		if got, _ := json.Marshal(cfg); !sameJSON(t, string(got), c.want) {
			t.Errorf("%s: %s, want %s", c.start, got, c.want)
		}
	}
	for _, bad := range []string{"", "0", "soon", "-3", "-1h", "2026-13-01"} {
		if err := setStart(&document{}, bad, now); err == nil {
			t.Errorf("%q is taken as a start", bad)
		}
	}
}

func TestLinearBackoff(t *testing.T) {
	got, err := linearBackoff(5, time.Second, time.Minute)
	want := []time.Duration{time.Second, 12800 * time.Millisecond, 24600 * time.Millisecond, 36400 * time.Millisecond, 48200 * time.Millisecond}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
	for _, c := range []struct {
		steps             int
		shortest, longest time.Duration
	}{{0, 1, 2}, {101, 1, 2}, {3, 2, 1}, {3, -1, 1}} {
		if _, err := linearBackoff(c.steps, c.shortest, c.longest); err == nil {
			t.Errorf("%+v is taken", c)
		}
	}
}

// Flags change what they name. What this client has never heard of stays, in its place.
func TestConsumerFlags(t *testing.T) {
	const old = `{"name":"c","future":{"x":1},"filter_subjects":["a","b"],"max_deliver":3,"metadata":{"a":"1","b":"2"}}`
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, old},
		{[]string{"--max-deliver=-1", "--filter=", "--metadata=a=", "--metadata=c:3"},
			`{"name":"c","future":{"x":1},"max_deliver":-1,"metadata":{"b":"2","c":"3"}}`},
		{[]string{"--filter=x", "--filter=y,z"},
			`{"name":"c","future":{"x":1},"max_deliver":3,"metadata":{"a":"1","b":"2"},"filter_subjects":["x","y","z"]}`},
		{[]string{"--filter=x", "--wait=1m", "--no-headers-only", "--sample=30%"},
			`{"name":"c","future":{"x":1},"max_deliver":3,"metadata":{"a":"1","b":"2"},"sample_freq":"30","ack_wait":60000000000,"headers_only":false,"filter_subject":"x"}`},
		{[]string{"--prioritized-groups=a,b", "--heartbeat=-1", "--max-pull-bytes=1KB"},
			`{"name":"c","future":{"x":1},"filter_subjects":["a","b"],"max_deliver":3,"metadata":{"a":"1","b":"2"},"max_bytes":1024,"idle_heartbeat":0,"priority_policy":"prioritized","priority_groups":["a","b"]}`},
		{[]string{"--backoff=linear", "--backoff-steps=2", "--backoff-min=1s", "--backoff-max=3s"},
			`{"name":"c","future":{"x":1},"filter_subjects":["a","b"],"max_deliver":3,"metadata":{"a":"1","b":"2"},"backoff":[1000000000,2000000000]}`},
	} {
		cfg := &document{}
		if err := json.Unmarshal([]byte(old), cfg); err != nil {
			t.Fatal(err)
		}
		f := &consumerFlags{}
		cmd := &cobra.Command{}
		f.addAll(cmd)
		if err := cmd.ParseFlags(c.args); err != nil {
			t.Errorf("%v: %v", c.args, err)
			continue
		}
		if err := f.apply(cfg); err != nil {
			t.Errorf("%v: %v", c.args, err)
		}
		if got, _ := json.Marshal(cfg); !sameJSON(t, string(got), c.want) {
			t.Errorf("%v:\n%s, want\n%s", c.args, got, c.want)
		}
	}
}

func sameJSON(t *testing.T, a, b string) bool {
	t.Helper()
	normal := func(s string) string {
		var v any
		if err := json.Unmarshal([]byte(s), &v); err != nil {
			t.Fatal(err)
		}
		text, _ := json.Marshal(v)
		return string(text)
	}
	return normal(a) == normal(b)
}
