package jetstream

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"myelin/internal/stream"
)

// consumerFigures are what a consumer shows of itself, but for times.
type consumerFigures struct {
	Delivered   archivedPosition `json:"delivered"`
	Floor       archivedPosition `json:"ack_floor"`
	AckPending  int              `json:"num_ack_pending"`
	Redelivered int              `json:"num_redelivered"`
	Pending     int              `json:"num_pending"`
}

func (x *tester) figures(t *testing.T, of, name string) (f consumerFigures) {
	t.Helper()
	if err := json.Unmarshal([]byte(x.request(apiPrefix+"CONSUMER.INFO."+of+"."+name, "", "")[0].body), &f); err != nil {
		t.Fatal(err)
	}
	return f
}

// Consumers of a stock server's backups are restored as that server restores them.
func TestStockConsumersAreRestored(t *testing.T) {
	text, err := os.ReadFile("testdata/stock_consumers.json")
	if err != nil {
		t.Fatal(err)
	}
	var backups []struct {
		Config    json.RawMessage
		Backup    []byte
		Consumers map[string]consumerFigures
	}
	if err := json.Unmarshal(text, &backups); err != nil {
		t.Fatal(err)
	}
	x := newEngineTester(t)
	x.clock.Advance(time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC).Sub(x.clock.Now())) // after the backups
	for _, stock := range backups {
		var config struct{ Name string }
		if err := json.Unmarshal(stock.Config, &config); err != nil {
			t.Fatal(err)
		}
		if answer := x.restoreBackup(t, config.Name, string(stock.Config), stock.Backup, 1000); !strings.Contains(answer, `"created"`) {
			t.Fatal(answer)
		}
		for name, want := range stock.Consumers {
			if got := x.figures(t, config.Name, name); got != want {
				t.Errorf("%s > %s is %+v, on a stock server %+v", config.Name, name, got, want)
			}
		}
		if got := x.api.engine.Stream("$G", config.Name).Consumers(); len(got) != len(stock.Consumers) {
			t.Errorf("%s has %d consumers instead of %d", config.Name, len(got), len(stock.Consumers))
		}
	}
	if got := x.pullAll("CS", "EXP", 8); fmt.Sprint(got) != "[3*4 5*3 7*2 8*2 9*2 10*2 11*1 12*1]" {
		t.Errorf("then EXP gets %v", got)
	}
}

// pulled has a consumer deliver messages.
func (x *tester) pulled(of, name string, count int) []received {
	x.publish(apiPrefix+"CONSUMER.MSG.NEXT."+of+"."+name, "_I.pull", "", fmt.Sprintf(`{"batch":%d,"no_wait":true}`, count))
	return slices.DeleteFunc(x.inbox.await(count), func(m received) bool { return m.reply == "" })
}

// pullAll lists sequences and how often they were delivered.
func (x *tester) pullAll(of, name string, count int) (list []string) {
	for _, m := range x.pulled(of, name, count) {
		parts := strings.Split(m.reply, ".")
		list = append(list, parts[5]+"*"+parts[4])
	}
	return list
}

