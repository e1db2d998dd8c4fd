package server

import (
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"myelin/internal/config"
)

// neighbours are two accounts of which one has something of the other.
type neighbours struct {
	*realm
	exporter, importer, signing, other nkeys.KeyPair
}

func newNeighbours() *neighbours {
	n := &neighbours{realm: newRealm()}
	n.exporter, n.importer = n.account, got(nkeys.CreateAccount())
	n.signing, n.other = got(nkeys.CreateAccount()), got(nkeys.CreateAccount())
	return n
}

// activation is a token for what is exported as "x.*".
func (n *neighbours) activation(by nkeys.KeyPair, edit func(*jwt.ActivationClaims)) string {
	c := jwt.NewActivationClaims(public(n.importer))
	c.ImportSubject, c.ImportType = "x.*", jwt.Stream
	if edit != nil {
		edit(c)
	}
	return got(c.Encode(by))
}

// claimRow is what two accounts say, and what comes of it, as stock answers.
type claimRow struct {
	name    string
	export  jwt.Export
	imports func(n *neighbours) jwt.Import
	edit    func(n *neighbours, exporter *jwt.AccountClaims)
	say     string // by the exporter of a stream, or the importer of a service
	want    string // what the other one hears; "" for nothing
	refused bool   // the claims of the importer are
}

func imports(i jwt.Import) func(*neighbours) jwt.Import {
	return func(*neighbours) jwt.Import { return i }
}

// importsTo is an import in the words of older tools.
func importsTo(subject, to jwt.Subject) func(*neighbours) jwt.Import {
	return func(*neighbours) jwt.Import {
		i := jwt.Import{Subject: subject}
		//lint:ignore SA1019 it is deprecated, and has to go on
		i.To = to
		return i
	}
}

func tokened(token func(n *neighbours) string) func(*neighbours) jwt.Import {
	return func(n *neighbours) jwt.Import { return jwt.Import{Subject: "x.*", Token: token(n)} }
}

var (
	plainStream   = jwt.Export{Subject: "x.*", Type: jwt.Stream}
	privateStream = jwt.Export{Subject: "x.*", Type: jwt.Stream, TokenReq: true}
	plainService  = jwt.Export{Subject: "s.*.*", Type: jwt.Service}
	ownService    = jwt.Export{Subject: "s.*", Type: jwt.Service, AccountTokenPosition: 2}
)

