package jetstream

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"myelin/internal/apierr"
	"myelin/internal/stream"
)

// What publishers are told is what a stock server tells them.
func TestAck(t *testing.T) {
	for _, row := range []struct {
		domain, name string
		config       stream.Config
		reply        stream.Reply
		header, body string
	}{
		{"", "S", stream.Config{}, stream.Reply{Seq: 12}, "", `{"stream":"S","seq":12}`},
		{"", "S", stream.Config{}, stream.Reply{Seq: 12, Duplicate: true}, "", `{"stream":"S","seq":12,"duplicate": true}`},
		{"hub", "S", stream.Config{}, stream.Reply{Seq: 1}, "", `{"stream":"S","domain":"hub","seq":1}`},
		{"", `B"<`, stream.Config{}, stream.Reply{Seq: 1}, "", `{"stream":"B\"<","seq":1}`},
		{"", "C", stream.Config{}, stream.Reply{Seq: 2, Value: []byte("-4")}, "", `{"stream":"C","seq":2,"val":"-4"}`},
		{"", "A", stream.Config{}, stream.Reply{Seq: 2, Batch: []byte("b<1"), Count: 2}, "", `{"stream":"A","seq":2,"batch":"b\u003c1","count":2}`},
		{"", "A", stream.Config{}, stream.Reply{Silent: true}, "", ""},
		{"hub", `B<`, stream.Config{}, stream.Reply{Err: apierr.StreamNotMatch.Err()}, "",
			`{"error":{"code":400,"err_code":10060,"description":"expected stream does not match"},"stream":"B\u003c","seq":0}`},
		{"", "S", stream.Config{}, stream.Reply{Err: apierr.StreamWrongLastMsgID.With(`<"é`)}, "",
			`{"error":{"code":400,"err_code":10070,"description":"wrong last msg ID: \u003c\"é"},"stream":"S","seq":0}`},
		{"", "S", stream.Config{}, stream.Reply{Err: apierr.StreamTooManyRequests.Err()}, "NATS/1.0 429 Too Many Requests\r\n\r\n",
			`{"error":{"code":429,"err_code":10167,"description":"too many requests"},"stream":"S","seq":0}`},
		{"", "S", stream.Config{NoAck: true}, stream.Reply{Seq: 1}, "", "nothing"},
		{"", "S", stream.Config{NoAck: true}, stream.Reply{Err: apierr.StreamNotMatch.Err()}, "", "nothing"},
	} {
		x := newTester(t, func(o *Options) { o.Domain = row.domain })
		o := x.api.Outlet(x.session.Account(), row.name, func() *stream.Config { return &row.config })
		o.Ack([]byte("_I.1"), &row.reply)
		o.Flush()
		want := []received{{subject: "_I.1", header: row.header, body: row.body}}
		if row.body == "nothing" {
			want = nil
		}
		if got := x.inbox.take(); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s %+v: %q, want %q", row.name, row.reply, got, want)
		}
	}
}