// What was acknowledged before a backup is not delivered after it was restored, and what was not is; extensions, too.
func TestBackupKeepsConsumers(t *testing.T) {
	x := newEngineTester(t)
	x.request(apiPrefix+"STREAM.CREATE.S", "", `{"name":"S","subjects":["a.>"],"retention":"interest"}`)
	create := func(name, config string) {
		got := x.request(apiPrefix+"CONSUMER.CREATE.S."+name, "", `{"stream_name":"S","config":{"name":"`+name+`","ack_policy":"explicit",`+config+`}}`)
		if !strings.Contains(got[0].body, `"created"`) {
			t.Fatal(got[0].body)
		}
	}
	create("ACKS", `"durable_name":"ACKS","metadata":{"myelin.dead_letter":"D","mine":"1"}`)
	create("KEYS", `"durable_name":"KEYS","metadata":{"myelin.order_key":"subject:2"}`)
	create("ONCE", `"durable_name":"ONCE","max_deliver":1,"ack_wait":1000000000`)
	create("PUSH", `"durable_name":"PUSH","deliver_subject":"nobody"`)
	create("EPHEMERAL", `"inactive_threshold":3600000000000`)
	for i := range 12 {
		x.publish(fmt.Sprintf("a.%d", i%2), "", "", "x")
	}
	x.settleStreams()
	create("LASTS", `"durable_name":"LASTS","deliver_policy":"last_per_subject","filter_subject":"a.>"`)
	got := x.pulled("S", "ACKS", 6)
	for _, i := range []int{0, 1, 3} {
		x.publish(got[i].reply, "_I.ack", "", "+ACK")
		x.inbox.wait(t, 1)
	}
	x.pulled("S", "ONCE", 2)
	x.clock.Advance(2 * time.Second)
	if keys := x.pullAll("S", "KEYS", 2); fmt.Sprint(keys) != "[1*1 2*1]" {
		t.Fatal(keys, x.inbox.take())
	}
	x.settleStreams()
	all := func() (list []string) {
		for _, name := range []string{"ACKS", "KEYS", "ONCE", "PUSH", "EPHEMERAL", "LASTS"} {
			list = append(list, mask(x.request(apiPrefix+"CONSUMER.INFO.S."+name, "", "")[0].body))
		}
		return list
	}
	before := all()
	config, packed := x.backup(t, "S", "")
	_, without := x.backup(t, "S", `,"no_consumers":true`)
	x.request(apiPrefix+"STREAM.DELETE.S", "", "")
	if answer := x.restoreBackup(t, "S", config, without, 1<<20); !strings.Contains(answer, `"consumer_count":0`) {
		t.Error(answer)
	}
	x.request(apiPrefix+"STREAM.DELETE.S", "", "")
	if answer := x.restoreBackup(t, "S", config, packed, 1<<20); !strings.Contains(answer, `"consumer_count":6`) {
		t.Fatal(answer)
	}
	after := all()
	for i := range before {
		if before[i] != after[i] {
			t.Errorf("before %s\nafter  %s", before[i], after[i])
		}
	}
	x.clock.Advance(time.Minute)
	for _, row := range []struct{ consumer, want string }{
		{"ACKS", "[3*2 5*2 6*2 7*1 8*1 9*1 10*1 11*1 12*1]"}, {"ONCE", "[3*1 4*1 5*1 6*1 7*1 8*1 9*1 10*1 11*1 12*1]"},
		{"KEYS", "[1*2 2*2]"}, {"LASTS", "[11*1 12*1]"}, {"EPHEMERAL", "[1*1 2*1 3*1 4*1 5*1 6*1 7*1 8*1 9*1 10*1 11*1 12*1]"},
	} {
		if got := x.pullAll("S", row.consumer, strings.Count(row.want, "*")); fmt.Sprint(got) != row.want {
			t.Errorf("then %s gets %v, not %s", row.consumer, got, row.want)
		}
	}
}

// await polls until something is so that happens in the background.
func await(t *testing.T, what string, ready func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ready(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("waited in vain for ", what)
		}
	}
}

// Dead letters that waited when a backup was made go on in the stream that is made of it, each exactly once, however often it is
// restored, and whether or not the stream that takes them is restored, too.
func TestBackupKeepsDeadLetters(t *testing.T) {
	x := newEngineTester(t)
	x.request(apiPrefix+"STREAM.CREATE.S", "", `{"name":"S","subjects":["a.>"],"retention":"workqueue"}`)
	x.request(apiPrefix+"CONSUMER.CREATE.S.C", "", `{"stream_name":"S","config":{"name":"C","durable_name":"C","ack_policy":"explicit","metadata":{"myelin.dead_letter":"D"}}}`)
	die := func(n int) {
		for i := range n {
			x.publish(fmt.Sprintf("a.%d", i), "", "", "x")
		}
		x.settleStreams()
		for _, m := range x.pulled("S", "C", n) {
			x.publish(m.reply, "_I.ack", "", "+TERM no")
			x.inbox.wait(t, 1)
		}
	}
	waiting := func(want string) {
		t.Helper()
		await(t, "letters that wait: "+want, func() bool {
			own := x.api.infoOf(x.api.engine.Stream("$G", "S")).Own
			return own == nil && want == "0" || own != nil && fmt.Sprint(own.DeadLetters) == want
		})
	}
	taken := func(want uint64) {
		t.Helper()
		s := x.api.engine.Stream("$G", "D")
		await(t, fmt.Sprint(want, " letters in the target"), func() bool { return x.api.infoOf(s).State.Messages >= want })
		waiting("0")
		if got := x.api.infoOf(s).State.Messages; got != want {
			t.Errorf("the target has %d letters, not %d", got, want)
		}
	}
	die(3)
	waiting("3")
	config, packed := x.backup(t, "S", "")
	_, without := x.backup(t, "S", `,"no_consumers":true`)
	again := func(packed []byte) {
		t.Helper()
		x.request(apiPrefix+"STREAM.DELETE.S", "", "")
		// How many messages it has depends on how many letters were taken before it answered.
		if answer := x.restoreBackup(t, "S", config, packed, 1<<20); !strings.Contains(answer, `"last_seq":3`) {
			t.Fatal(answer)
		}
	}
	again(packed)
	waiting("3")
	die(1) // here
	x.request(apiPrefix+"STREAM.CREATE.D", "", `{"name":"D","subjects":["d"]}`)
	taken(4)
	again(without)
	taken(4)
	target, packedTarget := x.backup(t, "D", "")
	x.request(apiPrefix+"STREAM.DELETE.D", "", "")
	again(packed)
	waiting("3")
	if answer := x.restoreBackup(t, "D", target, packedTarget, 1<<20); !strings.Contains(answer, `"messages":4`) {
		t.Fatal(answer)
	}
	taken(4)
	if m := x.api.infoOf(x.api.engine.Stream("$G", "S")).State.Messages; m != 0 {
		t.Errorf("%d messages stay", m)
	}
}

