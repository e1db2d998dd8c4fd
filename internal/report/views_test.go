package report

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"testing"
	"time"

	"myelin/internal/clock"
	"myelin/internal/config"
)

func TestUptimeText(t *testing.T) {
	const day = 24 * time.Hour
	for want, d := range map[string]time.Duration{
		"0s":           -time.Second,
		"1s":           1999 * time.Millisecond,
		"59s":          59 * time.Second,
		"1m0s":         time.Minute,
		"1h0m5s":       time.Hour + 5*time.Second,
		"1d2h3m4s":     day + 2*time.Hour + 3*time.Minute + 4*time.Second,
		"364d0h0m0s":   364 * day,
		"2y1d0h0m1s":   731*day + time.Second,
		"1y0d23h59m0s": 365*day + 23*time.Hour + 59*time.Minute,
	} {
		if got := uptimeText(d); got != want {
			t.Errorf("uptimeText(%v) = %s, want %s", d, got, want)
		}
	}
}

func TestCPUMeter(t *testing.T) {
	c := clock.NewFake(start)
	var used time.Duration
	m := startCPUMeter(c, func() time.Duration { return used })
	expect := func(want float64) {
		t.Helper()
		if got := m.read(); got != want {
			t.Errorf("CPU is %v %%, want %v", got, want)
		}
	}
	used = 500 * time.Millisecond
	expect(0)
	c.Advance(time.Second)
	expect(50)
	used += 1333 * time.Millisecond
	c.Advance(time.Second)
	expect(133.3)
	c.Advance(time.Second)
	expect(0)
	used += time.Second
	m.stop()
	c.Advance(time.Minute)
	expect(0)
}

func TestProcessIsMeasured(t *testing.T) {
	if residentBytes() < 1<<20 || heldBytes() < 1<<20 {
		t.Errorf("the process has %d bytes resident, %d held", residentBytes(), heldBytes())
	}
	before := processCPU()
	for processCPU() == before {
		runtime.Gosched() // works until it shows
	}
}

func TestVarz(t *testing.T) {
	f := newFake()
	f.config.Limits.WriteTimeout = config.WriteDefault
	f.counters = Counters{InMsgs: 1, InBytes: 2, OutMsgs: 3, OutBytes: 4, Connections: 5, TotalConnections: 6, SlowConsumers: 7, StaleConnections: 8, StalledClients: 9}
	f.stats = map[string]RouterStats{"": {NumSubs: 10}}
	v := f.views()
	v.Count("/varz")
	v.Count("/")
	v.Count("/varz")
	z := v.Varz()
	if z.InMsgs != 1 || z.InClientBytes != 2 || z.OutClientMsgs != 3 || z.OutBytes != 4 {
		t.Errorf("totals: %+v", z)
	}
	if z.Connections != 5 || z.TotalConnections != 6 || z.Subscriptions != 10 {
		t.Errorf("%d connections of %d, %d subscriptions", z.Connections, z.TotalConnections, z.Subscriptions)
	}
	if z.SlowConsumerStats != (KindCounts{Clients: 7}) || z.StaleConnectionStats != (KindCounts{Clients: 8}) || z.StalledClients != 9 {
		t.Errorf("slow %v, stale %v, stalled %d", z.SlowConsumerStats, z.StaleConnectionStats, z.StalledClients)
	}
	if want := map[string]uint64{"/varz": 2, "/": 1}; !maps.Equal(z.HTTPReqStats, want) {
		t.Errorf("requests: %v", z.HTTPReqStats)
	}
	if z.Uptime != "1m0s" || z.WriteTimeout != "" || z.Mem == 0 || z.Cores == 0 {
		t.Errorf("up %s, write timeout %q, %d bytes, %d cores", z.Uptime, z.WriteTimeout, z.Mem, z.Cores)
	}
}

func TestVarzTellsWhatIsAdvertised(t *testing.T) {
	tests := []struct {
		advertise, host string
		port            int
	}{
		{"", "127.0.0.1", 4222}, {"example.com", "example.com", 4222},
		{"example.com:5000", "example.com", 5000}, {"[::1]:80", "::1", 80},
	}
	for _, test := range tests {
		f := newFake()
		f.config.ClientAdvertise = test.advertise
		if z := f.views().Varz(); z.Host != test.host || z.Port != test.port {
			t.Errorf("advertising %q: %s and %d", test.advertise, z.Host, z.Port)
		}
	}
}

// crowd is a server with subscriptions in two accounts, in no order.
func crowd() *fakeServer {
	f := newFake()
	for i := range 40 {
		account := []string{"A", "B"}[i%2]
		f.subs = append(f.subs, Sub{Account: account, Subject: fmt.Sprintf("s.%02d", i/2), SID: "1", CID: uint64(i)})
	}
	f.subs = append(f.subs, Sub{Account: "A", Subject: "s.*", Queue: "q", SID: "2", Max: 3, Msgs: 1, CID: 1})
	rand.Shuffle(len(f.subs), func(i, j int) { f.subs[i], f.subs[j] = f.subs[j], f.subs[i] })
	f.stats = map[string]RouterStats{
		"":  {NumSubs: 41, NumCache: 2, Inserts: 50, Removes: 9, Matches: 8, CacheHits: 6, MaxFanout: 4, AvgFanout: 1.5},
		"A": {NumSubs: 21},
	}
	return f
}

