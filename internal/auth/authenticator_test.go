package auth

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/nats-io/nkeys"
	"golang.org/x/crypto/bcrypt"
)

const nonce = "PXoWU7zWAMt75FY"

// keyPair makes the same key each time.
func keyPair(t testing.TB, prefix nkeys.PrefixByte, fill byte) nkeys.KeyPair {
	t.Helper()
	key, err := nkeys.FromRawSeed(prefix, []byte(strings.Repeat(string(rune(fill)), 32)))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func public(t testing.TB, key nkeys.KeyPair) string {
	t.Helper()
	text, err := key.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func sign(t testing.TB, key nkeys.KeyPair, nonce string, encoding *base64.Encoding) string {
	t.Helper()
	signature, err := key.Sign([]byte(nonce))
	if err != nil {
		t.Fatal(err)
	}
	return encoding.EncodeToString(signature)
}

func bcrypted(t testing.TB, password string, cost int) Secret {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(password), cost)
	if err != nil {
		t.Fatal(err)
	}
	return Secret(hash)
}

// keys are those of the tables: the key of a user, one that nobody has entered, and the keys of an account and a proxy.
type keys struct{ user, stranger, account, proxy nkeys.KeyPair }

func newKeys(t testing.TB) keys {
	return keys{
		keyPair(t, nkeys.PrefixByteUser, '1'), keyPair(t, nkeys.PrefixByteUser, '2'),
		keyPair(t, nkeys.PrefixByteAccount, '3'), keyPair(t, nkeys.PrefixByteServer, '5'),
	}
}

// attempt is one request and what becomes of it: "account/user" or what the log says after "authentication error".
type attempt struct {
	request Request
	want    string
}

const no = " - "

// logins are configurations and attempts. All hold for a stock server too (TestPeerLogins), but for those that are not
// taken there or here.
func logins(t testing.TB) map[string]struct {
	config   Config
	attempts []attempt
} {
	k := newKeys(t)
	user, stranger, proxy := public(t, k.user), public(t, k.stranger), public(t, k.proxy)
	raw, std, padded := base64.RawURLEncoding, base64.StdEncoding, base64.URLEncoding
	signed := func(key nkeys.KeyPair, encoding *base64.Encoding) Request {
		return Request{NKey: public(t, key), Signature: sign(t, key, nonce, encoding)}
	}
	vouched := func(user string, password Secret, key nkeys.KeyPair) Request {
		return Request{User: user, Password: password, ProxySignature: sign(t, key, nonce, raw)}
	}
	with := func(r Request, user string, password Secret) Request {
		r.User, r.Password = user, password
		return r
	}
	return map[string]struct {
		config   Config
		attempts []attempt
	}{
		"nobody is asked": {Config{}, []attempt{
			{Request{}, "$G/"},
			{Request{User: "a", Password: "b"}, "$G/"},
			{Request{Token: "x", JWT: "x", NKey: "x", Signature: "y", ProxySignature: "z"}, "$G/"},
		}},
		"one user": {Config{Username: "a", Password: "b"}, []attempt{
			{Request{}, ""},
			{Request{User: "a", Password: "b"}, "$G/a"},
			{Request{User: "a", Password: "b", Token: "z", NKey: "U", JWT: "x"}, "$G/a"},
			{Request{User: "a", Password: "c"}, no + `User "a"`},
			{Request{User: "x", Password: "b"}, no + `User "x"`},
			{Request{User: "A", Password: "b"}, no + `User "A"`},
			{Request{User: "a"}, no + `User "a"`},
			{Request{Password: "b"}, ""},
			{Request{Token: "b"}, no + `Token "[REDACTED]"`},
			{Request{User: "a\r\nb\"", Password: "x"}, no + `User "a\r\nb\""`},
		}},
		"one user without a password": {Config{Username: "a"}, []attempt{
			{Request{}, ""},
			{Request{User: "a"}, "$G/a"},
			{Request{User: "a", Password: "x"}, no + `User "a"`},
		}},
		"a token": {Config{Token: "abc"}, []attempt{
			{Request{}, ""},
			{Request{Token: "abc"}, "$G/"},
			{Request{User: "x", Password: "y", Token: "abc"}, "$G/"},
			{Request{Token: "abd"}, no + `Token "[REDACTED]"`},
			{Request{User: "abc"}, no + `User "abc"`},
			{Request{Password: "abc"}, ""},
		}},
		"a hashed token": {Config{Token: bcrypted(t, "abc", 4)}, []attempt{
			{Request{Token: "abc"}, "$G/"},
			{Request{Token: "abd"}, no + `Token "[REDACTED]"`},
		}},
		"what only looks like a hash": {Config{Users: []User{{Name: "a", Password: "$2z$04$x"}, {Name: "b", Password: "$2a$xx"}}}, []attempt{
			{Request{User: "a", Password: "$2z$04$x"}, "$G/a"},
			{Request{User: "b", Password: "$2a$xx"}, "$G/b"},
		}},
		"users": {Config{Users: []User{{Name: "a", Password: "b"}, {Name: "c"}, {Name: "d", Password: bcrypted(t, "e", 4)}}}, []attempt{
			{Request{}, ""},
			{Request{User: "a", Password: "b"}, "$G/a"},
			{Request{User: "a", Password: "b", NKey: "U"}, "$G/a"},
			{Request{User: "c"}, "$G/c"},
			{Request{User: "d", Password: "e"}, "$G/d"},
			{Request{User: "a", Password: "c"}, no + `User "a"`},
			{Request{User: "c", Password: "x"}, no + `User "c"`},
			{Request{User: "d", Password: "x"}, no + `User "d"`},
			{Request{User: "z", Password: "b"}, no + `User "z"`},
			{Request{Token: "b"}, no + `Token "[REDACTED]"`},
			{Request{NKey: "U"}, no + `Nkey "U"`},
			{Request{NKey: "U", Token: "x"}, no + `Nkey "U"`},
			{Request{User: "x", Token: "x", JWT: "u"}, no + `User "x"`},
		}},
		"accounts": {Config{
			Accounts: []Account{{Name: "A"}, {Name: "B"}},
			Users:    []User{{Name: "a", Password: "x", Account: "A"}, {Name: "b", Password: "x", Account: "B"}, {Name: "g"}},
		}, []attempt{
			{Request{User: "a", Password: "x"}, "A/a"},
			{Request{User: "b", Password: "x"}, "B/b"},
			{Request{User: "g"}, "$G/g"},
		}},
		"a user for those without credentials": {Config{
			NoAuthUser: "a", Accounts: []Account{{Name: "A"}},
			Users: []User{{Name: "a", Password: "b", Account: "A"}, {Name: "b", Password: "b"}},
		}, []attempt{
			{Request{}, "A/a"},
			{Request{NKey: "U", JWT: "u", Signature: "u", ProxySignature: "u"}, "A/a"},
			{Request{User: "b", Password: "b"}, "$G/b"},
			{Request{User: "a", Password: "x"}, no + `User "a"`},
			{Request{Password: "x"}, ""},
			{Request{Token: "x"}, no + `Token "[REDACTED]"`},
			{Request{User: "x"}, no + `User "x"`},
		}},
		"a key for those without credentials": {Config{NoAuthUser: user, Users: []User{{NKey: user}, {Name: "a", Password: "b"}}}, []attempt{
			{Request{}, "$G/" + user},
			{Request{NKey: stranger, Signature: "x"}, no + fmt.Sprintf("Nkey %q", stranger)},
			{Request{User: "a"}, no + `User "a"`},
		}},
		"keys": {Config{Users: []User{{NKey: user}, {Name: "a", Password: "b"}}}, []attempt{
			{signed(k.user, raw), "$G/" + user},
			{signed(k.user, std), "$G/" + user},
			{with(signed(k.user, raw), "a", "b"), "$G/" + user},
			{with(signed(k.user, raw), "a", "c"), "$G/" + user},
			{Request{User: "a", Password: "b", JWT: "x"}, "$G/a"},
			{signed(k.user, padded), no + fmt.Sprintf("Nkey %q", user)},
			{signed(k.user, base64.RawStdEncoding), no + fmt.Sprintf("Nkey %q", user)},
			{signed(k.stranger, raw), no + fmt.Sprintf("Nkey %q", stranger)},
			{with(signed(k.stranger, raw), "a", "b"), no + fmt.Sprintf("Nkey %q", stranger)},
			{signed(k.account, raw), no + fmt.Sprintf("Nkey %q", public(t, k.account))},
			{Request{NKey: user, Signature: sign(t, k.user, nonce+"x", raw)}, no + fmt.Sprintf("Nkey %q", user)},
			{Request{NKey: user, Signature: sign(t, k.stranger, nonce, raw)}, no + fmt.Sprintf("Nkey %q", user)},
			{Request{NKey: user, Signature: "zz!!"}, no + fmt.Sprintf("Nkey %q", user)},
			{Request{NKey: user, Signature: "AAAA"}, no + fmt.Sprintf("Nkey %q", user)},
			{Request{NKey: user}, no + fmt.Sprintf("Nkey %q", user)},
			{Request{NKey: strings.ToLower(user), Signature: sign(t, k.user, nonce, raw)}, no + fmt.Sprintf("Nkey %q", strings.ToLower(user))},
			{Request{User: user}, no + fmt.Sprintf("User %q", user)},
			{Request{JWT: "junk"}, ""},
			{Request{}, ""},
		}},
		"connection types": {Config{Users: []User{
			{Name: "a", ConnectionTypes: WebSocket}, {Name: "b", ConnectionTypes: Standard | MQTT}, {Name: "c"},
		}}, []attempt{
			{Request{User: "a"}, no + `User "a"`},
			{Request{User: "b"}, "$G/b"},
			{Request{User: "c"}, "$G/c"},
		}},
		"connection types of who has no credentials": {Config{NoAuthUser: "a", Users: []User{{Name: "a", ConnectionTypes: MQTT}}}, []attempt{
			{Request{}, no + `User "a"`},
		}},
		"proxies": {Config{TrustedProxies: []string{proxy}, Users: []User{
			{Name: "a", Password: "b", ProxyRequired: true}, {Name: "c", Password: "d"}, {NKey: user, ProxyRequired: true},
		}}, []attempt{
			{Request{User: "a", Password: "b"}, no + `User "a"`},
			{vouched("a", "b", k.proxy), "$G/a by " + proxy},
			{vouched("a", "x", k.proxy), no + `User "a"`},
			{vouched("a", "b", k.stranger), no + `User "a"`},
			{Request{User: "a", Password: "b", ProxySignature: sign(t, k.proxy, nonce, std)}, no + `User "a"`},
			{Request{User: "a", Password: "b", ProxySignature: sign(t, k.proxy, nonce+"x", raw)}, no + `User "a"`},
			{Request{User: "c", Password: "d"}, "$G/c"},
			{vouched("c", "d", k.proxy), "$G/c by " + proxy},
			{vouched("c", "d", k.stranger), no + `User "c"`},
			{signed(k.user, raw), no + fmt.Sprintf("Nkey %q", user)},
		}},
		"proxies without users": {Config{TrustedProxies: []string{proxy}}, []attempt{
			{Request{}, "$G/"},
			{vouched("", "", k.proxy), "$G/ by " + proxy},
			{vouched("", "", k.stranger), ""},
		}},
		"proxies of one user": {Config{TrustedProxies: []string{proxy}, Username: "a", Password: "b", ProxyRequired: true}, []attempt{
			{Request{User: "a", Password: "b"}, no + `User "a"`},
			{vouched("a", "b", k.proxy), "$G/a by " + proxy},
		}},
		"proxies of those without credentials": {Config{
			TrustedProxies: []string{proxy}, NoAuthUser: "a", Users: []User{{Name: "a", Password: "b", ProxyRequired: true}},
		}, []attempt{
			{Request{}, no + `User "a"`},
			{vouched("", "", k.proxy), "$G/a by " + proxy},
		}},
		"proxies that nobody trusts": {Config{Users: []User{{Name: "a", ProxyRequired: true}}}, []attempt{
			{vouched("a", "", k.proxy), no + `User "a"`},
		}},
	}
}

func authenticator(t testing.TB, c Config) *Authenticator {
	t.Helper()
	a, err := New(&c)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// outcome says in one word what became of a request.
func outcome(id *Identity, err error) string {
	if err != nil {
		return strings.TrimPrefix(err.Error(), "authentication error")
	}
	text := id.Account + "/" + id.User
	if id.Proxy != "" {
		text += " by " + id.Proxy
	}
	return text
}

func TestLogins(t *testing.T) {
	for name, test := range logins(t) {
		a := authenticator(t, test.config)
		for _, try := range test.attempts {
			r := try.request
			r.Nonce, r.Type = nonce, Standard
			id, err := a.Authenticate(&r)
			if got := outcome(id, err); got != try.want {
				t.Errorf("%s: %+v: %s, want %s", name, try.request, got, try.want)
			}
			var refusal *Error
			if err != nil && (!errors.As(err, &refusal) || refusal.Text() != "Authorization Violation") {
				t.Errorf("%s: %+v: the client is told %v", name, try.request, err)
			}
			if err == nil && id.Rights == nil {
				t.Errorf("%s: %+v: no rights", name, try.request)
			}
		}
	}
}

// TestReasons shows what a closed connection is remembered for.
func TestReasons(t *testing.T) {
	k := newKeys(t)
	a := authenticator(t, Config{TrustedProxies: []string{public(t, k.proxy)}, Users: []User{{Name: "a", ProxyRequired: true}}})
	for reason, r := range map[Reason]Request{
		Failed:          {User: "a", Password: "x"},
		ProxyRequired:   {User: "a"},
		ProxyNotTrusted: {User: "a", ProxySignature: "x"},
	} {
		r.Nonce = nonce
		_, err := a.Authenticate(&r)
		var refusal *Error
		if !errors.As(err, &refusal) || refusal.Reason != reason {
			t.Errorf("%+v: %#v", r, err)
		}
	}
}

// TestAnEmptyNonceProvesNothing shows that who was told nothing to sign cannot have signed it.
func TestAnEmptyNonceProvesNothing(t *testing.T) {
	k := newKeys(t)
	a := authenticator(t, Config{Users: []User{{NKey: public(t, k.user)}}})
	r := Request{NKey: public(t, k.user), Signature: sign(t, k.user, "", base64.RawURLEncoding), Type: Standard}
	if _, err := a.Authenticate(&r); err == nil {
		t.Error("a signature of nothing is taken")
	}
}

// TestWhatConnectionsAreTold shows which INFO a configuration asks for.
func TestWhatConnectionsAreTold(t *testing.T) {
	k := newKeys(t)
	user, proxy := public(t, k.user), public(t, k.proxy)
	for _, test := range []struct {
		config                 Config
		required, nonce, plain bool
	}{
		{Config{}, false, false, false},
		{Config{Username: "a"}, true, false, false},
		{Config{Username: "a", Password: "b"}, true, false, true},
		{Config{Username: "a", Password: bcrypted(t, "b", 4)}, true, false, false},
		{Config{Token: "a"}, true, false, false},
		{Config{Users: []User{{Name: "a", Password: "b"}}}, true, false, true},
		{Config{Users: []User{{NKey: user}}}, true, true, false},
		{Config{Users: []User{{NKey: user}}, NoAuthUser: user}, false, true, false},
		{Config{TrustedProxies: []string{proxy}}, false, true, false},
		{Config{Accounts: []Account{{Name: "A"}}}, false, false, false},
	} {
		a := authenticator(t, test.config)
		if a.Required() != test.required || a.NeedsNonce() != test.nonce || a.Plaintext() != test.plain {
			t.Errorf("%+v: required %v, nonce %v, plaintext %v", test.config, a.Required(), a.NeedsNonce(), a.Plaintext())
		}
	}
}

// TestDefaults shows whose permissions count: the user's own, even if they are empty, or else those of its account.
func TestDefaults(t *testing.T) {
	only := func(s string) *Permissions { return &Permissions{Publish: Subjects{Allow: []string{s}}} }
	a := authenticator(t, Config{
		Defaults: only("global"),
		Accounts: []Account{{Name: "A", Defaults: only("account")}, {Name: "B"}},
		Users: []User{
			{Name: "g"}, {Name: "own", Permissions: only("own")}, {Name: "all", Permissions: &Permissions{}},
			{Name: "a", Account: "A"}, {Name: "a own", Account: "A", Permissions: only("own")}, {Name: "b", Account: "B"},
		},
	})
	for user, want := range map[string]string{
		"g": "global", "own": "own", "all": "global own account", "a": "account", "a own": "own", "b": "global own account",
	} {
		id, err := a.Authenticate(&Request{User: user, Type: Standard})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range []string{"global", "own", "account"} {
			if got := id.Rights.canPublish([]byte(s)); got != strings.Contains(want, s) {
				t.Errorf("%s may publish %s: %v", user, s, got)
			}
		}
	}
}

// TestNewErrors shows what a configuration must not say.
func TestNewErrors(t *testing.T) {
	k := newKeys(t)
	user := public(t, k.user)
	for want, c := range map[string]Config{
		"Cannot have a user/pass and token":                                                             {Username: "a", Token: "b"},
		"Can not have a token and a users array":                                                        {Token: "b", Users: []User{{Name: "a"}}},
		"Can not have a single user/pass and a users array":                                             {Username: "b", Users: []User{{Name: "a"}}},
		"proxy_required is about a single user or a token: users have their own":                        {ProxyRequired: true, Users: []User{{Name: "a"}}},
		"a password without a user protects nothing":                                                    {Password: "b"},
		`Duplicate user "a" detected`:                                                                   {Users: []User{{Name: "a"}, {Name: "a", Password: "x"}}},
		fmt.Sprintf("Duplicate nkey %q detected", user):                                                 {Users: []User{{NKey: user}, {NKey: user}}},
		"Nkey users do not take usernames or passwords":                                                 {Users: []User{{NKey: user, Password: "x"}}},
		"Not a valid public nkey for a user":                                                            {Users: []User{{NKey: public(t, k.account)}}},
		"User entry requires a user":                                                                    {Users: []User{{Password: "x"}}},
		`there is no account "A"`:                                                                       {Users: []User{{Name: "a", Account: "A"}}},
		`"$G" is a Reserved Account`:                                                                    {Accounts: []Account{{Name: "$G"}}},
		"Duplicate Account Entry: A":                                                                    {Accounts: []Account{{Name: "A"}, {Name: "A"}}},
		`user "a": subject "x y" is not a valid subject`:                                                {Users: []User{{Name: "a", Permissions: &Permissions{Publish: Subjects{Allow: []string{"x y"}}}}}},
		`invalid proxy key "x"`:                                                                         {TrustedProxies: []string{"x"}},
		`no_auth_user: "z" present, but users/nkeys are not defined`:                                    {NoAuthUser: "z"},
		`no_auth_user: "z" not present as user or nkey in authorization block or account configuration`: {NoAuthUser: "z", Users: []User{{Name: "a"}}},
	} {
		_, err := New(&c)
		var about *ConfigError
		if !errors.As(err, &about) || err.Error() != want || about.Key == "" {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if _, err := New(&Config{Users: []User{{Name: "a", Password: "$2a$04$short"}}}); err == nil || err.Error() != `user "a": the bcrypt hash is damaged` {
		t.Errorf("a hash that nothing can match: %v", err)
	}
}

// TestSecretsHide shows that no way to print a configuration or a request's refusal shows a password.
func TestSecretsHide(t *testing.T) {
	c := Config{Username: "a", Password: "hidden", Token: "hidden", Users: []User{{Password: "hidden"}}}
	if text := fmt.Sprintf("%v %+v %#v %s %q %x", c, c, c, c.Password, c.Password, c.Token); strings.Contains(text, "hidden") || !strings.Contains(text, "[REDACTED]") {
		t.Error(text)
	}
}

// TestFailuresCostTheSame shows that the work of a refusal tells neither whether there is such a user, nor how its
// password is kept. Work is counted in rounds of bcrypt, not in time.
func TestFailuresCostTheSame(t *testing.T) {
	c := Config{Users: []User{
		{Name: "plain", Password: "x"}, {Name: "none"}, {Name: "cheap", Password: bcrypted(t, "x", 4)}, {Name: "dear", Password: bcrypted(t, "x", 7)},
	}}
	a := authenticator(t, c)
	if a.passwords.maxCost != 7 {
		t.Fatalf("the dearest hash costs %d", a.passwords.maxCost)
	}
	for _, p := range []*password{&nobody, &a.names["plain"].password, &a.names["none"].password, &a.names["cheap"].password, &a.names["dear"].password} {
		rounds := 0
		if p.cost > 0 {
			rounds = 1 << p.cost
		}
		for _, cost := range a.passwords.padding(p) {
			rounds += 1 << cost
		}
		if rounds != 1<<7 {
			t.Errorf("a refusal by a password of cost %d takes %d rounds", p.cost, rounds)
		}
	}
	for _, user := range []string{"nobody", "plain", "none", "cheap", "dear"} {
		if _, err := a.Authenticate(&Request{User: user, Password: "y", Type: Standard}); err == nil {
			t.Errorf("%s is let in", user)
		}
	}
	if cost, err := bcrypt.Cost([]byte(wasteHash(7))); err != nil || cost != 7 {
		t.Errorf("wasting work of cost 7 costs %d: %v", cost, err)
	}
}

// FuzzAuthenticate shows that nobody gets in by credentials of any shape but the right ones.
func FuzzAuthenticate(f *testing.F) {
	k := newKeys(f)
	user := public(f, k.user)
	a := authenticator(f, Config{TrustedProxies: []string{public(f, k.proxy)}, Users: []User{{NKey: user}, {Name: "a", Password: "b"}, {Name: "h", Password: bcrypted(f, "x", 4)}}})
	f.Add("a", "b", "", "", "")
	f.Add("h", "x", "", user, "zz")
	f.Add("", "", sign(f, k.user, nonce, base64.RawURLEncoding), user, sign(f, k.proxy, nonce, base64.RawURLEncoding))
	f.Fuzz(func(t *testing.T, name, given, signature, key, proxy string) {
		r := Request{User: name, Password: Secret(given), Signature: signature, NKey: key, ProxySignature: proxy, Nonce: nonce, Type: Standard}
		id, err := a.Authenticate(&r)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\r\n") {
				t.Errorf("the log is told %q", err)
			}
			return
		}
		bySignature := key == user && string(decodeSignature(signature)) == string(decodeSignature(sign(t, k.user, nonce, base64.RawURLEncoding)))
		byPassword := key == "" && (name == "a" && given == "b" || name == "h" && given == "x")
		if id.User == user && !bySignature || id.User != user && !byPassword {
			t.Errorf("%+v is let in as %+v", r, id)
		}
	})
}

// BenchmarkLogin shows among the rest that a refusal costs as much for a key that nobody has entered.
func BenchmarkLogin(b *testing.B) {
	k := newKeys(b)
	a := authenticator(b, Config{Users: []User{{NKey: public(b, k.user)}, {Name: "a", Password: "b"}}})
	signature := sign(b, k.user, nonce, base64.RawURLEncoding)
	for _, bench := range []struct {
		name    string
		request Request
	}{
		{"password", Request{User: "a", Password: "b"}},
		{"wrong password", Request{User: "a", Password: "x"}},
		{"unknown user", Request{User: "x", Password: "x"}},
		{"nkey", Request{NKey: public(b, k.user), Signature: signature, Nonce: nonce}},
		{"wrong signature", Request{NKey: public(b, k.user), Signature: signature, Nonce: nonce + "x"}},
		{"unknown nkey", Request{NKey: public(b, k.stranger), Signature: signature, Nonce: nonce}},
	} {
		bench.request.Type = Standard
		b.Run(bench.name, func(b *testing.B) {
			for b.Loop() {
				if id, err := a.Authenticate(&bench.request); (id == nil) == (err == nil) {
					b.Fatal(id, err)
				}
			}
		})
	}
}

// A stranger does not fill the log with a name.
func TestRefusalsAreShort(t *testing.T) {
	a := must(New(&Config{Users: []User{{Name: "ann", Password: "p"}}}))
	for _, r := range []Request{{User: strings.Repeat("ä", 4000)}, {NKey: strings.Repeat("U", 4000)}, {User: "ann" + strings.Repeat("\x00", 4000)}} {
		r.Type = Standard
		_, err := a.Authenticate(&r)
		if err == nil || len(err.Error()) > 5*maxShown || !strings.Contains(err.Error(), "...") {
			t.Errorf("%d letters: %v", len(r.User), err)
		}
	}
}
