package durability

import (
	"encoding/json"
	"fmt"
	"sync"

	"github.com/nats-io/nats.go"
)

const readers = 16

// readAll reads a whole stream, message by message.
func readAll(c *connection, stream string) (contents, error) {
	reply, err := c.request("$JS.API.STREAM.INFO."+stream, nil)
	if err != nil {
		return contents{}, fmt.Errorf("%s: %w", stream, err)
	}
	var info struct {
		Error *struct{ Description string }
		State struct {
			Messages uint64
			First    uint64 `json:"first_seq"`
			Last     uint64 `json:"last_seq"`
		}
	}
	if err := json.Unmarshal(reply.Data, &info); err != nil {
		return contents{}, fmt.Errorf("%s: %w in %q", stream, err, reply.Data)
	}
	if info.Error != nil {
		return contents{}, fmt.Errorf("%s: %s", stream, info.Error.Description)
	}
	found := contents{first: info.State.First, last: info.State.Last, count: info.State.Messages, messages: map[uint64]message{}}
	return found, found.read(c, stream)
}

// read fills in the messages. It asks for every number up to the last one, so
// that what should be gone and is not is found as well.
func (found *contents) read(c *connection, stream string) error {
	seqs := make(chan uint64)
	var all sync.WaitGroup
	var mu sync.Mutex // of the messages and failed
	var failed error
	for range readers {
		all.Go(func() {
			for seq := range seqs {
				m, ok, err := get(c, stream, seq)
				mu.Lock()
				if err != nil {
					failed = err
				} else if ok {
					found.messages[seq] = m
				}
				mu.Unlock()
			}
		})
	}
	for seq := uint64(1); seq <= found.last; seq++ {
		seqs <- seq
	}
	close(seqs)
	all.Wait()
	return failed
}

// get reads one message, if it is there.
func get(c *connection, stream string, seq uint64) (message, bool, error) {
	reply, err := c.request("$JS.API.DIRECT.GET."+stream, fmt.Appendf(nil, `{"seq":%d}`, seq))
	if err != nil {
		return message{}, false, fmt.Errorf("get %d of %s: %w", seq, stream, err)
	}
	switch status := reply.Header.Get("Status"); {
	case status == "404":
		return message{}, false, nil
	case status != "" || reply.Header.Get("Nats-Stream") != stream || reply.Header.Get("Nats-Sequence") != fmt.Sprint(seq):
		return message{}, false, fmt.Errorf("get %d of %s: the answer is %v", seq, stream, reply.Header)
	}
	return describe(reply.Header.Get(nats.MsgIdHdr), reply.Header.Get("Nats-Subject"), reply.Data), true, nil
}
