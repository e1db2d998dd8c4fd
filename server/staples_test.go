package server

import (
	"crypto"
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"myelin/internal/clock"
	"myelin/internal/config"
	"myelin/internal/pki"
)

// stapleTest is a server's certificate and who answers for it.
type stapleTest struct {
	authority *pki.Authority
	clock     *clock.Fake
	status    atomic.Int64 // as package ocsp has it
	cfg       *Config
}

func newStapleTest(t *testing.T, mode config.OCSPMode, mustStaple bool) *stapleTest {
	t.Helper()
	authority, err := pki.New("authority")
	if err != nil {
		t.Fatal(err)
	}
	st := &stapleTest{authority: authority, clock: clock.NewFake(time.Now()), cfg: testConfig()}
	responder := httptest.NewServer(http.HandlerFunc(st.answer))
	t.Cleanup(responder.Close)
	pair, err := authority.Issue(pki.Request{Name: "server", Hosts: []string{"localhost"}, Server: true, OCSP: responder.URL, MustStaple: mustStaple})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, text := range map[string][]byte{"ca.pem": authority.Certificate, "server.pem": pair.Certificate, "server.key": pair.Key} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	st.cfg.OCSP.Mode = mode
	st.cfg.TLS = &config.TLS{
		Certificates: []config.KeyPair{{CertFile: filepath.Join(dir, "server.pem"), KeyFile: filepath.Join(dir, "server.key")}},
		CAFile:       filepath.Join(dir, "ca.pem"), MinVersion: tls.VersionTLS12, Timeout: time.Minute, HandshakeFirst: true,
	}
	return st
}

func (st *stapleTest) answer(w http.ResponseWriter, r *http.Request) {
	der, _ := io.ReadAll(r.Body)
	question, err := ocsp.ParseRequest(der)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	cert, key := st.authority.Signer()
	now := st.clock.Now()
	text, err := ocsp.CreateResponse(cert, cert, ocsp.Response{
		Status: int(st.status.Load()), SerialNumber: question.SerialNumber, ThisUpdate: now, NextUpdate: now.Add(time.Hour),
		RevokedAt: now, IssuerHash: crypto.SHA1,
	}, key)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_, _ = w.Write(text)
}

func (st *stapleTest) start(t *testing.T) (*Server, error) {
	t.Helper()
	s, err := New(Options{Config: st.cfg, Log: quietLog{t}, Clock: st.clock})
	if err != nil {
		return nil, err
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Shutdown)
	return s, nil
}

// shown is the status that a client is shown; -1 for none.
func (st *stapleTest) shown(t *testing.T, s *Server) int {
	t.Helper()
	conn, err := tls.Dial("tcp", s.clients.Addr().String(), &tls.Config{RootCAs: st.authority.Pool(), ServerName: "localhost"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	der := conn.OCSPResponse()
	if len(der) == 0 {
		return -1
	}
	cert, _ := st.authority.Signer()
	answer, err := ocsp.ParseResponse(der, cert)
	if err != nil {
		t.Fatal(err)
	}
	return answer.Status
}

// Which certificates are shown with an answer, and what comes of one that is not good.
func TestStaples(t *testing.T) {
	for _, c := range []struct {
		mode   config.OCSPMode
		must   bool
		status int
		shown  int
		fails  string
	}{
		{config.OCSPAuto, true, ocsp.Good, ocsp.Good, ""},
		{config.OCSPAuto, false, ocsp.Good, -1, ""},
		{config.OCSPAuto, true, ocsp.Revoked, ocsp.Revoked, ""},
		{config.OCSPAuto, true, ocsp.Unknown, 0, "unknown"},
		{config.OCSPMust, true, ocsp.Good, ocsp.Good, ""},
		{config.OCSPMust, false, ocsp.Revoked, -1, ""},
		{config.OCSPMust, true, ocsp.Revoked, 0, "revoked"},
		{config.OCSPAlways, false, ocsp.Good, ocsp.Good, ""},
		{config.OCSPAlways, false, ocsp.Revoked, 0, "revoked"},
		{config.OCSPNever, true, ocsp.Good, -1, ""},
	} {
		st := newStapleTest(t, c.mode, c.must)
		st.status.Store(int64(c.status))
		s, err := st.start(t)
		if c.fails != "" {
			if err == nil || !strings.Contains(err.Error(), "found existing OCSP status for certificate at '") || !strings.HasSuffix(err.Error(), c.fails) {
				t.Errorf("%+v: %v", c, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if got := st.shown(t, s); got != c.shown {
			t.Errorf("%+v: shown %d", c, got)
		}
	}
}

// What is shown changes with what the issuer says; and a server that is to be strict ends when its certificate is revoked.
func TestStaplesAreRenewed(t *testing.T) {
	for _, strict := range []bool{false, true} {
		mode := config.OCSPAuto
		if strict {
			mode = config.OCSPMust
		}
		st := newStapleTest(t, mode, true)
		s, err := st.start(t)
		if err != nil {
			t.Fatal(err)
		}
		if got := st.shown(t, s); got != ocsp.Good {
			t.Fatalf("at first %d is shown", got)
		}
		st.status.Store(ocsp.Revoked)
		st.clock.Advance(31 * time.Minute)
		if strict {
			s.Wait()
			continue
		}
		if got := st.shown(t, s); got != ocsp.Revoked {
			t.Errorf("then %d is shown", got)
		}
	}
}
