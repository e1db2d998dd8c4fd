package nats

import (
	"time"

	"myelin/internal/auth"
	"myelin/internal/report"
)

// Describe is the connection as the monitoring pages show it.
func (c *Conn) Describe() report.Conn {
	o := &c.out
	o.mu.Lock()
	pending, outMsgs, outBytes := o.pending, o.msgs, o.bytes
	o.mu.Unlock()
	c.mu.Lock()
	about, subs, why, account := c.about, len(c.subs), c.why, ""
	if c.account != nil {
		account = c.account.Name()
	} else if about.full != nil {
		account = about.full.Name()
	}
	c.mu.Unlock()
	return report.Conn{
		CID: c.id, Kind: "Client", Type: "nats", IP: c.host, Port: c.port,
		Start: c.start, LastActivity: time.Unix(0, c.activity.Load()), Reason: string(why),
		RTT: time.Duration(c.rtt.Load()), Pending: pending,
		InMsgs: c.inMsgs.Load(), InBytes: c.inBytes.Load(), OutMsgs: outMsgs, OutBytes: outBytes,
		Stalls: c.stalls.Load(), NumSubs: subs,
		Name: about.name, Lang: about.lang, Version: about.version, Account: account, User: about.user,
		TLS: c.secured.Load().describe(), Subs: c.describeSubs, Claims: claimsOf(about.identity), Proxy: proxyOf(about.identity),
	}
}

// claimsOf are the claims of who was let in; nil for none. A stock server says of a user with a key that the account has
// issued it.
func claimsOf(identity *auth.Identity) *report.Claims {
	switch {
	case identity == nil:
		return nil
	case identity.Claims == nil && identity.HasKey():
		return &report.Claims{Issuer: identity.Account}
	case identity.Claims == nil:
		return nil
	}
	c := identity.Claims
	if c.Service != "" { // what it has answered with is nobody else's business
		return &report.Claims{Issuer: identity.Account, AccountName: c.AccountName}
	}
	shown := &report.Claims{Issuer: c.Issuer, Name: c.Name, AccountName: c.AccountName, Tags: c.Tags}
	if !c.Bearer {
		shown.JWT = string(c.Token)
	}
	return shown
}

// proxyOf is the proxy that somebody came through; "" for none.
func proxyOf(identity *auth.Identity) string {
	if identity == nil {
		return ""
	}
	return identity.Proxy
}

// lastView is what is remembered of a connection that closes. It refers to nothing of it; of very many
// subscriptions only their number is kept.
func (c *Conn) lastView() report.Conn {
	const mostSubs = 256
	view := c.Describe()
	view.Stop, view.Subs, view.TLS = c.clock().Now(), nil, view.TLS.Remembered()
	if view.NumSubs <= mostSubs {
		list := c.describeSubs()
		view.Subs = func() []report.Sub { return list }
	}
	return view
}

// describeSubs lists the connection's subscriptions.
func (c *Conn) describeSubs() []report.Sub {
	c.mu.Lock()
	subs := make([]*subscription, 0, len(c.subs))
	for _, s := range c.subs {
		subs = append(subs, s)
	}
	account, tag := "", ""
	if c.account != nil {
		account = c.account.Name()
	}
	if identity := c.about.identity; identity != nil && identity.Claims != nil {
		tag = identity.Claims.AccountName
	}
	c.mu.Unlock()
	list := make([]report.Sub, len(subs))
	for i, s := range subs {
		list[i] = s.Describe()
		list[i].Account, list[i].AccountTag = account, tag
	}
	return list
}

// Describe is the subscription as the monitoring pages show it, but for its account.
func (s *subscription) Describe() report.Sub {
	s.conn.out.mu.Lock()
	defer s.conn.out.mu.Unlock()
	return report.Sub{
		Subject: s.Pattern, Queue: s.Queue, SID: s.sid,
		Msgs: s.delivered, Max: max(s.max, 0), CID: s.conn.id,
	}
}

// SubDescriber is a Sink that can show itself on the monitoring pages.
type SubDescriber interface {
	Describe() report.Sub
}
