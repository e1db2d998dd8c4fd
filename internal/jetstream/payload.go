package jetstream

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"myelin/internal/apierr"
)

// decode reads a payload of JSON into v. Unknown fields are refused. Several values in a row count as one,
// no value as an empty one, as in a stock server; its words for what is wrong are matched too.
func decode(payload []byte, v any) *apierr.Error {
	d := json.NewDecoder(bytes.NewReader(payload))
	d.DisallowUnknownFields()
	for {
		err := d.Decode(v)
		if err == nil {
			continue
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		return apierr.InvalidJSON.With(jsonFault(err))
	}
}

// jsonFault is an error of encoding/json in the words of a stock server, whose types live elsewhere.
func jsonFault(err error) string {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Sprintf("%v at offset %d", err, syntax.Offset)
	}
	return stockTypes.Replace(err.Error())
}

// typeNames are the names of our types, and those of a stock server's.
var typeNames = [][2]string{
	{"Config", "StreamConfig"}, {"Source", "StreamSource"}, {"External", "ExternalStream"}, {"SourceConsumer", "StreamConsumerSource"},
	{"SubjectTransform", "SubjectTransformConfig"}, {"Republish", "RePublish"}, {"ConsumerLimits", "StreamConsumerLimits"},
	{"Placement", "Placement"},
}

// stockTypes turns what our types are called in errors into what a stock server's are.
var stockTypes = func() *strings.Replacer {
	pairs := []string{" jetstream.", " server.", "[]stream.Source", "[]*server.StreamSource"}
	for _, n := range typeNames {
		pairs = append(pairs, "struct field "+n[0]+".", "struct field "+n[1]+".")
	}
	for _, n := range slices.Backward(typeNames) { // of names that begin alike the longer one comes first
		pairs = append(pairs, "stream."+n[0], "server."+n[1])
	}
	return strings.NewReplacer(pairs...)
}()

// decodeOptions is decode for requests that may come without options: what is neither object nor array is
// ignored.
func decodeOptions(payload []byte, v any) *apierr.Error {
	text := bytes.TrimSpace(payload)
	if len(text) == 0 || text[0] != '{' && text[0] != '[' {
		return nil
	}
	return decode(payload, v)
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
