package nats

import (
	"cmp"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net/netip"
	"time"

	"myelin/internal/auth"
	"myelin/internal/broker"
	"myelin/internal/gate"
	"myelin/internal/must"
)

// login is who a connection is. It belongs to the reading goroutine.
type login struct {
	locked   bool           // nothing is done for it before it has said who it is
	nonce    string         // that it was told to sign; "" for none
	identity *auth.Identity // nil before it is let in
	told     bool           // that it is here
	judge    auth.Judge     // who decided last that it is, or must wait
	guard    *auth.Guard    // nil for who may do all that anybody may
	shed     bool           // its account does not count it any more
	refusal  *auth.Error    // that has ended it; nil for none
}

// nonceBytes is how random a nonce is; its text has 15 letters.
const nonceBytes = 11

// start prepares a connection for being asked who it is, if it will be.
func (l *login) start(a auth.Judge) {
	l.locked, l.judge = a.Restricted(), a
	if a.NeedsNonce() {
		var random [nonceBytes]byte
		must.Get(rand.Read(random[:]))
		l.nonce = base64.RawURLEncoding.EncodeToString(random[:])
	}
}

// due is when the connection has to be looked at since its time to log in, or its identity, expires; zero for never.
func (c *Conn) due() time.Time {
	switch {
	case c.login.locked:
		return c.start.Add(c.l.limits().AuthTimeout)
	case c.login.identity != nil:
		return c.login.identity.Expires
	}
	return time.Time{}
}

// overdue ends a connection whose time is over.
func (c *Conn) overdue(now time.Time) *fatal {
	due := c.due()
	switch {
	case due.IsZero() || now.Before(due):
		return nil
	case c.login.locked:
		return &fatal{reason: AuthTimeout, text: textAuthTimeout}
	}
	if claims := c.login.identity.Claims; claims != nil && claims.AccountExpires {
		return &fatal{reason: AuthExpired, text: textAccountExpired}
	}
	return &fatal{reason: AuthExpired, text: textAuthExpired}
}

// knock is called when something else than CONNECT may come first: only who needs no credentials is let in without.
func (c *Conn) knock() *fatal {
	next := c.reader.Rest()
	if len(next) == 0 || next[0]|0x20 == 'c' {
		return nil
	}
	if c.l.opt.Gate.Judge().Required() {
		return c.refused(auth.Refuse(&auth.Request{}))
	}
	return c.identify(&connectOptions{})
}

// enter lets a connection in where everybody is, without being asked.
func (c *Conn) enter() *fatal {
	if c.login.locked {
		return nil
	}
	return c.find(&connectOptions{})
}

// identify finds out who the connection is, as it has said, and tells of it.
func (c *Conn) identify(opt *connectOptions) *fatal {
	before := c.account
	if f := c.find(opt); f != nil {
		return f
	}
	observer := c.l.observer()
	switch {
	case !c.login.told:
		c.login.told = true
		observer.Connected(c.account, c.Describe)
	case before != c.account:
		observer.Count(before)
		observer.Count(c.account)
	}
	return nil
}

// find finds out who the connection is and puts it into its account; a CONNECT without credentials changes nothing about
// who has said that before.
func (c *Conn) find(opt *connectOptions) *fatal {
	r := c.request(opt)
	c.login.judge = c.l.opt.Gate.Judge()
	identity, err := c.stillKnown(r)
	if identity == nil {
		c.session.Flush()
		until := c.due()
		if !c.login.locked {
			until = c.clock().Now().Add(c.l.limits().AuthTimeout)
		}
		identity, err = c.l.opt.Gate.Enter(r, until, c.l.closing)
	}
	if err != nil {
		c.claim(opt, said(r, err), nil)
		return c.refused(err)
	}
	account := c.l.opt.Broker.Account(identity.Account)
	if account == nil {
		return c.refused(auth.Refuse(r))
	}
	if f := c.admit(identity, account); f != nil {
		c.claim(opt, cmp.Or(identity.User, r.Claims()), account)
		return f
	}
	c.name(opt, r, identity)
	return nil
}

// stillKnown is who said so in an earlier CONNECT, if r says nothing else and that is still true; otherwise nil.
func (c *Conn) stillKnown(r *auth.Request) (*auth.Identity, error) {
	if c.login.identity == nil || r.Claims() != "" || !r.Empty() || r.JWT != "" {
		return nil, nil
	}
	return c.l.opt.Gate.Judge().Stays(c.login.identity)
}

