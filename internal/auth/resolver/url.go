package resolver

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
)

// URL asks a server for JWTs: GET <Prefix><public key>.
type URL struct {
	Prefix  string
	Timeout time.Duration // for one answer
	Client  *http.Client  // nil for the default
}

// ClientOver asks over TLS as the configuration says.
func ClientOver(c *tls.Config) *http.Client {
	return &http.Client{Transport: &http.Transport{TLSClientConfig: c, Proxy: http.ProxyFromEnvironment, IdleConnTimeout: time.Minute}}
}

// Fetch implements jwts.Source.
func (u *URL) Fetch(id string) (string, error) {
	if !nkeys.IsValidPublicAccountKey(id) {
		return "", ErrKey
	}
	ctx, cancel := context.WithTimeout(context.Background(), u.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.Prefix+id, nil)
	if err != nil {
		return "", err
	}
	client := u.Client
	if client == nil {
		client = http.DefaultClient
	}
	answer, err := client.Do(request)
	if err != nil {
		return "", fmt.Errorf("could not fetch the account: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return "", fmt.Errorf("could not fetch the account: %s", answer.Status)
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, jwt.MaxTokenSize+1))
	switch {
	case err != nil:
		return "", fmt.Errorf("could not fetch the account: %w", err)
	case len(body) > jwt.MaxTokenSize:
		return "", jwt.ErrTokenTooLarge
	case len(body) == 0:
		return "", errors.New("could not fetch the account: empty answer")
	}
	return string(bytes.TrimSpace(body)), nil
}
