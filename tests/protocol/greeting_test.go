package protocol

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"myelin/internal/testkit"
)

// The greeting holds what clients read in it, and no promises that one server
// without accounts cannot keep.
func TestGreeting(t *testing.T) {
	server := testkit.Start(t, testkit.Options{Config: "server_name: here\nmax_payload: 2KB\n"})
	text := server.Raw(t).Info.Text
	if !strings.HasSuffix(text, "} ") {
		t.Errorf("the greeting %q does not end in a brace and a space", text)
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(strings.TrimPrefix(text, "INFO ")), &got); err != nil {
		t.Fatal(err)
	}
	wantText := map[string]string{
		"server_id":   `N[A-Z2-7]{55}`,
		"server_name": `here`,
		"version":     `2\.15\..*`,
		"go":          `go1\..*`,
		"host":        `127\.0\.0\.1`,
		"client_ip":   `127\.0\.0\.1`,
		"xkey":        `X[A-Z2-7]{55}`,
	}
	for field, pattern := range wantText {
		value, _ := got[field].(string)
		if !regexp.MustCompile("^" + pattern + "$").MatchString(value) {
			t.Errorf("%s is %v, which does not match %s", field, got[field], pattern)
		}
	}
	wantNumber := map[string]float64{"proto": 1, "max_payload": 2048, "api_lvl": 5}
	for field, want := range wantNumber {
		if got[field] != want {
			t.Errorf("%s is %v instead of %v", field, got[field], want)
		}
	}
	if got["headers"] != true {
		t.Errorf("headers is %v", got["headers"])
	}
	for _, field := range []string{
		"auth_required", "tls_required", "tls_verify", "tls_available", "nonce", "jetstream",
		"cluster", "connect_urls", "ws_connect_urls", "ldm", "connect_info",
	} {
		if value, present := got[field]; present {
			t.Errorf("%s is present: %v", field, value)
		}
	}
}

// Connections are numbered, each with a number of its own.
func TestClientNumbers(t *testing.T) {
	server := testkit.Start(t, testkit.Options{})
	first, second := server.Raw(t), server.Raw(t)
	if first.Info.ClientID == 0 || second.Info.ClientID <= first.Info.ClientID {
		t.Errorf("the numbers are %d and then %d", first.Info.ClientID, second.Info.ClientID)
	}
}

// The address that is to be told to clients takes the place of the own one.
func TestAdvertisedAddress(t *testing.T) {
	server := testkit.Start(t, testkit.Options{Config: "client_advertise: \"example.org:7777\"\n"})
	if text := server.Raw(t).Info.Text; !strings.Contains(text, `"host":"example.org","port":7777,`) {
		t.Errorf("the greeting is %s", text)
	}
}
