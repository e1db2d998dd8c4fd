package cli

import (
	"net/url"
	"os"
	"strings"

	"github.com/nats-io/nats.go"
)

// settings are the properties of a connection, under the names that they have in a context file.
type settings struct {
	Description string `json:"description,omitempty"`
	URL         string `json:"url,omitempty"` // one or several, separated by commas
	Token       string `json:"token,omitempty"`
	User        string `json:"user,omitempty"`
	Password    string `json:"password,omitempty"`
	Creds       string `json:"creds,omitempty"`
	NKey        string `json:"nkey,omitempty"`
	UserJWT     string `json:"user_jwt,omitempty"`
	UserSeed    string `json:"user_seed,omitempty"`
	Cert        string `json:"cert,omitempty"`
	Key         string `json:"key,omitempty"`
	CA          string `json:"ca,omitempty"`
	TLSFirst    bool   `json:"tls_first,omitempty"`
	InboxPrefix string `json:"inbox_prefix,omitempty"`
	NSC         string `json:"nsc,omitempty"` // older contexts: creds and url come from the nsc tool
	JSDomain    string `json:"jetstream_domain,omitempty"`
	JSAPIPrefix string `json:"jetstream_api_prefix,omitempty"` // of the API's subjects; goes before the domain

	// Named so that they can be refused: connecting without them would not be what the context asks for.
	SocksProxy       string `json:"socks_proxy,omitempty"`
	WindowsCertStore string `json:"windows_cert_store,omitempty"`
}

// property is a setting that a flag or an environment variable can give.
type property struct {
	flag, short, env string
	usage            string
	field            func(*settings) *string
}

var properties = []property{
	{"server", "s", "NATS_URL", "`URLs` of the servers, separated by commas", func(s *settings) *string { return &s.URL }},
	{"user", "", "NATS_USER", "user `name`, or a token when there is no password", func(s *settings) *string { return &s.User }},
	{"password", "", "NATS_PASSWORD", "`password` of the user", func(s *settings) *string { return &s.Password }},
	{"token", "", "NATS_TOKEN", "`token` to connect with", func(s *settings) *string { return &s.Token }},
	{"creds", "", "NATS_CREDS", "`file` with user credentials", func(s *settings) *string { return &s.Creds }},
	{"nkey", "", "NATS_NKEY", "`file` with the NKey seed of a user", func(s *settings) *string { return &s.NKey }},
	{"jwt", "", "NATS_JWT", "`JWT` of a user", func(s *settings) *string { return &s.UserJWT }},
	{"seed", "", "NATS_SEED", "`seed` that belongs to the JWT", func(s *settings) *string { return &s.UserSeed }},
	{"tlscert", "", "NATS_CERT", "`file` with the client's TLS certificate", func(s *settings) *string { return &s.Cert }},
	{"tlskey", "", "NATS_KEY", "`file` with the private key of the certificate", func(s *settings) *string { return &s.Key }},
	{"tlsca", "", "NATS_CA", "`file` with the certificate authorities to trust", func(s *settings) *string { return &s.CA }},
	{"inbox-prefix", "", "", "`prefix` of the subjects for replies", func(s *settings) *string { return &s.InboxPrefix }},
	{"js-domain", "", "", "`domain` of the JetStream to talk to", func(s *settings) *string { return &s.JSDomain }},
	{"js-api-prefix", "", "", "`prefix` of the subjects of JetStream's API", func(s *settings) *string { return &s.JSAPIPrefix }},
}

// identity lists the settings that say who connects.
func (s *settings) identity() []*string {
	return []*string{&s.User, &s.Password, &s.Token, &s.Creds, &s.NKey, &s.UserJWT, &s.UserSeed, &s.NSC}
}

// override returns s with everything that o sets. Whoever names another identity means that one alone: what s knew
// of identities is dropped then, except that a lone password completes the user of s. The same holds for the place of
// JetStream's API.
func (s settings) override(o settings) settings {
	other := o
	other.Password = ""
	for _, credential := range other.identity() {
		if *credential == "" {
			continue
		}
		for _, old := range s.identity() {
			*old = ""
		}
		break
	}
	if o.JSDomain != "" || o.JSAPIPrefix != "" {
		s.JSDomain, s.JSAPIPrefix = "", ""
	}
	for _, p := range properties {
		if v := *p.field(&o); v != "" {
			*p.field(&s) = v
		}
	}
	if o.Description != "" {
		s.Description = o.Description
	}
	s.TLSFirst = s.TLSFirst || o.TLSFirst
	return s
}

// expand replaces ~ and environment variables in the settings that are file names.
func (s *settings) expand(getenv func(string) string) {
	for _, path := range []*string{&s.Creds, &s.NKey, &s.Cert, &s.Key, &s.CA} {
		*path = os.Expand(*path, getenv)
		if rest, ok := strings.CutPrefix(*path, "~"); ok {
			home, _ := os.UserHomeDir()
			*path = home + rest
		}
	}
}

// servers is the URL to connect to.
func (s *settings) servers() string {
	if s.URL == "" {
		return nats.DefaultURL
	}
	return s.URL
}

// redacted is a list of server URLs without the secrets that may stand in them.
func redacted(urls string) string {
	list := strings.Split(urls, ",")
	for i, raw := range list {
		if u, err := url.Parse(strings.TrimSpace(raw)); err == nil && u.User != nil {
			u.User = url.User("xxxxx")
			list[i] = u.String()
		}
	}
	return strings.Join(list, ",")
}