var claimRows = []claimRow{
	{name: "stream", export: plainStream, imports: imports(jwt.Import{Subject: "x.*"}), say: "x.1", want: "x.1"},
	{name: "stream to", export: plainStream, imports: importsTo("x.*", "p"), say: "x.1", want: "p.x.1"},
	{name: "stream mapped", export: jwt.Export{Subject: "x.*.*", Type: jwt.Stream}, imports: imports(jwt.Import{Subject: "x.*.*", LocalSubject: "l.$2.$1"}),
		say: "x.1.2", want: "l.2.1"},
	{name: "stream mapped in order", export: jwt.Export{Subject: "x.*.*", Type: jwt.Stream},
		imports: imports(jwt.Import{Subject: "x.*.*", LocalSubject: "l.*.q.*"}), say: "x.1.2", want: "l.1.q.2"},
	{name: "part of a stream", export: jwt.Export{Subject: "x.>", Type: jwt.Stream}, imports: imports(jwt.Import{Subject: "x.1.>"}), say: "x.1.2", want: "x.1.2"},
	{name: "more than the stream", export: plainStream, imports: imports(jwt.Import{Subject: "x.>"}), say: "x.1"},
	{name: "nothing exported", export: jwt.Export{Subject: "y", Type: jwt.Stream}, imports: imports(jwt.Import{Subject: "x.*"}), say: "x.1"},
	{name: "a stream as a service", export: plainService, imports: imports(jwt.Import{Subject: "s.*.*"}), say: "s.1.2"},

	{name: "service", export: plainService, imports: imports(jwt.Import{Subject: "s.*.*"}), say: "s.1.2", want: "s.1.2"},
	{name: "service to", export: plainService, imports: importsTo("q", "s.1.2"), say: "q", want: "s.1.2"},
	{name: "service mapped", export: plainService, imports: imports(jwt.Import{Subject: "s.*.*", LocalSubject: "l.$2.$1"}), say: "l.1.2", want: "s.2.1"},
	{name: "own token", export: ownService, say: "q", want: "s.OWN",
		imports: func(n *neighbours) jwt.Import {
			return jwt.Import{Subject: jwt.Subject("s." + public(n.importer)), LocalSubject: "q"}
		}},
	{name: "token of another", export: ownService, say: "q",
		imports: func(n *neighbours) jwt.Import {
			return jwt.Import{Subject: jwt.Subject("s." + public(n.other)), LocalSubject: "q"}
		}},
	{name: "tokens of all", export: ownService, imports: imports(jwt.Import{Subject: "s.*"}), say: "s.1"},

	{name: "private without a token", export: privateStream, imports: imports(jwt.Import{Subject: "x.*"}), say: "x.1"},
	{name: "activated", export: privateStream, say: "x.1", want: "x.1",
		imports: tokened(func(n *neighbours) string { return n.activation(n.exporter, nil) })},
	{name: "activated for more", export: privateStream, say: "x.1", want: "x.1",
		imports: tokened(func(n *neighbours) string {
			return n.activation(n.exporter, func(c *jwt.ActivationClaims) { c.ImportSubject = "x.>" })
		})},
	{name: "activated for less", export: privateStream, say: "x.1", refused: true,
		imports: tokened(func(n *neighbours) string {
			return n.activation(n.exporter, func(c *jwt.ActivationClaims) { c.ImportSubject = "x.2" })
		})},
	{name: "activated as a service", export: privateStream, say: "x.1", refused: true,
		imports: tokened(func(n *neighbours) string {
			return n.activation(n.exporter, func(c *jwt.ActivationClaims) { c.ImportType = jwt.Service })
		})},
	{name: "activation of another account", export: privateStream, say: "x.1", refused: true,
		imports: tokened(func(n *neighbours) string {
			return n.activation(n.exporter, func(c *jwt.ActivationClaims) { c.Subject = public(n.other) })
		})},
	{name: "activated by another account", export: privateStream, say: "x.1", refused: true,
		imports: tokened(func(n *neighbours) string { return n.activation(n.other, nil) })},
	{name: "activated by another account in the name of the right one", export: privateStream, say: "x.1",
		imports: tokened(func(n *neighbours) string {
			return n.activation(n.other, func(c *jwt.ActivationClaims) { c.IssuerAccount = public(n.exporter) })
		})},
	{name: "activated by oneself", export: privateStream, say: "x.1",
		imports: tokened(func(n *neighbours) string {
			return n.activation(n.importer, func(c *jwt.ActivationClaims) { c.IssuerAccount = public(n.exporter) })
		})},
	{name: "activated by a signing key", export: privateStream, say: "x.1", want: "x.1",
		edit: func(n *neighbours, c *jwt.AccountClaims) { c.SigningKeys.Add(public(n.signing)) },
		imports: tokened(func(n *neighbours) string {
			return n.activation(n.signing, func(c *jwt.ActivationClaims) { c.IssuerAccount = public(n.exporter) })
		})},
	{name: "activation expired", export: privateStream, say: "x.1",
		imports: tokened(func(n *neighbours) string {
			return n.activation(n.exporter, func(c *jwt.ActivationClaims) { c.Expires = time.Now().Unix() - 10 })
		})},
	{name: "activation not valid yet", export: privateStream, say: "x.1",
		imports: tokened(func(n *neighbours) string {
			return n.activation(n.exporter, func(c *jwt.ActivationClaims) { c.NotBefore = time.Now().Unix() + 1000 })
		})},
	{name: "activation is junk", export: privateStream, say: "x.1", refused: true, imports: tokened(func(*neighbours) string { return "junk" })},
	{name: "activation revoked", export: privateStream, say: "x.1",
		edit: func(n *neighbours, c *jwt.AccountClaims) {
			c.Exports[0].RevokeAt(public(n.importer), time.Now().Add(time.Minute))
		},
		imports: tokened(func(n *neighbours) string { return n.activation(n.exporter, nil) })},
	{name: "all activations revoked", export: privateStream, say: "x.1",
		edit:    func(_ *neighbours, c *jwt.AccountClaims) { c.Exports[0].RevokeAt("*", time.Now().Add(time.Minute)) },
		imports: tokened(func(n *neighbours) string { return n.activation(n.exporter, nil) })},
	{name: "earlier activations revoked", export: privateStream, say: "x.1", want: "x.1",
		edit:    func(_ *neighbours, c *jwt.AccountClaims) { c.Exports[0].RevokeAt("*", time.Now().Add(-time.Minute)) },
		imports: tokened(func(n *neighbours) string { return n.activation(n.exporter, nil) })},
}