// request is what the connection says and shows.
func (c *Conn) request(opt *connectOptions) *auth.Request {
	r := &auth.Request{
		User: opt.User, Password: auth.Secret(opt.Pass), Token: auth.Secret(opt.Token),
		NKey: opt.NKey, Signature: opt.Signature, JWT: auth.Secret(opt.JWT), ProxySignature: opt.ProxySig,
		Nonce: c.login.nonce, Type: auth.Standard,
		About: func() auth.About { return c.introduce(opt) },
	}
	// An address that cannot be read is none.
	r.Address, _ = netip.ParseAddr(c.host)
	if state, ok := c.net.TLS(); ok && len(state.VerifiedChains) > 0 {
		r.Certificates = state.PeerCertificates
	}
	return r
}

// introduce is what a service is told of the connection that decides about it.
func (c *Conn) introduce(opt *connectOptions) auth.About {
	about := auth.About{CID: c.id, Host: c.host, Name: opt.Name, Lang: opt.Lang, Version: opt.Version, Protocol: opt.Protocol}
	if state, ok := c.net.TLS(); ok {
		about.TLS = &state
	}
	return about
}

// refused ends a connection that was not let in.
func (c *Conn) refused(err error) *fatal {
	var wrong *auth.Error
	switch {
	case err == gate.ErrTimeout:
		return &fatal{reason: AuthTimeout, text: textAuthTimeout}
	case errors.As(err, &wrong):
		c.login.refusal = wrong
		return &fatal{refusals[wrong.Reason], wrong.Text(), wrong.Error()}
	}
	return &fatal{ServerShutdown, "", err.Error()}
}

var refusals = map[auth.Reason]Reason{
	auth.Failed: AuthFailure, auth.ProxyNotTrusted: ProxyNotTrusted, auth.ProxyRequired: ProxyRequired,
	auth.Revoked: CredentialsRevoked, auth.AccountExpired: AuthExpired,
}

// admit gives the connection its rights in an account, if that has room for it. It has no subscriptions.
func (c *Conn) admit(identity *auth.Identity, account *broker.Account) *fatal {
	if account != c.account && !account.Enter() {
		return &fatal{reason: MaxAccountConns, text: textMaxAccountConns}
	}
	c.login.locked, c.login.identity = false, identity
	if account != c.session.Account() {
		c.session.Rest()
		c.session = account.Open(c)
	}
	if account != c.account {
		c.uncount()
		c.out.mu.Lock()
		c.out.traffic = account.Traffic()
		c.out.mu.Unlock()
		c.mu.Lock()
		c.account = account
		c.mu.Unlock()
	}
	c.reader.MaxPayload = c.maxPayload()
	c.permit(identity.Rights)
	return nil
}

// maxPayload is how many bytes a message may have.
func (c *Conn) maxPayload() int {
	most := atMost(c.l.limits().MaxPayload, c.session.Account().Limits().MaxPayload)
	if claims := c.claims(); claims != nil {
		return atMost(most, claims.MaxPayload)
	}
	return most
}

// claims are those of the connection's JWT; nil for none.
func (c *Conn) claims() *auth.Claims {
	if c.login.identity == nil {
		return nil
	}
	return c.login.identity.Claims
}

// maxSubs is how many subscriptions the connection may have, if there is a limit.
func (c *Conn) maxSubs() (most int, limited bool) {
	most, own := c.l.limits().MaxSubscriptions, c.session.Account().Limits().MaxSubscriptions
	if claims := c.claims(); claims != nil && claims.MaxSubscriptions >= 0 {
		if own < 0 {
			own = claims.MaxSubscriptions
		}
		own = min(own, claims.MaxSubscriptions)
	}
	if most == 0 {
		return own, own >= 0
	}
	return atMost(most, own), true
}

// atMost is the server's limit, or an account's that is lower; -1 is none.
func atMost(server, account int) int {
	if account < 0 {
		return server
	}
	return min(server, account)
}

// uncount takes the connection out of its account's counts.
func (c *Conn) uncount() {
	if c.account != nil && !c.login.shed {
		c.account.Leave()
	}
}

// leaveAccount is the end of a connection.
func (c *Conn) leaveAccount() {
	c.uncount()
	if c.l.opt.Observer == nil {
		return
	}
	view := c.Describe()
	view.Stop, view.Subs = c.clock().Now(), nil
	if !c.reason().wasRefused() {
		c.login.refusal = nil
	}
	c.l.opt.Observer.Disconnected(c.account, view, c.login.refusal)
}

// permit applies rights from now on.
func (c *Conn) permit(rights *auth.Rights) {
	l := &c.login
	switch {
	case !rights.Limited():
		if l.guard != nil {
			l.guard.Rest()
		}
		l.guard = nil
	case l.guard == nil:
		l.guard = auth.NewGuard(rights)
	default:
		l.guard.Change(rights)
	}
	var answers *auth.Guard
	if l.guard != nil && l.guard.Answers() {
		answers = l.guard
	}
	c.answers.Store(answers)
}
