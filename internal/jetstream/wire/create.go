package wire

import (
	"bytes"
	"fmt"

	"myelin/internal/apierr"
	"myelin/internal/stream"
)

// CreateConsumerRequest is a request to create or change a consumer. Its name, and those of its fields, show in the
// texts of errors.
type CreateConsumerRequest struct {
	Stream   string                `json:"stream_name"`
	Config   stream.ConsumerConfig `json:"config"` // not checked
	Action   Action                `json:"action"`
	Pedantic bool                  `json:"pedantic,omitempty"`
}

// Action is a stream.ConsumerAction in JSON.
type Action stream.ConsumerAction

var actionNames = []string{
	stream.ConsumerEither: `""`, stream.ConsumerCreate: `"create"`, stream.ConsumerUpdate: `"update"`,
}

// UnmarshalJSON reads "", "create" and "update".
func (a *Action) UnmarshalJSON(data []byte) error {
	for i, name := range actionNames {
		if string(data) == name {
			*a = Action(i)
			return nil
		}
	}
	return fmt.Errorf("unknown consumer action: %s", data)
}

// MarshalJSON writes what UnmarshalJSON reads.
func (a Action) MarshalJSON() ([]byte, error) {
	if int(a) >= len(actionNames) {
		return nil, fmt.Errorf("unknown consumer action: %d", a)
	}
	return []byte(actionNames[a]), nil
}

const (
	createVerb  = "CONSUMER.CREATE."
	durableVerb = "CONSUMER.DURABLE.CREATE."
)

// ParseCreate reads a request to create or change a consumer. verb is its subject without the prefix of the API:
//
//	CONSUMER.CREATE.<stream>                      one that is not durable; its configuration may name it
//	CONSUMER.CREATE.<stream>.<consumer>
//	CONSUMER.CREATE.<stream>.<consumer>.<filter>  with the only filter it has
//	CONSUMER.DURABLE.CREATE.<stream>.<consumer>   a durable one
//
// The names in the subject and in the payload must not contradict each other. A name in the subject becomes that
// of the configuration; without one it may be empty, and wants a new one. A
// stock server finds these errors before it looks whether there is such a stream.
func ParseCreate(verb, payload []byte, loose Loose) (q CreateConsumerRequest, err *apierr.Error) {
	rest, durable := bytes.CutPrefix(verb, []byte(durableVerb))
	if !durable {
		rest = bytes.TrimPrefix(verb, []byte(createVerb))
	}
	name, rest := cutToken(rest)
	consumer, filter := cutToken(rest)
	if err := loose.Decode(payload, &q, stockTypes); err != nil {
		return q, err
	}
	if q.Stream != string(name) {
		return q, apierr.StreamMismatch.Err()
	}
	if err := q.agrees(durable, string(consumer), string(filter)); err != nil {
		return q, err
	}
	if len(consumer) > 0 {
		q.Config.Name = string(consumer)
	}
	return q, nil
}

// agrees finds what the names in the subject contradict.
func (q *CreateConsumerRequest) agrees(durable bool, consumer, filter string) *apierr.Error {
	c := &q.Config
	switch {
	case consumer == "" && c.Durable != "":
		return apierr.ConsumerEphemeralWithDurableName.Err()
	case durable && c.Durable == "":
		return apierr.ConsumerDurableNameNotSet.Err()
	case consumer != "" && c.Durable != "" && c.Durable != consumer:
		return apierr.ConsumerDurableNameNotMatchSubject.Err()
	case filter != "" && len(c.FilterSubjects) > 0:
		return apierr.ConsumerMultipleFiltersNotAllowed.Err()
	case filter != "" && c.FilterSubject != filter:
		return apierr.ConsumerCreateFilterSubjectMismatch.Err()
	}
	return nil
}
