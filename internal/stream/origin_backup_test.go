package stream

import (
	"testing"
	"time"
)

// Messages of a backup keep sequence, time, header and body, are neither judged nor transformed, count for limits,
// ids and ages, and say how far their sources had come.
func TestBackup(t *testing.T) {
	x := newLab(t, Config{
		Sources: []Source{{Name: "A"}}, Transform: &SubjectTransform{"a.>", "b.>"}, MaxMsgs: 2, MaxMsgSize: 10, AllowRollup: true,
		AllowTTL: true,
	})
	message := func(seq uint64, fields ...string) *Copy {
		return &Copy{Backup, seq, 0, int64(time.Minute), Append{1, []byte("a.x"), headerOf(fields...), []byte("body")}}
	}
	x.want(x.do(message(3, "Nats-Expected-Last-Sequence: 9", "Nats-Msg-Id: 1", "Nats-TTL: 1h")), "3 0 false",
		"3 a.x \"NATS/1.0\\r\\nNats-Expected-Last-Sequence: 9\\r\\nNats-Msg-Id: 1\\r\\nNats-TTL: 1h\\r\\n\\r\\n\" body\n")
	if at := x.fx.Stored[0].Time; at != int64(time.Minute) {
		t.Errorf("stored at %d", at)
	}
	if got, want := x.state.Deadline(), int64(time.Minute+time.Hour); got != want {
		t.Errorf("expires at %d, want %d", got, want)
	}
	x.want(x.do(message(3)), "0 0 true", "")
	x.want(x.do(message(5, "Nats-Rollup: all", "Nats-Stream-Source: A 7 > > a.x who")), "5 0 false",
		"5 a.x \"NATS/1.0\\r\\nNats-Rollup: all\\r\\nNats-Stream-Source: A 7 > > a.x who\\r\\n\\r\\n\" body\n")
	if o := x.state.Origins()[0]; o.Seq != 7 || o.Identity != "" {
		t.Errorf("%+v", o)
	}
	x.want(x.do(message(6)), "6 0 false", "6 a.x \"\" body\n")
	x.do(Skip{Origin: Backup, Seq: 9})
	if i := x.state.Info(); i.Messages != 2 || i.First != 5 || i.Last != 9 {
		t.Errorf("%+v", i)
	}
}

// Counters go on from where they were.
func TestBackupOfCounter(t *testing.T) {
	x := newLab(t, Config{AllowCounter: true, Subjects: []string{"c"}})
	x.do(&Copy{Backup, 4, 0, 1, Append{1, []byte("c"), headerOf("Nats-Incr: 2"), []byte(`{"val":"40"}`)}})
	if r := x.do(&Append{1, []byte("c"), headerOf("Nats-Incr: 2"), nil}); r.Seq != 5 || string(r.Value) != "42" {
		t.Errorf("%+v", r)
	}
	if r := x.do(&Copy{Backup, 9, 0, 1, Append{1, []byte("c"), nil, []byte("what")}}); r.Err == nil {
		t.Error("what does not count was taken")
	}
}
