package server

import (
	"time"

	"github.com/nats-io/jwt/v2"

	"myelin/internal/auth/jwts"
	"myelin/internal/config"
	"myelin/internal/report"
)

// terms are what the claims of an account say, for the monitoring pages.
func (c *claimShares) terms(a *jwts.Account, now time.Time) report.AccountTerms {
	t := report.AccountTerms{
		Updated: a.Read, Mappings: mappedTo(mappingsOf(a.Claims.Mappings)),
		Claims: &report.AccountClaims{
			JWT: a.Token, Issuer: a.Claims.Issuer, Tags: a.Claims.Tags, Decoded: a.Claims, Revoked: revocations(a.Claims.Revocations),
			Expired: a.Expired(now), Issues: issuesOf(a.Claims),
		},
	}
	for _, e := range a.Claims.Exports {
		of := exportOf(e)
		t.Exports = append(t.Exports, report.AccountExport{
			Subject: of.Subject, Type: kindOf(of.Service), Response: string(of.Response), TokenReq: e.TokenReq,
			Latency: latencyOf(of.Latency), Revoked: revocations(e.Revocations),
		})
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	refused := c.refused[a.ID]
	latencies := make(map[config.Import]*config.Latency)
	for _, x := range c.inForce[a.ID] {
		latencies[x.of] = x.by.Latency
	}
	for _, i := range a.Claims.Imports {
		of := importOf(i)
		shown := report.AccountImport{Subject: of.Subject, Account: of.Account, Local: of.Subject, Type: kindOf(of.Service), Share: of.Share}
		if path, err := of.Path(); err == nil {
			shown.Subject, shown.Local = path.Remote, path.Local
		}
		if of.Service {
			shown.To = shown.Local
		}
		if shown.Invalid = refused[i] != nil; shown.Invalid {
			t.Incomplete = true
		}
		shown.Latency = latencyOf(latencies[of])
		t.Imports = append(t.Imports, shown)
	}
	return t
}

// revocations are those of public keys; nil for none.
func revocations(list jwt.RevocationList) map[string]time.Time {
	if len(list) == 0 {
		return nil
	}
	shown := make(map[string]time.Time, len(list))
	for key, at := range list {
		shown[key] = time.Unix(at, 0).UTC()
	}
	return shown
}

// Operators implements report.OperatorSource.
func (v source) Operators() (shown report.Operators) {
	o := v.s.operators
	if o == nil {
		return shown
	}
	for _, operator := range o.authority.Trust().Operators() {
		shown.JWTs, shown.Claims = append(shown.JWTs, operator.Token), append(shown.Claims, operator.Claims)
	}
	shown.PinnedFailures = o.authority.PinnedFailures()
	return shown
}

// accountTag is how people call an account, where operators sign them; "" elsewhere.
func (s *Server) accountTag(account string) string {
	if s.operators == nil {
		return ""
	}
	if claimed := s.operators.authority.Account(account); claimed != nil {
		return claimed.Name()
	}
	return ""
}

// issuesOf is what is wrong with claims at the moment.
func issuesOf(claims *jwt.AccountClaims) []report.ClaimIssue {
	var found jwt.ValidationResults
	claims.Validate(&found)
	var issues []report.ClaimIssue
	for _, i := range found.Issues {
		issues = append(issues, report.ClaimIssue{Description: i.Description, Blocking: i.Blocking, TimeCheck: i.TimeCheck})
	}
	return issues
}
