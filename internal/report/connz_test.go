package report

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"
)

// busy is a server with four open connections and three closed ones, each of which differs from the
// others in what one can sort by.
func busy() *fakeServer {
	f := newFake()
	ago := func(seconds int) time.Time { return f.now.Add(-time.Duration(seconds) * time.Second) }
	subs := func(account string, cid uint64, subjects ...string) func() []Sub {
		return func() (list []Sub) {
			for i, s := range subjects {
				list = append(list, Sub{Account: account, Subject: s, SID: fmt.Sprint(i + 1), CID: cid})
			}
			return list
		}
	}
	f.open = []Conn{
		{CID: 2, Start: ago(40), LastActivity: ago(8), RTT: 30, Pending: 10, InMsgs: 1, OutMsgs: 9, InBytes: 500, OutBytes: 4, NumSubs: 1, Account: "$G", User: "ann", Subs: subs("$G", 2, "a.b")},
		{CID: 3, Start: ago(30), LastActivity: ago(2), RTT: 10, Pending: 30, InMsgs: 7, OutMsgs: 2, InBytes: 100, OutBytes: 40, NumSubs: 2, Account: "A", User: "bob", Subs: subs("A", 3, "a.*", "x.>")},
		{CID: 5, Start: ago(20), LastActivity: ago(6), RTT: 40, Pending: 20, InMsgs: 3, OutMsgs: 5, InBytes: 300, OutBytes: 70, NumSubs: 0, Account: "$G", MQTTClient: "m1"},
		{CID: 7, Start: ago(10), LastActivity: ago(4), RTT: 20, Pending: 40, InMsgs: 5, OutMsgs: 7, InBytes: 700, OutBytes: 10, NumSubs: 5, Account: "A", User: "ann", Subs: subs("A", 7, "a.c")},
	}
	f.closed = []Conn{
		{CID: 4, Start: ago(25), LastActivity: ago(21), Stop: ago(20), Reason: "Stale Connection", NumSubs: 1, Account: "A", User: "bob", Subs: subs("A", 4, "a.b")},
		{CID: 1, Start: ago(50), LastActivity: ago(49), Stop: ago(12), Reason: "Client Closed", Account: "$G"},
		{CID: 6, Start: ago(15), LastActivity: ago(15), Stop: ago(14), Reason: "Authentication Failure", User: "eve"},
	}
	return f
}

func cids(z *Connz) []uint64 {
	list := []uint64{}
	for _, c := range z.Connections {
		list = append(list, c.CID)
	}
	return list
}

func connz(t *testing.T, f *fakeServer, o ConnzOptions) *Connz {
	t.Helper()
	z, err := f.views().Connz(o)
	if err != nil {
		t.Fatalf("Connz(%+v): %v", o, err)
	}
	return z
}

func TestConnzSorts(t *testing.T) {
	tests := []struct {
		key               SortKey
		open, closed, any []uint64
	}{
		{"", []uint64{2, 3, 5, 7}, []uint64{1, 4, 6}, []uint64{1, 2, 3, 4, 5, 6, 7}},
		{"cid", []uint64{2, 3, 5, 7}, []uint64{1, 4, 6}, []uint64{1, 2, 3, 4, 5, 6, 7}},
		{"start", []uint64{2, 3, 5, 7}, []uint64{1, 4, 6}, []uint64{1, 2, 3, 4, 5, 6, 7}},
		{"subs", []uint64{7, 3, 2, 5}, []uint64{4, 1, 6}, []uint64{7, 3, 2, 4, 1, 5, 6}},
		{"pending", []uint64{7, 3, 5, 2}, []uint64{1, 4, 6}, []uint64{7, 3, 5, 2, 1, 4, 6}},
		{"msgs_to", []uint64{2, 7, 5, 3}, []uint64{1, 4, 6}, []uint64{2, 7, 5, 3, 1, 4, 6}},
		{"msgs_from", []uint64{3, 7, 5, 2}, []uint64{1, 4, 6}, []uint64{3, 7, 5, 2, 1, 4, 6}},
		{"bytes_to", []uint64{5, 3, 7, 2}, []uint64{1, 4, 6}, []uint64{5, 3, 7, 2, 1, 4, 6}},
		{"bytes_from", []uint64{7, 2, 5, 3}, []uint64{1, 4, 6}, []uint64{7, 2, 5, 3, 1, 4, 6}},
		{"rtt", []uint64{5, 2, 7, 3}, []uint64{1, 4, 6}, []uint64{5, 2, 7, 3, 1, 4, 6}},
		{"last", []uint64{3, 7, 5, 2}, []uint64{6, 4, 1}, []uint64{3, 7, 5, 2, 6, 4, 1}},
		{"idle", []uint64{2, 5, 7, 3}, []uint64{1, 4, 6}, []uint64{1, 4, 6, 2, 5, 7, 3}},
		{"uptime", []uint64{7, 5, 3, 2}, []uint64{6, 4, 1}, []uint64{6, 4, 7, 5, 3, 1, 2}},
		{"stop", nil, []uint64{1, 6, 4}, nil},
		{"reason", nil, []uint64{6, 1, 4}, nil},
	}
	f := busy()
	for _, test := range tests {
		for state, want := range [][]uint64{ConnOpen: test.open, ConnClosed: test.closed, ConnAny: test.any} {
			z, err := f.views().Connz(ConnzOptions{Sort: test.key, State: ConnState(state)})
			switch {
			case want == nil && (err == nil || err.Error() != "sort by "+string(test.key)+" only valid on closed connections"):
				t.Errorf("sort %q in state %d: error %v", test.key, state, err)
			case want != nil && err != nil:
				t.Errorf("sort %q in state %d: %v", test.key, state, err)
			case want != nil && !slices.Equal(cids(z), want):
				t.Errorf("sort %q in state %d: %v, want %v", test.key, state, cids(z), want)
			}
		}
	}
}

