package loadgen

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// An apiClient asks a server's JetStream API, one request at a time.
type apiClient struct {
	conn    *Conn
	inbox   string
	asked   int
	answers chan answer // one at most: what came for the request under way
}

// An answer is the start of a reply. One with a status was not given by the
// API, but by the server in its place.
type answer struct {
	subject string
	status  bool
	text    []byte
}

// maxAnswerBytes bounds what is read of an answer.
const maxAnswerBytes = 60 << 10

// api opens a connection for requests to the API.
func (s *stage) api() (*apiClient, error) {
	c, err := s.dial(0)
	if err != nil {
		return nil, err
	}
	a := &apiClient{conn: c, inbox: newInbox(), answers: make(chan answer, 1)}
	c.in.wantAddresses, c.in.wantHead = true, maxAnswerBytes
	s.read(func() error { return c.read(a) })
	if err := c.Write(appendSub(nil, a.inbox+".*", "", 1)); err != nil {
		return nil, err
	}
	return a, c.Flush(s.ctx)
}

func (a *apiClient) message(ev *event) error {
	a.answers <- answer{string(ev.subject), ev.status, bytes.Clone(ev.head)}
	return nil
}

func (a *apiClient) endRead() error { return nil }

// An apiError is one that the API has answered.
type apiError struct {
	Code        int    `json:"code"`
	Number      int    `json:"err_code"`
	Description string `json:"description"`
}

func (e *apiError) Error() string {
	return fmt.Sprintf("%s (%d, %d)", e.Description, e.Code, e.Number)
}

// call sends request as JSON, nothing for nil, and reads the answer into
// response unless that is nil.
func (a *apiClient) call(ctx context.Context, subject string, request, response any) error {
	subject = "$JS.API." + subject
	var body []byte
	if request != nil {
		var err error
		if body, err = json.Marshal(request); err != nil {
			return err
		}
	}
	a.asked++
	reply := fmt.Sprintf("%s.%d", a.inbox, a.asked)
	if err := a.conn.Write(appendPub(nil, subject, reply, body)); err != nil {
		return a.conn.cause(err)
	}
	text, err := a.await(ctx, reply)
	if err != nil {
		return fmt.Errorf("%s: %w", subject, err)
	}
	var failure struct {
		Error *apiError `json:"error"`
	}
	if err := json.Unmarshal(text, &failure); err != nil {
		return fmt.Errorf("%s: the answer %.80q: %w", subject, text, err)
	}
	if failure.Error != nil {
		return fmt.Errorf("%s: %w", subject, failure.Error)
	}
	if response == nil {
		return nil
	}
	return json.Unmarshal(text, response)
}

// await returns the answer on reply and drops those to requests that were
// given up.
func (a *apiClient) await(ctx context.Context, reply string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, drainTimeout)
	defer cancel()
	for {
		select {
		case got := <-a.answers:
			if got.subject != reply {
				continue
			}
			if got.status {
				return nil, errors.New("nobody answers: the server has no JetStream")
			}
			return got.text, nil
		case <-a.conn.done:
			return nil, a.conn.cause(errClosed)
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// streamConfig is as much of a stream's configuration as the cases set.
type streamConfig struct {
	Name           string   `json:"name"`
	Subjects       []string `json:"subjects"`
	Retention      string   `json:"retention"`
	Storage        string   `json:"storage"`
	Discard        string   `json:"discard"`
	Replicas       int      `json:"num_replicas"`
	MaxConsumers   int      `json:"max_consumers"`
	MaxMsgs        int      `json:"max_msgs"`
	MaxBytes       int      `json:"max_bytes"`
	MaxAge         int64    `json:"max_age"` // nanoseconds
	MaxMsgSize     int      `json:"max_msg_size"`
	MaxPerSubject  int      `json:"max_msgs_per_subject"`
	AllowDirect    bool     `json:"allow_direct"`
	AllowRollup    bool     `json:"allow_rollup_hdrs"`
	DenyDelete     bool     `json:"deny_delete,omitempty"`
	AllowSchedules bool     `json:"allow_msg_schedules,omitempty"`
	DuplicateNanos int64    `json:"duplicate_window,omitempty"`
}

// streamOf returns the plainest stream there is: a file, one replica, no limit.
func streamOf(name string, subjects ...string) streamConfig {
	return streamConfig{Name: name, Subjects: subjects, Retention: "limits", Storage: "file", Discard: "old",
		Replicas: 1, MaxConsumers: -1, MaxMsgs: -1, MaxBytes: -1, MaxMsgSize: -1, MaxPerSubject: -1}
}

// streamState is as much of a stream's state as the cases look at.
type streamState struct {
	Messages int64 `json:"messages"`
	First    int64 `json:"first_seq"`
	Last     int64 `json:"last_seq"`
}

func (a *apiClient) create(ctx context.Context, config streamConfig) error {
	return a.call(ctx, "STREAM.CREATE."+config.Name, config, nil)
}

func (a *apiClient) update(ctx context.Context, config streamConfig) error {
	return a.call(ctx, "STREAM.UPDATE."+config.Name, config, nil)
}

func (a *apiClient) state(ctx context.Context, stream string) (streamState, error) {
	var info struct {
		State streamState `json:"state"`
	}
	err := a.call(ctx, "STREAM.INFO."+stream, nil, &info)
	return info.State, err
}

// refused says why a reply of the API, or to a published message, is an error.
// It looks at the start of it only, where the error stands.
func refused(reply *event) error {
	if reply.status || bytes.Contains(reply.head, []byte(`"error"`)) {
		return fmt.Errorf("refused: %s", strings.TrimSpace(string(reply.head)))
	}
	return nil
}

// replyHeadBytes is how much of a reply refused gets to see.
const replyHeadBytes = 160
