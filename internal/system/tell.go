package system

import (
	"encoding/json"

	"myelin/internal/broker"
	"myelin/internal/router"
)

// Tell publishes a document in an account. It is made and published later, and dropped if too many wait. A server without a
// system account tells nothing.
func (g *Guest) Tell(account *broker.Account, subject string, document func() any) {
	if g.account == nil {
		return
	}
	g.traces.add(func() {
		body, err := json.Marshal(document())
		if err != nil {
			g.opt.Log.Errorf("What is told on %q cannot be encoded: %v", subject, err)
			return
		}
		session := account.Open(nil)
		session.Publish(&router.Message{Subject: []byte(subject), Payload: body})
		session.Rest()
	})
}