func TestConnzRefusesOptions(t *testing.T) {
	for want, o := range map[string]ConnzOptions{
		"invalid sorting option: CID":                         {Sort: "CID"},
		"filter by subject only valid with account filtering": {FilterSubject: "a"},
		"sort by reason only valid on closed connections":     {Sort: "reason", State: ConnAny},
	} {
		if _, err := busy().views().Connz(o); err == nil || err.Error() != want {
			t.Errorf("Connz(%+v): error %v, want %s", o, err, want)
		}
	}
}

func TestConnzSelects(t *testing.T) {
	tests := []struct {
		name                 string
		o                    ConnzOptions
		want                 []uint64
		total, offset, limit int
	}{
		{"all", ConnzOptions{}, []uint64{2, 3, 5, 7}, 4, 0, 1024},
		{"first page", ConnzOptions{Limit: 3}, []uint64{2, 3, 5}, 4, 0, 3},
		{"second page", ConnzOptions{Offset: 3, Limit: 3}, []uint64{7}, 4, 3, 3},
		{"beyond", ConnzOptions{Offset: 9}, []uint64{}, 4, 9, 1024},
		{"negative", ConnzOptions{Offset: -1, Limit: -1}, []uint64{2, 3, 5, 7}, 4, 0, 1024},
		{"page of any", ConnzOptions{State: ConnAny, Offset: 2, Limit: 2}, []uint64{3, 4}, 7, 2, 2},
		{"unknown state", ConnzOptions{State: 7}, []uint64{}, 0, 0, 1024},
		{"cid", ConnzOptions{CID: 5}, []uint64{5}, 4, 0, 1},
		{"cid closed", ConnzOptions{CID: 4}, []uint64{}, 4, 0, 1},
		{"cid among closed", ConnzOptions{CID: 4, State: ConnClosed}, []uint64{4}, 3, 0, 1},
		{"cid before user", ConnzOptions{CID: 5, User: "eve", State: ConnAny}, []uint64{5}, 7, 0, 1},
		{"cid in other account", ConnzOptions{CID: 5, Account: "A"}, []uint64{}, 2, 0, 1},
		{"account", ConnzOptions{Account: "A"}, []uint64{3, 7}, 2, 0, 1024},
		{"account, any", ConnzOptions{Account: "A", State: ConnAny, Limit: 2}, []uint64{3, 4}, 3, 0, 2},
		{"global account, closed", ConnzOptions{Account: "$G", State: ConnClosed}, []uint64{1}, 1, 0, 1024},
		{"no such account", ConnzOptions{Account: "Z"}, []uint64{}, 0, 0, 1024},
		{"user", ConnzOptions{User: "ann"}, []uint64{2, 7}, 4, 0, 1024},
		{"user in account", ConnzOptions{User: "ann", Account: "A"}, []uint64{7}, 2, 0, 1024},
		{"MQTT client", ConnzOptions{MQTTClient: "m1"}, []uint64{5}, 4, 0, 1024},
		{"subject", ConnzOptions{FilterSubject: "a.c", Account: "A"}, []uint64{3, 7}, 2, 0, 1024},
		{"pattern", ConnzOptions{FilterSubject: "x.*", Account: "A", State: ConnAny}, []uint64{3}, 3, 0, 1024},
		{"subject of closed", ConnzOptions{FilterSubject: "*.b", Account: "A", State: ConnAny}, []uint64{3, 4}, 3, 0, 1024},
	}
	for _, test := range tests {
		z := connz(t, busy(), test.o)
		if !slices.Equal(cids(z), test.want) || z.NumConnections != len(test.want) {
			t.Errorf("%s: %v (%d), want %v", test.name, cids(z), z.NumConnections, test.want)
		}
		if z.Total != test.total || z.Offset != test.offset || z.Limit != test.limit {
			t.Errorf("%s: total %d, offset %d, limit %d", test.name, z.Total, z.Offset, z.Limit)
		}
	}
}