func subsz(t *testing.T, f *fakeServer, o SubszOptions) *Subsz {
	t.Helper()
	z, err := f.views().Subsz(o)
	if err != nil {
		t.Fatalf("Subsz(%+v): %v", o, err)
	}
	return z
}

func TestSubszCounts(t *testing.T) {
	f := crowd()
	got := subsz(t, f, SubszOptions{})
	want := &Subsz{
		ServerID: "NID", Now: f.now, NumSubscriptions: 41, NumCache: 2, NumInserts: 50, NumRemoves: 9,
		NumMatches: 8, CacheHitRate: 0.75, MaxFanout: 4, AvgFanout: 1.5, Limit: 1024,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	if z := subsz(t, f, SubszOptions{Account: "A"}); z.NumSubscriptions != 21 || z.CacheHitRate != 0 {
		t.Errorf("account: %+v", z)
	}
	if z := subsz(t, f, SubszOptions{Account: "Z", Subscriptions: true}); z.NumSubscriptions != 0 || z.Total != 0 || z.Subs != nil {
		t.Errorf("no such account: %+v", z)
	}
}

func TestSubszLists(t *testing.T) {
	f := crowd()
	if z := subsz(t, f, SubszOptions{Test: "s.01"}); z.Total != 0 || z.Subs != nil {
		t.Errorf("a list unasked: %+v", z)
	}
	z := subsz(t, f, SubszOptions{Subscriptions: true, Test: "s.01"})
	want := []SubDetail{
		{Account: "A", AccountTag: "A", Subject: "s.*", Queue: "q", SID: "2", Max: 3, Msgs: 1, CID: 1},
		{Account: "A", AccountTag: "A", Subject: "s.01", SID: "1", CID: 2},
		{Account: "B", AccountTag: "B", Subject: "s.01", SID: "1", CID: 3},
	}
	if z.Total != 3 || !reflect.DeepEqual(z.Subs, want) {
		t.Errorf("test of s.01: %d, %v", z.Total, z.Subs)
	}
	for _, test := range []string{"s.*", ">", "a..b", "a b"} {
		_, err := f.views().Subsz(SubszOptions{Test: test})
		if err == nil || err.Error() != "invalid test subject, must be valid publish subject: "+test {
			t.Errorf("test of %q: error %v", test, err)
		}
	}
}

// However the subscriptions are visited, pages put together are the whole list.
func TestSubszPages(t *testing.T) {
	f := crowd()
	whole := subsz(t, f, SubszOptions{Subscriptions: true, Limit: math.MaxInt, Offset: 0}).Subs
	if len(whole) != 41 {
		t.Fatalf("%d subscriptions", len(whole))
	}
	for limit := 1; limit <= 42; limit++ {
		var got []SubDetail
		for offset := 0; offset < 41; offset += limit {
			z := subsz(t, f, SubszOptions{Subscriptions: true, Offset: offset, Limit: limit})
			if z.Total != 41 || z.Offset != offset || z.Limit != limit {
				t.Fatalf("total %d, offset %d, limit %d", z.Total, z.Offset, z.Limit)
			}
			got = append(got, z.Subs...)
		}
		if !slices.Equal(got, whole) {
			t.Fatalf("pages of %d differ from the whole", limit)
		}
	}
	if z := subsz(t, f, SubszOptions{Subscriptions: true, Offset: math.MaxInt, Limit: math.MaxInt}); z.Subs != nil || z.Total != 41 {
		t.Errorf("page at the end of numbers: %+v", z)
	}
}

func TestHealthz(t *testing.T) {
	const noAccount = `"account" must not be empty when checking stream health`
	const noStream = `"stream" must not be empty when checking consumer health`
	ok := Healthz{Status: "ok", StatusCode: 200}
	tests := []struct {
		o    HealthzOptions
		sick error
		want Healthz
	}{
		{HealthzOptions{}, nil, ok},
		{HealthzOptions{JSEnabled: true, JSEnabledOnly: true, JSServerOnly: true, JSMetaOnly: true, Details: true}, nil, ok},
		{HealthzOptions{Account: "A", Stream: "S", Consumer: "C"}, nil, ok},
		{HealthzOptions{Stream: "S"}, errNotReady, Healthz{Status: "error", StatusCode: 400, Error: noAccount}},
		{HealthzOptions{Account: "A", Consumer: "C"}, nil, Healthz{Status: "error", StatusCode: 400, Error: noStream}},
		{HealthzOptions{Consumer: "C", Details: true}, nil, Healthz{Status: "error", StatusCode: 400, Errors: []HealthError{{Type: "BAD_REQUEST", Error: noStream}}}},
		{HealthzOptions{}, errNotReady, Healthz{Status: "error", StatusCode: 500, Error: "not ready"}},
		{HealthzOptions{Details: true}, errNotReady, Healthz{Status: "error", StatusCode: 500, Errors: []HealthError{{Type: "CONNECTION", Error: "not ready"}}}},
	}
	for _, test := range tests {
		f := newFake()
		f.sick = test.sick
		if got := f.views().Healthz(test.o); !reflect.DeepEqual(*got, test.want) {
			t.Errorf("Healthz(%+v) = %+v, want %+v", test.o, *got, test.want)
		}
	}
}
