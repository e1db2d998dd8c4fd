package config

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

// shareRow is what account A exports and B imports, and what is wrong with that: the texts are a stock server's.
type shareRow struct {
	exports, imports string
	wrong            string
	differs          bool // a stock server says nothing
}

const allImports = `{stream: {account: A, subject: "x.>"}}`

var shareRows = []shareRow{
	{exports: `{stream: "x.>"}`, imports: allImports},
	{exports: `{stream: "x.>"}`, imports: `{stream: {account: A, subject: "x.>"}, prefix: pre}`},
	{exports: `{stream: "x.>"}`, imports: `{stream: {account: A, subject: "x.1"}, prefix: "pre."}`},
	{exports: `{stream: "x.>"}`, imports: `{stream: {account: A, subject: "x.>"}, to: "y.>"}`},
	{exports: `{stream: "x.*.*"}`, imports: `{stream: {account: A, subject: "x.*.*"}, to: "y.$2.{{wildcard(1)}}"}`},
	{exports: `{stream: "x.*.*"}`, imports: `{stream: {account: A, subject: "x.*.*"}, to: "y.*.*"}`},
	{exports: `{service: "x.*.*"}`, imports: `{service: {account: A, subject: "x.*.*"}, to: "y.$2.$1"}`},
	{exports: `{service: "x.*.*"}`, imports: `{service: {account: A, subject: "x.$2.$1"}, to: "y.*.*"}`},
	{exports: `{service: "x.>"}`, imports: `{service: {account: A, subject: "x.5"}, to: "y", share: true}`},
	{exports: `{response: stream, service: x, threshold: "5s"}, {service: y, response_type: Chunked}, {service: z, response: single}`},
	{exports: `{stream: "x.>", accounts: [B]}`, imports: allImports},
	{exports: `{service: "x.*", account_token_position: 2}`, imports: `{service: {account: A, subject: "x.B"}}`},
	{exports: `{stream: "x.*", account_token_position: 2, accounts: [B]}`, imports: `{stream: {account: A, subject: "x.B"}}`},

	{exports: `{stream: "x.>"}`, imports: `{stream: {account: A, subject: "y.>"}}`, wrong: `Error adding stream import "y.>": stream import not authorized`},
	{exports: `{stream: "x.1"}`, imports: allImports, wrong: `Error adding stream import "x.>": stream import not authorized`},
	{exports: `{service: "x.>"}`, imports: allImports, wrong: `Error adding stream import "x.>": stream import not authorized`},
	{exports: `{service: "x.1"}`, imports: `{service: {account: A, subject: "x.*"}}`, wrong: `Error adding service import "x.*": service import not authorized`},
	{exports: `{stream: "x.>", accounts: [C]}`, imports: allImports, wrong: `Error adding stream import "x.>": stream import not authorized`},
	{exports: `{service: "x.>", accounts: [C]}`, imports: `{service: {account: A, subject: "x.1"}}`, wrong: `Error adding service import "x.1": service import not authorized`},
	{exports: `{stream: ">", accounts: [C]}, {service: ">"}`, imports: allImports, wrong: `Error adding stream import "x.>": stream import not authorized`},
	{exports: `{stream: ">"}, {stream: "x.>", accounts: [C]}`, imports: allImports, wrong: `Error adding stream import "x.>": stream import not authorized`},
	{exports: `{stream: "x.>", accounts: [Z]}`, wrong: `"Z" account not defined for stream export`},
	{exports: `{stream: x}`, imports: `{stream: {account: Z, subject: x}}`, wrong: `"Z" account not defined for stream import`},
	{exports: `{service: x}`, imports: `{service: {account: "$G", subject: x}}`, wrong: `"$G" account not defined for service import`},
	{exports: `{service: "x.*", account_token_position: 2}`, imports: `{service: {account: A, subject: "x.C"}}`, wrong: `Error adding service import "x.C": service import not authorized`},
	{exports: `{service: "x.*", account_token_position: 2}`, imports: `{service: {account: A, subject: "x.*"}}`, wrong: `Error adding service import "x.*": service import not authorized`},
	{exports: `{stream: "x.y", account_token_position: 2}`, wrong: `Error adding stream export "x.y": sublist: invalid subject`},
	{exports: `{stream: "x.*", account_token_position: 3}`, wrong: `Error adding stream export "x.*": sublist: invalid subject`},
	{exports: `{stream: "x..y"}`, wrong: `Error adding stream export "x..y": sublist: invalid subject`, differs: true},

	{exports: `{stream: x, service: y}`, wrong: "but already saw a s"},
	{exports: `{stream: 5}`, wrong: "Expected stream name to be string, got an integer", differs: true},
	{exports: `{stream: x, foo: 1}`, wrong: `unknown field "foo"`},
	{exports: `{service: x, response: foo}`, wrong: `Unknown response type: "foo"`},
	{exports: `{stream: x, response: stream}`, wrong: "Detected response directive on non-service"},
	{exports: `{stream: x, threshold: "1s"}`, wrong: "Detected response directive on non-service"},
	{exports: `{service: x, threshold: foo}`, wrong: `Expected response threshold to be a parseable time duration, got "foo"`},
	{exports: `{stream: x, latency: l}`, wrong: "Detected latency directive on non-service"},
	{exports: `{stream: x, allow_trace: true}`, wrong: "Detected allow_trace directive on non-service"},
	{exports: `{service: x, allow_trace: yes}, {service: y, latency: l}, {service: z, latency: {sampling: 5%, subject: l}}, {service: h, latency: {sampling: Headers, subject: l}}`},
	{exports: `{stream: x}`, imports: `{stream: {account: A, subject: x}, allow_trace: true}`},
	{exports: `{service: x, latency: {sampling: 0, subject: l}}`, wrong: "bad sampling percentage, should be 1-100"},
	{exports: `{service: x, latency: {sampling: 101%, subject: l}}`, wrong: "bad sampling percentage, should be 1-100"},
	{exports: `{service: x, latency: {sampling: foo, subject: l}}`, wrong: `Failed to parse latency sample: strconv.Atoi: parsing "foo": invalid syntax`},
	{exports: `{service: x, latency: {sampling: 10}}`, wrong: "Latency subject required, but missing"},
	{exports: `{service: x, latency: 5}`, wrong: "Expected latency entry to be a map/struct or string, got", differs: true},
	{exports: `{service: x, latency: "l.*"}`, wrong: `Error adding service latency sampling for "x" on subject "l.*": invalid publish subject`},
	{exports: `{service: x, latency: l, response: stream}`, wrong: `Error adding service latency sampling for "x" on subject "l": bad service response type`},
	{exports: `{service: x, allow_trace: "on"}`, wrong: "allow_trace", differs: true},

	{exports: `{stream: ">"}`, imports: `{stream: {account: A}}`, wrong: "Expect an account name and a subject"},
	{exports: `{stream: ">"}`, imports: `{stream: x}`, wrong: "Stream entry should be an account map, got a string", differs: true},
	{exports: `{stream: ">"}`, imports: `{stream: {account: A, subject: x}, service: {account: A, subject: x}}`, wrong: "but already saw a s"},
	{exports: `{stream: ">"}`, imports: `{stream: {account: A, subject: x, foo: 1}}`, wrong: `unknown field "foo"`},
	{exports: `{stream: ">"}`, imports: `{stream: {account: A, subject: x}, prefix: a, to: b}`, wrong: "Stream import can not have a 'prefix' and a 'to' property"},
	{exports: `{stream: ">"}`, imports: `{stream: {account: A, subject: x}, prefix: "a.*"}`, wrong: `Error adding stream import "x": stream import prefix can not contain wildcard tokens`},
	{exports: `{service: x}`, imports: `{service: {account: A, subject: x}, allow_trace: true}`, wrong: "Detected allow_trace directive on a non-stream"},
	{exports: `{stream: "x.*"}`, imports: `{stream: {account: A, subject: "x.*"}, prefix: a}, {stream: {account: A, subject: "x.*"}, prefix: b}`,
		wrong: `Error adding stream import "x.*": stream import already exists`},
	{exports: `{service: "x.*"}`, imports: `{service: {account: A, subject: "x.*"}}, {service: {account: A, subject: "x.*"}}`,
		wrong: `Duplicate service import subject "x.*", previously used in import for account "A", subject "x.*"`},
	{exports: `{stream: "x.*.*"}`, imports: `{stream: {account: A, subject: "x.*.*"}, to: "y.$2"}`,
		wrong: `Error adding stream import "x.*.*": failed to create mapping transform for stream import subject from "x.*.*" to "y.$2": ` +
			`invalid mapping destination: not using all of the token wildcard(s) in y.$2`},
	{exports: `{stream: "x.*.*"}`, imports: `{stream: {account: A, subject: "x.*.*"}, to: "y.{{partition(3,1)}}.$1"}`,
		wrong: `the only mapping function allowed for import transforms is {{Wildcard()}} in {{partition(3,1)}}`},
	{exports: `{stream: "x.>"}`, imports: `{stream: {account: A, subject: "x.>"}, to: "y"}`,
		wrong: `failed to create mapping transform for stream import subject from "x.>" to "y": invalid subject`},
	{exports: `{service: "x.*"}`, imports: `{service: {account: A, subject: "x.*"}, to: "y"}`,
		wrong: `Error adding service import "x.*": failed to create mapping transform for service import subject from "y" to "x.*": invalid mapping destination`},

	{exports: `{service: x}], imports: [{service: {account: B, subject: x}}`, imports: `{service: {account: A, subject: x}}], exports: [{service: x}`,
		wrong: `Error adding service import "x": import forms a cycle`},
	{exports: `{stream: "x.>"}], imports: [{stream: {account: B, subject: "y.>"}, to: "x.>"}`,
		imports: `{stream: {account: A, subject: "x.>"}, to: "y.>"}], exports: [{stream: "y.>"}`, wrong: `import forms a cycle`},
	{exports: `{stream: "x.>"}], imports: [{stream: {account: B, subject: "y.1"}, to: "x.1"}`,
		imports: `{stream: {account: A, subject: "x.2"}, to: "y.2"}], exports: [{stream: "y.>"}`},
	{exports: `{service: x}], imports: [{service: {account: B, subject: y}, to: z}`, imports: `{service: {account: A, subject: x}, to: q}], exports: [{service: y}`},
	{exports: `{service: x}], imports: [{service: {account: A, subject: x}}`, wrong: `Error adding service import "x": import forms a cycle`, differs: true},
}