// claims are those of both accounts.
func (r *claimRow) claims(n *neighbours) (exporter, importer string) {
	export, i := r.export, r.imports(n)
	i.Account, i.Type = public(n.exporter), export.Type
	if r.name == "a stream as a service" {
		i.Type = jwt.Stream
	}
	exporter = n.sign(n.exporter, func(c *jwt.AccountClaims) {
		c.Exports.Add(&export)
		if r.edit != nil {
			r.edit(n, c)
		}
	})
	return exporter, n.sign(n.importer, func(c *jwt.AccountClaims) { c.Imports.Add(&i) })
}

// What accounts share by their claims reaches the other one, as stock has it.
func TestClaimedShares(t *testing.T) {
	n := newNeighbours()
	s, _, admin := pushed(t, n.realm)
	for _, row := range claimRows {
		n.exporter, n.importer = got(nkeys.CreateAccount()), got(nkeys.CreateAccount())
		exporter, importer := row.claims(n)
		asks(t, admin, "$SYS.REQ.CLAIMS.UPDATE", exporter)
		answer := asks(t, admin, "$SYS.REQ.CLAIMS.UPDATE", importer)
		if refused := answer.Error != nil; refused != row.refused {
			t.Errorf("%s: %+v", row.name, answer.Error)
		}
		if row.refused {
			if !strings.HasPrefix(answer.Error.Description, "jwt validation failed - validation errors: [") {
				t.Errorf("%s: %s", row.name, answer.Error.Description)
			}
			continue
		}
		from, to := connects(t, s, as(n.exporter, nil)), connects(t, s, as(n.importer, nil))
		if row.export.Type == jwt.Service {
			from, to = to, from
		}
		want := strings.ReplaceAll(row.want, "OWN", public(n.importer))
		if heard := hears(from, to, row.say); heard != want {
			t.Errorf("%s: %q is heard, not %q", row.name, heard, want)
		}
		from.Close()
		to.Close()
	}
}

// hears publishes in one account and returns the subject that comes in the other, "" for none.
func hears(from, to *nats.Conn, subject string) string {
	sub := got(to.SubscribeSync(">"))
	defer func() { _ = sub.Unsubscribe() }()
	got(true, to.Flush())
	got(true, from.Publish(subject, nil))
	got(true, from.Flush()) // it is in the other's queue now, if at all
	got(true, to.Flush())
	m, err := sub.NextMsg(time.Millisecond)
	if err != nil {
		return ""
	}
	return m.Subject
}

