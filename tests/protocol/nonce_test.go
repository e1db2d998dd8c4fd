package protocol

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/nats-io/nkeys"

	"myelin/internal/testkit"
)

// A key proves itself by signing what its own connection was told to sign, once told; nothing else will do.
func TestNonce(t *testing.T) {
	mine, other := newKey(t), newKey(t)
	server := testkit.Start(t, testkit.Options{Config: fmt.Sprintf(
		"authorization { timeout: 5, users: [{nkey: %s}, {nkey: %s}, {user: ann, password: p}] }\n", mine.public, other.public)})
	elsewhere := nonceOf(t, server.Raw(t))
	for _, row := range []struct {
		shows string
		sign  func(nonce string) (public, signature string)
		ok    bool
	}{
		{"its own nonce", func(n string) (string, string) { return mine.public, mine.sign(t, n, base64.RawURLEncoding) }, true},
		{"in the other base64", func(n string) (string, string) { return mine.public, mine.sign(t, n, base64.StdEncoding) }, true},
		{"that of another connection", func(string) (string, string) {
			return mine.public, mine.sign(t, elsewhere, base64.RawURLEncoding)
		}, false},
		{"nothing", func(string) (string, string) { return mine.public, mine.sign(t, "", base64.RawURLEncoding) }, false},
		{"by another user's key", func(n string) (string, string) {
			return mine.public, other.sign(t, n, base64.RawURLEncoding)
		}, false},
		{"by a key that nobody has entered", func(n string) (string, string) {
			stranger := newKey(t)
			return stranger.public, stranger.sign(t, n, base64.RawURLEncoding)
		}, false},
		{"with a bit more", func(n string) (string, string) {
			return mine.public, mine.sign(t, n, base64.RawURLEncoding) + "AAAA"
		}, false},
		{"the name of a user with a password", func(n string) (string, string) {
			return "ann", mine.sign(t, n, base64.RawURLEncoding)
		}, false},
	} {
		t.Run(row.shows, func(t *testing.T) {
			conn := server.Raw(t)
			public, signature := row.sign(nonceOf(t, conn))
			conn.Send(fmt.Sprintf(`CONNECT {"nkey":%q,"sig":%q,"verbose":false}`, public, signature))
			if row.ok {
				conn.Sync()
				return
			}
			conn.Expect("-ERR 'Authorization Violation'")
			conn.ExpectClosed()
		})
	}
}

// Nonces differ, and are there where there is somebody to sign them.
func TestNonceIsNew(t *testing.T) {
	key := newKey(t)
	server := testkit.Start(t, testkit.Options{Config: fmt.Sprintf("authorization { users: [{nkey: %s}] }\n", key.public)})
	seen := map[string]bool{}
	for range 20 {
		nonce := nonceOf(t, server.Raw(t))
		if seen[nonce] {
			t.Fatalf("%q came twice", nonce)
		}
		seen[nonce] = true
	}
	plain := testkit.Start(t, testkit.Options{Config: "authorization { user: ann, password: p }\n"})
	if text := plain.Raw(t).Info.Text; strings.Contains(text, "nonce") {
		t.Errorf("nobody signs the nonce of %s", text)
	}
}

