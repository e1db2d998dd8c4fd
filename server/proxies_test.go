package server

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"

	"myelin/internal/config"
)

// Who came through a proxy that is not trusted any more has to go, also where operators say who may connect. Stock does not
// survive such a reload.
func TestReloadProxies(t *testing.T) {
	proxy := got(nkeys.CreateUser())
	trusting := func(c *Config) *Config {
		c.Auth.TrustedProxies = []string{public(proxy)}
		return c
	}
	r := newRealm()
	operated := trusting(r.config(config.ResolverMemory))
	operated.Operators.Preload[public(r.account)] = r.sign(r.account, nil)
	user := jwt.NewUserClaims(public(got(nkeys.CreateUser())))
	user.BearerToken = true
	token := got(user.Encode(r.account))
	for name, row := range map[string]struct {
		config *Config
		fields string
	}{
		"a configuration": {trusting(testConfig()), `"user":"ann"`},
		"operators":       {operated, fmt.Sprintf(`"jwt":%q`, token)},
	} {
		t.Run(name, func(t *testing.T) {
			s := run(t, row.config)
			conn := got(net.Dial("tcp", strings.TrimPrefix(s.ClientURL(), "nats://")))
			defer conn.Close()
			lines := bufio.NewReader(conn)
			got(true, conn.SetDeadline(time.Now().Add(10*time.Second)))
			var info struct{ Nonce string }
			got(true, json.Unmarshal([]byte(strings.TrimPrefix(got(lines.ReadString('\n')), "INFO ")), &info))
			signature := base64.RawURLEncoding.EncodeToString(got(proxy.Sign([]byte(info.Nonce))))
			got(fmt.Fprintf(conn, "CONNECT {\"verbose\":false,%s,\"proxy_sig\":%q}\r\nPING\r\n", row.fields, signature))
			if line := got(lines.ReadString('\n')); line != "PONG\r\n" {
				t.Fatal(line)
			}
			next := *row.config
			next.Auth.TrustedProxies = nil
			got(true, s.Reload(&next))
			for line := ""; !strings.Contains(line, "Authorization Violation"); {
				line = got(lines.ReadString('\n')) // INFO has changed, too
			}
		})
	}
}
