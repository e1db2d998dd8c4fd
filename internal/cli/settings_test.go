package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

// world is a machine with some environment variables and context files.
func world(t *testing.T, env, contexts map[string]string, selected string) *client {
	t.Helper()
	home := t.TempDir()
	dir := contextDir(filepath.Join(home, "nats"))
	for name, content := range contexts {
		path, err := dir.path(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := writePrivate(path, []byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if selected != "" {
		if err := writePrivate(dir.selectionFile(), []byte(selected+"\n")); err != nil {
			t.Fatal(err)
		}
	}
	getenv := func(name string) string {
		if name == "XDG_CONFIG_HOME" {
			return home
		}
		return env[name]
	}
	return &client{con: &console{in: strings.NewReader(""), out: t.Output(), err: t.Output(), getenv: getenv}}
}

// given has c parse a command line.
func (c *client) parse(t *testing.T, args ...string) {
	t.Helper()
	cmd := &cobra.Command{Use: "test", Run: func(*cobra.Command, []string) {}}
	c.addFlags(cmd)
	cmd.SetArgs(args)
	if err := cmd.Execute(); err != nil {
		t.Fatal(err)
	}
}

// Flags win over the environment, which wins over the context.
func TestPrecedence(t *testing.T) {
	contexts := map[string]string{
		"one": `{"url": "nats://one", "inbox_prefix": "_ONE", "ca": "$CERTS/ca.pem"}`,
		"two": `{"url": "nats://two", "user": "u", "password": "p"}`,
	}
	for _, c := range []struct {
		name string
		env  map[string]string
		args []string
		want settings
	}{
		{"nothing", nil, []string{"--no-context"}, settings{}},
		{"selected context", map[string]string{"CERTS": "/certs"}, nil,
			settings{URL: "nats://one", InboxPrefix: "_ONE", CA: "/certs/ca.pem"}},
		{"environment", map[string]string{"NATS_URL": "nats://env", "CERTS": "/c"}, nil,
			settings{URL: "nats://env", InboxPrefix: "_ONE", CA: "/c/ca.pem"}},
		{"flag", map[string]string{"NATS_URL": "nats://env", "CERTS": "/c"}, []string{"-s", "nats://flag"},
			settings{URL: "nats://flag", InboxPrefix: "_ONE", CA: "/c/ca.pem"}},
		{"named context", nil, []string{"--context", "two"}, settings{URL: "nats://two", User: "u", Password: "p"}},
		{"context from the environment", map[string]string{"NATS_CONTEXT": "two"}, nil,
			settings{URL: "nats://two", User: "u", Password: "p"}},
		{"other identity", nil, []string{"--context", "two", "--creds", "/x.creds"},
			settings{URL: "nats://two", Creds: "/x.creds"}},
		{"other password", nil, []string{"--context", "two", "--password", "q"},
			settings{URL: "nats://two", User: "u", Password: "q"}},
		{"other user", map[string]string{"NATS_USER": "v"}, []string{"--context", "two"},
			settings{URL: "nats://two", User: "v"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := world(t, c.env, contexts, "one")
			client.parse(t, c.args...)
			got, err := client.settings()
			if err != nil || got != c.want {
				t.Fatalf("got %+v, %v\nwant %+v", got, err, c.want)
			}
		})
	}
}

func TestSettingsErrors(t *testing.T) {
	contexts := map[string]string{"bad": `{`, "proxy": `{"socks_proxy": "x:1"}`, "store": `{"windows_cert_store": "user"}`}
	for _, c := range []struct {
		name, selected, want string
		env                  map[string]string
		args                 []string
	}{
		{name: "unknown", args: []string{"--context", "nope"}, want: `unknown context "nope"`},
		{name: "outside", args: []string{"--context", "../x"}, want: `invalid context name`},
		{name: "no file", args: []string{"--context", "x.json"}, want: `no such file`},
		{name: "stale selection", selected: "gone", want: `myelin context unselect`},
		{name: "malformed", args: []string{"--context", "bad"}, want: `bad.json`},
		{name: "proxy", args: []string{"--context", "proxy"}, want: `SOCKS proxy`},
		{name: "proxy in the environment", env: map[string]string{"NATS_SOCKS_PROXY": "x:1"}, want: `SOCKS proxy`},
		{name: "certificate store", args: []string{"--context", "store"}, want: `windows_cert_store`},
		{name: "timeout", env: map[string]string{"NATS_TIMEOUT": "soon"}, want: `NATS_TIMEOUT`},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := world(t, c.env, contexts, c.selected)
			client.parse(t, c.args...)
			if _, err := client.settings(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestTimeoutFromEnvironment(t *testing.T) {
	for _, c := range []struct {
		args []string
		want time.Duration
	}{{nil, 9 * time.Second}, {[]string{"--timeout", "1s"}, time.Second}} {
		client := world(t, map[string]string{"NATS_TIMEOUT": "9s"}, nil, "")
		client.parse(t, c.args...)
		if client.timeout != c.want {
			t.Errorf("%q: timeout %v", c.args, client.timeout)
		}
	}
}

// The help text must not tell what is in the environment.
func TestHelpShowsNoSecrets(t *testing.T) {
	client := world(t, map[string]string{"NATS_PASSWORD": "s3cret", "NATS_URL": "nats://s3cret@x"}, nil, "")
	cmd := &cobra.Command{Use: "test"}
	client.addFlags(cmd)
	if help := cmd.Flags().FlagUsages(); strings.Contains(help, "s3cret") {
		t.Fatal(help)
	}
}

// A context file belongs to several tools: what this one does not know must survive.
func TestSaveKeepsForeignKeys(t *testing.T) {
	c := world(t, nil, map[string]string{"a": `{"url":"nats://a","user":"u","jetstream_domain":"hub","new":{"x":1}}`}, "")
	dir, err := userContexts(c.con.getenv)
	if err != nil {
		t.Fatal(err)
	}
	saved, err := dir.load("a")
	if err != nil {
		t.Fatal(err)
	}
	saved.settings = saved.override(settings{Token: "t"})
	if err := dir.save("a", saved); err != nil {
		t.Fatal(err)
	}
	path, _ := dir.path("a")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if len(got) != 4 || got["token"] != "t" || got["jetstream_domain"] != "hub" || got["new"] == nil || got["url"] != "nats://a" {
		t.Fatalf("the file is %s", data)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
}

func TestRedacted(t *testing.T) {
	got := redacted("nats://u:p@a:1, nats://token@b,c:2")
	if want := "nats://xxxxx@a:1,nats://xxxxx@b,c:2"; got != want {
		t.Fatalf("got %s", got)
	}
}

func TestSecretReferences(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("in file"), 0o600); err != nil {
		t.Fatal(err)
	}
	getenv := func(name string) string { return map[string]string{"S": "in env"}[name] }
	for ref, want := range map[string]string{
		file: "in file", "file://" + file: "in file", "env://S": "in env", "data:;base64,aW4gZGF0YQ==": "in data",
	} {
		got, err := secret(ref, getenv)
		if err != nil || string(got) != want {
			t.Errorf("secret(%q) = %q, %v", ref, got, err)
		}
	}
	for _, ref := range []string{"env://T", "file:///nonexistent", "/nonexistent", "data:;base64,!"} {
		if got, err := secret(ref, getenv); err == nil {
			t.Errorf("secret(%q) = %q", ref, got)
		}
	}
	if got, err := literal("plain", getenv); err != nil || got != "plain" {
		t.Errorf("literal: %q, %v", got, err)
	}
}
