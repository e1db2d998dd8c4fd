package jetstream

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/s2"

	"myelin/internal/router"
)

// backup takes a snapshot of a stream, acknowledging chunks, and returns its configuration and bytes.
func (x *tester) backup(t *testing.T, name, options string) (config string, packed []byte) {
	t.Helper()
	to := x.listen("deliver." + name)
	defer x.session.Unsubscribe(&to.Sub)
	answer := x.request(apiPrefix+"STREAM.SNAPSHOT."+name, "", `{"deliver_subject":"deliver.`+name+`"`+options+`}`)
	var r struct {
		Config json.RawMessage
		State  json.RawMessage
	}
	if err := json.Unmarshal([]byte(answer[0].body), &r); err != nil || r.Config == nil {
		t.Fatalf("%s %v", answer[0].body, err)
	}
	for {
		for _, m := range to.wait(t, 1) {
			if m.body == "" {
				if m.header != "" || m.reply != "" {
					t.Fatalf("the snapshot ends with %q", m.header)
				}
				return string(r.Config), packed
			}
			packed = append(packed, m.body...)
			if m.reply != "" {
				x.publish(m.reply, "", "", "")
			}
		}
	}
}

// restoreBackup restores a stream and returns the last answer.
func (x *tester) restoreBackup(t *testing.T, name, config string, packed []byte, chunk int) string {
	t.Helper()
	answer := x.request(apiPrefix+"STREAM.RESTORE."+name, "", `{"config":`+config+`,"state":{}}`)
	var r struct {
		To string `json:"deliver_subject"`
	}
	if err := json.Unmarshal([]byte(answer[0].body), &r); err != nil || r.To == "" {
		return answer[0].body
	}
	for len(packed) > 0 {
		n := min(chunk, len(packed))
		x.publish(r.To, "_I.2", "", string(packed[:n]))
		if m := x.inbox.wait(t, 1); m[0].body != "" {
			return m[0].body
		}
		packed = packed[n:]
	}
	x.publish(r.To, "_I.2", "", "")
	return x.inbox.wait(t, 1)[0].body
}

// contents lists what a stream holds.
func (x *tester) contents(t *testing.T, name string, last int) (all string) {
	t.Helper()
	for seq := 1; seq <= last; seq++ {
		all += x.request(apiPrefix+"STREAM.MSG.GET."+name, "", fmt.Sprintf(`{"seq":%d}`, seq))[0].body + "\n"
	}
	return all
}

// A stream that was backed up and deleted is restored as it was: messages, sequences, gaps, times, and what
// is stored next; with chunks of any size.
func TestBackupIsRestored(t *testing.T) {
	for _, storage := range []string{"file", "memory"} {
		for _, chunk := range []int{64, 1 << 10, 1 << 20} {
			x := newEngineTester(t)
			config := `{"name":"S","subjects":["a.>"],"storage":"` + storage + `","max_msgs_per_subject":5,"allow_msg_ttl":true}`
			x.request(apiPrefix+"STREAM.CREATE.S", "", config)
			rnd := rand.New(rand.NewPCG(1, 2))
			for i := range 40 {
				x.clock.Advance(time.Millisecond)
				body := make([]byte, rnd.IntN(500))
				for j := range body {
					body[j] = byte(rnd.Uint32())
				}
				head := ""
				if i%3 == 0 {
					head = "NATS/1.0\r\nNats-TTL: 1h\r\nX: y\r\n\r\n"
				}
				x.publish(fmt.Sprintf("a.%d", rnd.IntN(6)), "", head, string(body))
			}
			x.publish(apiPrefix+"STREAM.MSG.DELETE.S", "", "", `{"seq":40}`)
			x.settleStreams()
			before := x.contents(t, "S", 41)
			stored, packed := x.backup(t, "S", `,"chunk_size":2000,"window_size":3000`)
			x.request(apiPrefix+"STREAM.DELETE.S", "", "")
			if answer := x.restoreBackup(t, "S", stored, packed, chunk); !strings.Contains(answer, `"max_msgs_per_subject":5`) {
				t.Fatal(answer)
			}
			if after := x.contents(t, "S", 41); after != before {
				t.Errorf("before\n%safter\n%s", before, after)
			}
			x.publish("a.new", "_I.1", "", "z")
			if m := x.inbox.wait(t, 1); m[0].body != `{"stream":"S","seq":41}` {
				t.Errorf("then %s", m[0].body)
			}
			if info := x.request(apiPrefix+"STREAM.INFO.S", "", "")[0].body; strings.Contains(info, "restoring") {
				t.Error(info)
			}
		}
	}
}