// Pages of equal connections neither repeat nor miss one.
func TestConnzPagesAreStable(t *testing.T) {
	f := newFake()
	for cid := range uint64(50) {
		f.open = append(f.open, Conn{CID: cid + 1, InMsgs: int64(cid % 2)})
	}
	var got []uint64
	for offset := 0; offset < 50; offset += 7 {
		got = append(got, cids(connz(t, f, ConnzOptions{Sort: "msgs_from", Offset: offset, Limit: 7}))...)
	}
	var want []uint64
	for cid := range uint64(25) {
		want = append(want, 2*cid+2)
	}
	for cid := range uint64(25) {
		want = append(want, 2*cid+1)
	}
	if !slices.Equal(got, want) {
		t.Errorf("pages gave %v", got)
	}
}

func TestConnzDescribes(t *testing.T) {
	f := busy()
	f.open[1].RTT = 1234567
	open := connz(t, f, ConnzOptions{CID: 3}).Connections[0]
	if open.Uptime != "30s" || open.Idle != "2s" || open.RTT != "1.234ms" || !open.Stop.IsZero() {
		t.Errorf("open connection is %+v", open)
	}
	closed := connz(t, f, ConnzOptions{CID: 1, State: ConnClosed}).Connections[0]
	if closed.Uptime != "38s" || closed.Idle != "37s" || closed.RTT != "0s" || !closed.Stop.Equal(f.now.Add(-12*time.Second)) {
		t.Errorf("closed connection is %+v", closed)
	}
}

func TestConnzTellsUsersOnRequest(t *testing.T) {
	tests := []struct {
		cid                uint64
		user, account, tag string
	}{
		{2, "ann", "", "$G"}, {3, "bob", "A", "A"}, {4, "bob", "A", "A"}, {6, "eve", "", ""},
	}
	for _, test := range tests {
		plain := connz(t, busy(), ConnzOptions{CID: test.cid, State: ConnAny}).Connections[0]
		if plain.AuthorizedUser+plain.Account+plain.NameTag != "" {
			t.Errorf("connection %d tells its user unasked", test.cid)
		}
		c := connz(t, busy(), ConnzOptions{CID: test.cid, State: ConnAny, Username: true}).Connections[0]
		if c.AuthorizedUser != test.user || c.Account != test.account || c.NameTag != test.tag {
			t.Errorf("connection %d: user %q, account %q, tag %q", test.cid, c.AuthorizedUser, c.Account, c.NameTag)
		}
	}
}

func TestConnzListsSubscriptions(t *testing.T) {
	get := func(o ConnzOptions) ConnInfo {
		o.State = ConnAny
		return connz(t, busy(), o).Connections[0]
	}
	if c := get(ConnzOptions{CID: 3}); c.Subs != nil || c.SubsDetail != nil {
		t.Errorf("subscriptions unasked: %+v", c)
	}
	c := get(ConnzOptions{CID: 3, Subscriptions: true})
	if !slices.Equal(c.Subs, []string{"a.*", "x.>"}) || c.SubsDetail != nil {
		t.Errorf("subscriptions: %v and %v", c.Subs, c.SubsDetail)
	}
	c = get(ConnzOptions{CID: 3, Subscriptions: true, SubscriptionsDetail: true})
	want := []SubDetail{{Subject: "a.*", SID: "1", CID: 3}, {Subject: "x.>", SID: "2", CID: 3}}
	if c.Subs != nil || !reflect.DeepEqual(c.SubsDetail, want) {
		t.Errorf("details: %v and %v", c.Subs, c.SubsDetail)
	}
	c = get(ConnzOptions{CID: 4, SubscriptionsDetail: true})
	want = []SubDetail{{Account: "A", AccountTag: "A", Subject: "a.b", SID: "1", CID: 4}}
	if !reflect.DeepEqual(c.SubsDetail, want) {
		t.Errorf("details of a closed connection: %v", c.SubsDetail)
	}
	if c = get(ConnzOptions{CID: 5, SubscriptionsDetail: true}); c.SubsDetail != nil {
		t.Errorf("details without subscriptions: %v", c.SubsDetail)
	}
}

func TestConnzListsSubscriptionsInOrder(t *testing.T) {
	f := newFake()
	f.open = []Conn{{CID: 1, Subs: func() []Sub {
		return []Sub{{Subject: "c", SID: "10"}, {Subject: "b", SID: "9"}, {Subject: "a", SID: "8"}}
	}}}
	c := connz(t, f, ConnzOptions{Subscriptions: true}).Connections[0]
	if !slices.Equal(c.Subs, []string{"a", "b", "c"}) {
		t.Errorf("subscriptions: %v", c.Subs)
	}
}

func TestOverlap(t *testing.T) {
	tests := []struct {
		a, b string
		want bool
	}{
		{"a", "a", true}, {"a", "b", false}, {"a", "a.b", false},
		{"*", "a", true}, {"*", "a.b", false}, {"*.b", "a.*", true}, {"*.b", "a.c", false},
		{">", "a.b.c", true}, {"a.>", "a", false}, {"a.>", "*.b", true}, {"a.>", "b.>", false}, {"*.>", "x.y", true},
	}
	for _, test := range tests {
		if overlap(test.a, test.b) != test.want || overlap(test.b, test.a) != test.want {
			t.Errorf("overlap of %s and %s is not %t", test.a, test.b, test.want)
		}
	}
}
