package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"myelin/internal/auth"
	"myelin/internal/subject"
)

// Response is how many answers a service gives to a request.
type Response string

// What a service answers: once, or until an empty message.
const (
	ResponseSingleton Response = "Singleton"
	ResponseStream    Response = "Streamed"
	ResponseChunked   Response = "Chunked"
)

// Export is what an account lets others have: the messages of a stream, or the answers of a service.
type Export struct {
	Service bool
	Subject string // a pattern
	// Accounts may have it; nil: all.
	Accounts []string
	// TokenPosition is which token of what is imported has to be the importing account's name, from 1; 0: none. Without
	// Accounts it is for everybody.
	TokenPosition int

	// of a service
	Response  Response
	Threshold time.Duration // for an answer; 0: two minutes
	Latency   *Latency      // nil: no request is measured
	// AllowTrace has the traces of requests go on here, and what is traced only be delivered.
	AllowTrace bool
}

// Import is what an account has of another.
type Import struct {
	Service bool
	Account string
	Subject string // in Account
	To      string // the subject here; "" as there
	Prefix  string // of a stream: before the subject as it is there
	Share   bool   // of a service: it is told who asks
	// AllowTrace of a stream has the traces of messages go on here, and what is traced only be delivered.
	AllowTrace bool
}

// kind is how errors name it.
func kind(service bool) string {
	if service {
		return "service"
	}
	return "stream"
}

// Path is the way of messages between accounts.
type Path struct {
	Remote string // pattern in the exporting account
	Local  string // pattern in the importing account
	// Transform rewrites subjects in the direction of the messages: of a stream from there to here, of a service's requests
	// from here to there. nil: they stay the same.
	Transform *subject.Transform
}

var errPrefix = errors.New("stream import prefix can not contain wildcard tokens")

// Path compiles the import.
func (i *Import) Path() (*Path, error) {
	if i.Service {
		return i.servicePath()
	}
	to := i.To
	if i.Prefix != "" {
		if subject.HasWildcard(i.Prefix) {
			return nil, errPrefix
		}
		to = strings.TrimSuffix(i.Prefix, ".") + "." + i.Subject
	}
	if to == "" || to == i.Subject {
		return &Path{Remote: i.Subject, Local: i.Subject}, nil
	}
	t, err := importTransform(i.Subject, numbered(to))
	if err != nil {
		return nil, fmt.Errorf("failed to create mapping transform for stream import subject from %q to %q: %w", i.Subject, to, err)
	}
	return &Path{Remote: i.Subject, Local: starred(t.Dest()), Transform: t}, nil
}

// servicePath is that of requests. Either of the subjects may number the wildcards of the other.
func (i *Import) servicePath() (*Path, error) {
	remote, local := starred(i.Subject), i.To
	if local == "" {
		local = remote
	}
	dest := numbered(i.Subject)
	if starred(local) != local { // it says which wildcard of there is which of here
		back, err := importTransform(i.Subject, local)
		if err != nil {
			return nil, i.wrongService(local, err)
		}
		local, dest = starred(back.Dest()), inverse(i.Subject, back.Dest())
	}
	if local == remote && dest == numbered(local) {
		return &Path{Remote: remote, Local: local}, nil
	}
	t, err := importTransform(local, dest)
	if err != nil {
		return nil, i.wrongService(local, err)
	}
	return &Path{Remote: remote, Local: local, Transform: t}, nil
}

func (i *Import) wrongService(local string, err error) error {
	return fmt.Errorf("failed to create mapping transform for service import subject from %q to %q: %w", local, i.Subject, err)
}

// importTransform compiles a transform that can be followed in both directions: each wildcard appears in it.
func importTransform(src, dest string) (*subject.Transform, error) {
	seen := map[int]bool{}
	for token := range strings.SplitSeq(dest, ".") {
		n, call := reference(token)
		if call && n == 0 {
			return nil, fmt.Errorf("invalid mapping destination: the only mapping function allowed for import transforms is {{Wildcard()}} in %s", token)
		}
		seen[n] = true
	}
	t, err := subject.NewTransform(src, dest)
	if err != nil {
		return nil, err
	}
	for n := range stars(src) {
		if !seen[n+1] {
			return nil, fmt.Errorf("invalid mapping destination: not using all of the token wildcard(s) in %s", dest)
		}
	}
	return t, nil
}

func stars(pattern string) (n int) {
	for token := range strings.SplitSeq(pattern, ".") {
		if token == "*" {
			n++
		}
	}
	return n
}

