package wire

import (
	"errors"
	"time"

	"myelin/internal/apierr"
)

// ParseEmpty reads a request without options: to describe or delete a consumer.
func ParseEmpty(payload []byte) *apierr.Error {
	if !IsEmpty(payload) {
		return apierr.NotEmptyRequest.Err()
	}
	return nil
}

// JSApiConsumersRequest asks for the names of a stream's consumers, or for what is known of them. Like those of all
// requests its name shows in the texts of errors.
type JSApiConsumersRequest struct{ ApiPagedRequest }

// ApiPagedRequest says where in a list an answer begins.
type ApiPagedRequest struct {
	Offset int `json:"offset"`
}

// ParseList reads a request for a list of consumers. The offset may be negative or beyond the end.
func ParseList(payload []byte, loose Loose) (offset int, err *apierr.Error) {
	var q JSApiConsumersRequest
	err = loose.DecodeOptions(payload, &q, stockTypes)
	return q.Offset, err
}

// JSApiConsumerPauseRequest asks a consumer to pause.
type JSApiConsumerPauseRequest struct {
	PauseUntil time.Time `json:"pause_until,omitzero"`
}

// ParsePause reads a request to pause a consumer until a time. The zero time, and one that is over, let it go on.
func ParsePause(payload []byte, loose Loose) (until time.Time, err *apierr.Error) {
	var q JSApiConsumerPauseRequest
	err = loose.DecodeOptions(payload, &q, stockTypes)
	return q.PauseUntil.UTC(), err
}

// JSApiConsumerResetRequest asks a consumer to start again.
type JSApiConsumerResetRequest struct {
	Seq uint64 `json:"seq,omitempty"`
}

// ParseReset reads a request to start again at a sequence; 0 is behind what was acknowledged.
func ParseReset(payload []byte) (seq uint64, err *apierr.Error) {
	if len(payload) == 0 {
		return 0, nil
	}
	var q JSApiConsumerResetRequest
	err = decodeLoose(payload, &q, stockTypes)
	return q.Seq, err
}

// JSApiConsumerUnpinRequest asks that another client may take over.
type JSApiConsumerUnpinRequest struct {
	Group string `json:"group"`
}

// ParseUnpin reads a request to unpin the client of a priority group, which is not empty.
func ParseUnpin(payload []byte) (group string, err *apierr.Error) {
	var q JSApiConsumerUnpinRequest
	if err := decodeLoose(payload, &q, stockTypes); err != nil {
		return "", err
	}
	if q.Group == "" {
		return "", apierr.InvalidJSON.With(errNoGroup.Error())
	}
	return q.Group, nil
}

var errNoGroup = errors.New("consumer group not specified")