// The pages show who is there, in which account, and no secrets.
func TestWhoIsShown(t *testing.T) {
	server := testkit.Start(t, testkit.Options{Config: `accounts { A { users: [{user: ann, password: hunter2}] } }
authorization { users: [{user: gus, password: hunter2}] }
`})
	ann, gus := server.Raw(t), server.Raw(t)
	for conn, name := range map[*testkit.Raw]string{ann: "ann", gus: "gus"} {
		conn.Send(fmt.Sprintf(`CONNECT {"user":%q,"pass":"hunter2","verbose":false}`, name))
		conn.Sync()
	}
	wrong := server.Raw(t)
	wrong.Send(`CONNECT {"user":"ann","pass":"hunter3","verbose":false}`)
	wrong.Expect("-ERR 'Authorization Violation'")
	wrong.ExpectClosed()

	type conn struct {
		CID     uint64 `json:"cid"`
		User    string `json:"authorized_user"`
		Account string `json:"account"`
		Tag     string `json:"name_tag"`
		Reason  string `json:"reason"`
	}
	ask := func(query string) []conn {
		var page struct {
			Connections []conn `json:"connections"`
		}
		server.Monitor("/connz?"+query, &page)
		return page.Connections
	}
	for _, row := range []struct {
		query string
		want  conn
	}{
		{"auth=1&user=ann", conn{ann.Info.ClientID, "ann", "A", "A", ""}},
		{"auth=1&acc=A", conn{ann.Info.ClientID, "ann", "A", "A", ""}},
		{"auth=1&user=gus", conn{gus.Info.ClientID, "gus", "", "$G", ""}},
		{"auth=1&acc=$G", conn{gus.Info.ClientID, "gus", "", "$G", ""}},
		{"acc=A", conn{CID: ann.Info.ClientID}},
	} {
		if got := ask(row.query); len(got) != 1 || got[0] != row.want {
			t.Errorf("%s shows %+v", row.query, got)
		}
	}
	testkit.Eventually(t, "the refused one to stand among the closed ones", func() bool {
		got := ask(fmt.Sprintf("auth=1&state=closed&cid=%d", wrong.Info.ClientID))
		return len(got) == 1 && got[0] == conn{wrong.Info.ClientID, "ann", "", "", "Authentication Failure"}
	})
	var varz map[string]any
	server.Monitor("/varz", &varz)
	if varz["auth_required"] != true || varz["auth_timeout"] != 2.0 || varz["system_account"] != "$SYS" {
		t.Errorf("required %v, within %v, system account %v", varz["auth_required"], varz["auth_timeout"], varz["system_account"])
	}
	if text := fmt.Sprint(varz) + server.Log(); strings.Contains(text, "hunter") {
		t.Error("a password is shown")
	}
	if !regexp.MustCompile(`\[ERR\] .* - cid:[0-9]+ - authentication error - User "ann"`).MatchString(server.Log()) {
		t.Error("the log does not say who was refused")
	}
}

type key struct {
	pair   nkeys.KeyPair
	public string
}

func newKey(t *testing.T) key {
	t.Helper()
	pair, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	public, err := pair.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return key{pair, public}
}

func (k key) sign(t *testing.T, nonce string, encoding *base64.Encoding) string {
	t.Helper()
	signature, err := k.pair.Sign([]byte(nonce))
	if err != nil {
		t.Fatal(err)
	}
	return encoding.EncodeToString(signature)
}

var nonceForm = regexp.MustCompile(`"nonce":"([A-Za-z0-9_-]{15})"`)

func nonceOf(t *testing.T, conn *testkit.Raw) string {
	t.Helper()
	found := nonceForm.FindStringSubmatch(conn.Info.Text)
	if found == nil {
		t.Fatalf("no nonce in %s", conn.Info.Text)
	}
	return found[1]
}

// Of a user with a key, the account is shown as the issuer.
func TestIssuerOfKeys(t *testing.T) {
	key := newKey(t)
	server := testkit.Start(t, testkit.Options{Config: fmt.Sprintf("accounts { A { users: [{nkey: %s}] } }\n", key.public)})
	conn := server.Raw(t)
	conn.Send(fmt.Sprintf(`CONNECT {"nkey":%q,"sig":%q,"verbose":false}`, key.public, key.sign(t, nonceOf(t, conn), base64.RawURLEncoding)))
	conn.Sync()
	var page struct {
		Conns []struct {
			User   string `json:"authorized_user"`
			Issuer string `json:"issuer_key"`
			JWT    string `json:"jwt"`
		} `json:"connections"`
	}
	server.Monitor("/connz?auth=1", &page)
	if len(page.Conns) != 1 || page.Conns[0].User != key.public || page.Conns[0].Issuer != "A" || page.Conns[0].JWT != "" {
		t.Errorf("the connection is %+v", page.Conns)
	}
}
