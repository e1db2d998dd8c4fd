// Package apierr is the vocabulary of JetStream API errors: each has a number of its own, an HTTP-like
// code and a description that clients match on.
//
// An ID names a row of one table. Err gives the error of a row without placeholders, With fills them:
//
//	return apierr.StreamNotFound.Err()
//	return apierr.StreamInvalidConfig.With("max age can not be negative")
//
// An Error is immutable, travels as JSON as it stands, and is compared by its ID.
package apierr

import (
	"strconv"
	"strings"
)

// ID is the number of an error, err_code on the wire.
type ID uint16

const (
	first = AccountResourcesExceeded
	last  = MessageSourceHdrNotAllowed
)

// Error is what a peer is told.
type Error struct {
	Code        int    `json:"code"`
	ErrCode     ID     `json:"err_code,omitempty"`
	Description string `json:"description,omitempty"`
}

// row is one entry of the table; placeholders stand in braces.
type row struct {
	code        int
	description string
}

// fixed are the errors as the table has them, so that refusing allocates nothing.
var fixed = func() (errors [len(table)]Error) {
	for i, r := range table {
		errors[i] = Error{r.code, first + ID(i), r.description}
	}
	return errors
}()

// Known reports whether id is in the table.
func (id ID) Known() bool { return id >= first && id <= last }

// Err is the error of a row without placeholders. It is shared: nobody may change it. An id that is not
// in the table gives an error of code 500.
func (id ID) Err() *Error {
	if !id.Known() {
		return &Error{500, id, "error " + strconv.Itoa(int(id))}
	}
	return &fixed[id-first]
}

// With is the error of a row with its placeholders replaced by values, in the order of the text.
// Placeholders without a value stay as they are, values beyond the last placeholder are dropped.
func (id ID) With(values ...string) *Error {
	e := *id.Err()
	var text strings.Builder
	tail := e.Description
	for _, value := range values {
		open := strings.IndexByte(tail, '{')
		end := strings.IndexByte(tail, '}')
		if open < 0 || end < open {
			break
		}
		text.WriteString(tail[:open])
		text.WriteString(value)
		tail = tail[end+1:]
	}
	e.Description = text.String() + tail
	return &e
}

// Error is the description with the numbers, as in logs.
func (e *Error) Error() string {
	return e.Description + " (" + strconv.Itoa(int(e.ErrCode)) + ")"
}

// Is makes errors.Is compare by ID.
func (e *Error) Is(target error) bool {
	other, ok := target.(*Error)
	return ok && other.ErrCode == e.ErrCode
}
