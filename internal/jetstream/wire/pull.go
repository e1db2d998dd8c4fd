package wire

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"

	"myelin/internal/consumer"
)

// JSApiConsumerGetNextRequest is a request for messages in JSON. Its name, and those of its fields, show in the
// texts of errors.
type JSApiConsumerGetNextRequest struct {
	Expires   time.Duration `json:"expires,omitempty"`
	Batch     int           `json:"batch,omitempty"`
	MaxBytes  int           `json:"max_bytes,omitempty"`
	NoWait    bool          `json:"no_wait,omitempty"`
	Heartbeat time.Duration `json:"idle_heartbeat,omitempty"`
	PriorityGroup
}

// PriorityGroup are the fields of a request that are for consumers with a priority policy.
type PriorityGroup struct {
	Group         string `json:"group,omitempty"`
	MinPending    int64  `json:"min_pending,omitempty"`
	MinAckPending int64  `json:"min_ack_pending,omitempty"`
	ID            string `json:"id,omitempty"`
	Priority      int    `json:"priority,omitempty"`
}

// The status of a request that cannot be read: its description begins with badRequest.
const (
	BadRequestCode = 400
	badRequest     = "Bad Request - "
)

// ParsePull reads the payload of a request for messages whose answers go to a subject, which the Request keeps:
// it must be the caller's to give away. A payload is a number of messages or an object of JSON, with white
// space around it; anything else, and a number below 1, asks for one message, as from a stock server. Unknown
// members are skipped.
//
// If the JSON is wrong, problem is the description of a status of BadRequestCode to answer with, and there is no request.
func ParsePull(payload, to []byte) (r consumer.Request, problem string) {
	text := bytes.TrimSpace(payload)
	r = consumer.Request{To: to, Batch: 1}
	if len(text) == 0 {
		return r, ""
	}
	if text[0] != '{' {
		if n, err := strconv.Atoi(string(text)); err == nil {
			r.Batch = max(n, 1)
		}
		return r, ""
	}
	var q JSApiConsumerGetNextRequest
	if err := json.Unmarshal(text, &q); err != nil {
		return consumer.Request{}, badRequest + err.Error()
	}
	return consumer.Request{
		To: to, Batch: max(q.Batch, 1), MaxBytes: q.MaxBytes, Expires: int64(q.Expires), Heartbeat: int64(q.Heartbeat), NoWait: q.NoWait,
		Group: q.Group, ID: q.ID, MinPending: q.MinPending, MinAckPending: q.MinAckPending, Priority: q.Priority,
	}, ""
}
