package staple

import (
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"myelin/internal/clock"
	"myelin/internal/pki"
)

// issuer is an authority that answers for its certificates.
type issuer struct {
	*pki.Authority
	*httptest.Server
	clock *clock.Fake

	mu      sync.Mutex
	status  int           // as package ocsp has it; the next three say what is wrong with the answers
	life    time.Duration // of an answer; 0: unlimited
	early   time.Duration // how far in the future it is made
	signer  *pki.Authority
	refuses string // method
	asked   []string
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	authority, err := pki.New("authority")
	if err != nil {
		t.Fatal(err)
	}
	i := &issuer{Authority: authority, clock: clock.NewFake(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)), status: ocsp.Good, life: time.Hour}
	i.signer = authority
	i.Server = httptest.NewServer(i)
	t.Cleanup(i.Server.Close)
	return i
}

func (i *issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.asked = append(i.asked, r.Method)
	if i.refuses == r.Method || i.refuses == "all" {
		http.Error(w, "no", http.StatusServiceUnavailable)
		return
	}
	der, _ := io.ReadAll(r.Body)
	if r.Method == http.MethodGet {
		text, _ := url.QueryUnescape(strings.TrimPrefix(r.URL.EscapedPath(), "/"))
		der, _ = base64.StdEncoding.DecodeString(text)
	}
	question, err := ocsp.ParseRequest(der)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	answer := ocsp.Response{Status: i.status, SerialNumber: question.SerialNumber, ThisUpdate: i.clock.Now().Add(i.early), RevokedAt: i.clock.Now(), IssuerHash: crypto.SHA1}
	if i.life != 0 {
		answer.NextUpdate = answer.ThisUpdate.Add(i.life)
	}
	cert, key := i.signer.Signer()
	text, err := ocsp.CreateResponse(cert, cert, answer, key)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_, _ = w.Write(text)
}

// responder is who answers for a new certificate.
func (i *issuer) responder(t *testing.T) *Responder {
	t.Helper()
	pair, err := i.Issue(pki.Request{Name: "server", Server: true, OCSP: i.URL})
	if err != nil {
		t.Fatal(err)
	}
	cert, err := pair.TLS()
	if err != nil {
		t.Fatal(err)
	}
	authority, _ := i.Signer()
	r, err := NewResponder(&cert, []*x509.Certificate{authority}, nil, i.clock)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// An answer counts if it is about the certificate, by its issuer, and of now; whatever it says.
func TestAsk(t *testing.T) {
	stranger, err := pki.New("stranger")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		shows  string
		change func(*issuer)
		status Status
		asked  string
	}{
		{"good", func(*issuer) {}, Good, "POST"},
		{"revoked", func(i *issuer) { i.status = ocsp.Revoked }, Revoked, "POST"},
		{"unknown", func(i *issuer) { i.status = ocsp.Unknown }, Unknown, "POST"},
		{"without an end", func(i *issuer) { i.life = 0 }, Good, "POST"},
		{"a clock that is ahead a little", func(i *issuer) { i.early = time.Minute }, Good, "POST"},
		{"no POST", func(i *issuer) { i.refuses = "POST" }, Good, "POST GET"},
		{"nothing", func(i *issuer) { i.refuses = "all" }, "", "POST GET"},
		{"too old", func(i *issuer) { i.early = -2 * time.Hour }, "", "POST GET"},
		{"of the future", func(i *issuer) { i.early = time.Hour }, "", "POST GET"},
		{"by somebody else", func(i *issuer) { i.signer = stranger }, "", "POST GET"},
	} {
		i := newIssuer(t)
		c.change(i)
		answer, err := i.responder(t).Ask(t.Context())
		if (err == nil) != (c.status != "") || err == nil && (answer.Status != c.status || len(answer.Staple) == 0) {
			t.Errorf("%s: %+v %v", c.shows, answer, err)
		}
		if got := strings.Join(i.asked, " "); got != c.asked {
			t.Errorf("%s: asked by %s", c.shows, got)
		}
	}
}

// Who answers is found in the certificate or told, and the issuer among the authorities.
func TestNewResponder(t *testing.T) {
	i := newIssuer(t)
	pair, err := i.Issue(pki.Request{Name: "server", Server: true})
	if err != nil {
		t.Fatal(err)
	}
	cert, err := pair.TLS()
	if err != nil {
		t.Fatal(err)
	}
	authority, _ := i.Signer()
	if _, err := NewResponder(&cert, []*x509.Certificate{authority}, nil, i.clock); err == nil || err.Error() != "no available ocsp servers" {
		t.Errorf("without an address: %v", err)
	}
	if _, err := NewResponder(&cert, nil, []string{i.URL}, i.clock); err == nil || !strings.Contains(err.Error(), "issuer") {
		t.Errorf("without the issuer: %v", err)
	}
	withIssuer := cert
	withIssuer.Certificate = append(withIssuer.Certificate, authority.Raw)
	r, err := NewResponder(&withIssuer, nil, []string{"http://127.0.0.1:1/", i.URL}, i.clock)
	if err != nil {
		t.Fatal(err)
	}
	if answer, err := r.Ask(t.Context()); err != nil || answer.Status != Good {
		t.Errorf("the second address: %+v %v", answer, err)
	}
}

func TestMustStaple(t *testing.T) {
	i := newIssuer(t)
	for _, must := range []bool{true, false} {
		pair, err := i.Issue(pki.Request{Name: "server", MustStaple: must})
		if err != nil {
			t.Fatal(err)
		}
		cert, err := pair.TLS()
		if err != nil {
			t.Fatal(err)
		}
		if got := MustStaple(cert.Leaf); got != must {
			t.Errorf("a certificate with the extension: %v; found: %v", must, got)
		}
	}
}

// A keeper asks at half of the time, keeps what holds while nobody answers, and drops it when it does not hold any more.
func TestKeep(t *testing.T) {
	i := newIssuer(t)
	r := i.responder(t)
	first, err := r.Ask(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	k := Keep(r, first, func(a *Answer, err error) {
		text := "nothing"
		if a != nil {
			text = string(a.Status) + " until " + a.NextUpdate.Format("15:04")
		}
		if err != nil {
			text += ", error"
		}
		got = append(got, text)
	})
	expect := func(after time.Duration, want ...string) {
		t.Helper()
		got = nil
		i.clock.Advance(after)
		if strings.Join(got, "; ") != strings.Join(want, "; ") {
			t.Errorf("after %v: got %q, want %q", after, got, want)
		}
	}
	expect(29 * time.Minute)
	expect(time.Minute, "good until 01:30")
	i.refuses = "all"
	expect(30*time.Minute, "good until 01:30, error")
	expect(time.Minute, "good until 01:30, error")
	i.refuses, i.status = "", ocsp.Revoked
	expect(time.Minute, "revoked until 02:02")
	i.refuses = "all"
	expect(29 * time.Minute)
	expect(time.Minute, "revoked until 02:02, error")
	got = nil
	i.clock.Advance(30 * time.Minute)
	if last := got[len(got)-1]; last != "nothing, error" {
		t.Errorf("at the end of the answer: %q", last)
	}
	k.Stop()
	expect(24 * time.Hour)
}
