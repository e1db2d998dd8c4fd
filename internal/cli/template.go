package cli

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"text/template"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"
)

// templateHelp describes the template functions in the help texts.
const templateHelp = `Subject, body and header values may be Go templates:

  {{Count}}           number of the message      {{Time}}       time of day, 3:04PM
  {{ID}}              a unique id                {{TimeStamp}}  time in RFC 3339
  {{Random 10 100}}   10 to 100 random letters   {{Unix}}       seconds since 1970
  {{Request}}         the request (reply only)   {{UnixNano}}   nanoseconds since 1970`

// values are what a template can ask for, as a function ({{Count}}) or as a field ({{.Count}}).
type values struct {
	count   int
	request string
	now     time.Time
	tokens  []string // of the subject of a request
}

func (v *values) Count() int        { return v.count }
func (v *values) Cnt() int          { return v.count }
func (v *values) Request() string   { return v.request }
func (v *values) Unix() int64       { return v.now.Unix() }
func (v *values) UnixNano() int64   { return v.now.UnixNano() }
func (v *values) TimeStamp() string { return v.now.Format(time.RFC3339) }
func (v *values) Time() string      { return v.now.Format(time.Kitchen) }
func (v *values) ID() string        { return nuid.Next() }

// Token is the token of the subject at a position, counted from 0; "" where there is none.
func (v *values) Token(i int) string {
	if i < 0 || i >= len(v.tokens) {
		return ""
	}
	return v.tokens[i]
}

// tokenAction matches the short form of {{Token 1}}, which is {{1}}.
var tokenAction = regexp.MustCompile(`\{\{\s*(\d+)\s*\}\}`)

// tokenActions replaces {{1}} by {{Token 1}}.
func tokenActions(s string) string { return tokenAction.ReplaceAllString(s, "{{Token $1}}") }

// maxRandom bounds {{Random}}, in characters: more than any server takes in a message.
const maxRandom = 64 << 20

// Random is a string of at least shortest and at most longest letters and digits.
func (v *values) Random(shortest, longest int) (string, error) {
	if shortest < 0 || longest < shortest || longest > maxRandom {
		return "", fmt.Errorf("no string is %d to %d characters long", shortest, longest)
	}
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	b := make([]byte, shortest+rand.IntN(longest-shortest+1))
	for i := range b {
		b[i] = letters[rand.IntN(len(letters))]
	}
	return string(b), nil
}

// text is a string that may be a template.
type text struct {
	literal  string
	template *template.Template // nil when there is nothing to expand
}

// parseText reads a template. A string without "{{" stands for itself.
func parseText(s string) (text, error) {
	if !strings.Contains(s, "{{") {
		return text{literal: s}, nil
	}
	v := &values{}
	t, err := template.New("text").Funcs(v.functions()).Parse(s)
	if err != nil {
		return text{literal: s}, err
	}
	return text{literal: s, template: t}, nil
}

func (v *values) functions() template.FuncMap {
	return template.FuncMap{
		"Count": v.Count, "Cnt": v.Cnt, "Request": v.Request, "Unix": v.Unix, "UnixNano": v.UnixNano,
		"TimeStamp": v.TimeStamp, "Time": v.Time, "ID": v.ID, "Random": v.Random, "Token": v.Token,
	}
}

// expand fills the template with v.
func (t text) expand(v *values) (string, error) {
	if t.template == nil {
		return t.literal, nil
	}
	var b strings.Builder
	if err := t.template.Funcs(v.functions()).Execute(&b, v); err != nil {
		return "", err
	}
	return b.String(), nil
}

// headerText is one header of the messages to send.
type headerText struct {
	key   string
	value text
}

// parseHeaders reads headers written as "Key: value".
func parseHeaders(lines []string) ([]headerText, error) {
	headers := make([]headerText, 0, len(lines))
	for _, line := range lines {
		key, value, ok := strings.Cut(line, ":")
		if key = strings.TrimSpace(key); !ok || key == "" {
			return nil, fmt.Errorf("header %q is not of the form Key:value", line)
		}
		t, err := parseText(strings.TrimSpace(value))
		if err != nil {
			return nil, fmt.Errorf("header %s: %w", key, err)
		}
		headers = append(headers, headerText{key, t})
	}
	return headers, nil
}

// addHeaders expands headers into a message.
func addHeaders(m *nats.Msg, headers []headerText, v *values) error {
	for _, h := range headers {
		value, err := h.value.expand(v)
		if err != nil {
			return fmt.Errorf("header %s: %w", h.key, err)
		}
		if m.Header == nil {
			m.Header = nats.Header{}
		}
		m.Header.Add(h.key, value)
	}
	return nil
}
