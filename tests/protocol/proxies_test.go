package protocol

import (
	"encoding/base64"
	"fmt"
	"testing"

	"myelin/internal/testkit"
)

// Who has to come through a proxy that is trusted does not come otherwise, and the pages show which proxy it was.
func TestProxies(t *testing.T) {
	trusted, other := newKey(t), newKey(t)
	server := testkit.Start(t, testkit.Options{Config: fmt.Sprintf(`proxies { trusted: [{key: %s}] }
authorization { users: [{user: ann, password: p}, {user: bob, password: p, proxy_required: true}] }
`, trusted.public)})
	elsewhere := nonceOf(t, server.Raw(t))
	sign := func(k key, nonce string) string { return k.sign(t, nonce, base64.RawURLEncoding) }
	type shown struct {
		CID    uint64
		Reason string
		Proxy  *struct{ Key string }
	}
	for _, row := range []struct {
		name, user string
		signature  func(nonce string) string
		reason     string // "": it is let in
		proxy      bool
	}{
		{"no proxy", "ann", func(string) string { return "" }, "", false},
		{"the proxy", "ann", func(n string) string { return sign(trusted, n) }, "", true},
		{"another proxy", "ann", func(n string) string { return sign(other, n) }, "Proxy Not Trusted", false},
		{"another nonce", "ann", func(string) string { return sign(trusted, elsewhere) }, "Proxy Not Trusted", false},
		{"needed, and none", "bob", func(string) string { return "" }, "Proxy Required", false},
		{"needed, and the proxy", "bob", func(n string) string { return sign(trusted, n) }, "", true},
		{"needed, and another", "bob", func(n string) string { return sign(other, n) }, "Proxy Not Trusted", false},
		{"needed, and junk", "bob", func(string) string { return "!" }, "Proxy Not Trusted", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			conn := server.Raw(t)
			conn.Send(fmt.Sprintf(`CONNECT {"verbose":false,"user":%q,"pass":"p","proxy_sig":%q}`, row.user, row.signature(nonceOf(t, conn))), "PING")
			want := "in"
			if row.reason != "" {
				want = violation
			}
			if said := outcome(conn); said != want {
				t.Fatal(said)
			}
			testkit.Eventually(t, "the connection to be shown", func() bool {
				var page struct{ Connections []shown }
				server.Monitor(fmt.Sprintf("/connz?state=any&cid=%d", conn.Info.ClientID), &page)
				if len(page.Connections) != 1 {
					return false
				}
				c := page.Connections[0]
				return c.Reason == row.reason && (c.Proxy != nil) == row.proxy && (c.Proxy == nil || c.Proxy.Key == trusted.public)
			})
		})
	}
	var varz struct {
		Proxies struct{ Trusted []struct{ Key string } }
	}
	server.Monitor("/varz", &varz)
	if list := varz.Proxies.Trusted; len(list) != 1 || list[0].Key != trusted.public {
		t.Errorf("trusted are %+v", list)
	}
}
