package system

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"strings"

	"github.com/klauspost/compress/s2"

	"myelin/internal/broker"
	"myelin/internal/header"
	"myelin/internal/msgtrace"
	"myelin/internal/router"
)

const (
	acceptField   = "Accept-Encoding"
	encodingField = "Content-Encoding"
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
	if json.Unmarshal(header.Get(block, broker.InfoField), &who) != nil {
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
	session := r.account.Open(nil)
	session.Reply(encoded(r.encoding, bytes.Clone(r.reply), body))
	session.Rest()
}

// encoded is a message with a body in an encoding, of which its header tells unless that is Plain.
func encoded(e msgtrace.Encoding, subject, body []byte) *router.Message {
	m := &router.Message{Subject: subject, Payload: body}
	if e == msgtrace.Plain {
		return m
	}
	if e == msgtrace.Snappy || e == msgtrace.Gzip {
		m.Payload = compressed(e, body)
	}
	m.Header = header.AppendEnd(header.AppendField(header.AppendStart(nil), encodingField, string(e)))
	return m
}

// compressed is a body in an encoding. Writing to memory does not fail.
func compressed(e msgtrace.Encoding, body []byte) []byte {
	var buf bytes.Buffer
	var w io.WriteCloser = gzip.NewWriter(&buf)
	if e == msgtrace.Snappy {
		w = s2.NewWriter(&buf, s2.WriterSnappyCompat(), s2.WriterConcurrency(1))
	}
	_, _ = w.Write(body)
	_ = w.Close()
	return buf.Bytes()
}
