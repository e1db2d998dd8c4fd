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

// decodeStrict reads a payload of JSON into v. Unknown members are refused, several values in a row count as one,
// and no value as an empty one, as in a stock server.
func decodeStrict(payload []byte, v any) *apierr.Error {
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
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			return apierr.InvalidJSON.With(fmt.Sprintf("%v at offset %d", err, syntax.Offset))
		}
		return invalid(err)
	}
}

// decodeOptions is decodeStrict for requests that may come without options: what is neither object nor array is
// ignored.
func decodeOptions(payload []byte, v any) *apierr.Error {
	text := bytes.TrimSpace(payload)
	if len(text) == 0 || text[0] != '{' && text[0] != '[' {
		return nil
	}
	return decodeStrict(payload, v)
}

// decodeLoose reads one value. Unknown members are skipped.
func decodeLoose(payload []byte, v any) *apierr.Error {
	if err := json.Unmarshal(payload, v); err != nil {
		return invalid(err)
	}
	return nil
}

// stockTypes turns what packages our types are in into what a stock server's are in.
var stockTypes = strings.NewReplacer(" wire.", " server.", " stream.", " server.")

func invalid(err error) *apierr.Error {
	return apierr.InvalidJSON.With(stockTypes.Replace(err.Error()))
}

// isEmpty reports whether a payload asks for nothing: it is empty, or an object without members.
func isEmpty(payload []byte) bool {
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
