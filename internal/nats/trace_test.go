package nats

import (
	"strings"
	"testing"
)

// A trace shows who connects, and none of the secrets, however they are written.
func TestTraceHidesSecrets(t *testing.T) {
	for _, row := range []struct{ document, want string }{
		{`{"user":"ann","pass":"hunter2","name":"n"}`, `{"user":"ann","pass":"[REDACTED]","name":"n"}`},
		{`{"user":"ann","PASS" : "hunter2"}`, `{"user":"ann","PASS" : "[REDACTED]"}`},
		{`{"auth_token":"hunter2","jwt":"hunter2","sig":"hunter2","nkey":"hunter2","proxy_sig":"hunter2"}`,
			`{"auth_token":"[REDACTED]","jwt":"[REDACTED]","sig":"[REDACTED]","nkey":"[REDACTED]","proxy_sig":"[REDACTED]"}`},
		{`{"pass":"a\"hunter2","user":"b"}`, `{"pass":"[REDACTED]","user":"b"}`},
		{`{"user":"ann","pass":"hunter2`, `{"user":"ann","pass":"[REDACTED]"`},
	} {
		if got := string(redact([]byte(row.document))); got != row.want || strings.Contains(got, "hunter") {
			t.Errorf("%s became %s", row.document, got)
		}
	}
}
