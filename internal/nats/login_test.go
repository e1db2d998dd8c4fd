package nats

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"myelin/internal/auth"
	"myelin/internal/broker"
	"myelin/internal/clock"
	"myelin/internal/gate"
	"myelin/internal/netx"
	"myelin/internal/report"
	"myelin/internal/router"
)

// guarded runs a listener that lets in whom the configuration says, with accounts A and B.
func guarded(t testing.TB, config *auth.Config, c clock.Clock) *Listener {
	t.Helper()
	a, err := auth.New(config)
	if err != nil {
		t.Fatal(err)
	}
	b := broker.New(router.New(), nil)
	b.Add("A")
	b.Add("B")
	limits := testLimits()
	limits.AuthTimeout = time.Minute
	l, err := Listen("127.0.0.1", -1, Options{
		Broker: b, Gate: gate.New(a, c, 1), Registry: netx.NewRegistry[Guest, report.Conn](10),
		Clock: c, Log: silent{}, PeerLog: silent{}, Settings: Settings{Limits: limits, Info: Info{Headers: true}},
	})
	if err != nil {
		t.Fatal(err)
	}
	go l.Serve()
	t.Cleanup(func() {
		l.StopAccepting()
		l.Close()
	})
	return l
}

// pipe is an end of a pipe that nobody reads from when it was closed for writing.
type pipe struct{ net.Conn }

func (p pipe) CloseWrite() error { return p.Close() }

// try opens a connection in this process, sends bytes, and returns all lines up to the answer to a PING, or to the end.
func try(t testing.TB, l *Listener, bytes string) (lines []string, pong bool) {
	t.Helper()
	own, theirs := net.Pipe()
	defer own.Close()
	l.admit(pipe{theirs})
	go func() {
		// Whoever is refused does not read all of it.
		_, _ = own.Write([]byte(bytes + "PING\r\n"))
	}()
	in := bufio.NewReader(own)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return lines, false
		}
		line = strings.TrimRight(line, "\r\n")
		if line == "PONG" {
			return lines, true
		}
		lines = append(lines, line)
	}
}

// FuzzLogin shows that whatever CONNECT holds, only who has the credentials is let in, and nothing that it sends before is
// done for anybody else.
func FuzzLogin(f *testing.F) {
	for _, document := range []string{
		`{"user":"ann","pass":"p"}`, `{"user":"ann","pass":"q"}`, `{"user":"ann"}`, `{}`, `null`, `[]`, `{"USER":"ann","Pass":"p"}`,
		`{"user":"bob","user":"ann","pass":"p"}`, `{"user":"ann\u0000","pass":"p"}`, `{"user":"ann","pass":"p","account":"B"}`,
		`{"user":"ann","pass":"p","nkey":"UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4","sig":"AAAA"}`,
		`{"user":"ann","pass":"p","jwt":"e30.e30.AAAA","proxy_sig":"x","auth_token":"t"}`, `{"user":"ann","pass":"p","protocol":2}`,
		`{"user":"ann","pass":"p","no_responders":true}`, `{"user":{},"pass":"p"}`, `{"user":"ann","pass":"p"} x`, "", "{", "\x00",
	} {
		f.Add(document)
	}
	l := guarded(f, &auth.Config{
		Accounts: []auth.Account{{Name: "A"}},
		Users:    []auth.User{{Name: "ann", Password: "p", Account: "A"}, {NKey: "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4"}},
	}, clock.Real{})
	f.Fuzz(func(t *testing.T, document string) {
		if strings.ContainsAny(document, "\n") || len(document) > 4000 {
			t.Skip("not one line of a length that is read")
		}
		var opt connectOptions
		opt.Echo = true
		known := json.Unmarshal([]byte(document), &opt) == nil && opt.User == "ann" && opt.Pass == "p" && opt.NKey == "" &&
			opt.Account == "" && !opt.NewAccount && opt.Protocol >= 0 && opt.Protocol <= 1 && (opt.Headers || !opt.NoResponders)
		before := l.opt.Broker.Account("A").Router().Stats().Inserts + l.opt.Broker.Account(auth.GlobalAccount).Router().Stats().Inserts
		lines, pong := try(t, l, "CONNECT "+document+"\r\nSUB x 1\r\n")
		if pong != known {
			t.Errorf("%q: let in: %v\n%q", document, pong, lines)
		}
		after := l.opt.Broker.Account("A").Router().Stats().Inserts + l.opt.Broker.Account(auth.GlobalAccount).Router().Stats().Inserts
		if done := after - before; (done == 1) != known {
			t.Errorf("%q: %d subscriptions were made", document, done)
		}
	})
}

// An identity that expires ends its connection, with the words of stock. So does the time to log in, be it that nothing came
// or half of a line.
func TestExpiry(t *testing.T) {
	fake := clock.NewFake(time.Now())
	l := guarded(t, &auth.Config{Users: []auth.User{{Name: "ann", Password: "p"}}}, fake)
	for _, row := range []struct{ send, want string }{
		{"", "-ERR 'Authentication Timeout'"}, {"CONNECT {", "-ERR 'Authentication Timeout'"},
	} {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		in := bufio.NewReader(conn)
		if _, err := in.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write([]byte(row.send)); err != nil {
			t.Fatal(err)
		}
		if got := advanceUntilLine(t, fake, in); got != row.want {
			t.Errorf("after %q: %q", row.send, got)
		}
	}
	c := &Conn{l: l, start: fake.Now()}
	c.login.identity = &auth.Identity{Expires: fake.Now().Add(time.Second)}
	if f := c.overdue(fake.Now()); f != nil {
		t.Errorf("too early: %v", f)
	}
	if f := c.overdue(fake.Now().Add(time.Second)); f == nil || f.text != "User Authentication Expired" || f.reason != AuthExpired {
		t.Errorf("expired: %v", f)
	}
}

