package monitor

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"myelin/internal/pki"
)

// site is a certificate for this machine, and a client that trusts it alone.
func site(t *testing.T) (*tls.Config, *http.Client) {
	t.Helper()
	authority, err := pki.New("authority")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := authority.Issue(pki.Request{Name: "site", Hosts: []string{"127.0.0.1"}, Server: true})
	if err != nil {
		t.Fatal(err)
	}
	cert, err := pair.TLS()
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: authority.Pool()}, DisableKeepAlives: true}
	return &tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAndVerifyClientCert}, &http.Client{Transport: transport}
}

// With TLS the pages need the certificate of the moment and none of the reader's, also when clients have to show one; and
// who speaks plain HTTP is told so.
func TestPagesOverTLS(t *testing.T) {
	first, clientOfFirst := site(t)
	second, clientOfSecond := site(t)
	var current atomic.Pointer[tls.Config]
	current.Store(first)
	told := make(chan string, 10)
	o := new(fakeServer).options(t, "")
	o.TLS = current.Load
	o.PeerErrorf = func(format string, args ...any) { told <- fmt.Sprintf(format, args...) }
	s, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Shutdown(t.Context()) })
	url := "https://" + s.Addr().String() + "/healthz"
	fetch := func(client *http.Client) error {
		r, err := client.Get(url)
		if err != nil {
			return err
		}
		defer r.Body.Close()
		_, err = io.Copy(io.Discard, r.Body)
		return err
	}
	if err := fetch(clientOfFirst); err != nil {
		t.Fatal(err)
	}
	if err := fetch(clientOfSecond); err == nil {
		t.Fatal("a certificate that is not trusted was taken")
	}
	if line := <-told; !strings.HasPrefix(line, "monitoring: TLS handshake error from 127.0.0.1:") {
		t.Errorf("the log says %q", line)
	}
	current.Store(second)
	if err := fetch(clientOfSecond); err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if text, _ := io.ReadAll(c); !strings.HasPrefix(string(text), "HTTP/1.0 400 ") {
		t.Errorf("plain HTTP is answered with %q", text)
	}
}
