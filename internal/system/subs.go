package system

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"

	"myelin/internal/router"
)

// subsKind counts the subscriptions that a message would reach.
type subsKind struct{}

func (subsKind) knows([]string) bool { return true }

func (subsKind) answer(g *Guest, r *request) any {
	var q struct {
		Subject string `json:"subject"`
		Queue   string `json:"queue"`
		Account string `json:"acc"`
	}
	if json.Unmarshal(r.body, &q) != nil {
		return nil
	}
	a := g.opt.Broker.Account(q.Account)
	if a == nil {
		return nil
	}
	n := 0
	a.Router().Each(func(s *router.Sub) bool {
		if s.Pattern == q.Subject && (q.Queue == "" || s.Queue == q.Queue) {
			n++
		}
		return true
	})
	return strconv.AppendInt(nil, int64(n), 10)
}

// debugKind counts the subscriptions that share subjects with what the body names: a subject, and after a blank perhaps a
// queue group. They are those of the account that asks.
type debugKind struct{}

func (debugKind) knows([]string) bool { return true }

func (debugKind) answer(g *Guest, r *request) any {
	words := bytes.Fields(r.body)
	account := r.account.Name()
	if r.asker != "" {
		account = r.asker
	}
	n := 0
	if len(words) > 0 {
		queue := ""
		if len(words) > 1 {
			queue = string(words[1])
		}
		n = g.opt.Views.CountSubs(account, string(words[0]), queue)
	}
	return fmt.Appendf(nil, "%d", n)
}