// reference is the number of the wildcard that a token of a destination refers to, or 0; call says that it is a function.
func reference(token string) (n int, call bool) {
	if digits, ok := strings.CutPrefix(token, "$"); ok {
		n, err := strconv.Atoi(digits)
		if err != nil || n < 1 {
			return 0, false
		}
		return n, false
	}
	inner, ok := strings.CutPrefix(token, "{{")
	if !ok || !strings.HasSuffix(token, "}}") {
		return 0, false
	}
	name, argument, _ := strings.Cut(strings.TrimSpace(strings.TrimSuffix(inner, "}}")), "(")
	if !strings.EqualFold(strings.TrimSpace(name), "wildcard") {
		return 0, true
	}
	n, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(argument, ")")))
	if err != nil {
		return 0, true
	}
	return n, true
}

// numbered replaces the wildcards of a destination by references to those of its source, in their order.
func numbered(dest string) string {
	tokens, n := strings.Split(dest, "."), 0
	for i, token := range tokens {
		if token == "*" {
			n++
			tokens[i] = "$" + strconv.Itoa(n)
		}
	}
	return strings.Join(tokens, ".")
}

// starred replaces the references of a destination by wildcards.
func starred(dest string) string {
	tokens := strings.Split(dest, ".")
	for i, token := range tokens {
		if n, _ := reference(token); n > 0 {
			tokens[i] = "*"
		}
	}
	return strings.Join(tokens, ".")
}

// inverse is the destination of the way back: pattern with the number of the token of dest that refers to each wildcard.
func inverse(pattern, dest string) string {
	place, at := map[int]int{}, 0
	for token := range strings.SplitSeq(dest, ".") {
		if n, _ := reference(token); n > 0 {
			at++
			place[n] = at
		}
	}
	tokens, n := strings.Split(pattern, "."), 0
	for i, token := range tokens {
		if token == "*" {
			n++
			tokens[i] = "$" + strconv.Itoa(place[n])
		}
	}
	return strings.Join(tokens, ".")
}

// sharesKey is what problems of exports and imports are reported about.
func sharesKey(account, list string) string { return "account " + account + " " + list }

// checkShares says what is wrong with what accounts share.
func (c *Config) checkShares(ps *problems) {
	if !slices.ContainsFunc(slices.Collect(maps.Values(c.Accounts)), func(a Account) bool { return len(a.Imports)+len(a.Exports) > 0 }) {
		return
	}
	known := make(map[string]bool, len(c.Auth.Accounts))
	for _, a := range c.Auth.Accounts {
		known[a.Name] = true
	}
	var flows []*Flow
	offers := c.Offers()
	for _, a := range c.Auth.Accounts {
		own := c.Account(a.Name)
		own.checkExports(ps, a, known)
		flows = append(flows, offers.checkImports(ps, a.Name, own.Imports, known)...)
	}
	for _, f := range circles(flows) {
		ps.refuse(true, sharesKey(f.owner, "imports"), "Error adding %s import %q: import forms a cycle", kind(f.service), f.subject)
	}
}

func (a *Account) checkExports(ps *problems, of auth.Account, known map[string]bool) {
	key := sharesKey(of.Name, "exports")
	for i := range a.Exports {
		e := &a.Exports[i]
		tokens := strings.Split(e.Subject, ".")
		n := e.TokenPosition
		ps.refuse(!subject.ValidPattern(e.Subject) || n < 0 || n > len(tokens) || n > 0 && tokens[n-1] != "*", key,
			"Error adding %s export %q: sublist: invalid subject", kind(e.Service), e.Subject)
		if e.Latency != nil {
			e.Latency.check(ps, key, e)
		}
		for _, name := range e.Accounts {
			ps.refuse(!known[name], key, "%q account not defined for %s export", name, kind(e.Service))
		}
	}
}

// checkImports returns the ways of the messages of those that are right.
func (o *Offers) checkImports(ps *problems, importer string, list []Import, known map[string]bool) (flows []*Flow) {
	key := sharesKey(importer, "imports")
	streams := make(map[place]bool)
	for n := range list {
		i := &list[n]
		if !known[i.Account] {
			ps.refuse(true, key, "%q account not defined for %s import", i.Account, kind(i.Service))
			continue
		}
		wrong := func(err error) {
			ps.refuse(true, key, "Error adding %s import %q: %v", kind(i.Service), i.Subject, err)
		}
		path, err := i.Path()
		switch {
		case o.For(importer, i) == nil:
			wrong(fmt.Errorf("%s import not authorized", kind(i.Service)))
		case err != nil:
			wrong(err)
		case !subject.ValidPattern(path.Local):
			wrong(subject.ErrInvalidSubject)
		case !i.Service && streams[place{i.Account, i.Subject}]:
			wrong(errors.New("stream import already exists"))
		default:
			if !i.Service {
				streams[place{i.Account, i.Subject}] = true
			}
			flows = append(flows, FlowOf(importer, i, path))
		}
	}
	return flows
}
