package server

import (
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"myelin/internal/config"
	"myelin/internal/pki"
)

// A client whose certificate is revoked is not let in; one that is good stays known as that, until the cache is switched off.
func TestCertificatesOfClientsAreAskedAbout(t *testing.T) {
	st := newStapleTest(t, config.OCSPNever, false)
	responder := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := url.QueryUnescape(strings.TrimPrefix(r.URL.EscapedPath(), "/"))
		der, _ := base64.StdEncoding.DecodeString(text)
		r.Body = io.NopCloser(bytes.NewReader(der))
		st.answer(w, r)
	}))
	t.Cleanup(responder.Close)
	st.cfg.TLS.Verify = true
	st.cfg.TLS.Peers = &config.OCSPPeers{Skew: time.Minute, Timeout: time.Minute, Life: time.Hour}
	s, err := st.start(t)
	if err != nil {
		t.Fatal(err)
	}
	connects := func(cert tls.Certificate) error {
		t.Helper()
		conn, err := tls.Dial("tcp", s.clients.Addr().String(), &tls.Config{
			RootCAs: st.authority.Pool(), ServerName: "localhost", Certificates: []tls.Certificate{cert}})
		if err != nil {
			return err
		}
		defer conn.Close()
		_, err = conn.Read(make([]byte, 1)) // the greeting, or an alert
		return err
	}
	client := func() tls.Certificate {
		t.Helper()
		pair, err := st.authority.Issue(pki.Request{Name: "client", Client: true, OCSP: responder.URL})
		if err != nil {
			t.Fatal(err)
		}
		cert, err := pair.TLS()
		if err != nil {
			t.Fatal(err)
		}
		return cert
	}
	ann, bob := client(), client()
	if err := connects(ann); err != nil {
		t.Errorf("a good one: %v", err)
	}
	st.status.Store(ocsp.Revoked)
	if err := connects(bob); err == nil || !strings.Contains(err.Error(), "bad certificate") {
		t.Errorf("a revoked one: %v", err)
	}
	if err := connects(ann); err != nil {
		t.Errorf("one that was good: %v", err)
	}
	forgetful := *s.config()
	forgetful.OCSPCache.Off = true
	if err := s.Reload(&forgetful); err != nil {
		t.Fatal(err)
	}
	if err := connects(ann); err == nil {
		t.Error("revoked, and nobody remembers that it was good: let in")
	}
	careless := forgetful
	off := *forgetful.TLS
	off.Peers = nil
	careless.TLS = &off
	if err := s.Reload(&careless); err != nil {
		t.Fatal(err)
	}
	if err := connects(bob); err != nil {
		t.Errorf("nobody asks: %v", err)
	}
}
