package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"myelin/internal/apierr"
)

// Loose is told what is wrong with a payload that is then read once more, without the members that are unknown. nil is
// strict: such a payload is refused.
type Loose func(problem string)

// Decode is the strict way of Loose.Decode.
func Decode(payload []byte, v any, names *strings.Replacer) *apierr.Error {
	return Loose(nil).Decode(payload, v, names)
}

// Decode reads a payload of JSON into v. Unknown members are refused if it is strict, several values in a row count as one,
// and no value as an empty one, as in a stock server. What is wrong is said in its words, where names turns those
// of our types into those of its types.
func (loose Loose) Decode(payload []byte, v any, names *strings.Replacer) *apierr.Error {
	d := json.NewDecoder(bytes.NewReader(payload))
	d.DisallowUnknownFields()
	for {
		err := d.Decode(v)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err == nil:
			continue
		}
		problem := names.Replace(err.Error())
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			problem = fmt.Sprintf("%v at offset %d", err, syntax.Offset)
		}
		if loose == nil {
			return apierr.InvalidJSON.With(problem)
		}
		loose(problem)
		return decodeLoose(payload, v, names)
	}
}

// DecodeOptions is Decode for requests that may come without options: what is neither object nor array is
// ignored.
func (loose Loose) DecodeOptions(payload []byte, v any, names *strings.Replacer) *apierr.Error {
	text := bytes.TrimSpace(payload)
	if len(text) == 0 || text[0] != '{' && text[0] != '[' {
		return nil
	}
	return loose.Decode(payload, v, names)
}

// decodeLoose reads one value. Unknown members are skipped.
func decodeLoose(payload []byte, v any, names *strings.Replacer) *apierr.Error {
	if err := json.Unmarshal(payload, v); err != nil {
		return apierr.InvalidJSON.With(names.Replace(err.Error()))
	}
	return nil
}

// stockTypes turns what packages our types are in into what a stock server's are in.
var stockTypes = strings.NewReplacer(" wire.", " server.", " stream.", " server.")

// IsEmpty reports whether a payload asks for nothing: it is empty, or an object without members.
func IsEmpty(payload []byte) bool {
	if len(payload) == 0 {
		return true
	}
	text := bytes.TrimSpace(payload)
	if len(text) < 2 || text[0] != '{' {
		return false
	}
	var members map[string]json.RawMessage
	return json.Unmarshal(text, &members) == nil && len(members) == 0
}
