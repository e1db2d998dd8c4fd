package monitor

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"myelin/internal/report"
)

// args are the arguments of a request. An absent or empty one is the zero value; the first one that
// cannot be read is kept as an error.
type args struct {
	values url.Values
	err    error
}

func newArgs(r *http.Request) *args { return &args{values: r.URL.Query()} }

// badArg is an argument of the wrong type.
type badArg struct {
	kind, name string
	err        error
}

func (b *badArg) Error() string {
	return fmt.Sprintf("Error decoding %s for '%s': %v", b.kind, b.name, b.err)
}

// badState is an unknown state of connections.
type badState string

func (b badState) Error() string { return "Error decoding state for " + string(b) }

func (a *args) text(name string) string { return a.values.Get(name) }

func (a *args) boolean(name string) bool { return read(a, "boolean", name, strconv.ParseBool) }

func (a *args) integer(name string) int { return read(a, "int", name, strconv.Atoi) }

func (a *args) unsigned(name string) uint64 { return read(a, "uint64", name, parseUint) }

func parseUint(text string) (uint64, error) { return strconv.ParseUint(text, 10, 64) }

func read[T any](a *args, kind, name string, parse func(string) (T, error)) T {
	var none T
	text := a.text(name)
	if text == "" {
		return none
	}
	value, err := parse(text)
	if err != nil {
		a.fail(&badArg{kind: kind, name: name, err: err})
		return none
	}
	return value
}

func (a *args) fail(err error) {
	if a.err == nil {
		a.err = err
	}
}

// subs reads whether to list subscriptions: a boolean, or "detail".
func (a *args) subs() (list, detail bool) {
	if strings.EqualFold(a.text("subs"), "detail") {
		return true, true
	}
	return a.boolean("subs"), false
}

// state reads which connections are asked for.
func (a *args) state() report.ConnState {
	switch text := a.text("state"); strings.ToLower(text) {
	case "", "open":
		return report.ConnOpen
	case "closed":
		return report.ConnClosed
	case "any", "all":
		return report.ConnAny
	default:
		a.fail(badState(text))
		return report.ConnOpen
	}
}
