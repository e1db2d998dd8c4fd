package report

import (
	"fmt"
	"reflect"
	"testing"
)

// counted is a source of some subscriptions and queues.
type counted struct{ Source }

func (counted) Subscriptions(visit func(Sub) bool) {
	for _, s := range []Sub{{Account: "A", Subject: "foo.bar"}, {Account: "A", Subject: "foo.*", Queue: "q"}, {Account: "A", Subject: "x"}, {Account: "B", Subject: "foo.bar"}} {
		visit(s)
	}
}

func (counted) Queues() map[string]Queue {
	return map[string]Queue{"idle one": {}, "busy one": {Pending: 2}, "other": {InProgress: 1}}
}

func TestCountSubs(t *testing.T) {
	v := &Views{source: counted{}}
	for _, row := range []struct {
		account, pattern, queue string
		n                       int
	}{
		{"A", "foo.bar", "", 2}, {"A", "foo.*", "", 2}, {"A", ">", "", 3}, {"A", "foo.bar", "q", 1}, {"A", "foo.bar", "r", 0},
		{"B", "foo.*", "", 1}, {"C", ">", "", 0}, {"A", "a..b", "", 0},
	} {
		if n := v.CountSubs(row.account, row.pattern, row.queue); n != row.n {
			t.Errorf("%v: %d", row, n)
		}
	}
}

func TestIPQueuesz(t *testing.T) {
	v := &Views{source: counted{}}
	for o, want := range map[IPQueueszOptions]string{
		{}:                         "map[busy one:{2 0} other:{0 1}]",
		{All: true, Filter: "one"}: "map[busy one:{2 0} idle one:{0 0}]",
		{Filter: "none"}:           "map[]",
	} {
		if got := fmt.Sprint(v.IPQueuesz(o)); got != want {
			t.Errorf("%+v: %s", o, got)
		}
	}
}

// Nobody is shown a password that stands on the command line.
func TestCommandLineIsBlotted(t *testing.T) {
	for _, row := range [][2][]string{
		{{"server", "--pass", "hunter2", "-p", "1"}, {"server", "--pass", "[REDACTED]", "-p", "1"}},
		{{"server", "-auth=token", "--user", "ann"}, {"server", "-auth=[REDACTED]", "--user", "ann"}},
		{{"server", "--pass", "--auth", "x"}, {"server", "--pass", "[REDACTED]", "x"}},
		{{"server", "--pass"}, {"server", "--pass"}},
	} {
		if got := blotted(row[0]); fmt.Sprint(got) != fmt.Sprint(row[1]) {
			t.Errorf("%q is shown as %q", row[0], got)
		}
	}
}

// An account's streams are shown as among those of all.
func TestAccountJSz(t *testing.T) {
	f := streamSituation(t)
	v := f.views()
	defer v.Close()
	for _, o := range []JSzOptions{{}, {Streams: true}, {Streams: true, Consumers: true, Config: true}} {
		o.Account = f.accounts[0].Name
		got, err := v.AccountJSz(o.Account, o)
		all := v.JSz(o).AccountDetails
		if err != nil || len(all) != 1 || !reflect.DeepEqual(*got, all[0]) {
			t.Errorf("%+v: %+v, %v", o, got, err)
		}
	}
	if _, err := v.AccountJSz("nobody", JSzOptions{}); err == nil || err.Error() != `account "nobody" not found` {
		t.Error(err)
	}
	if _, err := (&Views{source: counted{}}).AccountJSz("A", JSzOptions{}); err == nil || err.Error() != "jetstream not enabled" {
		t.Error(err)
	}
}
