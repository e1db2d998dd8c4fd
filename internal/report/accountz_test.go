package report

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// tenanted is a server with accounts.
type tenanted struct {
	*fakeServer
	accounts []Account
}

func (t tenanted) Accounts() []Account { return t.accounts }

func newTenanted() tenanted {
	f := newFake()
	f.stats = map[string]RouterStats{"A": {NumSubs: 6, NumCache: 13, Inserts: 7, Removes: 1, Matches: 20, CacheHits: 5, MaxFanout: 1, AvgFanout: 0.5}}
	return tenanted{f, []Account{
		{Name: "$G"}, {Name: "$SYS", System: true},
		{Name: "A", JetStream: true, Connections: 2, InMsgs: 9, InBytes: 2, OutMsgs: 5, OutBytes: 3263, SlowConsumers: 1},
	}}
}

// The documents are those of a stock server, but for its order of accounts.
func TestAccountz(t *testing.T) {
	source := newTenanted()
	v := viewsOf(t, source)
	now := source.now.UTC().Format(time.RFC3339Nano)
	for _, row := range []struct{ account, want string }{
		{"", `{"server_id":"NID","now":"` + now + `","system_account":"$SYS","accounts":["$G","$SYS","A"]}`},
		{"A", `{"server_id":"NID","now":"` + now + `","system_account":"$SYS","account_detail":{"account_name":"A","update_time":"` +
			start.Format(time.RFC3339Nano) + `","expired":false,"complete":true,"jetstream_enabled":true,"leafnode_connections":0,` +
			`"client_connections":2,"subscriptions":6,"name_tag":"A","sublist_stats":{"num_subscriptions":6,"num_cache":13,` +
			`"num_inserts":7,"num_removes":1,"num_matches":20,"cache_hit_rate":0.25,"max_fanout":1,"avg_fanout":0.5}}}`},
	} {
		z, err := v.Accountz(AccountzOptions{Account: row.account})
		if got := encoded(t, z); err != nil || got != row.want {
			t.Errorf("%q\n got %s\nwant %s (%v)", row.account, got, row.want, err)
		}
	}
	z, err := v.Accountz(AccountzOptions{Account: "$SYS"})
	if err != nil || !z.Account.System || z.Account.JetStream {
		t.Errorf("the system account is %+v, %v", z.Account, err)
	}
	if _, err := v.Accountz(AccountzOptions{Account: "NO"}); err == nil || err.Error() != "Account NO does not exist" {
		t.Error(err)
	}
}

func TestAccStatz(t *testing.T) {
	v := viewsOf(t, newTenanted())
	names := func(o AccStatzOptions) string {
		var list []string
		for _, a := range v.AccStatz(o).Accounts {
			list = append(list, a.Name)
		}
		return strings.Join(list, " ")
	}
	for _, row := range []struct {
		options AccStatzOptions
		want    string
	}{
		{AccStatzOptions{}, "A"},
		{AccStatzOptions{Unused: true}, "$G $SYS A"},
		{AccStatzOptions{Accounts: []string{"$G", "NO", "A"}}, "A"},
		{AccStatzOptions{Accounts: []string{"$G", "NO"}, Unused: true}, "$G"},
		{AccStatzOptions{Accounts: []string{"NO"}}, ""},
	} {
		if got := names(row.options); got != row.want {
			t.Errorf("%+v tells of %q instead of %q", row.options, got, row.want)
		}
	}
	none := `"gateways":{"msgs":0,"bytes":0},"routes":{"msgs":0,"bytes":0},"leafs":{"msgs":0,"bytes":0}`
	want := `[{"acc":"A","name":"A","conns":2,"leafnodes":0,"total_conns":2,"num_subscriptions":6,"sent":{"msgs":5,"bytes":3263,` + none +
		`},"received":{"msgs":9,"bytes":2,` + none + `},"slow_consumers":1}]`
	if got := encoded(t, v.AccStatz(AccStatzOptions{}).Accounts); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

// What others are told all the while says how many accounts are used, and no paths.
func TestStatsz(t *testing.T) {
	if z := viewsOf(t, newTenanted()).Statsz(); z.ActiveAccounts != 1 || z.ActiveServers != 1 || z.JetStream != nil {
		t.Errorf("%+v", z)
	}
}

func encoded(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func viewsOf(t *testing.T, source tenanted) *Views {
	v := New(source, source.clock())
	t.Cleanup(v.Close)
	return v
}
