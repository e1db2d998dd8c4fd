package config

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"myelin/internal/auth"
)

// authorizationCases is a file of cases: a line === with a name, a configuration, a line --- auth, and what comes out:
// the settings that are not zero, or the errors, and the warnings. Run with -rewrite to record what comes out, and read
// the difference.
const authorizationCases = "testdata/authorization/cases.txt"

type authorizationCase struct{ name, text, want string }

func readAuthorizationCases(t *testing.T) (head string, cases []authorizationCase) {
	t.Helper()
	data, err := os.ReadFile(authorizationCases)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(string(data), "\n=== ")
	for _, part := range parts[1:] {
		name, rest, _ := strings.Cut(part, "\n")
		text, want, ok := strings.Cut(rest, "--- auth\n")
		if !ok {
			t.Fatalf("%s: no result", name)
		}
		cases = append(cases, authorizationCase{name, text, want})
	}
	return parts[0], cases
}

// decodeAuth decodes a file that holds nothing else.
func decodeAuth(text string) (*auth.Config, *decoder) {
	c, d := new(Config), newDecoder()
	tree, err := parseText(text)
	if err != nil {
		d.report(err)
		return &c.Auth, d
	}
	newBlock(authKeys).decode(d, c, tree)
	if len(d.errs) == 0 {
		var ps problems
		c.checkAuth(&ps)
		d.place(ps)
	}
	return &c.Auth, d
}

func describeAuth(text string) string {
	c, d := decodeAuth(text)
	out := ""
	for _, warning := range d.warnings {
		out += "warning: " + warning + "\n"
	}
	if err := d.err(); err != nil {
		return out + err.Error() + "\n"
	}
	return out + withoutZeros(c)
}

// withoutZeros writes a value as JSON lines, without what is zero.
func withoutZeros(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	var fields map[string]any
	if err := json.Unmarshal(text, &fields); err != nil {
		return err.Error()
	}
	if text, err = json.MarshalIndent(pruned(fields), "", " "); err != nil {
		return err.Error()
	}
	return string(text) + "\n"
}

// pruned removes the fields that say nothing. Empty permissions stay: they are not none.
func pruned(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, field := range v {
			field = pruned(field)
			m, isBlock := field.(map[string]any)
			none := isBlock && len(m) == 0 && (name == "Publish" || name == "Subscribe")
			if none || field == nil || field == "" || field == 0.0 || field == false {
				delete(v, name)
			}
		}
	case []any:
		for i := range v {
			v[i] = pruned(v[i])
		}
	}
	return v
}

// TestAuthorization decodes what says who may connect.
func TestAuthorization(t *testing.T) {
	head, cases := readAuthorizationCases(t)
	out := head
	for _, c := range cases {
		got := describeAuth(c.text)
		if !*rewrite && got != strings.TrimRight(c.want, "\n")+"\n" {
			t.Errorf("%s\n got: %s\nwant: %s", c.name, got, c.want)
		}
		out += "\n=== " + c.name + "\n" + c.text + "--- auth\n" + got
	}
	if *rewrite {
		if err := os.WriteFile(authorizationCases, []byte(out), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAuthorizationHidesSecrets shows that no error and no warning has a password in it.
func TestAuthorizationHidesSecrets(t *testing.T) {
	for _, text := range []string{
		"authorization { user: [hunter2], password: [hunter2] }",
		"authorization { user: a, password: { hunter2: hunter2 } }",
		"authorization { user: a, password: \"$2a$04$hunter2\" }",
		"authorization { token: \"$2a$04$hunter2\" }",
		"authorization { token: [hunter2] }",
		"authorization { user: a, password: hunter2, token: hunter2 }",
		"authorization { users: [{user: a, password: hunter2}, {user: a, password: hunter2}] }",
		"authorization { users: [{password: hunter2}] }",
		"authorization { users: [hunter2, {user: a, password: b}] }",
		"accounts { A { users: hunter2 } }",
		"accounts { A: hunter2 }",
	} {
		_, d := decodeAuth(text)
		if err := d.err(); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// notAsStock are the cases of which a stock server says the opposite; docs/decisions/145 has the reasons.
var notAsStock = []string{
	"a password without a user", "an empty token", "an empty user", "a damaged hash", "a damaged hash of a user", "a negative timeout", "proxy_required beside users",
	"accounts that are none", "an account without a name", "a proxy without a key", "auth_callout with an empty account",
	"a no_auth_user that is none", "a no_auth_user without users", "no_auth_user for a token",
}

// TestPeerAuthorization asks a stock server whether the configurations are valid.
func TestPeerAuthorization(t *testing.T) {
	if os.Getenv("PEER") == "" {
		t.Skip("PEER is not set")
	}
	_, cases := readAuthorizationCases(t)
	for _, c := range cases {
		_, d := decodeAuth(c.text)
		out, err := askPeer(t, &scriptCase{files: memFS{texts: map[string]string{"nats.conf": c.text}}, args: []string{"-c", "nats.conf"}})
		if agreed := (d.err() == nil) == (err == nil); agreed == slices.Contains(notAsStock, c.name) {
			t.Errorf("%s: %v, but the peer says: %s", c.name, d.err(), out)
		}
	}
}

// FuzzAuthorization shows that no configuration does anything but give settings that a server can be made of, or errors.
func FuzzAuthorization(f *testing.F) {
	f.Add("authorization { users: [{user: a, password: b, permissions: {publish: x, allow_responses: {max: 1}}}] }")
	f.Add("accounts { A { users: [{nkey: U}], default_permissions {} } }\nno_auth_user: a\nproxies { trusted: [{}] }")
	f.Fuzz(func(t *testing.T, text string) {
		c, d := decodeAuth(text)
		if d.err() != nil {
			return
		}
		if _, err := auth.New(c); err != nil {
			t.Errorf("decoded, but %v", err)
		}
	})
}
