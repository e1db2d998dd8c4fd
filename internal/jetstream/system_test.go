package jetstream

import (
	"testing"

	"myelin/internal/router"
)

// The system's account hears to whatever it asks that it has no streams, but to what is its own, and to what only clusters answer.
func TestSystemHasNoStreams(t *testing.T) {
	x := newTester(t, func(o *Options) {
		o.Limits = func(account string) *Limits {
			if account == "$SYS" {
				return nil
			}
			return &Unlimited
		}
	})
	system := x.broker.Add("$SYS")
	x.broker.SetSystem(system)
	x.api.AccountsChanged()
	y := &tester{api: x.api, broker: x.broker, session: system.Open(nil)}
	y.inbox = y.listen("_I.>")
	const fault = `_response","error":{"code":503,"err_code":10039,"description":"JetStream not enabled for account"}}`
	of := func(kind string) string { return `{"type":"io.nats.jetstream.api.v1.` + kind + fault }
	for verb, want := range map[string]string{ // as stock answers
		"INFO":                           of("account_info"),
		"STREAM.NAMES":                   of("system"),
		"STREAM.INFO.X":                  of("system"),
		"CONSUMER.CREATE.X":              of("system"),
		"CONSUMER.MSG.NEXT.X.C":          of("system"),
		"DIRECT.GET.X":                   of("system"),
		"FOO":                            of("system"),
		"META.FOO":                       of("system"),
		"META.LEADER.STEPDOWN":           "",
		"META.RESCUE":                    "",
		"SERVER.REMOVE":                  "",
		"SERVER.EVACUATE":                "",
		"ACCOUNT.STREAM.MOVE.A.S":        "",
		"ACCOUNT.STREAM.CANCEL_MOVE.A.S": "",
		"ACCOUNT.FOO":                    "",
	} {
		y.session.Publish(&router.Message{Subject: []byte("$JS.API." + verb), Reply: []byte("_I.1"), Payload: []byte(`{"bad":1}`)})
		y.session.Flush()
		x.settle()
		got := ""
		for _, answer := range y.inbox.take() {
			got += answer.body
		}
		if got != want {
			t.Errorf("%s: %s, want %s", verb, got, want)
		}
	}
}
