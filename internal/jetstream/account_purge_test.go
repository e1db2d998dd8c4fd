package jetstream

import (
	"strings"
	"testing"

	"myelin/internal/router"
)

// The system's account purges others, whether they are there or not; nobody else does.
func TestAccountsArePurged(t *testing.T) {
	x := newEngineTester(t)
	system := x.broker.Add("$SYS")
	x.broker.SetSystem(system)
	x.api.AccountsChanged()
	administrator := &tester{api: x.api, broker: x.broker, session: system.Open(nil)}
	administrator.inbox = administrator.listen("_I.>")
	events := x.listen("$JS.EVENT.ADVISORY.*.DELETED.>")
	x.request("$JS.API.STREAM.CREATE.S", "", `{"name":"S"}`)
	x.request("$JS.API.STREAM.CREATE.T", "", `{"name":"T"}`)
	x.request("$JS.API.CONSUMER.CREATE.S.C", "", `{"stream_name":"S","config":{"durable_name":"C"}}`)

	const done = `{"type":"io.nats.jetstream.api.v1.account_purge_response","initiated":true}`
	for _, c := range []struct {
		by            *tester
		account, body string
		want          string // as stock answers; empty: nothing
		left          int
	}{
		{x, "$G", "", "", 2},
		{administrator, "NOPE", "", done, 2},
		{administrator, "$SYS", "", done, 2},
		{administrator, "$G", `{"bogus":1}`, done, 0},
		{administrator, "$G", "", done, 0},
	} {
		m := &router.Message{Subject: []byte("$JS.API.ACCOUNT.PURGE." + c.account), Reply: []byte("_I.1"), Payload: []byte(c.body)}
		c.by.session.Publish(m)
		c.by.session.Flush()
		x.settle()
		got := ""
		for _, answer := range c.by.inbox.take() {
			got += answer.body
		}
		if left := len(x.api.engine.Streams("$G")); got != c.want || left != c.left {
			t.Errorf("purge %s: %q and %d streams, want %q and %d", c.account, got, left, c.want, c.left)
		}
	}
	var told []string
	for _, e := range events.take() {
		told = append(told, strings.TrimPrefix(e.subject, advisorySubject))
	}
	if got := strings.Join(told, " "); got != "CONSUMER.DELETED.S.C STREAM.DELETED.S STREAM.DELETED.T" {
		t.Error(got)
	}
}
