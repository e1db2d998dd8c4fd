package jetstream

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"myelin/internal/router"
)

// A direct get of one message takes no allocation, by subject as well as by sequence.
func TestDirectGetDoesNotAllocate(t *testing.T) {
	x := newTester(t, nil)
	x.request("$JS.API.STREAM.CREATE.KV_bucket", "", `{"name":"KV_bucket","subjects":["$KV.bucket.>"],"allow_direct":true}`)
	x.publish("$KV.bucket.key", "", "NATS/1.0\r\nX: y\r\n\r\n", "value")
	d := &x.api.doors["$G"].direct
	for _, q := range []*request{
		{verb: []byte("KV_bucket.$KV.bucket.key"), reply: []byte("nobody")},
		{verb: []byte("KV_bucket"), reply: []byte("nobody"), payload: []byte(`{"seq":1}`)},
	} {
		get := func() {
			d.reader.answer(q)
			d.reader.session.Flush()
		}
		get()
		if n := testing.AllocsPerRun(1000, get); n > 0 {
			t.Errorf("%s%s takes %v allocations", q.verb, q.payload, n)
		}
	}
}

// A direct get by a subject with wildcards finds the last message of all subjects that match.
func TestDirectGetOfTheLastOfManySubjects(t *testing.T) {
	x := newTester(t, nil)
	x.request("$JS.API.STREAM.CREATE.S", "", `{"name":"S","subjects":["a.>"],"allow_direct":true}`)
	for i := range 4 {
		x.publish(fmt.Sprintf("a.%d.x", i%2), "", "", fmt.Sprint(i))
	}
	for pattern, want := range map[string]string{"a.>": "3", "a.0.>": "2", "a.*.x": "3", "*.0.*": "2", ">": "3", "a.7.>": "", "a>": ""} {
		if got := x.request("$JS.API.DIRECT.GET.S."+pattern, "", ""); len(got) != 1 || got[0].body != want {
			t.Errorf("%s: %+v, want %q", pattern, got, want)
		}
	}
}

// What is read as a plain sequence number is what encoding/json reads.
func FuzzPlainSequence(f *testing.F) {
	for _, s := range []string{`{"seq":1}`, `{"seq":0}`, `{"seq":01}`, `{"seq":-1}`, `{"seq":9999999999999999999}`, `{"seq":99999999999999999999}`, `{"seq":}`, `{"seq":1 }`, `{"seq":1.5}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		seq, ok := plainSequence(payload)
		if !ok {
			return
		}
		var q JSApiMsgGetRequest
		if err := json.Unmarshal(payload, &q); err != nil || !reflect.DeepEqual(q, JSApiMsgGetRequest{Seq: seq}) {
			t.Errorf("%q is read as %d, and as %+v, %v", payload, seq, q, err)
		}
	})
}

// Many requests in one batch are answered one by one, in order, whoever does it.
func TestDirectGetsInABatch(t *testing.T) {
	x := newTester(t, nil)
	x.request("$JS.API.STREAM.CREATE.S", "", `{"name":"S","subjects":["a.*"],"allow_direct":true}`)
	const n = 2000
	for i := range n {
		x.publish(fmt.Sprintf("a.%d", i), "", "", fmt.Sprint(i))
	}
	for i := range n {
		m := &router.Message{Subject: fmt.Appendf(nil, "$JS.API.DIRECT.GET.S.a.%d", i), Reply: fmt.Appendf(nil, "_I.%d", i)}
		x.session.Publish(m)
	}
	x.session.Flush()
	for i, m := range x.inbox.wait(t, n) {
		if m.subject != fmt.Sprintf("_I.%d", i) || m.body != fmt.Sprint(i) {
			t.Fatalf("answer %d is %v", i, m)
		}
	}
}

// More results than may be are refused; as many as may be are not.
func TestMultiLastIsBounded(t *testing.T) {
	x := newTester(t, nil)
	x.request("$JS.API.STREAM.CREATE.S", "", `{"name":"S","subjects":["a.*"],"allow_direct":true}`)
	for i := range maxMultiLast {
		x.publish(fmt.Sprintf("a.%d", i), "", "", "")
	}
	if got := x.request("$JS.API.DIRECT.GET.S", "", `{"multi_last":["a.*"]}`); len(got) != maxMultiLast+1 {
		t.Errorf("%d answers", len(got))
	}
	x.publish("a.more", "", "", "")
	if got := x.request("$JS.API.DIRECT.GET.S", "", `{"multi_last":["a.*"]}`); len(got) != 1 || got[0].header != "NATS/1.0 413 Too Many Results\r\n\r\n" {
		t.Errorf("%v", got)
	}
}

// Clients ask for the keys that begin with something by a token that ends in a wildcard: it lists subjects, and finds the last message of each.
// To all else it is one subject.
func TestKeysByTheirBeginning(t *testing.T) {
	x := newTester(t, nil)
	x.request("$JS.API.STREAM.CREATE.S", "", `{"name":"S","subjects":["k.>"],"allow_direct":true}`)
	for _, key := range []string{"apple", "banana", "avocado"} {
		x.publish("k."+key, "", "", key)
	}
	got := x.request("$JS.API.DIRECT.GET.S", "", `{"multi_last":["k.a*"]}`)
	if len(got) != 3 || got[0].body != "apple" || got[1].body != "avocado" {
		t.Errorf("the last messages are %v", got)
	}
	info := x.request("$JS.API.STREAM.INFO.S", "", `{"subjects_filter":"k.a*"}`)[0].body
	if !strings.Contains(info, `"subjects":{"k.apple":1,"k.avocado":1}`) {
		t.Errorf("the subjects are %s", info)
	}
	if got := x.request("$JS.API.STREAM.PURGE.S", "", `{"filter":"k.a*"}`)[0].body; !strings.Contains(got, `"purged":0`) {
		t.Errorf("a purge says %s", got)
	}
	if got := x.request("$JS.API.DIRECT.GET.S", "", `{"next_by_subj":"k.a*"}`)[0].header; !strings.Contains(got, "404") {
		t.Errorf("the next message is %q", got)
	}
}

// A long batch reaches somebody who takes it slowly, whole and in order.
func TestLongBatch(t *testing.T) {
	x := newTester(t, nil)
	x.request("$JS.API.STREAM.CREATE.S", "", `{"name":"S","subjects":["a.*"],"allow_direct":true}`)
	const n = 500
	for i := range n {
		x.publish(fmt.Sprintf("a.%d", i%7), "", "", strings.Repeat("x", 1<<10))
	}
	x.publish("$JS.API.STREAM.MSG.DELETE.S", "", "", `{"seq":100}`)
	got := x.request("$JS.API.DIRECT.GET.S", "", fmt.Sprintf(`{"seq":1,"next_by_subj":"a.*","batch":%d}`, n*2))
	if len(got) != n {
		t.Fatalf("%d answers", len(got))
	}
	for i, m := range got[:n-1] {
		if want := fmt.Sprintf("Nats-Num-Pending: %d\r\n", n-2-i); !strings.Contains(m.header, want) {
			t.Fatalf("answer %d has %q, want %s", i, m.header, want)
		}
	}
	got = x.request("$JS.API.DIRECT.GET.S", "", `{"seq":90,"next_by_subj":"a.3","batch":3}`)
	pending := 0
	for seq := 90; seq <= n; seq++ {
		if (seq-1)%7 == 3 && seq != 100 {
			pending++
		}
	}
	if want := fmt.Sprintf("Nats-Num-Pending: %d\r\n", pending-1); len(got) != 4 || !strings.Contains(got[0].header, want) {
		t.Errorf("%q, want %s", got, want)
	}
}