// What changes in claims holds for those who are connected, whichever of the accounts comes first.
func TestLiveShares(t *testing.T) {
	n := newNeighbours()
	s, _, admin := pushed(t, n.realm)
	exports := func(edit func(*jwt.AccountClaims)) {
		asks(t, admin, "$SYS.REQ.CLAIMS.UPDATE", n.sign(n.exporter, edit))
	}
	gets := func(edit func(*jwt.AccountClaims)) {
		asks(t, admin, "$SYS.REQ.CLAIMS.UPDATE", n.sign(n.importer, edit))
	}
	plain := func(c *jwt.AccountClaims) { e := plainStream; c.Exports.Add(&e) }
	private := func(c *jwt.AccountClaims) { e := privateStream; c.Exports.Add(&e) }
	imported := func(token string) func(*jwt.AccountClaims) {
		return func(c *jwt.AccountClaims) {
			c.Imports.Add(&jwt.Import{Subject: "x.*", Account: public(n.exporter), Type: jwt.Stream, Token: token})
		}
	}
	gets(imported(""))
	to := connects(t, s, as(n.importer, nil))
	exports(plain)
	from := connects(t, s, as(n.exporter, nil))
	expect := func(what, want string) {
		t.Helper()
		if heard := hears(from, to, "x.1"); heard != want {
			t.Errorf("%s: %q is heard", what, heard)
		}
	}
	expect("the exporter comes later", "x.1")
	exports(nil)
	expect("the export is gone", "")
	exports(plain)
	expect("the export is back", "x.1")
	exports(private)
	expect("the export is private", "")
	gets(imported(n.activation(n.exporter, nil)))
	expect("activated", "x.1")
	exports(func(c *jwt.AccountClaims) { private(c); c.Exports[0].RevokeAt("*", time.Now().Add(time.Minute)) })
	expect("revoked", "")
	exports(plain)
	expect("public again", "x.1")
	gets(nil)
	expect("the import is gone", "")
	gets(imported(""))
	expect("the import is back", "x.1")
	deletion := jwt.NewGenericClaims(public(n.operator))
	deletion.Data["accounts"] = []string{public(n.exporter)}
	asks(t, admin, "$SYS.REQ.CLAIMS.DELETE", got(deletion.Encode(n.operator)))
	if nc, err := nats.Connect(s.ClientURL(), as(n.exporter, nil)); err == nil {
		nc.Close()
		t.Error("the account is there that was deleted")
	}
	exports(plain)
	from = connects(t, s, as(n.exporter, nil))
	expect("the exporter was deleted, and is back", "x.1")
}

// An activation ends when its time is over, for those who are connected.
func TestActivationEnds(t *testing.T) {
	n := newNeighbours()
	s, _, admin := pushed(t, n.realm)
	var end time.Time
	push := func(life time.Duration) {
		end = time.Now().Add(life).Truncate(time.Second)
		row := claimRow{export: privateStream, imports: tokened(func(n *neighbours) string {
			return n.activation(n.exporter, func(c *jwt.ActivationClaims) { c.Expires = end.Unix() })
		})}
		exporter, importer := row.claims(n)
		asks(t, admin, "$SYS.REQ.CLAIMS.UPDATE", exporter)
		asks(t, admin, "$SYS.REQ.CLAIMS.UPDATE", importer)
	}
	life := 2 * time.Second
	push(life)
	from, to := connects(t, s, as(n.exporter, nil)), connects(t, s, as(n.importer, nil))
	for hears(from, to, "x.1") == "" {
		if time.Now().Before(end) {
			t.Fatal("nothing is heard")
		}
		life *= 2 // it was over before anybody could hear
		push(life)
	}
	for limit := time.Now().Add(patience); hears(from, to, "x.1") != ""; {
		if time.Now().After(limit) {
			t.Fatal("goes on")
		}
	}
}

// Imports that would lead in a circle are not in force, until the circle is broken.
func TestCircleOfClaims(t *testing.T) {
	n := newNeighbours()
	s, _, admin := pushed(t, n.realm)
	claims := func(own, other nkeys.KeyPair, gets bool) string {
		return n.sign(own, func(c *jwt.AccountClaims) {
			c.Exports.Add(&jwt.Export{Subject: "x", Type: jwt.Stream})
			if gets {
				c.Imports.Add(&jwt.Import{Subject: "x", Account: public(other), Type: jwt.Stream})
			}
		})
	}
	asks(t, admin, "$SYS.REQ.CLAIMS.UPDATE", claims(n.exporter, n.importer, true))
	asks(t, admin, "$SYS.REQ.CLAIMS.UPDATE", claims(n.importer, n.exporter, true))
	a, b := connects(t, s, as(n.exporter, nil)), connects(t, s, as(n.importer, nil))
	there, back := hears(a, b, "x"), hears(b, a, "x")
	if (there == "x") == (back == "x") {
		t.Errorf("%q there, %q back", there, back)
	}
	asks(t, admin, "$SYS.REQ.CLAIMS.UPDATE", claims(n.importer, n.exporter, back == "x"))
	asks(t, admin, "$SYS.REQ.CLAIMS.UPDATE", claims(n.exporter, n.importer, back != "x"))
	if back == "x" {
		a, b = b, a
	}
	if hears(b, a, "x") != "x" || hears(a, b, "x") != "" {
		t.Error("the circle is broken, and the other import is not in force")
	}
}

