package jetstream

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"myelin/internal/router"
)

// Many clients at a time create, fill, read and delete streams of their own and one of all; each gets an
// answer to each request, and the right one.
func TestConcurrentClients(t *testing.T) {
	x := newEngineTester(t)
	x.request("$JS.API.STREAM.CREATE.ALL", "", `{"name":"ALL","subjects":["all.>"],"allow_direct":true}`)
	var clients sync.WaitGroup
	for n := range 8 {
		clients.Go(func() {
			c := &client{t: t, x: x, n: n}
			c.run()
		})
	}
	clients.Wait()
	if got := x.request("$JS.API.STREAM.NAMES", "", ""); !strings.Contains(got[0].body, `"total":1,`) {
		t.Errorf("left: %s", got[0].body)
	}
}

type client struct {
	t *testing.T
	x *tester
	n int
}

func (c *client) run() {
	session := c.x.broker.Open(nil)
	defer session.Rest()
	to := fmt.Sprintf("_C.%d", c.n)
	answers := c.x.listen(to)
	name := fmt.Sprintf("S%d", c.n)
	askFor := func(n int, subject, body, want string) {
		session.Publish(&router.Message{Subject: []byte(subject), Reply: []byte(to), Payload: []byte(body)})
		session.Flush()
		if got := answers.wait(c.t, n); len(got) != n || !strings.Contains(got[0].header+got[0].body, want) {
			c.t.Errorf("%s: %v, want %s", subject, got, want)
		}
	}
	ask := func(subject, body, want string) { askFor(1, subject, body, want) }
	for round := range 10 {
		ask("$JS.API.STREAM.CREATE."+name, `{"name":"`+name+`","subjects":["`+name+`.*"],"allow_direct":true}`, `"did_create":true`)
		for seq := 1; seq <= 5; seq++ {
			ask(fmt.Sprintf("%s.%d", name, seq), "body", fmt.Sprintf(`{"stream":"%s","seq":%d}`, name, seq))
		}
		ask(fmt.Sprintf("all.%d", c.n), fmt.Sprint(round), `"stream":"ALL"`)
		ask(fmt.Sprintf("$JS.API.DIRECT.GET.ALL.all.%d", c.n), "", "\r\n\r\n"+fmt.Sprint(round))
		askFor(2, "$JS.API.DIRECT.GET."+name, `{"multi_last":["`+name+`.2"],"batch":1}`, "Nats-Sequence: 2")
		ask("$JS.API.STREAM.PURGE."+name, "", `"purged":5`)
		ask("$JS.API.STREAM.INFO."+name, "", `"messages":0,`)
		ask("$JS.API.STREAM.DELETE."+name, "", `"success":true`)
	}
}
