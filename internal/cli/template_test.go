package cli

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

func TestTextExpands(t *testing.T) {
	now := time.Date(2026, 1, 2, 15, 4, 5, 6, time.UTC)
	v := &values{count: 7, request: "ask", now: now, tokens: []string{"weather", "london"}}
	for source, want := range map[string]string{
		`plain`:                       `^plain$`,
		`n {{Count}} {{Cnt}}`:         `^n 7 7$`,
		`f {{.Count}} {{ .Request }}`: `^f 7 ask$`,
		`{{Request}}`:                 `^ask$`,
		`{{Unix}} {{UnixNano}}`:       `^1767366245 1767366245000000006$`,
		`{{TimeStamp}} {{Time}}`:      `^2026-01-02T15:04:05Z 3:04PM$`,
		`{{ Random 3 5 }}`:            `^[a-zA-Z0-9]{3,5}$`,
		`{{ID}}`:                      `^[a-zA-Z0-9]{22}$`,
		tokenActions(`{{0}}-{{ 1 }}`): `^weather-london$`,
		tokenActions(`[{{9}}]`):       `^\[\]$`,
	} {
		text, err := parseText(source)
		if err != nil {
			t.Errorf("%q: %v", source, err)
			continue
		}
		got, err := text.expand(v)
		if err != nil || !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("%q gives %q, %v", source, got, err)
		}
	}
}

func TestTextErrors(t *testing.T) {
	for _, source := range []string{`{{`, `{{Nope}}`, `{"a":{{"b"}`} {
		if text, err := parseText(source); err == nil || text.literal != source {
			t.Errorf("%q: %v, literal %q", source, err, text.literal)
		}
	}
	for _, source := range []string{`{{Random 5 3}}`, `{{Random -1 3}}`, `{{Random 0 99999999999}}`} {
		text, err := parseText(source)
		if err != nil {
			t.Errorf("%q: %v", source, err)
		}
		if got, err := text.expand(&values{}); err == nil {
			t.Errorf("%q gives %d characters", source, len(got))
		}
	}
}

func TestHeaders(t *testing.T) {
	headers, err := parseHeaders([]string{"A: 1", "A:{{Count}}", "Url: http://x:1"})
	if err != nil {
		t.Fatal(err)
	}
	m := &nats.Msg{}
	if err := addHeaders(m, headers, &values{count: 2}); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(m.Header["A"], ","); got != "1,2" || m.Header.Get("Url") != "http://x:1" {
		t.Fatalf("headers are %v", m.Header)
	}
	for _, line := range []string{"A", ":x", " : x", "A: {{"} {
		if _, err := parseHeaders([]string{line}); err == nil {
			t.Errorf("%q is taken for a header", line)
		}
	}
}
