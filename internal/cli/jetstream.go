package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// jetStream is a connection to the JetStream API that settings name. The library does what it can; what it has no
// words for goes through call. A call whose context has no deadline waits for as long as --timeout says.
type jetStream struct {
	jetstream.JetStream
	*client
	nc     *nats.Conn
	prefix string // of the API's subjects, without the dot at its end
}

// jetStream connects. Close ends the connection.
func (c *client) jetStream() (*jetStream, error) {
	s, err := c.settings()
	if err != nil {
		return nil, err
	}
	nc, err := c.connectTo(s.servers(), s)
	if err != nil {
		return nil, err
	}
	prefix := s.apiPrefix()
	opts := []jetstream.JetStreamOpt{jetstream.WithDefaultTimeout(c.timeout)}
	if c.trace {
		opts = append(opts, jetstream.WithClientTrace(&jetstream.ClientTrace{
			RequestSent:      c.traceRequest,
			ResponseReceived: func(subject string, body []byte, _ nats.Header) { c.traceAnswer(subject, body) },
		}))
	}
	js, err := jetstream.NewWithAPIPrefix(nc, prefix, opts...)
	if err != nil {
		nc.Close()
		return nil, err
	}
	return &jetStream{JetStream: js, client: c, nc: nc, prefix: prefix}, nil
}

// withJetStream runs a command with a connection, and says its error in words of the API.
func (c *client) withJetStream(run func(*jetStream) error) error {
	js, err := c.jetStream()
	if err != nil {
		return err
	}
	defer js.Close()
	return explained(run(js))
}

func (j *jetStream) Close() { j.nc.Close() }

// apiPrefix is where the API of these settings is.
func (s *settings) apiPrefix() string {
	switch {
	case s.JSAPIPrefix != "":
		return strings.TrimSuffix(s.JSAPIPrefix, ".")
	case s.JSDomain != "":
		return "$JS." + s.JSDomain + ".API"
	}
	return strings.TrimSuffix(jetstream.DefaultAPIPrefix, ".")
}

// call sends a request (nil for an empty one) to a subject of the API, written without its prefix, and reads the
// answer into a value unless that is nil. A json.RawMessage takes an answer as it came. An error that the server
// answers with is an *apiError.
func (j *jetStream) call(subject string, request, answer any) error {
	var body []byte
	if request != nil {
		var err error
		if body, err = json.Marshal(request); err != nil {
			return fmt.Errorf("request to %s: %w", subject, err)
		}
	}
	data, err := j.callBytes(subject, body)
	if err != nil || answer == nil {
		return err
	}
	if err := json.Unmarshal(data, answer); err != nil {
		return fmt.Errorf("answer of %s: %w", subject, err)
	}
	return nil
}

// callBytes is call with the bodies as they travel.
func (j *jetStream) callBytes(subject string, body []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), j.timeout)
	defer cancel()
	subject = j.prefix + "." + subject
	j.traceRequest(subject, body)
	m, err := j.nc.RequestWithContext(ctx, subject, body)
	if err != nil {
		return nil, err
	}
	j.traceAnswer(subject, m.Data)
	return m.Data, answeredError(m.Data)
}

// answeredError is the error that an answer of the API holds, or nil.
func answeredError(data []byte) error {
	var answer struct {
		Error *apiError `json:"error"`
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		return fmt.Errorf("answer of the server: %w", err)
	}
	if answer.Error != nil {
		return answer.Error
	}
	return nil
}

// apiError is an error as the API answers with it.
type apiError struct {
	Code        int    `json:"code"`
	ErrCode     int    `json:"err_code"`
	Description string `json:"description"`
}

func (e *apiError) Error() string { return fmt.Sprintf("%s (%d)", e.Description, e.ErrCode) }

// notFound reports whether the server says that something does not exist.
func notFound(err error) bool {
	api, ok := errors.AsType[*apiError](explained(err))
	return ok && api.Code == http.StatusNotFound
}

// explained says an error of the library in the words of the API, as call does, and what it means that nobody answers.
func explained(err error) error {
	if _, known := errors.AsType[*apiError](err); known {
		return err
	}
	if js, ok := errors.AsType[jetstream.JetStreamError](err); ok && js.APIError() != nil {
		api := js.APIError()
		return &apiError{Code: api.Code, ErrCode: int(api.ErrorCode), Description: api.Description}
	}
	if api, ok := errors.AsType[*jetstream.APIError](err); ok {
		return &apiError{Code: api.Code, ErrCode: int(api.ErrorCode), Description: api.Description}
	}
	switch {
	case errors.Is(err, nats.ErrNoResponders), errors.Is(err, jetstream.ErrJetStreamNotEnabled):
		return errors.New("nobody answers: JetStream is not enabled there, or it has another domain or API prefix")
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, nats.ErrTimeout):
		return errors.New("no answer in time; --timeout says how long to wait")
	}
	return err
}

func (c *client) traceRequest(subject string, body []byte) {
	if c.trace {
		c.con.logf(">>> %s\n%s\n", subject, body)
	}
}

func (c *client) traceAnswer(subject string, body []byte) {
	if c.trace {
		c.con.logf("<<< %s\n%s\n", subject, body)
	}
}
