// Package staple asks who issued a certificate whether that is still good (OCSP, RFC 6960), so that a server can show the
// answer with it. A Responder asks once; a Keeper asks again before an answer gets old.
//
// Peers asks the same about the certificates of those who connect, and says whether they count as good; a Cache remembers
// what was answered.
package staple

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	"golang.org/x/crypto/ocsp"

	"myelin/internal/clock"
)

// Status is what an issuer says of a certificate.
type Status string

// What can be said of a certificate.
const (
	Good    Status = "good"
	Revoked Status = "revoked"
	Unknown Status = "unknown"
)

// Answer is what a responder has said.
type Answer struct {
	Status     Status
	Staple     []byte    // as it is shown to clients
	NextUpdate time.Time // until when it holds; zero if it does not say
}

const (
	askTimeout = 5 * time.Second
	maxAnswer  = 64 << 10 // bytes
	// skew is how far the clocks of responders may be ahead.
	skew = 5 * time.Minute
)

// Responder is who answers for one certificate. It may be asked by many at a time.
type Responder struct {
	cert, issuer *x509.Certificate
	urls         []string
	clock        clock.Clock
	client       http.Client
}

// MustStaple reports whether clients are to refuse the certificate without a staple.
func MustStaple(cert *x509.Certificate) bool {
	const statusRequest = 5 // RFC 7633
	feature := asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 24}
	for _, ext := range cert.Extensions {
		var features []int
		if !ext.Id.Equal(feature) {
			continue
		}
		if _, err := asn1.Unmarshal(ext.Value, &features); err == nil && slices.Contains(features, statusRequest) {
			return true
		}
	}
	return false
}

// NewResponder finds out who answers for a certificate. Its issuer is behind it in the chain, or one of the authorities. The
// URLs take the place of those that the certificate names; there may be none.
func NewResponder(pair *tls.Certificate, authorities []*x509.Certificate, urls []string, clk clock.Clock) (*Responder, error) {
	r := &Responder{cert: pair.Leaf, urls: urls, clock: clk}
	if len(urls) == 0 {
		r.urls = r.cert.OCSPServer
	}
	if len(r.urls) == 0 {
		return nil, errors.New("no available ocsp servers")
	}
	candidates := slices.Clone(authorities)
	for _, der := range pair.Certificate[1:] {
		if cert, err := x509.ParseCertificate(der); err == nil {
			candidates = append(candidates, cert)
		}
	}
	for _, c := range candidates {
		if r.cert.CheckSignatureFrom(c) == nil {
			r.issuer = c
		}
	}
	if r.issuer == nil {
		return nil, errors.New("the certificate of its issuer is neither in its file nor in ca_file")
	}
	r.client = http.Client{Timeout: askTimeout, Transport: newTransport()}
	return r, nil
}

// Ask asks one address after the other until there is an answer.
func (r *Responder) Ask(ctx context.Context) (*Answer, error) {
	question, err := ocsp.CreateRequest(r.cert, r.issuer, nil)
	if err != nil {
		return nil, fmt.Errorf("make a request: %w", err)
	}
	var errs []error
	for _, address := range r.urls {
		answer, err := r.post(ctx, address, question)
		if err != nil {
			errs = append(errs, err)
			if answer, err = r.get(ctx, address, question); err != nil {
				errs = append(errs, err)
				continue
			}
		}
		return answer, nil
	}
	return nil, fmt.Errorf("exhausted ocsp servers: %w", errors.Join(errs...))
}

func (r *Responder) post(ctx context.Context, address string, question []byte) (*Answer, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(question))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/ocsp-request")
	return r.do(request)
}

func (r *Responder) get(ctx context.Context, address string, question []byte) (*Answer, error) {
	request, err := getRequest(ctx, address, question)
	if err != nil {
		return nil, err
	}
	return r.do(request)
}

func (r *Responder) do(request *http.Request) (*Answer, error) {
	body, err := fetch(&r.client, request)
	if err != nil {
		return nil, err
	}
	answer, err := r.read(body)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", request.Method, request.URL.Redacted(), err)
	}
	return answer, nil
}

// getRequest is a question in the address (RFC 6960, appendix A).
func getRequest(ctx context.Context, address string, question []byte) (*http.Request, error) {
	path, err := url.JoinPath(address, url.QueryEscape(base64.StdEncoding.EncodeToString(question)))
	if err != nil {
		return nil, err
	}
	return http.NewRequestWithContext(ctx, http.MethodGet, path, nil)
}

// newTransport keeps no connection: questions are seldom.
func newTransport() *http.Transport {
	return &http.Transport{DisableKeepAlives: true, Proxy: http.ProxyFromEnvironment}
}

// fetch returns what is answered to a request.
func fetch(client *http.Client, request *http.Request) ([]byte, error) {
	request.Header.Set("Accept", "application/ocsp-response")
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s %s: status %s", request.Method, request.URL.Redacted(), response.Status)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err == nil && len(body) > maxAnswer {
		err = errors.New("the answer is too large")
	}
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", request.Method, request.URL.Redacted(), err)
	}
	return body, nil
}

// read checks that an answer is about the certificate, by its issuer, and of now.
func (r *Responder) read(der []byte) (*Answer, error) {
	parsed, err := ocsp.ParseResponseForCert(der, r.cert, r.issuer)
	if err != nil {
		return nil, err
	}
	now := r.clock.Now()
	switch {
	case parsed.ThisUpdate.After(now.Add(skew)):
		return nil, fmt.Errorf("the answer is of %v, which is to come", parsed.ThisUpdate)
	case !parsed.NextUpdate.IsZero() && !parsed.NextUpdate.After(now):
		return nil, fmt.Errorf("the answer held until %v", parsed.NextUpdate)
	}
	return &Answer{Status: statusOf(parsed), Staple: der, NextUpdate: parsed.NextUpdate}, nil
}

func statusOf(r *ocsp.Response) Status {
	switch r.Status {
	case ocsp.Good:
		return Good
	case ocsp.Revoked:
		return Revoked
	default:
		return Unknown
	}
}
