package durability

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strings"

	"github.com/nats-io/nats.go"
)

const (
	smallBody  = 300 // bytes, as all others
	middleBody = 20 << 10
	largeBody  = 300 << 10
)

// messagesOf returns the maker of a stream's messages, on so many subjects, with
// most of the bodies this many times as large as usual.
func messagesOf(stream string, subjects, scale int) maker {
	return func(id string) (string, []byte) {
		hash := fnv.New64a()
		hash.Write([]byte(id)) // cannot fail
		random := rand.New(rand.NewPCG(hash.Sum64(), 0))
		size := random.IntN(smallBody * scale)
		switch draw := random.IntN(500); {
		case draw == 0:
			size = random.IntN(largeBody)
		case draw < 10:
			size = random.IntN(middleBody)
		}
		text := id + " "
		return fmt.Sprintf("%s.%d", stream, random.IntN(subjects)), bytes.Repeat([]byte(text), 1+size/len(text))
	}
}

// A publisher keeps some messages in flight on one stream, for as long as its
// connection lasts. It outlives connections, and first publishes again what had
// no answer on the last one, and some of what had.
type publisher struct {
	ledger *ledger
	name   string
	window int
	quota  int // how many messages in all; no end when 0
	acked  func()

	sent   int
	again  []string // to be published once more
	recent []string // acknowledged last
}

const recentKept = 20

// run publishes until the connection is gone or the quota is reached.
func (p *publisher) run(c *connection) error {
	inbox := nats.NewInbox()
	acks := make(chan *nats.Msg, p.window)
	if _, err := c.ChanSubscribe(inbox+".*", acks); err != nil {
		return c.unlessGone(err)
	}
	pending := map[string]string{} // ID by reply subject
	for serial := 0; ; {
		for len(pending) < p.window {
			id, ok := p.next()
			if !ok {
				break
			}
			serial++
			reply := fmt.Sprintf("%s.%d", inbox, serial)
			pending[reply] = id
			if err := p.publish(c, id, reply); err != nil {
				return c.unlessGone(err)
			}
		}
		if len(pending) == 0 {
			return nil
		}
		select {
		case m := <-acks:
			if id, ok := pending[m.Subject]; ok {
				delete(pending, m.Subject)
				p.take(c, id, m)
			}
		case <-c.gone:
			return nil
		}
	}
}

// next returns the ID to publish next, if there is one.
func (p *publisher) next() (string, bool) {
	if len(p.again) > 0 {
		id := p.again[0]
		p.again = p.again[1:]
		return id, true
	}
	if p.quota > 0 && p.sent >= p.quota {
		return "", false
	}
	p.sent++
	return fmt.Sprintf("%s-%d", p.name, p.sent), true
}

func (p *publisher) publish(c *connection, id, reply string) error {
	subject, body := p.ledger.make(id)
	p.ledger.published(id)
	return c.PublishMsg(&nats.Msg{Subject: subject, Reply: reply, Data: body,
		Header: nats.Header{nats.MsgIdHdr: {id}}})
}

// take notes what became of a message. What is refused by a server that ends
// counts as not answered.
func (p *publisher) take(c *connection, id string, reply *nats.Msg) {
	var ack struct {
		Stream    string
		Seq       uint64
		Duplicate bool
		Error     *nats.APIError
	}
	why := ""
	switch err := json.Unmarshal(reply.Data, &ack); {
	case err != nil:
		why = fmt.Sprintf("%v in %q with %v", err, reply.Data, reply.Header)
	case ack.Error != nil:
		why = ack.Error.Error()
	case ack.Stream != p.ledger.stream:
		why = "acknowledged by " + ack.Stream
	}
	if why != "" {
		if !c.ending.Load() {
			p.ledger.refused(id, why)
		}
		return
	}
	p.ledger.acked(id, ack.Seq, ack.Duplicate)
	if p.recent = append(p.recent, id); len(p.recent) > recentKept {
		p.recent = p.recent[1:]
	}
	p.acked()
}

// resume makes the publisher begin with retries: of all its messages that had
// no answer, and of those that had one and are still there.
func (p *publisher) resume(found contents) {
	there := map[string]bool{}
	for _, m := range found.messages {
		there[m.id] = true
	}
	p.again = nil
	for _, id := range p.ledger.unanswered() {
		if strings.HasPrefix(id, p.name+"-") {
			p.again = append(p.again, id)
		}
	}
	for _, id := range p.recent {
		if there[id] {
			p.again = append(p.again, id)
		}
	}
}
