package cli

import (
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
)

// Each tier of an account has its usage and limits; what an account may not do is part of what is shown.
func TestAccountInfo(t *testing.T) {
	const limits = `{"max_memory":-1,"max_storage":2048,"max_streams":3,"max_consumers":-1,"max_ack_pending":100,` +
		`"memory_max_stream_bytes":-1,"storage_max_stream_bytes":1024,"max_bytes_required":true}`
	for _, c := range []struct {
		name, answer string
		says         []string
		saysNot      string
	}{
		{"tiers", `{"memory":0,"storage":1024,"streams":2,"consumers":0,"domain":"hub","limits":` + limits + `,"tiers":{
			"R3":{"memory":0,"storage":1024,"reserved_storage":512,"streams":1,"limits":` + limits + `},
			"R1":{"memory":0,"storage":0,"streams":1,"limits":` + limits + `}}}`,
			[]string{
				"Domain: hub\n", "Tier: R1:\n", "Tier: R3:\n", "Storage: 1.0 KiB of 2.0 KiB (512 B reserved)\n", "Streams: 1 of 3\n",
				"Memory: 0 B of unlimited\n", "Storage Per Stream: 1.0 KiB\n", "Stream Requires Max Bytes Set: true\n",
			}, "Tier: Default"},
		{"one", `{"streams":2,"limits":` + limits + `}`, []string{"Tier: Default:\n", "Streams: 2 of 3\n", "Consumer Maximum Ack Pending: 100\n"}, "Domain"},
		{"none", `{"error":{"code":503,"err_code":10039,"description":"JetStream not enabled for account"}}`,
			[]string{"Client IP: 127.0.0.1\n", "JetStream: JetStream not enabled for account (10039)\n"}, "Tier"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFakeAPI(t)
			f.answer("INFO", func(m *nats.Msg) { m.Respond([]byte(c.answer)) })
			out, code := f.run("account", "info")
			if code != 0 || strings.Contains(out, c.saysNot) {
				t.Errorf("code %d, said %s", code, out)
			}
			for _, want := range c.says {
				if !strings.Contains(out, want) {
					t.Errorf("nothing of %q in %s", want, out)
				}
			}
		})
	}
}

// A server that does not answer, or cannot, is told from one that refuses.
func TestSilence(t *testing.T) {
	f := newFakeAPI(t)
	if out, code := f.run("stream", "info", "A"); code == 0 || !strings.Contains(out, "nobody answers: JetStream is not enabled there") {
		t.Errorf("nobody: code %d, said %s", code, out)
	}
	f.answer("STREAM.INFO.A", func(*nats.Msg) {})
	if out, code := f.run("stream", "info", "A", "--timeout", "50ms"); code == 0 || !strings.Contains(out, "no answer in time") {
		t.Errorf("silent: code %d, said %s", code, out)
	}
	f.answer("STREAM.INFO.B", func(m *nats.Msg) { m.Respond([]byte("nonsense")) })
	if out, code := f.run("stream", "info", "B"); code == 0 || !strings.Contains(out, "answer of the server: ") {
		t.Errorf("nonsense: code %d, said %s", code, out)
	}
}
