package server

import (
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"myelin/internal/auth"
	"myelin/internal/config"
	"myelin/internal/pki"
	"myelin/internal/vfs"
)

// notices keeps what the operator is told.
type notices struct {
	quietLog
	mu    *sync.Mutex
	lines *[]string
}

func (n notices) Noticef(format string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	*n.lines = append(*n.lines, fmt.Sprintf(format, args...))
}

// take returns what was told since the last time.
func (n notices) take() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	lines := *n.lines
	*n.lines = nil
	return lines
}

// reloaded is a server with a configuration file.
type reloaded struct {
	*Server
	t    testing.TB
	log  notices
	file string
	base string
}

// fromFile starts a server; the words HERE in its configuration are a folder of its own.
func fromFile(t *testing.T, text string) *reloaded {
	t.Helper()
	dir := t.TempDir()
	r := &reloaded{t: t, log: notices{quietLog{t}, new(sync.Mutex), new([]string)}, file: filepath.Join(dir, "server.conf")}
	r.base = strings.ReplaceAll("listen: 127.0.0.1:-1\n"+text, "HERE", dir)
	r.write(r.base)
	load := func() (*Config, error) { return config.LoadFile(vfs.OS{}, r.file, nil) }
	cfg, err := load()
	if err != nil {
		t.Fatal(err)
	}
	if r.Server, err = New(Options{Config: cfg, Log: r.log, Load: load}); err != nil {
		t.Fatal(err)
	}
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Shutdown)
	r.log.take()
	return r
}

