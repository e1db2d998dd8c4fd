package jetstream

import (
	"errors"
	"time"

	"myelin/internal/apierr"
	"myelin/internal/jetstream/wire"
)

type JSApiMsgGetRequest struct {
	Seq       uint64     `json:"seq,omitempty"`
	LastFor   string     `json:"last_by_subj,omitempty"`
	NextFor   string     `json:"next_by_subj,omitempty"`
	Batch     int        `json:"batch,omitempty"`
	MaxBytes  int        `json:"max_bytes,omitempty"`
	StartTime *time.Time `json:"start_time,omitempty"`
	MultiLast []string   `json:"multi_last,omitempty"`
	UpToSeq   uint64     `json:"up_to_seq,omitempty"`
	UpToTime  *time.Time `json:"up_to_time,omitempty"`
	NoHeaders bool       `json:"no_hdr,omitempty"`
}

// asked reports whether anything was asked for.
func (q *JSApiMsgGetRequest) asked() bool {
	return q.Seq > 0 || q.LastFor != "" || q.NextFor != "" || q.StartTime != nil || len(q.MultiLast) > 0
}

type storedMessage struct {
	Subject string    `json:"subject"`
	Seq     uint64    `json:"seq"`
	Header  []byte    `json:"hdrs,omitempty"`
	Data    []byte    `json:"data,omitempty"`
	Time    time.Time `json:"time"`
}

type messageGot struct {
	envelope
	Message *storedMessage `json:"message,omitempty"`
}

func (c *call) messageGet(resp *messageGot) *apierr.Error {
	var q JSApiMsgGetRequest
	if err := c.decode(&q); err != nil {
		return err
	}
	if !q.asked() || q.LastFor != "" && (q.Seq > 0 || q.NextFor != "" || q.StartTime != nil) || q.Seq > 0 && q.StartTime != nil ||
		q.Batch != 0 || q.MaxBytes != 0 || len(q.MultiLast) > 0 {
		return apierr.BadRequest.Err()
	}
	s, err := c.stream()
	if err != nil {
		return err
	}
	m, failure := fetch(s, &q)
	if failure != nil {
		return failure
	}
	resp.Message = &storedMessage{Subject: string(m.Subject), Seq: m.Seq, Header: m.Header, Data: m.Body, Time: timeOf(m.Time)}
	if q.NoHeaders {
		resp.Message.Header = nil
	}
	return nil
}

// fetch finds and reads the one message that a request names.
func fetch(s Stream, q *JSApiMsgGetRequest) (Message, *apierr.Error) {
	m, _, err := s.ReadFound(q.find, nil)
	switch {
	case errors.Is(err, ErrNotFound):
		return m, apierr.NoMessageFound.Err()
	case err != nil:
		return m, apierr.StreamGeneralError.With(err.Error())
	}
	return m, nil
}

type JSApiMsgDeleteRequest struct {
	Seq     uint64 `json:"seq"`
	NoErase bool   `json:"no_erase,omitempty"`
}

func (c *call) messageDelete(resp *succeeded) *apierr.Error {
	if wire.IsEmpty(c.payload) {
		return apierr.BadRequest.Err()
	}
	var q JSApiMsgDeleteRequest
	if err := c.decode(&q); err != nil {
		return err
	}
	s, err := c.stream()
	if err != nil {
		return err
	}
	if r := s.DeleteMessage(q.Seq, !q.NoErase); r.Err != nil {
		return r.Err
	}
	resp.Success = true
	return nil
}