// A message of a fast batch has as many answers as the machine says.
func TestAckFastBatch(t *testing.T) {
	x := newTester(t, nil)
	o := x.api.Outlet(x.session.Account(), "FI", func() *stream.Config { return &stream.Config{} })
	ack := func(r stream.Reply, want ...string) {
		t.Helper()
		r.Fast = true
		o.Ack([]byte("_I.u1.3.ok.1.0.$FI"), &r)
		o.Flush()
		var got []string
		for _, m := range x.inbox.take() {
			got = append(got, m.body)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	ack(stream.Reply{Seq: 1})
	ack(stream.Reply{Frames: []stream.Frame{{Kind: stream.FrameGap, Seq: 2, Other: 1}, {Kind: stream.FrameAck, Seq: 1, Other: 2}}},
		`{"type":"gap","last_seq":1,"seq":2}`, `{"type":"ack","seq":1,"msgs":2}`)
	ack(stream.Reply{Seq: 60, Batch: []byte("v4"), Count: 1, Frames: []stream.Frame{
		{Kind: stream.FrameErr, Seq: 2, Err: apierr.StreamWrongLastSequence.With("60")}, {Kind: stream.FrameDone},
	}}, `{"type":"err","seq":2,"error":{"code":400,"err_code":10071,"description":"wrong last sequence: 60"}}`, `{"stream":"FI","seq":60,"batch":"v4","count":1}`)
	ack(stream.Reply{Err: apierr.BatchPublishUnknownBatchID.Err(), Frames: []stream.Frame{{Kind: stream.FrameDone}}},
		`{"error":{"code":400,"err_code":10208,"description":"batch publish ID unknown"},"stream":"FI","seq":0}`)
}

// A message is republished with what it was and where it stands; who republishes nothing publishes nothing.
func TestRepublish(t *testing.T) {
	x := newTester(t, nil)
	heard := x.listen("rp.>")
	const stamp = "Nats-Time-Stamp: <time>\r\n"
	for _, row := range []struct {
		republish     string
		head, body    string
		subject, want string
	}{
		{`{"src":"r.>","dest":"rp.x.>"}`, "", "body", "rp.x.1", "NATS/1.0\r\nNats-Stream: R\r\nNats-Subject: r.1\r\nNats-Sequence: 2\r\n" + stamp + "Nats-Last-Sequence: 1\r\n\r\nbody"},
		{`{"src":"r.>","dest":"rp.x.>"}`, "NATS/1.0\r\nX: y\r\n\r\n", "", "rp.x.1", "NATS/1.0\r\nX: y\r\nNats-Stream: R\r\nNats-Subject: r.1\r\nNats-Sequence: 2\r\n" + stamp + "Nats-Last-Sequence: 1\r\n\r\n"},
		{`{"dest":"rp.>","headers_only":true}`, "", "body", "rp.r.1", "NATS/1.0\r\nNats-Stream: R\r\nNats-Subject: r.1\r\nNats-Sequence: 2\r\n" + stamp + "Nats-Last-Sequence: 1\r\nNats-Msg-Size: 4\r\n\r\n"},
		{`{"src":"r.2","dest":"rp.z"}`, "", "body", "", ""},
		{`null`, "", "body", "", ""},
	} {
		x.request("$JS.API.STREAM.CREATE.R", "", `{"name":"R","subjects":["r.>"],"republish":{"src":"other","dest":"rp.none"}}`)
		x.publish("r.1", "", "", "before")
		x.request("$JS.API.STREAM.UPDATE.R", "", `{"name":"R","subjects":["r.>"],"republish":`+row.republish+`}`)
		x.publish("r.1", "", row.head, row.body)
		var want []received
		if row.subject != "" {
			head, body, _ := strings.Cut(row.want, "\r\n\r\n")
			want = []received{{subject: row.subject, header: head + "\r\n\r\n", body: body}}
		}
		got := heard.take()
		for i := range got {
			got[i].header = mask(got[i].header)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %q, want %q", row.republish, got, want)
		}
		x.request("$JS.API.STREAM.DELETE.R", "", "")
	}
}

// An answer to a publisher takes no allocation.
func TestAckDoesNotAllocate(t *testing.T) {
	x := newTester(t, nil)
	config := &stream.Config{}
	o := x.api.Outlet(x.session.Account(), "S", func() *stream.Config { return config })
	reply := []byte("nobody")
	for _, r := range []*stream.Reply{{Seq: 1234567}, {Seq: 1, Duplicate: true}, {Err: apierr.StreamNotMatch.Err()}} {
		ack := func() {
			o.Ack(reply, r)
			o.Flush()
		}
		ack()
		if n := testing.AllocsPerRun(1000, ack); n > 0 {
			t.Errorf("%+v takes %v allocations", r, n)
		}
	}
}

// Texts are escaped as encoding/json does.
func FuzzAppendJSONText(f *testing.F) {
	for _, s := range []string{"", "plain", "<&>\"\\", "\u2028é\x00\x7f", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		want, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if got := appendJSONText(nil, s); string(got) != string(want) {
			t.Errorf("%q is %s, want %s", s, got, want)
		}
	})
}