// A backup from a stock server is restored.
func TestStockBackupIsRestored(t *testing.T) {
	text, err := os.ReadFile("testdata/stock_backup.json")
	if err != nil {
		t.Fatal(err)
	}
	var stock struct {
		Config   json.RawMessage
		State    StreamState
		Backup   []byte
		Messages []*storedMessage
	}
	if err := json.Unmarshal(text, &stock); err != nil {
		t.Fatal(err)
	}
	x := newEngineTester(t)
	if answer := x.restoreBackup(t, "SN", string(stock.Config), stock.Backup, 100); !strings.Contains(answer, `"created"`) {
		t.Fatal(answer)
	}
	for i, want := range stock.Messages {
		var got messageGot
		if err := json.Unmarshal([]byte(x.request(apiPrefix+"STREAM.MSG.GET.SN", "", fmt.Sprintf(`{"seq":%d}`, i+1))[0].body), &got); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got.Message, want) {
			t.Errorf("message %d is %v, was %v", i+1, got.Message, want)
		}
	}
	s := x.api.engine.Stream("$G", "SN")
	state := x.api.infoOf(s).State
	stock.State.LastTime = state.LastTime // that of a message which was deleted there
	if !reflect.DeepEqual(state, stock.State) {
		t.Errorf("holds %+v, held %+v", state, stock.State)
	}
}

// pack is what is sent of an archive.
func pack(t *testing.T, archive []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := s2.NewWriter(&b)
	if _, err := w.Write(archive); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// A backup that is damaged, cut, or no backup leaves no stream, and says why.
func TestBadBackupLeavesNothing(t *testing.T) {
	x := newTester(t, nil)
	x.request(apiPrefix+"STREAM.CREATE.S", "", `{"name":"S","subjects":["a"]}`)
	for range 20 {
		x.publish("a", "", "", strings.Repeat("x", 100))
	}
	config, packed := x.backup(t, "S", "")
	x.request(apiPrefix+"STREAM.DELETE.S", "", "")
	flipped := bytes.Clone(packed)
	flipped[len(flipped)/2] ^= 1
	other := pack(t, []byte("meta.inf"))
	for name, bad := range map[string][]byte{"cut": packed[:len(packed)-3], "flipped": flipped, "other": other, "garbage": []byte("garbage"), "empty": nil} {
		if answer := x.restoreBackup(t, "S", config, bad, 1<<20); !strings.Contains(answer, `"err_code":10062,"description":"restore failed: `) {
			t.Errorf("%s: %s", name, answer)
		}
		if names := x.request(apiPrefix+"STREAM.NAMES", "", "")[0].body; !strings.Contains(names, `"streams":null`) {
			t.Errorf("%s: %s", name, names)
		}
	}
}

// A snapshot without listeners ends after a while, and so does one whose chunks nobody acknowledges.
func TestSnapshotGivesUp(t *testing.T) {
	x := newTester(t, nil)
	events := x.listen("$JS.EVENT.ADVISORY.STREAM.SNAPSHOT_COMPLETE.S")
	x.request(apiPrefix+"STREAM.CREATE.S", "", `{"name":"S","subjects":["a"]}`)
	rnd := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 8<<10)
	for i := range noise {
		noise[i] = byte(rnd.Uint32())
	}
	x.publish("a", "", "", string(noise))
	run := func(subject string) received {
		x.request(apiPrefix+"STREAM.SNAPSHOT.S", "", `{"deliver_subject":"`+subject+`","chunk_size":1024,"window_size":1024}`)
		return x.advanceUntil(t, events)
	}
	if m := run("nobody"); !strings.Contains(m.body, `"error":"No Interest"`) {
		t.Error(m.body)
	}
	to := x.listen("deliver")
	if m := run("deliver"); !strings.Contains(m.body, `"error":"No Flow Response"`) {
		t.Error(m.body)
	}
	got := to.wait(t, 2)
	if last := got[len(got)-1]; len(got) != 2 || last.header != "NATS/1.0 408 No Flow Response\r\n\r\n" {
		t.Errorf("%d messages, the last %q", len(got), last.header)
	}
}

// advanceUntil lets time pass until a message comes.
func (x *tester) advanceUntil(t *testing.T, i *inbox) received {
	t.Helper()
	for start := time.Now(); time.Since(start) < patience; runtime.Gosched() {
		if got := i.take(); len(got) > 0 {
			return got[0]
		}
		x.clock.Advance(100 * time.Millisecond)
		x.settle()
	}
	t.Fatal("nothing came")
	return received{}
}

