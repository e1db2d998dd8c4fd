package wire

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// A consumer that was made to pause until a time tells that by the clock of who made it; a request to pause is told of in UTC.
func TestPauseIsToldInItsZone(t *testing.T) {
	until, err := time.Parse(time.RFC3339, "2030-01-01T00:00:00+01:00")
	if err != nil {
		t.Fatal(err)
	}
	teller := Teller{Stream: "S", Consumer: "C"}
	body, err := json.Marshal(teller.Pause(true, PauseOf(&until, until.Add(-time.Hour)).Until).Body)
	if err != nil || !strings.Contains(string(body), `"pause_until":"2030-01-01T00:00:00+01:00"`) {
		t.Errorf("%s: %v", body, err)
	}
	asked, fault := ParsePause([]byte(`{"pause_until":"2030-01-01T00:00:00+01:00"}`), nil)
	if fault != nil || asked.Format(time.RFC3339) != "2029-12-31T23:00:00Z" {
		t.Errorf("%v: %v", asked, fault)
	}
}