func (r shareRow) text() string {
	return fmt.Sprintf("accounts {\nA { users: [{user: a, password: p}], exports: [%s] }\nB { users: [{user: b, password: p}], imports: [%s] }\nC { users: [] }\n}\n",
		r.exports, r.imports)
}

func (r shareRow) files() *scriptCase {
	return &scriptCase{files: memFS{texts: map[string]string{"nats.conf": r.text()}}, args: []string{"-c", "nats.conf"}}
}

func (r shareRow) check(t *testing.T, err error) {
	t.Helper()
	switch {
	case r.wrong == "" && err != nil:
		t.Errorf("%s: %v", r.text(), err)
	case r.wrong != "" && (err == nil || !strings.Contains(err.Error(), r.wrong)):
		t.Errorf("%s: %v instead of %s", r.text(), err, r.wrong)
	}
}

func TestShares(t *testing.T) {
	for _, row := range shareRows {
		c := row.files()
		f, err := ParseFlags(append([]string{"-t"}, c.args...))
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.Test(c.files, nil)
		row.check(t, err)
	}
}

// TestPeerShares asks a stock server whether the configurations are valid.
func TestPeerShares(t *testing.T) {
	if os.Getenv("PEER") == "" {
		t.Skip("PEER is not set")
	}
	for _, row := range shareRows {
		if !row.differs {
			out, err := askPeer(t, row.files())
			if err != nil {
				err = errors.New(out)
			}
			row.check(t, err)
		}
	}
}
