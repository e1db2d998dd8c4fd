package header

import (
	"bytes"
	"fmt"
	"testing"
)

func ExampleAppendStatus() {
	b := AppendStatus(nil, 503, "")
	b = AppendField(b, "Nats-Subject", "orders.new")
	fmt.Printf("%q\n", AppendEnd(b))
	// Output: "NATS/1.0 503\r\nNats-Subject: orders.new\r\n\r\n"
}

// What the stock server finds by the key Nats-Trace-Dest in each block, seen by where a trace goes.
func TestGetFindsAsStock(t *testing.T) {
	for fields, want := range map[string]string{
		"Nats-Trace-Dest: t.1\r\n":                            "t.1",
		"Nats-Trace-Dest:t.1\r\n":                             "t.1",
		"Nats-Trace-Dest:   t.1\r\n":                          "t.1",
		"Nats-Trace-Dest:\tt.1\r\n":                           "t.1",
		"Nats-Trace-Dest: t.1  \r\n":                          "t.1",
		"Nats-Trace-DestX: t.0\r\nNats-Trace-Dest: t.1\r\n":   "t.1",
		"Nats-Trace-Dest: t.1\r\nNats-Trace-Dest: t.2\r\n":    "t.1",
		"A: Nats-Trace-Dest: t.9\r\nNats-Trace-Dest: t.1\r\n": "t.1",
		"no field\r\nNats-Trace-Dest: t.1\r\n":                "t.1",
		"nats-trace-dest: t.1\r\n":                            "",
		"Nats-Trace-Dest : t.1\r\n":                           "",
		" Nats-Trace-Dest: t.1\r\n":                           "",
		"X-Nats-Trace-Dest: t.1\r\n":                          "",
		"A: x\nNats-Trace-Dest: t.1\r\n":                      "",
	} {
		if got := Get([]byte("NATS/1.0\r\n"+fields+"\r\n"), "Nats-Trace-Dest"); string(got) != want {
			t.Errorf("%q: %q, want %q", fields, got, want)
		}
	}
}

func TestGetTellsEmptyFromAbsent(t *testing.T) {
	block := []byte("NATS/1.0\r\nEmpty:\r\nBlank:  \r\n\r\nAfter: end\r\n")
	if Get(block, "Empty") == nil || Get(block, "Blank") == nil {
		t.Error("an empty value is nil")
	}
	if Get(block, "Absent") != nil || Get(block, "After") != nil || Get(nil, "Empty") != nil {
		t.Error("an absent value is not nil")
	}
}