// A restore that nothing comes for ends, and leaves no stream.
func TestRestoreGivesUp(t *testing.T) {
	x := newTester(t, nil)
	events := x.listen("$JS.EVENT.ADVISORY.STREAM.RESTORE_COMPLETE.S")
	answer := x.request(apiPrefix+"STREAM.RESTORE.S", "", `{"config":{"name":"S"},"state":{}}`)[0].body
	var r struct {
		To string `json:"deliver_subject"`
	}
	if err := json.Unmarshal([]byte(answer), &r); err != nil || r.To == "" {
		t.Fatal(answer, err)
	}
	x.advanceUntil(t, events)
	if x.session.Publish(&router.Message{Subject: []byte(r.To)}) != 0 {
		t.Error("a restore that ended takes chunks")
	}
	if names := x.request(apiPrefix+"STREAM.NAMES", "", "")[0].body; !strings.Contains(names, `"streams":null`) {
		t.Error(names)
	}
}

// A restore of which a chunk was dropped fails, though all that came looks whole.
func TestRestoreWithALostChunkFails(t *testing.T) {
	x := newTester(t, nil)
	d := x.api.doors["$G"]
	if !d.transfers.begin() {
		t.Fatal("no restore may begin")
	}
	c := call{request: &request{}, door: d}
	r := newRestore(&c, &StreamConfig{Name: "S"})
	r.session.Subscribe(r.sub)
	r.lost = true
	r.queue = []*request{{reply: []byte("_I.1")}}
	r.run()
	if got := x.inbox.wait(t, 1); !strings.Contains(got[0].body, `"err_code":10062`) || !strings.Contains(got[0].body, errRestoreLost.Error()) {
		t.Errorf("%v", got)
	}
}

// Whatever a stream is configured for, it is restored with that very configuration and what it held.
func TestBackupKeepsTheConfiguration(t *testing.T) {
	for _, options := range []string{
		`"retention":"workqueue"`, `"deny_delete":true,"deny_purge":true`, `"republish":{"src":"a.1","dest":"b.1"}`,
		`"subject_transform":{"src":"a.1","dest":"a.x"}`, `"first_seq":100`, `"compression":"s2"`, `"max_msgs":3,"discard":"new"`,
		`"max_msgs":2`, `"max_msg_size":100`, `"allow_msg_schedules":true`, `"allow_atomic":true`, `"allow_batched":true`,
		`"subject_delete_marker_ttl":1000000000`, `"persist_mode":"async"`, `"no_ack":true`, `"sources":[{"name":"OTHER"}]`,
		`"max_age":60000000000,"duplicate_window":1000000000`, `"metadata":{"a":"b"},"description":"d"`, `"allow_direct":true,"max_bytes":10000`,
		`"sealed":true`, `"mirror":{"name":"OTHER"}`,
	} {
		x := newEngineTester(t)
		config := `{"name":"S","subjects":["a.*"],` + options + `}`
		switch {
		case strings.Contains(options, "sealed"):
			x.request(apiPrefix+"STREAM.CREATE.S", "", `{"name":"S","subjects":["a.*"]}`)
			x.publish("a.1", "", "", "one")
			x.settleStreams()
			x.request(apiPrefix+"STREAM.UPDATE.S", "", config)
		case strings.Contains(options, "mirror"):
			x.request(apiPrefix+"STREAM.CREATE.S", "", `{"name":"S",`+options+`}`)
		default:
			x.request(apiPrefix+"STREAM.CREATE.S", "", config)
		}
		for i := range 3 {
			x.publish("a.1", "", "", strings.Repeat("x", i))
		}
		x.settleStreams()
		before := x.described(t, "S")
		stored, packed := x.backup(t, "S", "")
		x.request(apiPrefix+"STREAM.DELETE.S", "", "")
		if answer := x.restoreBackup(t, "S", stored, packed, 1<<20); !strings.Contains(answer, `"created"`) {
			t.Errorf("%s: %s", options, answer)
		} else if after := x.described(t, "S"); after != before {
			t.Errorf("%s:\nbefore %s\nafter  %s", options, before, after)
		}
	}
}

// described is all that can be seen of a stream, but for when it was created.
func (x *tester) described(t *testing.T, name string) string {
	t.Helper()
	info := mask(x.request(apiPrefix+"STREAM.INFO."+name, "", `{"deleted_details":true,"subjects_filter":">"}`)[0].body)
	return info + x.contents(t, name, 105)
}
