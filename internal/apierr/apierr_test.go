package apierr

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// Every number of the range has a row with a code and a text; a row that were missing would show as zero.
func TestTableIsWhole(t *testing.T) {
	if len(table) != 226 || int(last) != int(first)+len(table)-1 {
		t.Fatalf("the table has %d rows from %d to %d", len(table), first, last)
	}
	for i, r := range table {
		if r.code < 400 || r.code > 599 || r.description == "" {
			t.Errorf("row %d: %+v", int(first)+i, r)
		}
		if strings.Count(r.description, "{") != strings.Count(r.description, "}") {
			t.Errorf("row %d: %q", int(first)+i, r.description)
		}
	}
}

// The errors as a stock server writes them.
func TestErrorsAreStocks(t *testing.T) {
	for _, c := range []struct {
		err  *Error
		want string
	}{
		{StreamNotFound.Err(), `{"code":404,"err_code":10059,"description":"stream not found"}`},
		{StreamMismatch.Err(), `{"code":400,"err_code":10056,"description":"stream name in subject does not match request"}`},
		{StreamNameContainsPathSeparators.Err(), `{"code":400,"err_code":10128,"description":"Stream name can not contain path separators"}`},
		{ReplicasCountCannotBeNegative.Err(), `{"code":400,"err_code":10133,"description":"replicas count cannot be negative"}`},
		{StreamReplicasNotSupported.Err(), `{"code":500,"err_code":10074,"description":"replicas \u003e 1 not supported in non-clustered mode"}`},
		{StreamWrongLastSequence.With("7"), `{"code":400,"err_code":10071,"description":"wrong last sequence: 7"}`},
		{InvalidJSON.With(`json: unknown field "foo"`), `{"code":400,"err_code":10025,"description":"invalid JSON: json: unknown field \"foo\""}`},
		{StreamInvalidConfig.With("max age can not be negative"), `{"code":500,"err_code":10052,"description":"max age can not be negative"}`},
	} {
		if got, err := json.Marshal(c.err); err != nil || string(got) != c.want {
			t.Errorf("%s %v, want %s", got, err, c.want)
		}
	}
}

func TestWith(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{StreamExternalApiOverlap.With("p", "s").Description, "stream external api prefix p must not overlap with s"},
		{RestoreSubscribeFailed.With("{err}", "cause").Description, "JetStream unable to subscribe to restore snapshot {err}: cause"},
		{StreamExternalApiOverlap.With("p").Description, "stream external api prefix p must not overlap with {subject}"},
		{StreamNotFound.With("too", "many").Description, "stream not found"},
		{StreamNotFound.Err().Description, "stream not found"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
	if got := ID(1).With("x"); got.Code != 500 || got.ErrCode != 1 {
		t.Errorf("an unknown number gives %+v", got)
	}
}

func TestErrorsCompareByID(t *testing.T) {
	err := fmt.Errorf("create: %w", StreamInvalidConfig.With("a"))
	if !errors.Is(err, StreamInvalidConfig.Err()) || errors.Is(err, StreamNotFound.Err()) {
		t.Error("errors.Is does not compare numbers")
	}
	if got := err.Error(); got != "create: a (10052)" {
		t.Errorf("%q", got)
	}
}
