package system

import (
	"time"

	"myelin/internal/auth"
	"myelin/internal/broker"
	"myelin/internal/report"
)

const (
	// A server tells of its state soon after its start, then ever more seldom.
	firstPulse = 250 * time.Millisecond
	fullPulse  = 10 * time.Second
	// countEvery is how often the connections of an account are told when they do not change.
	countEvery = 30 * time.Second
)

// client is a connection in an event.
type client struct {
	Start      time.Time     `json:"start"`
	Host       string        `json:"host,omitempty"`
	ID         uint64        `json:"id"`
	Account    string        `json:"acc"`
	User       string        `json:"user,omitempty"`
	Name       string        `json:"name,omitempty"`
	Lang       string        `json:"lang,omitempty"`
	Version    string        `json:"ver,omitempty"`
	RTT        time.Duration `json:"rtt,omitempty"`
	Stop       time.Time     `json:"stop,omitzero"`
	JWT        string        `json:"jwt,omitempty"`
	IssuerKey  string        `json:"issuer_key,omitempty"`
	NameTag    string        `json:"name_tag,omitempty"`
	Tags       []string      `json:"tags,omitempty"`
	Kind       string        `json:"kind,omitempty"`
	ClientType string        `json:"client_type,omitempty"`
}

func describe(c *report.Conn) client {
	account := c.Account
	if account == "" {
		account = auth.GlobalAccount // where it waited to be let in
	}
	d := client{
		Start: c.Start.UTC(), Host: c.IP, ID: c.CID, Account: account, User: c.User, Name: c.Name, Lang: c.Lang, Version: c.Version,
		RTT: c.RTT, NameTag: account, Kind: c.Kind, ClientType: c.Type,
	}
	if claims := c.Claims; claims != nil {
		d.JWT, d.IssuerKey, d.Tags = claims.JWT, claims.Issuer, claims.Tags
		if claims.AccountName != "" {
			d.NameTag = claims.AccountName
		}
	}
	if !c.Stop.IsZero() {
		d.Stop = c.Stop.UTC()
	}
	return d
}

type connected struct {
	event
	Client client `json:"client"`
}

type disconnected struct {
	event
	Client   client         `json:"client"`
	Sent     report.Traffic `json:"sent"` // by the client
	Received report.Traffic `json:"received"`
	Reason   string         `json:"reason"`
}

// Connected tells that somebody was let in. The connection is described only if somebody listens.
func (g *Guest) Connected(account *broker.Account, conn func() report.Conn) {
	if g.account == nil {
		return
	}
	g.Count(account)
	subject := "$SYS.ACCOUNT." + account.Name() + ".CONNECT"
	if listens(g.account, subject) {
		c := conn()
		c.RTT, c.Stop = 0, time.Time{}
		g.tell(subject, func() any { return &connected{g.event("client_connect"), describe(&c)} })
	}
}

// Disconnected tells that a connection has ended, which account is nil for if it was never let in; refused is why it was
// not, nil if it ended for another reason. The account whose service decides is told what was wrong with the answer.
func (g *Guest) Disconnected(account *broker.Account, c report.Conn, refused *auth.Error) {
	if g.account == nil {
		return
	}
	c.Subs = nil
	ended := func() any { return g.disconnected(&c) }
	name := auth.GlobalAccount
	if account != nil {
		name = account.Name()
		g.Count(account)
	} else if c.Account != "" {
		name = c.Account
	}
	if refused != nil {
		g.tell("$SYS.SERVER."+g.opt.Server.ID+".CLIENT.AUTH.ERR", ended)
		told, why := name, c
		if refused.Account != "" {
			told, why.Account = refused.Account, refused.Account
		}
		if refused.Why != "" {
			why.Reason = refused.Why
		}
		g.tellIn(g.opt.Broker.Account(told), "$SYS.ACCOUNT.CLIENT.AUTH.ERR", func() any { return g.disconnected(&why) })
	}
	g.tell("$SYS.ACCOUNT."+name+".DISCONNECT", ended)
}

// disconnected describes a connection that has ended.
func (g *Guest) disconnected(c *report.Conn) any {
	return &disconnected{
		g.event("client_disconnect"), describe(c),
		report.Traffic{Msgs: c.InMsgs, Bytes: c.InBytes}, report.Traffic{Msgs: c.OutMsgs, Bytes: c.OutBytes}, c.Reason,
	}
}

// counts are the connections and the traffic of an account.
type counts struct {
	event
	report.AccountStat
}

// counts describes an account; nil says that there is none of that name, or, unless unused ones are wanted, nobody connected to it.
func (g *Guest) counts(name string, unused bool) any {
	z := g.opt.Views.AccStatz(report.AccStatzOptions{Accounts: []string{name}, Unused: unused})
	if len(z.Accounts) == 0 {
		return nil
	}
	return &counts{g.event("account_connections"), z.Accounts[0]}
}

// Count tells that the number of an account's connections has changed. It is told again every now and then while there are
// any.
func (g *Guest) Count(a *broker.Account) {
	name := a.Name()
	tell := func() any { return g.counts(name, true) }
	g.tell("$SYS.SERVER.ACCOUNT."+name+".CONNS", tell)
	g.tell("$SYS.ACCOUNT."+name+".SERVER.CONNS", tell)
	g.mu.Lock()
	defer g.mu.Unlock()
	timer, planned := g.counted[a]
	switch {
	case g.closed || a == g.account:
	case a.Traffic().Connections.Load() == 0:
		if planned {
			timer.Stop()
			delete(g.counted, a)
		}
	case planned:
		timer.Reset(countEvery)
	default:
		g.counted[a] = g.opt.Clock.AfterFunc(countEvery, func() { g.Count(a) })
	}
}

// state is the general state of the server.
type state struct {
	Server *Server        `json:"server"`
	Statsz *report.Statsz `json:"statsz"`
}

func (g *Guest) state() any { return &state{g.server(), g.opt.Views.Statsz()} }

// beat tells the state of the server, and plans the next time.
func (g *Guest) beat() {
	g.tell("$SYS.SERVER."+g.opt.Server.ID+".STATSZ", g.state)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return
	}
	g.pause = min(2*g.pause, fullPulse)
	g.pulse.Reset(g.pause)
}
