package durability

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/nats-io/nats.go"

	"myelin/internal/testkit"
)

const (
	diskMiB    = 320
	ballastMiB = 96
	fullBody   = 64 << 10 // bytes

	insufficientResources = 10023
)

// TestFullDisk fills the disk: publishes are refused, in words that clients
// know, everything else goes on, also in a server that is started there, and
// what frees space can be done. With space, publishing goes on by itself.
func TestFullDisk(t *testing.T) {
	if !testkit.OwnBinary() {
		t.Skip("a stock server leaves publishes without an answer when the disk is full, and refuses to purge")
	}
	t.Run("space is made elsewhere", func(t *testing.T) {
		f := fill(t)
		f.disk.run("rm", f.ballast)
		f.publishesAgain()
		f.check()
	})
	t.Run("a purge makes space", func(t *testing.T) {
		f := fill(t)
		f.purge()
		f.publishesAgain()
		f.check()
	})
	t.Run("a crash on the full disk", func(t *testing.T) {
		f := fill(t)
		f.restart()
		f.servesOn()
		f.check()
		f.purge()
		f.publishesAgain()
		f.restart()
		f.check()
	})
}

// A fullServer is a server whose disk is full, and what it was asked.
type fullServer struct {
	t       *testing.T
	disk    *disk
	ballast string // a file that takes space
	server  *testkit.Server
	ending  atomic.Bool
	conn    *connection
	ledger  *ledger
	refused map[string]bool // by ID
}

// fill starts a server and publishes until it refuses.
func fill(t *testing.T) *fullServer {
	t.Helper()
	f := &fullServer{t: t, disk: newDisk(t, diskMiB), refused: map[string]bool{}}
	f.ballast = filepath.Join(f.disk.dir, "ballast")
	f.disk.run("fallocate", "--length", fmt.Sprintf("%dMiB", ballastMiB), f.ballast)
	f.server = testkit.Start(t, testkit.Options{Wrapper: f.disk.into,
		Config: fmt.Sprintf("jetstream { store_dir: %q, sync_interval: always, max_file: 1GB }\n", filepath.Join(f.disk.dir, "store"))})
	f.conn = connect(t, f.server, &f.ending)
	f.ledger = newLedger("FULL", func(id string) (string, []byte) {
		return "full", []byte(id + strings.Repeat(".", fullBody))
	}, retention{})
	if _, err := ask(f.conn, "STREAM.CREATE.FULL", map[string]any{"name": "FULL", "subjects": []string{"full"},
		"storage": "file", "num_replicas": 1, "allow_direct": true}); err != nil {
		t.Fatal(err)
	}
	for range diskMiB << 20 / fullBody {
		if err := f.publish(); err != nil {
			if err.ErrorCode != insufficientResources || err.Code != 503 {
				t.Errorf("the disk is full, and the publisher is told %+v", err)
			}
			f.servesOn()
			return f
		}
	}
	t.Fatal("more was stored than the disk holds")
	return nil
}

// publish publishes one message and returns why it was refused, or nil.
func (f *fullServer) publish() *nats.APIError {
	f.t.Helper()
	id := fmt.Sprint(len(f.ledger.attempts))
	subject, body := f.ledger.make(id)
	f.ledger.published(id)
	reply, err := f.conn.RequestMsg(&nats.Msg{Subject: subject, Data: body, Header: nats.Header{nats.MsgIdHdr: {id}}}, patience)
	if err != nil {
		f.t.Fatalf("message %s has no answer: %v", id, err)
	}
	var ack struct {
		Seq       uint64
		Duplicate bool
		Error     *nats.APIError
	}
	if err := json.Unmarshal(reply.Data, &ack); err != nil {
		f.t.Fatalf("message %s is answered %q: %v", id, reply.Data, err)
	}
	if ack.Error != nil {
		f.refused[id] = true
		return ack.Error
	}
	f.ledger.acked(id, ack.Seq, ack.Duplicate)
	return nil
}

// servesOn fails the test unless everything but storing works.
func (f *fullServer) servesOn() {
	f.t.Helper()
	seqs := f.ledger.sequences()
	for _, seq := range []uint64{seqs[0], seqs[len(seqs)-1]} {
		if _, ok, err := get(f.conn, "FULL", seq); !ok || err != nil {
			f.t.Errorf("message %d on the full disk: %v, %v", seq, ok, err)
		}
	}
	sub, err := f.conn.SubscribeSync("elsewhere")
	if err != nil {
		f.t.Fatal(err)
	}
	if err := f.conn.Publish("elsewhere", nil); err != nil {
		f.t.Fatal(err)
	}
	if _, err := sub.NextMsg(patience); err != nil {
		f.t.Errorf("a message that is not stored, while the disk is full: %v", err)
	}
	if err := f.publish(); err == nil {
		f.t.Log("there was space for one more message")
	}
}

// purge removes all but the last message.
func (f *fullServer) purge() {
	f.t.Helper()
	seqs := f.ledger.sequences()
	below := seqs[len(seqs)-1]
	f.ledger.purgeAsked(below)
	if done, err := ask(f.conn, "STREAM.PURGE.FULL", map[string]any{"seq": below}); !done {
		f.t.Fatalf("purge on the full disk: %v", err)
	}
	f.ledger.purgeConfirmed(below)
}

// publishesAgain waits until messages are stored again.
func (f *fullServer) publishesAgain() {
	f.t.Helper()
	testkit.Eventually(f.t, "the server to store messages again", func() bool { return f.publish() == nil })
	for range 10 {
		if err := f.publish(); err != nil {
			f.t.Errorf("with space, a publisher is told %+v", err)
		}
	}
}

func (f *fullServer) restart() {
	f.t.Helper()
	f.ending.Store(true)
	f.server.Kill()
	f.server.Start()
	f.ending.Store(false)
	f.conn = connect(f.t, f.server, &f.ending)
}

// check reads everything back. What was refused must not be there.
func (f *fullServer) check() {
	f.t.Helper()
	found, err := readAll(f.conn, "FULL")
	if err != nil {
		f.t.Fatal(err)
	}
	for _, complaint := range f.ledger.check(found) {
		f.t.Error(complaint)
	}
	for seq, m := range found.messages {
		if f.refused[m.id] {
			f.t.Errorf("%s was refused and is stored at %d", m.id, seq)
		}
	}
}
