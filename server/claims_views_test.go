package server

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"

	"myelin/internal/report"
)

// What operators, accounts and users have signed is shown as stock shows it, but for what would let others in.
func TestClaimsShown(t *testing.T) {
	n := newNeighbours()
	s, cfg, admin := pushed(t, n.realm)
	exporter := n.sign(n.exporter, func(c *jwt.AccountClaims) {
		c.Exports.Add(&jwt.Export{Subject: "q", Type: jwt.Service, Latency: &jwt.ServiceLatency{Sampling: 50, Results: "lat"}},
			&jwt.Export{Subject: "z", Type: jwt.Stream, TokenReq: true, Revocations: jwt.RevocationList{"*": 12345}})
		c.SigningKeys.Add(public(n.signing))
		c.Tags.Add("one")
		c.Mappings = jwt.Mapping{"a": {{Subject: "b", Weight: 50}}}
		c.RevokeAt(public(n.operator), time.Unix(12345, 0))
	})
	asks(t, admin, "$SYS.REQ.CLAIMS.UPDATE", exporter)
	asks(t, admin, "$SYS.REQ.CLAIMS.UPDATE", n.sign(n.importer, func(c *jwt.AccountClaims) {
		c.Name = ""
		c.Imports.Add(&jwt.Import{Subject: "q", LocalSubject: "mine", Account: public(n.exporter), Type: jwt.Service, Share: true},
			&jwt.Import{Subject: "z", Account: public(n.exporter), Type: jwt.Stream})
	}))
	events := got(admin.SubscribeSync("$SYS.ACCOUNT.*.CONNECT"))
	got(true, admin.Flush())
	connects(t, s, nats.Name("member"), as(n.signing, func(c *jwt.UserClaims) { c.IssuerAccount = public(n.exporter); c.Tags.Add("two") }))
	holder := bearer(n.importer)
	connects(t, s, nats.Name("bearer"), nats.UserJWT(func() (string, error) { return holder, nil }, func([]byte) ([]byte, error) { return nil, nil }))

	for _, c := range got(s.views.Connz(report.ConnzOptions{Username: true})).Connections {
		switch {
		case c.Name == "member" && (!strings.HasPrefix(c.JWT, "eyJ") || c.IssuerKey != public(n.signing) || c.NameTag != "ACME" || !slices.Equal(c.Tags, []string{"two"})),
			c.Name == "bearer" && (c.JWT != "" || c.IssuerKey != public(n.importer) || c.NameTag != public(n.importer)):
			t.Errorf("%+v", c)
		}
	}
	for range 2 {
		m := got(events.NextMsg(patience))
		if strings.Contains(string(m.Data), holder) || !strings.Contains(string(m.Data), `"issuer_key":`) {
			t.Errorf("event: %s", m.Data)
		}
	}
	info := got(s.views.AccountInfo(public(n.exporter)))
	if info.JWT != exporter || info.IssuerKey != public(n.operator) || info.NameTag != "ACME" || !slices.Equal(info.Tags, []string{"one"}) ||
		info.Mappings["a"][0] != (report.MappedTo{Subject: "b", Weight: 50}) || len(info.Revoked) != 1 || !info.Complete || info.Updated.IsZero() {
		t.Errorf("%+v", info)
	}
	shown := func(v any) string { return string(got(json.Marshal(v))) }
	for what, row := range map[string][2]string{
		"exports": {shown(info.Exports), `[{"subject":"q","type":"service","response_type":"Singleton","service_latency":{"sampling":50,"results":"lat"}},` +
			`{"subject":"z","type":"stream","token_req":true,"revoked_activations":{"*":"1970-01-01T03:25:45Z"}}]`},
		"imports": {shown(got(s.views.AccountInfo(public(n.importer))).Imports), strings.ReplaceAll(`[{"subject":"q","account":"ID","to":"mine","local_subject":"mine","type":"service",`+
			`"invalid":false,"share":true,"tracking":false,"latency":{"sampling":50,"results":"lat"}},`+
			`{"subject":"z","account":"ID","local_subject":"z","type":"stream","invalid":true,"share":false,"tracking":false}]`, "ID", public(n.exporter))},
	} {
		if row[0] != row[1] {
			t.Errorf("%s: %s", what, row[0])
		}
	}
	if got(s.views.AccountInfo(public(n.importer))).Complete {
		t.Error("an import is not in force, and the account is complete")
	}
	member := got(s.views.Connz(report.ConnzOptions{Username: true})).Connections[1].CID
	if told := string(s.introduce(nil, member, "", true)); !strings.Contains(told, `"jwt":"eyJ`) || !strings.Contains(told, `"issuer_key":"`) {
		t.Errorf("who answers requests is told %s", told)
	}
	if c := s.clientOf(member); c.JWT != "" || c.IssuerKey != public(n.signing) {
		t.Errorf("events about streams tell %+v", c)
	}
	z := s.views.Varz()
	if !slices.Equal(z.OperatorJWTs, cfg.Operators.Trusted) || len(z.OperatorClaims) != 1 || z.SystemAccount != public(n.system) {
		t.Errorf("%v, %v, %s", z.OperatorJWTs, z.OperatorClaims, z.SystemAccount)
	}
}

// What is wrong with the claims of an account is told in the words of stock.
func TestClaimsIssues(t *testing.T) {
	claims := jwt.NewAccountClaims(public(newRealm().account))
	if found := issuesOf(claims); found != nil {
		t.Errorf("%+v", found)
	}
	claims.Expires = 1
	want := []report.ClaimIssue{{Description: "claim is expired", TimeCheck: true}}
	if found := issuesOf(claims); !slices.Equal(found, want) {
		t.Errorf("%+v", found)
	}
}