// A stream is imported once, a service of two accounts asks both, as stock has it.
func TestImportsTwice(t *testing.T) {
	n := newNeighbours()
	s, _, admin := pushed(t, n.realm)
	for _, account := range []nkeys.KeyPair{n.exporter, n.other} {
		asks(t, admin, "$SYS.REQ.CLAIMS.UPDATE", n.sign(account, func(c *jwt.AccountClaims) {
			c.Exports.Add(&jwt.Export{Subject: "s", Type: jwt.Service}, &jwt.Export{Subject: "x", Type: jwt.Stream})
		}))
	}
	asks(t, admin, "$SYS.REQ.CLAIMS.UPDATE", n.sign(n.importer, func(c *jwt.AccountClaims) {
		for _, account := range []nkeys.KeyPair{n.exporter, n.other} {
			c.Imports.Add(&jwt.Import{Subject: "s", Account: public(account), Type: jwt.Service})
		}
		c.Imports.Add(&jwt.Import{Subject: "x", Account: public(n.exporter), Type: jwt.Stream},
			&jwt.Import{Subject: "x", LocalSubject: "y", Account: public(n.exporter), Type: jwt.Stream})
	}))
	a, b, to := connects(t, s, as(n.exporter, nil)), connects(t, s, as(n.other, nil)), connects(t, s, as(n.importer, nil))
	if hears(to, a, "s") != "s" || hears(to, b, "s") != "s" {
		t.Error("a request does not come to both")
	}
	all := got(to.SubscribeSync("*"))
	got(true, to.Flush())
	got(true, a.Publish("x", nil))
	got(true, a.Flush())
	got(true, to.Flush())
	if n, _, _ := all.Pending(); n != 1 {
		t.Errorf("a message comes %d times", n)
	}
}

// A service of another account is asked, and its answers come, as many as the export says. The memory resolver has both accounts.
func TestClaimedService(t *testing.T) {
	for _, kind := range []jwt.ResponseType{jwt.ResponseTypeSingleton, jwt.ResponseTypeStream, jwt.ResponseTypeChunked} {
		n := newNeighbours()
		cfg := n.config(config.ResolverMemory)
		row := claimRow{export: jwt.Export{Subject: "s", Type: jwt.Service, ResponseType: kind}, imports: imports(jwt.Import{Subject: "s", Share: true})}
		cfg.Operators.Preload[public(n.exporter)], cfg.Operators.Preload[public(n.importer)] = row.claims(n)
		s := run(t, cfg)
		to := connects(t, s, as(n.importer, nil)) // the exporter is loaded though nobody of it is there
		from := connects(t, s, as(n.exporter, nil))
		got(from.Subscribe("s", func(m *nats.Msg) {
			if !strings.Contains(m.Header.Get("Nats-Request-Info"), public(n.importer)) {
				t.Errorf("who asks: %v", m.Header)
			}
			for _, text := range []string{"1", "2", ""} {
				got(true, m.Respond([]byte(text)))
			}
			got(true, m.Sub.Unsubscribe())
		}))
		got(true, from.Flush())
		inbox := got(to.SubscribeSync(nats.NewInbox()))
		got(true, to.PublishRequest("s", inbox.Subject, nil))
		want := []string{"1", "2", ""}
		if kind == jwt.ResponseTypeSingleton {
			want = want[:1]
		}
		for _, text := range want {
			if m, err := inbox.NextMsg(patience); err != nil || string(m.Data) != text {
				t.Errorf("%s: %v, %v", kind, m, err)
			}
		}
	}
}