// A backup whose consumers cannot be created leaves no stream, and says which.
func TestBadConsumersLeaveNothing(t *testing.T) {
	x := newEngineTesterWith(t, func(o *Options) {
		limits := Unlimited
		limits.MaxConsumers = 1
		o.Limits = func(string) *Limits { return &limits }
	})
	consumer := func(name, body string) entry { return entry{Name: []byte(archiveConsume + name), Body: []byte(body)} }
	for fault, list := range map[string][]entry{
		"consumer A: unexpected end":    {consumer("A", `{`)},
		"consumer A: consumer name":     {consumer("A", `{"config":{"name":"B.C"}}`)},
		"consumer A: can not":           {consumer("A", `{"config":{"ack_policy":"maybe"}}`)},
		"consumer B: maximum consumers": {consumer("A", `{}`), consumer("B", `{}`)},
		"dead letters: ":                {{Name: []byte(archiveState), Body: []byte(`{"_myelin":{"dead_letters":"AAAA"}}`)}},
		"consumer A: bad request":       {consumer("A", `{"config":{"filter_subject":"a"},"_myelin":{"initial":[0],"initial_end":4}}`)},
	} {
		packed := pack(t, write(t, list...))
		if answer := x.restoreBackup(t, "S", `{"name":"S","subjects":["a"]}`, packed, 1<<20); !strings.Contains(answer, `"err_code":10062,"description":"restore failed: `+fault) {
			t.Errorf("%s: %s", fault, answer)
		}
		if names := x.request(apiPrefix+"STREAM.NAMES", "", "")[0].body; !strings.Contains(names, `"streams":null`) {
			t.Errorf("%s: %s", fault, names)
		}
	}
}

// Whatever an archive says of a consumer, there is a command of it.
func FuzzArchivedConsumer(f *testing.F) {
	f.Add([]byte(`{"config":{"name":"A"},"state":{"delivered":{"consumer_seq":3,"stream_seq":9},"ack_floor":{"stream_seq":1},"pending":{"2":{"Sequence":1,"Timestamp":5}},"redelivered":{"2":1,"3":1}}}`))
	f.Add([]byte(`{"config":{"name":"A"},"state":{},"_myelin":{"early":[7,5],"initial":[9,2,2],"initial_end":9,"passed":[4]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var a archivedConsumer
		if json.Unmarshal(data, &a) != nil {
			return
		}
		rec := a.record()
		for i, p := range rec.Pending {
			if p.Seq > rec.Delivered.Stream || i > 0 && p.Seq <= rec.Pending[i-1].Seq || p.Count > math.MaxInt32 {
				t.Fatalf("%+v", rec.Pending)
			}
		}
		if command := (&stream.RestoreConsumer{ConsumerRecord: *rec}).Encode(nil); len(command) == 0 {
			t.Fatal("no command")
		}
		if _, err := archived(rec); err != nil && a.Config.StartTime == nil && a.Config.PauseUntil == nil {
			t.Fatal(err)
		}
	})
}