// advanceUntilLine lets time pass until the peer says something.
func advanceUntilLine(t *testing.T, fake *clock.Fake, in *bufio.Reader) string {
	t.Helper()
	line := make(chan string, 1)
	go func() {
		text, err := in.ReadString('\n')
		if err != nil {
			text = err.Error()
		}
		line <- text
	}()
	for {
		fake.Advance(time.Second)
		select {
		case text := <-line:
			return strings.TrimRight(text, "\r\n")
		default:
			runtime.Gosched()
		}
	}
}

// A connection that moves to another account while others publish to its subscriptions leaves nothing behind in the first.
func TestMovingBetweenAccounts(t *testing.T) {
	l := guarded(t, &auth.Config{
		Accounts: []auth.Account{{Name: "A"}, {Name: "B"}},
		Users:    []auth.User{{Name: "a", Password: "p", Account: "A"}, {Name: "b", Password: "p", Account: "B"}},
	}, clock.Real{})
	var script strings.Builder
	for i := range 200 {
		fmt.Fprintf(&script, `CONNECT {"user":%q,"pass":"p","verbose":false}`+"\r\n", []string{"a", "b"}[i%2])
		for k := range 5 {
			// Half of the subscriptions end by themselves.
			fmt.Fprintf(&script, "SUB x %d\r\nUNSUB %d %d\r\nPUB x 0\r\n\r\n", k, k, 1+k%2*100)
		}
	}
	done := make(chan bool)
	for range 4 {
		go func() {
			_, pong := try(t, l, script.String())
			done <- pong
		}()
	}
	for range 4 {
		if !<-done {
			t.Error("a connection was closed")
		}
	}
	l.StopAccepting()
	l.Close()
	for _, name := range []string{"A", "B", auth.GlobalAccount} {
		a := l.opt.Broker.Account(name)
		if stats, conns := a.Router().Stats(), a.Traffic().Connections.Load(); stats.Subs != 0 || conns != 0 {
			t.Errorf("%s has %d subscriptions and %d connections", name, stats.Subs, conns)
		}
	}
	if n := l.opt.Broker.Account("A").Traffic().InMsgs.Load(); n == 0 {
		t.Error("nothing was counted")
	}
}

// When another Authenticator decides, who may stay does, with the rights that it has now; who may not is told to go. The texts are
// those of stock.
func TestRecheck(t *testing.T) {
	users := func(change func([]auth.User)) *auth.Config {
		list := []auth.User{{Name: "ann", Password: "p"}, {Name: "bob", Password: "p"}, {Name: "cat", Password: "p"}, {Name: "dan", Password: "p"}}
		if change != nil {
			change(list)
		}
		return &auth.Config{Users: list, Accounts: []auth.Account{{Name: "A"}}}
	}
	l := guarded(t, users(nil), clock.Real{})
	clients := map[string]*client{}
	for _, name := range []string{"ann", "bob", "cat", "dan"} {
		c := dialRaw(t, l)
		c.send("%s", fmt.Sprintf(`CONNECT {"user":%q,"pass":"p","verbose":false}`+"\r\nSUB foo 1\r\nSUB foo q 2\r\nSUB bar 3\r\nSUB > 4\r\nPING\r\n", name))
		c.expect("PONG")
		clients[name] = c
	}
	next, err := auth.New(users(func(list []auth.User) {
		list[1].Password = "other"
		list[2].Account = "A"
		list[3].Permissions = &auth.Permissions{Publish: auth.Subjects{Deny: []string{"x"}}, Subscribe: auth.Subjects{Deny: []string{"foo"}}}
	}))
	if err != nil {
		t.Fatal(err)
	}
	l.opt.Gate.Change(next)
	l.Recheck()
	if got, _ := clients["bob"].frame(); got != "-ERR 'Authorization Violation'" {
		t.Errorf("bob got %q", got)
	}
	clients["bob"].expectEnd()
	clients["cat"].expectEnd()
	dan := clients["dan"]
	for _, want := range []string{
		`-ERR 'Permissions Violation for Subscription to "foo" (sid "1")'`,
		`-ERR 'Permissions Violation for Subscription to "foo" using queue "q" (sid "2")'`,
	} {
		if got, _ := dan.frame(); got != want {
			t.Errorf("dan got %q instead of %q", got, want)
		}
	}
	dan.send("PUB x 0\r\n\r\nPUB foo 0\r\n\r\nPUB y 0\r\n\r\n")
	if got := dan.sync(); !slices.Equal(got, []string{`-ERR 'Permissions Violation for Publish to "x"'`, "MSG y 4 0"}) {
		t.Errorf("dan got %q", got)
	}
	got := clients["ann"].sync()
	for _, want := range []string{"MSG foo 1 0", "MSG foo 2 0", "MSG foo 4 0", "MSG y 4 0"} {
		if !slices.Contains(got, want) {
			t.Errorf("ann lacks %q in %q", want, got)
		}
	}
	// And back: what was taken is allowed again, as far as it was not ended.
	again, err := auth.New(users(nil))
	if err != nil {
		t.Fatal(err)
	}
	l.opt.Gate.Change(again)
	l.Recheck()
	var frames []string
	for len(frames) != 2 || strings.HasPrefix(frames[0], "-ERR") { // the connection asks in its own time
		dan.send("PUB x 0\r\n\r\nPUB foo 0\r\n\r\n")
		frames = dan.sync()
	}
	if !slices.Equal(frames, []string{"MSG x 4 0", "MSG foo 4 0"}) {
		t.Errorf("dan got %q", frames)
	}
}
