package meta

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"myelin/internal/apierr"
	"myelin/internal/jsonl"
	"myelin/internal/machine"
	"myelin/internal/stream"
)

// session is a line of testdata/sessions.jsonl: requests to a stock server under the limits of its
// configuration, and its answers.
type session struct {
	Limits struct {
		MaxMemory        *int64 `json:"max_memory"`
		MaxStorage       *int64 `json:"max_storage"`
		MaxStreams       *int64 `json:"max_streams"`
		MaxMemoryStream  *int64 `json:"memory_max_stream_bytes"`
		MaxStorageStream *int64 `json:"storage_max_stream_bytes"`
		ServerMemory     *int64 `json:"server_memory"`
		ServerStorage    *int64 `json:"server_storage"`
		MaxBytesRequired bool   `json:"max_bytes_required"`
	}
	Steps []sessionStep
}

type sessionStep struct {
	Account        string // B has no limits of its own
	Create, Update *struct {
		stream.Config
		Pedantic bool
	}
	Delete string
	Reply  struct {
		Config json.RawMessage
		Error  *apierr.Error
	}
}

// limits are those of an account in the session.
func (x *session) limits(account string) Limits {
	l := Unlimited()
	for _, limit := range []struct {
		from *int64
		to   *int64
	}{
		{x.Limits.MaxMemory, &l.MaxMemory}, {x.Limits.MaxStorage, &l.MaxStorage}, {x.Limits.MaxStreams, &l.MaxStreams},
		{x.Limits.MaxMemoryStream, &l.MaxMemoryStream}, {x.Limits.MaxStorageStream, &l.MaxStorageStream},
	} {
		if limit.from != nil && account != "B" {
			*limit.to = *limit.from
		}
	}
	l.MaxBytesRequired = x.Limits.MaxBytesRequired && account != "B"
	if n := x.Limits.ServerMemory; n != nil {
		l.ServerMemory = *n
	}
	if n := x.Limits.ServerStorage; n != nil {
		l.ServerStorage = *n
	}
	return l
}

func (x *session) command(step *sessionStep) []byte {
	request := Request{Account: step.Account, Limits: x.limits(step.Account)}
	switch {
	case step.Create != nil:
		request.Config, request.Pedantic = step.Create.Config, step.Create.Pedantic
		return (*CreateStream)(&request).Encode(nil)
	case step.Update != nil:
		request.Config, request.Pedantic = step.Update.Config, step.Update.Pedantic
		return (*UpdateStream)(&request).Encode(nil)
	}
	return DeleteStream{step.Account, step.Delete}.Encode(nil)
}

// Sessions of requests under all kinds of limits have the answers of a stock server, byte by byte, whether
// or not the machine restarts in between.
func TestSessionsAreStocks(t *testing.T) {
	for i, x := range jsonl.Read[session](t, "testdata/sessions.jsonl") {
		replay(t, i+1, &x)
	}
}

func replay(t *testing.T, line int, x *session) {
	s := new(State)
	var fx Effects
	for i := range x.Steps {
		step := &x.Steps[i]
		fx.Reset()
		s.Apply(machine.Entry{Time: int64(i + 1), Data: x.command(step)}, &fx)
		if !sameAnswer(t, &fx.Replies[0], step) {
			t.Fatalf("line %d, step %d: %s", line, i+1, differ(&fx.Replies[0], step))
		}
		next := new(State)
		if err := machine.Copy(next, s); err != nil {
			t.Fatal(err)
		}
		s = next
	}
}

func sameAnswer(t *testing.T, got *Reply, step *sessionStep) bool {
	if got.Err != nil || step.Reply.Error != nil {
		return got.Err != nil && step.Reply.Error != nil && *got.Err == *step.Reply.Error
	}
	if step.Delete != "" {
		return got.Stream.Deleting
	}
	var config bytes.Buffer
	plain := json.NewEncoder(&config)
	plain.SetEscapeHTML(false)
	if err := plain.Encode(got.Stream.Config); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(config.String()) == string(step.Reply.Config)
}

func differ(got *Reply, step *sessionStep) string {
	var config *stream.Config
	if got.Stream != nil {
		config = got.Stream.Config
	}
	requested := step.Create
	if requested == nil {
		requested = step.Update
	}
	return fmt.Sprintf("%+v\n got %v %+v\nwant %v %s", requested, got.Err, config, step.Reply.Error, step.Reply.Config)
}