func (r *reloaded) write(text string) {
	r.t.Helper()
	if err := os.WriteFile(r.file, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// reload has the file say something else.
func (r *reloaded) reload(text string) {
	r.t.Helper()
	r.write(text)
	if err := r.ReloadFile(); err != nil {
		r.t.Fatal(err)
	}
}

// connect opens a connection that is not opened again when it breaks; ended is closed then.
func (r *reloaded) connect(options ...nats.Option) (nc *nats.Conn, ended chan struct{}) {
	r.t.Helper()
	ended = make(chan struct{})
	options = append(options, nats.NoReconnect(), nats.ClosedHandler(func(*nats.Conn) { close(ended) }))
	nc, err := nats.Connect(r.ClientURL(), append(options, nats.Timeout(patience))...)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(nc.Close)
	return nc, ended
}

// What the log says of each change, and what is refused, in the words of stock where it has some.
func TestReloadTells(t *testing.T) {
	const jetstream = "jetstream {store_dir: \"HERE\", max_mem: 1G, max_file: 1G"
	r := fromFile(t, jetstream+"}\n")
	for _, row := range []struct{ text, want string }{
		{"", ""},
		{"max_connections: 10", "Reloaded: max_connections = 10"},
		{"max_payload: 1000", "Reloaded: max_payload = 1000"},
		{"max_control_line: 512", "Reloaded: max_control_line = 512"},
		{"ping_interval: 10s", "Reloaded: ping_interval = 10s"},
		{"ping_max: 5\nwrite_deadline: 5s", "Reloaded: write_deadline = 5s|Reloaded: ping_max = 5"},
		{"no_fast_producer_stall: true", "Reloaded: fast producers will not be stalled"},
		{"connect_error_reports: 3", "Reloaded: connect_error_reports = 3"},
		{"reconnect_error_reports: 3", "Reloaded: reconnect_error_reports = 3"},
		{"server_tags: [a]", "Reloaded: tags"},
		{"server_metadata: {a: b}", "Reloaded: metadata"},
		{"client_advertise: \"a:1\"", "Reload: client_advertise = a:1"},
		{"trace: true\nmax_traced_msg_len: 10", "Reloaded: trace = true|Reloaded: max_traced_msg_len = 10"},
		{"authorization {user: a, password: b}", "Reloaded: authorization username|Reloaded: authorization password"},
		{"authorization {token: b}", "Reloaded: authorization token"},
		{"authorization {users: [{user: a, password: b}]}", "Reloaded: authorization users"},
		{"authorization {timeout: 5}", "Reloaded: authorization timeout = 5"},
		{"accounts {A {users: [{user: a, password: b}]}}", "Reloaded: authorization users|Reloaded: accounts"},
		{"server_name: x", "!config reload not supported for ServerName: old=, new=x"},
		{"port: 4", "!config reload not supported for Port: old=-1, new=4"},
		{"http_port: -1", "!config reload not supported for HTTPPort: old=0, new=-1"},
		{"http_base_path: \"/x\"", "!config reload not supported for HTTPBasePath: old=, new=/x"},
		{"prof_port: -1", "!config reload not supported for ProfPort: old=0, new=-1"},
		{"max_closed_clients: 3", "!config reload not supported for MaxClosedClients: old=10000, new=3"},
		{"no_header_support: true", "!config reload not supported for NoHeaderSupport: old=false, new=true"},
		{"disable_sublist_cache: true", "!config reload not supported for NoSublistCache: old=false, new=true"},
		{"system_account: \"$SYS\"", "!config reload not supported for SystemAccount: old=, new=$SYS"},
		{"no_system_account: true", "!config reload not supported for NoSystemAccount: old=false, new=true"},
		{jetstream + ", domain: x}", "!config reload not supported for JetStreamDomain: old=, new=x"},
		{jetstream + ", sync_interval: 3s}", "!config reload not supported for SyncAlways: old=true, new=false"},
		{jetstream + ", key: secret}", "!config reload not supported for JetStreamKey: old=, new=[REDACTED]"},
		{jetstream + ", cipher: aes}", "!config reload not supported for JetStreamCipher: old=0, new=1"},
		{jetstream + ", unique_tag: az}", "!config reload not supported for JetStreamUniqueTag: old=, new=az"},
		{jetstream + ", request_queue_limit: 300}", "!config reload not supported for JetStreamRequestQueueLimit: old=10000, new=300"},
		{strings.Replace(jetstream, "HERE", "HERE/x", 1) + "}", "!config reload not supported for jetstream storage directory"},
		{strings.Replace(jetstream, "max_mem: 1G, ", "", 1) + "}", "!config reload not supported for jetstream max memory and max store"},
		{strings.Replace(jetstream, "1G", "1M", 1) + "}", "!config reload not supported for decreasing jetstream max memory and store"},
		{"jetstream: off", "Initiating JetStream Shutdown...|JetStream Shutdown|Reloaded: JetStream"},
	} {
		base := r.base
		if strings.HasPrefix(row.text, "jetstream") || strings.HasPrefix(row.text, "port") {
			base = "listen: 127.0.0.1:-1\n"
			if strings.HasPrefix(row.text, "port") {
				base = "host: 127.0.0.1\n" + strings.TrimPrefix(r.base, base)
			}
		}
		r.write(base + strings.ReplaceAll(row.text, "HERE", filepath.Dir(r.file)) + "\n")
		before := r.config()
		err := r.ReloadFile()
		if want, refused := strings.CutPrefix(row.want, "!"); refused {
			if err == nil || err.Error() != want || r.config() != before || len(r.log.take()) > 0 {
				t.Errorf("%s: %v", row.text, err)
			}
			continue
		}
		lines := r.log.take()
		if err != nil || len(lines) == 0 {
			t.Errorf("%s: %v", row.text, err)
			continue
		}
		digest := lines[len(lines)-1]
		if got := strings.Join(lines[:len(lines)-1], "|"); got != row.want || digest != "Reloaded server configuration ("+r.config().Digest+")" {
			t.Errorf("%s: %q", row.text, lines)
		}
		r.reload(r.base)
		r.log.take()
	}
}

// Streams may get more space, and cannot lose any.
func TestReloadStoreLimits(t *testing.T) {
	r := fromFile(t, "jetstream {store_dir: \"HERE\", max_mem: 1M, max_file: 1M}\n")
	nc, _ := r.connect()
	js, err := nc.JetStream()
	if err != nil {
		t.Fatal(err)
	}
	big := &nats.StreamConfig{Name: "S", Subjects: []string{"s"}, MaxBytes: 3 << 20}
	if _, err := js.AddStream(big); err == nil {
		t.Fatal("a stream has more space than there is")
	}
	r.reload(strings.Replace(r.base, "max_file: 1M", "max_file: 10M", 1))
	if got := r.log.take(); !slices.Contains(got, "Reloaded: JetStream max_file_store = 9.54 MB") {
		t.Errorf("%q", got)
	}
	if _, err := js.AddStream(big); err != nil {
		t.Fatal(err)
	}
}

// All paths of the table are settings, each once, so that none is taken that nobody puts into force.
func TestSectionsAreSettings(t *testing.T) {
	var exists func(v reflect.Type, path []string) bool
	exists = func(v reflect.Type, path []string) bool {
		if len(path) == 0 {
			return true
		}
		f, ok := v.FieldByName(path[0])
		return ok && exists(f.Type, path[1:])
	}
	seen := map[string]bool{}
	for _, section := range sections {
		for _, s := range section.settings {
			if !exists(reflect.TypeFor[config.Config](), strings.Split(s.path, ".")) || seen[s.path] {
				t.Errorf("%s is not there, or twice", s.path)
			}
			seen[s.path] = true
		}
	}
	for path := range stockNames {
		if !exists(reflect.TypeFor[config.Config](), strings.Split(path, ".")) || seen[path] {
			t.Errorf("%s is not there, or not refused", path)
		}
	}
}

const users = `authorization {users: [
 {user: stays, password: p}, {user: goes, password: p}, {user: other, password: p}
 {user: less, password: p, permissions: {subscribe: ["a.>", "b.>"]}}
]}
`

// Who stays allowed stays; who is not has to go, and is told; subscriptions end that are not allowed any more.
func TestReloadUsers(t *testing.T) {
	r := fromFile(t, users)
	conns, ends := map[string]*nats.Conn{}, map[string]chan struct{}{}
	for _, name := range []string{"stays", "goes", "other", "less"} {
		conns[name], ends[name] = r.connect(nats.UserInfo(name, "p"))
	}
	errs, last := make(chan error, 10), make(chan error, 10)
	for _, name := range []string{"goes", "other"} {
		conns[name].SetErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { last <- err })
	}
	conns["less"].SetErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { errs <- err })
	got := map[string]*nats.Subscription{}
	for _, subject := range []string{"a.x", "b.x"} {
		var err error
		if got[subject], err = conns["less"].SubscribeSync(subject); err != nil {
			t.Fatal(err)
		}
	}
	for _, nc := range conns {
		if err := nc.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	text := strings.Replace(r.base, ", {user: goes, password: p}", "", 1)
	text = strings.Replace(text, "{user: other, password: p}", "{user: other, password: changed}", 1)
	r.reload(strings.Replace(text, `"a.>", "b.>"`, `"a.>"`, 1))
	<-ends["goes"]
	<-ends["other"]
	for range 2 {
		if err := <-last; !errors.Is(err, nats.ErrAuthorization) {
			t.Errorf("who has to go is told %v", err)
		}
	}
	if err := <-errs; err == nil || !strings.Contains(err.Error(), `Permissions Violation for Subscription to "b.x"`) {
		t.Errorf("whose subscription ends is told %v", err)
	}
	for _, subject := range []string{"b.x", "a.x"} {
		if err := conns["stays"].Publish(subject, nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := got["a.x"].NextMsg(patience); err != nil {
		t.Error(err)
	}
	if n, _, _ := got["b.x"].Pending(); n != 0 {
		t.Errorf("%d messages came for a subscription that is not allowed any more", n)
	}
	r.connect(nats.UserInfo("other", "changed"))
}

// Who has more subscriptions than their account, or the server, allows by now has to go, and is told; who has as many stays.
func TestReloadFewerSubscriptions(t *testing.T) {
	const text = "accounts {A {users: [{user: a, password: p}], limits {max_subscriptions: 9}}}\nmax_subscriptions: 10\n"
	for name, number := range map[string]string{"account": ": 9", "server": ": 10"} {
		t.Run(name, func(t *testing.T) {
			r := fromFile(t, text)
			last := make(chan error, 10)
			subscribe := func(n int) (*nats.Conn, chan struct{}) {
				nc, ended := r.connect(nats.UserInfo("a", "p"))
				nc.SetErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { last <- err })
				for i := range n {
					if _, err := nc.SubscribeSync(fmt.Sprint("s.", i)); err != nil {
						t.Fatal(err)
					}
				}
				if err := nc.Flush(); err != nil {
					t.Fatal(err)
				}
				return nc, ended
			}
			few, _ := subscribe(2)
			_, ended := subscribe(3)
			r.reload(strings.Replace(r.base, number, ": 2", 1))
			<-ended
			if err := <-last; err == nil || !strings.Contains(err.Error(), "maximum subscriptions exceeded") {
				t.Errorf("who has to go is told %v", err)
			}
			if err := few.Flush(); err != nil {
				t.Errorf("who has no more than is allowed: %v", err)
			}
		})
	}
}

// Accounts that come with a reload are served like the others, with streams; those that are gone let nobody in.
func TestReloadAccounts(t *testing.T) {
	r := fromFile(t, "jetstream {store_dir: \"HERE\"}\naccounts {A {jetstream: enabled, users: [{user: a, password: p}]}}\n")
	old, ended := r.connect(nats.UserInfo("a", "p"))
	if err := old.Flush(); err != nil {
		t.Fatal(err)
	}
	r.reload(strings.Replace(r.base, "A {", "A {mappings {x: y}}\nB {", 1))
	<-ended // the user is in another account now
	nc, _ := r.connect(nats.UserInfo("a", "p"))
	js, err := nc.JetStream()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.AddStream(&nats.StreamConfig{Name: "S", Subjects: []string{"s"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := nc.Request("$SYS.REQ.USER.INFO", nil, 10*time.Second); err != nil {
		t.Error(err)
	}
	r.reload(strings.Replace(r.base, "A {jetstream: enabled, ", "B {mappings {s: t}, ", 1))
	if _, err := js.Publish("s", nil); err == nil {
		t.Error("the mapping of the account is not in force")
	}
	if _, err := js.AddStream(&nats.StreamConfig{Name: "T", Subjects: []string{"t"}}); err == nil || !strings.Contains(err.Error(), "not enabled") {
		t.Errorf("who may have no streams any more makes one: %v", err)
	}
}

// A file that is wrong, or asks for something that cannot be had, changes nothing, whatever else stands in it.
func TestReloadFails(t *testing.T) {
	r := fromFile(t, users)
	nc, _ := r.connect(nats.UserInfo("goes", "p"))
	for _, text := range []string{
		"max_payload: 10\n}", "max_payload: 10\n{", "max_payload: 10\nserver_name: x\n", "max_payload: 10\nnone: 1\n",
		"max_payload: 10\ntls {cert_file: \"/none\", key_file: \"/none\"}\n", "max_payload: 10\npid_file: \"/none/x\"\n",
	} {
		before, users := r.config(), r.gate.Judge()
		r.write(strings.Replace(r.base, ", {user: goes, password: p}", "", 1) + text)
		if err := r.ReloadFile(); err == nil {
			t.Errorf("%q is taken", text)
		}
		if r.config() != before || r.gate.Judge() != users || len(r.log.take()) > 0 || r.clients.Info().MaxPayload != before.Limits.MaxPayload {
			t.Errorf("%q changes something", text)
		}
		if err := nc.Flush(); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
	if s := run(t, testConfig()); s.ReloadFile() != errNoFile {
		t.Error("a server without a file reloads one")
	}
}

// The settings of a program are exchanged like those of a file.
func TestReloadEmbedded(t *testing.T) {
	s := run(t, testConfig())
	next := testConfig()
	next.Auth = auth.Config{Username: "a", Password: "b"}
	if err := s.Reload(next); err != nil {
		t.Fatal(err)
	}
	if _, err := nats.Connect(s.ClientURL()); err == nil {
		t.Error("a stranger is let in")
	}
	next = testConfig()
	next.Auth.NoAuthUser = "nobody"
	if err := s.Reload(next); err == nil {
		t.Error("a configuration that is not valid is taken")
	}
	s.Shutdown()
	if err := s.Reload(testConfig()); err != errNotReload {
		t.Error(err)
	}
}

// Certificates are exchanged for those who come, and TLS itself can come and go; who is there stays.
func TestReloadTLS(t *testing.T) {
	authority, err := pki.New("authority")
	if err != nil {
		t.Fatal(err)
	}
	l := &load{reloaded: &reloaded{t: t}, authority: authority}
	dir := t.TempDir()
	l.certify(dir)
	r := fromFile(t, strings.ReplaceAll("allow_non_tls: true\ntls {cert_file: \"HERE/server.pem\", key_file: \"HERE/server.key\"}\n", "HERE", dir))
	secure := nats.Secure(&tls.Config{RootCAs: authority.Pool(), MinVersion: tls.VersionTLS12})
	shown := func() string {
		nc, _ := r.connect(secure)
		defer nc.Close()
		state, err := nc.TLSConnectionState()
		if err != nil {
			t.Fatal(err)
		}
		return state.PeerCertificates[0].SerialNumber.String()
	}
	before := shown()
	stays, _ := r.connect(secure)
	r.reload(r.base)
	if lines := r.log.take(); shown() != before || len(lines) != 1 {
		t.Errorf("the same certificate is exchanged: %q", lines)
	}
	l.certify(dir)
	r.reload(r.base)
	if lines := r.log.take(); shown() == before || lines[0] != "Reloaded: tls = enabled" {
		t.Errorf("another certificate is not exchanged: %q", lines)
	}
	r.reload("listen: 127.0.0.1:-1\n")
	if lines := r.log.take(); lines[0] != "Reloaded: tls = disabled" {
		t.Errorf("%q", lines)
	}
	if _, err := nats.Connect(r.ClientURL(), secure); err == nil {
		t.Error("there is TLS still")
	}
	if err := stays.Flush(); err != nil {
		t.Error(err)
	}
}

// The pid file and the log move; what a reload that fails has written is gone.
func TestReloadFiles(t *testing.T) {
	r := fromFile(t, "pid_file: \"HERE/pid\"\n")
	dir := filepath.Dir(r.file)
	exists := func(name string) bool {
		_, err := os.Stat(filepath.Join(dir, name))
		return err == nil
	}
	other := strings.Replace(r.base, "/pid", "/other", 1)
	r.write(other + "ports_file_dir: \"/none\"\n")
	if err := r.ReloadFile(); err == nil || exists("other") || !exists("pid") {
		t.Errorf("%v; the other is there: %t", err, exists("other"))
	}
	r.reload(other)
	if exists("pid") || !exists("other") {
		t.Error("the pid file has not moved")
	}
}