func TestFieldsKeepOrderAndCase(t *testing.T) {
	block := []byte("NATS/1.0 100 Idle Heartbeat\r\nb: 1\r\nA: 2\r\nb:3 : 4\r\nB:\r\n\r\n")
	var got string
	for key, value := range Fields(block) {
		got += fmt.Sprintf("%s=%s;", key, value)
	}
	if want := "b=1;A=2;b=3 : 4;B=;"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	got = ""
	for value := range All(block, "b") {
		got += string(value) + ";"
	}
	if want := "1;3 : 4;"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestStatus(t *testing.T) {
	for _, row := range []struct {
		block, description string
		code               int
	}{
		{"NATS/1.0\r\n\r\n", "", 0},
		{"NATS/1.0 503\r\n\r\n", "", 503},
		{"NATS/1.0 100 Idle Heartbeat\r\nA: b\r\n\r\n", "Idle Heartbeat", 100},
		{"NATS/1.0  404  No Messages \r\n\r\n", "No Messages", 404},
		{"NATS/1.0 no\r\n\r\n", "", 0},
		{"NATS/1.0 12\r\n\r\n", "", 0},
		{"NATS/1.0 1234\r\n\r\n", "", 0},
		{"NATS/1.0503\r\n\r\n", "", 0},
		{"HTTP/1.1 200 OK\r\n\r\n", "", 0},
		{"", "", 0},
	} {
		if code, description := Status([]byte(row.block)); code != row.code || string(description) != row.description {
			t.Errorf("%q: %d %q", row.block, code, description)
		}
	}
}

func TestValid(t *testing.T) {
	for block, want := range map[string]bool{
		"NATS/1.0\r\n\r\n":                        true,
		"NATS/1.0 503\r\n\r\n":                    true,
		"NATS/1.0\r\nA: b\r\nA:\r\nc:d:e\r\n\r\n": true,
		"":                                        false,
		"NATS/1.0":                                false,
		"NATS/1.0\r\n":                            false,
		"NATS/1.0\r\nA: b\r\n":                    false,
		"NATS/1.0\r\nA: b":                        false,
		"NATS/1.0\r\nA\r\n\r\n":                   false,
		"NATS/1.0\r\n: b\r\n\r\n":                 false,
		"NATS/1.0\r\nA B: c\r\n\r\n":              false,
		"NATS/1.0\r\nA: b\nC: d\r\n\r\n":          false,
		"NATS/1.0\r\n\r\nmore":                    false,
		"NATS/1.0x\r\n\r\n":                       false,
		"NATS/1.0 hello\r\n\r\n":                  false,
		"NATS/1.0 503 a\nb\r\n\r\n":               false,
		"NATS/2.0\r\n\r\n":                        false,
		"NATS/1.0\r\n\xf0\x9f\x90\x98: x\r\n\r\n": true,
	} {
		if Valid([]byte(block)) != want {
			t.Errorf("%q: valid is %v", block, !want)
		}
	}
}

func TestRewrite(t *testing.T) {
	const block = "NATS/1.0 100 x\r\nA: 1\r\nodd line\r\nB: 2\r\nA: 3\r\n\r\n"
	for _, row := range []struct{ name, got, want string }{
		{"add", string(Add(nil, []byte(block), "A", "4")), "NATS/1.0 100 x\r\nA: 1\r\nodd line\r\nB: 2\r\nA: 3\r\nA: 4\r\n\r\n"},
		{"set", string(Set(nil, []byte(block), "A", "4")), "NATS/1.0 100 x\r\nA: 4\r\nodd line\r\nB: 2\r\n\r\n"},
		{"set new", string(Set(nil, []byte(block), "a", []byte("4"))), "NATS/1.0 100 x\r\nA: 1\r\nodd line\r\nB: 2\r\nA: 3\r\na: 4\r\n\r\n"},
		{"delete", string(Delete(nil, []byte(block), "A")), "NATS/1.0 100 x\r\nodd line\r\nB: 2\r\n\r\n"},
		{"delete absent", string(Delete([]byte("dst "), []byte(block), "C")), "dst " + block},
		{"add to nothing", string(Add(nil, nil, "A", "4")), "NATS/1.0\r\nA: 4\r\n\r\n"},
		{"set in nothing", string(Set(nil, nil, "A", "4")), "NATS/1.0\r\nA: 4\r\n\r\n"},
		{"add to a torn block", string(Add(nil, []byte("NATS/1.0\r\nA: 1\r\nB: "), "C", "4")), "NATS/1.0\r\nA: 1\r\nC: 4\r\n\r\n"},
		{"a value cannot forge a field", string(Add(nil, nil, "A", "x\r\nB: y")), "NATS/1.0\r\nA: x  B: y\r\n\r\n"},
		{"status", string(AppendEnd(AppendStatus(nil, 404, "No Messages"))), "NATS/1.0 404 No Messages\r\n\r\n"},
	} {
		if row.got != row.want {
			t.Errorf("%s: %q\nwant %q", row.name, row.got, row.want)
		}
	}
}

func TestReadsDoNotAllocate(t *testing.T) {
	block := []byte("NATS/1.0 100 Idle\r\nA: 1\r\nNats-Msg-Id: 2\r\nA: 3\r\n\r\n")
	sum := 0
	if n := testing.AllocsPerRun(100, func() {
		sum += len(Get(block, "Nats-Msg-Id")) + len(Get(block, "Absent"))
		for key, value := range Fields(block) {
			sum += len(key) + len(value)
		}
		for value := range All(block, "A") {
			sum += len(value)
		}
		code, _ := Status(block)
		sum += code
		Valid(block)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Any block can be read; a rewritten one has the field, keeps the others, and a valid one stays valid.
func FuzzHeader(f *testing.F) {
	f.Add([]byte("NATS/1.0 503\r\nNats-Subject: x\r\n\r\n"), "Nats-Subject", "y")
	f.Fuzz(func(t *testing.T, block []byte, key, value string) {
		Status(block)
		valid := Valid(block)
		if others := string(Delete(nil, Set(nil, block, "K", value), "K")); others != string(Delete(nil, block, "K")) {
			t.Fatalf("%q: setting K changed other fields: %q", block, others)
		}
		got := Add(nil, Delete(nil, block, "K"), "K", value)
		if want := Get(AppendEnd(AppendField(AppendStart(nil), "K", value)), "K"); !bytes.Equal(Get(got, "K"), want) {
			t.Fatalf("%q: added %q, got %q", block, value, Get(got, "K"))
		}
		if valid && !Valid(got) {
			t.Fatalf("%q: rewritten to %q", block, got)
		}
		if Get(Delete(nil, block, key), key) != nil {
			t.Fatalf("%q: %q is still there", block, key)
		}
		if valid && !bytes.Equal(Delete(nil, block, ""), block) {
			t.Fatalf("%q is not kept", block)
		}
	})
}

func BenchmarkGet(b *testing.B) {
	block := []byte("NATS/1.0\r\nContent-Type: application/json\r\nTraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\nNats-Msg-Id: 42\r\n\r\n")
	for b.Loop() {
		if Get(block, "Nats-Msg-Id") == nil {
			b.Fatal("not found")
		}
	}
}
