package config

import (
	"errors"
	"flag"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestDefault shows that a server that is told nothing has a valid configuration, and that normalizing leaves it be.
func TestDefault(t *testing.T) {
	c := Default()
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	want := Default()
	want.HTTPHost = want.Host
	if c.normalize(); !reflect.DeepEqual(c, want) {
		t.Errorf("normalized: %+v", c)
	}
}

// TestValidate shows that a configuration that is made by hand is checked like a file, except that a test server
// may have little patience.
func TestValidate(t *testing.T) {
	c := Default()
	c.LameDuckDuration, c.LameDuckGrace = 2*time.Millisecond, time.Millisecond
	c.Port = -1
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	c.Port, c.Limits.MaxPayload = 0, 0
	c.Mappings = []Mapping{{Source: "a", Dests: []MappingDest{{Subject: "b", Weight: 101}}}}
	err := c.Validate()
	if err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("got %v", err)
	}
}

// TestKeysAreUnique shows that no key hides another, and that all are written as they are looked up.
func TestKeysAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for _, list := range [][]key[Config]{listenKeys, logKeys, monitorKeys, limitKeys, lifeKeys, mappingKeys, jetStreamKeys, authKeys, operatorKeys, tlsKeys, ocspKeys, laterKeys} {
		for _, k := range list {
			for _, name := range append([]string{k.name}, k.aliases...) {
				if seen[name] || name != strings.ToLower(name) {
					t.Errorf("%s is there twice, or not in lower case", name)
				}
				seen[name] = true
			}
		}
	}
	if len(serverBlock) != len(seen) {
		t.Errorf("%d of %d keys are in the block", len(serverBlock), len(seen))
	}
}

// TestFlagsLoadAgain shows that flags win over a file that has changed, as a reload needs it.
func TestFlagsLoadAgain(t *testing.T) {
	files := memFS{texts: map[string]string{"nats.conf": "port: 1, debug: false"}}
	f, err := ParseFlags([]string{"-c", "nats.conf", "-D=false"})
	if err != nil {
		t.Fatal(err)
	}
	first, err := f.Load(files, nil)
	if err != nil {
		t.Fatal(err)
	}
	files.texts["nats.conf"] = "port: 2, debug: true"
	second, err := f.Load(files, nil)
	if err != nil {
		t.Fatal(err)
	}
	if first.Port != 1 || second.Port != 2 || second.Log.Debug || first.Digest == second.Digest {
		t.Errorf("got %+v, then %+v", first, second)
	}
}

// TestTestConfig shows what -t says.
func TestTestConfig(t *testing.T) {
	files := memFS{texts: map[string]string{
		"good.conf":  "port: 4333",
		"old.conf":   "ping_interval: 5\nwrite_deadline: 3",
		"bad.conf":   "port: x",
		"empty.conf": "",
	}}
	for file, want := range map[string]string{
		"good.conf": "configuration file good.conf is valid (sha256:5942f6739f1572892ba80b954eee212713f172258629e16936dfeeae8e2eb80d)",
		"old.conf": `old.conf:1:1: invalid use of field "ping_interval": ping_interval should be converted to a duration` + "\n" +
			`old.conf:2:1: invalid use of field "write_deadline": write_deadline should be converted to a duration`,
		"bad.conf":   `bad.conf:1:1: "port" should be an integer, not a string`,
		"empty.conf": "empty.conf: config has no values or is empty",
		"none.conf":  "open none.conf: file does not exist",
	} {
		f, err := ParseFlags([]string{"-t", "-c", file})
		if err != nil || f.Action != TestConfig {
			t.Fatalf("%s: %v %v", file, f, err)
		}
		got, err := f.Test(files, nil)
		if err != nil {
			got = err.Error()
		}
		if got != want || (err == nil) != (file == "good.conf") {
			t.Errorf("%s: got %q, want %q", file, got, want)
		}
	}
}

// TestUsageError shows which errors ask for the usage to be printed.
func TestUsageError(t *testing.T) {
	for arg, want := range map[string]bool{"--nope": true, "-p": true, "-p=x": true, "-D=x": true, "-m=99999999999999999999": true,
		"start": false, "-t": false, "-sl=x": false, "--tls": false} {
		_, err := ParseFlags([]string{arg})
		var usage *UsageError
		if err == nil || errors.As(err, &usage) != want {
			t.Errorf("%s: %v is a usage error: %v", arg, err, !want)
		}
	}
}

// TestUsage shows that the usage lists every flag under the name of the program, and which ones are to come.
func TestUsage(t *testing.T) {
	text := Usage("nats-server")
	if !strings.Contains(text, "Usage: nats-server [options]") {
		t.Error("the program is not named")
	}
	lines := strings.Split(text, "\n")
	for _, name := range flagNames() {
		dashed := slices.ContainsFunc(lines, func(line string) bool {
			return slices.Contains(strings.Fields(strings.ReplaceAll(line, ",", " ")), name)
		})
		if !dashed {
			t.Errorf("%s is not in the usage", name)
		}
	}
	if got := strings.Count(text, "(planned)"); got != 6 {
		t.Errorf("%d flags are planned", got)
	}
	if text := UsageTLS("nats-server"); !strings.Contains(text, "file for nats-server, with every setting") {
		t.Errorf("TLS: %s", text)
	}
}

// TestFlagNames shows that the flags are those of nats-server, and which is our own.
func TestFlagNames(t *testing.T) {
	want := strings.Fields(`-a --addr --net -p --port -n --name --server_name -P --pid -m --http_port -ms --https_port
		-c --config -t -sl --signal --client_advertise --ports_file_dir -l --log --log_format -T --logtime --logtime_utc
		-s --syslog -r --remote_syslog -D --debug -V --trace -VV -DV -DVV --log_size_limit --max_traced_msg_len --profile
		-js --jetstream -sd --store_dir --user --pass --auth --tls --tlscert --tlskey --tlsverify --tlscacert
		--routes --cluster --cluster_listen --cluster_name --no_advertise --cluster_advertise --connect_retries
		-h --help -v --version --help_tls`)
	if got := flagNames(); !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

// flagNames lists all flags with their dashes.
func flagNames() []string {
	var names []string
	for _, g := range flagGroups {
		for _, o := range g.options {
			for _, name := range o.short {
				names = append(names, "-"+name)
			}
			for _, name := range o.long {
				names = append(names, "--"+name)
			}
		}
	}
	return names
}

// TestParseNumber shows that numbers are read as package flag reads its own.
func TestParseNumber(t *testing.T) {
	for _, s := range []string{"0", "-1", "0x10", "0b11", "1_000", "010", "", " 1", "1.5", "1k", "99999999999999999999"} {
		set := flag.NewFlagSet("", flag.ContinueOnError)
		set.SetOutput(io.Discard)
		want := set.Int("port", 0, "")
		wantErr := set.Parse([]string{"-port=" + s})
		got, err := parseNumber(s)
		if int(got) != *want && wantErr == nil || (err == nil) != (wantErr == nil) ||
			err != nil && !strings.HasSuffix(wantErr.Error(), err.Error()) {
			t.Errorf("%q: got %d, %v; want %d, %v", s, got, err, *want, wantErr)
		}
	}
}
