package system

import (
	"bytes"
	"encoding/json"
	"strings"

	"myelin/internal/header"
	"myelin/internal/msgtrace"
	"myelin/internal/router"
)

const (
	acceptField = "Accept-Encoding"
	askerField  = "Nats-Request-Info" // from another account
)

// encodingFor is how to encode views for a request with that header; "" if it does not say what it takes.
func encodingFor(block []byte) msgtrace.Encoding {
	const identity msgtrace.Encoding = "identity"
	accepted := strings.ToLower(string(header.Get(block, acceptField)))
	switch {
	case accepted == "":
		return ""
	case strings.Contains(accepted, "snappy"), strings.Contains(accepted, "s2"):
		return msgtrace.Snappy
	case strings.Contains(accepted, "gzip"):
		return msgtrace.Gzip
	default:
		return identity
	}
}

// askerOf is the account that a request comes from, if that is another than the one in which it arrives.
func askerOf(block []byte) string {
	var who struct {
		Account string `json:"acc"`
	}
	if json.Unmarshal(header.Get(block, askerField), &who) != nil {
		return ""
	}
	return who.Account
}

// reply sends an answer, which views have encoded as the request likes it. It is called by the worker.
func (g *Guest) reply(r *request, answer any) {
	if len(r.reply) == 0 {
		return
	}
	a, isView := answer.(*answered)
	if isView = isView && a.view; !isView || r.encoding == "" {
		g.publish(r.account, r.reply, answer)
		return
	}
	body, err := json.Marshal(answer)
	if err != nil {
		g.opt.Log.Errorf("An answer to %s cannot be encoded: %v", strings.Join(r.subject, "."), err)
		return
	}
	if r.encoding == msgtrace.Snappy || r.encoding == msgtrace.Gzip {
		body = compressed(r.encoding, body)
	}
	m := &router.Message{Subject: bytes.Clone(r.reply), Payload: body}
	m.Header = header.AppendEnd(header.AppendField(header.AppendStart(nil), "Content-Encoding", string(r.encoding)))
	session := r.account.Open(nil)
	session.Reply(m)
	session.Rest()
}
