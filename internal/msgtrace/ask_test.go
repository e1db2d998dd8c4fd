package msgtrace

import (
	"testing"

	"myelin/internal/header"
)

const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-"

// What a stock server traces, and how.
func TestReadAsk(t *testing.T) {
	const some, none = "Nats-Trace-Dest: t\r\n", "nothing"
	account := &Sampling{"acc", 50}
	for _, row := range []struct {
		fields   string
		sampling *Sampling
		rnd      uint32
		want     string // destination, and what else
	}{
		{"X: y\r\n", nil, 0, none},
		{some, nil, 0, "t"},
		{some + "Nats-Trace-Dest: u\r\n", nil, 0, "t"},
		{some + "Nats-Trace-Only: true\r\n", nil, 0, "t only"},
		{some + "Nats-Trace-Only:  On \r\n", nil, 0, "t only"},
		{some + "Nats-Trace-Only: 1\r\n", nil, 0, "t only"},
		{some + "Nats-Trace-Only: yes\r\n", nil, 0, "t"},
		{some + "nats-trace-only: true\r\n", nil, 0, "t"},
		{some + "Accept-Encoding: br, GZIP;q=1\r\n", nil, 0, "t gzip"},
		{some + "Accept-Encoding: s2\r\n", nil, 0, "t snappy"},
		{some + "Accept-Encoding: br\r\n", nil, 0, "t"},
		{some + "Nats-Trace-Hop: 1\r\n", nil, 0, "t"},
		{some + "Nats-Trace-Origin-Account: B\r\n", nil, 0, none},
		{"nats-trace-dest: t\r\n", nil, 0, none},
		{"Nats-Trace-Only: true\r\n", nil, 0, none},
		{"Nats-Trace-Dest: \r\n", nil, 0, none},
		{"Nats-Trace-Dest: t.>\r\n", nil, 0, none},
		{"Nats-Trace-Dest: t..x\r\n", nil, 0, none},
		{"Nats-Trace-Dest: trace disabled\r\n", account, 0, none},
		{"traceparent: " + parent + "01\r\n", nil, 0, none},
		{"traceparent: " + parent + "01\r\n", account, 49, "acc"},
		{"traceparent: " + parent + "01\r\n", account, 50, none},
		{"TraceParent: " + parent + "03\r\nNats-Trace-Only: 1\r\n", account, 0, "acc"},
		{"traceparent: " + parent + "01\r\n" + some, account, 0, "t"},
		{"traceparent: " + parent + "01\r\nNats-Trace-Dest: a b\r\n", account, 0, none},
		{"traceparent: " + parent + "02\r\n", account, 0, none},
		{"traceparent: " + parent + "ff\r\n", account, 0, none},
		{"traceparent: " + parent + "1\r\n", account, 0, none},
		{"traceparent: " + parent + "zz\r\n", account, 0, none},
		{"traceparent: " + parent + "01-xx\r\n", account, 0, none},
	} {
		block := []byte("NATS/1.0\r\n" + row.fields + "\r\n")
		a, ok := ReadAsk(block, row.sampling, func(uint32) uint32 { return row.rnd })
		got := none
		if ok {
			if got = a.Dest; a.Only {
				got += " only"
			}
			if a.Encoding != Plain {
				got += " " + string(a.Encoding)
			}
		}
		if got != row.want {
			t.Errorf("%q asks for %q, want %q", row.fields, got, row.want)
		}
		if ok && !Wants(block, row.sampling) {
			t.Errorf("%q is overlooked", row.fields)
		}
	}
}

// Whoever has no trace to ask for pays for one look at the header.
func TestWantsIsQuick(t *testing.T) {
	block := []byte("NATS/1.0\r\nNats-Msg-Id: 17\r\nX: Nats-Trace\r\n\r\n")
	if Wants(block, nil) {
		t.Error("a header that asks for nothing is wanted")
	}
	if n := testing.AllocsPerRun(100, func() { Wants(block, nil) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// What a stream stores is not traced again.
func TestDisabled(t *testing.T) {
	for _, fields := range []string{"A: b\r\nNats-Trace-Dest: t\r\nC: d\r\n", "traceparent: " + parent + "01\r\n"} {
		block := Disabled(nil, []byte("NATS/1.0\r\n"+fields+"\r\n"))
		if a, ok := ReadAsk(block, &Sampling{"acc", 100}, func(uint32) uint32 { return 0 }); ok {
			t.Errorf("%q asks for %+v", block, a)
		}
	}
}

// Any header can be read, and nothing that asks is overlooked.
func FuzzReadAsk(f *testing.F) {
	f.Add([]byte("NATS/1.0\r\nNats-Trace-Dest: t\r\nNats-Trace-Only: true\r\n\r\n"))
	f.Add([]byte("NATS/1.0\r\ntraceparent: " + parent + "01\r\n\r\n"))
	f.Add([]byte("NATS/1.0\r\nTRACEPARENT:---01\r\nNats-Trace-Dest"))
	f.Fuzz(func(t *testing.T, block []byte) {
		for _, sampling := range []*Sampling{nil, {"acc", 100}} {
			a, ok := ReadAsk(block, sampling, func(uint32) uint32 { return 0 })
			if ok && (!Wants(block, sampling) || a.Dest == "") {
				t.Errorf("%q asks for %+v", block, a)
			}
		}
		if got := string(header.Get(Disabled(nil, block), destField)); got != disabledDest {
			t.Errorf("%q is traced at %q once it was stored", block, got)
		}
	})
}
