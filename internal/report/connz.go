package report

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"

	"myelin/internal/auth"
)

// ConnState selects connections by whether they are open.
type ConnState int

// The states that can be asked for.
const (
	ConnOpen ConnState = iota
	ConnClosed
	ConnAny
)

// ConnzOptions select connections, and what is said of them.
type ConnzOptions struct {
	Sort                SortKey   `json:"sort"`                 // empty: by CID
	Username            bool      `json:"auth"`                 // show user and account
	Subscriptions       bool      `json:"subscriptions"`        // list the subjects
	SubscriptionsDetail bool      `json:"subscriptions_detail"` // describe the subscriptions; stronger than Subscriptions
	Offset              int       `json:"offset"`
	Limit               int       `json:"limit"` // 0: 1024
	CID                 uint64    `json:"cid"`   // this one only; 0: all
	MQTTClient          string    `json:"mqtt_client"`
	State               ConnState `json:"state"`
	User                string    `json:"user"`
	Account             string    `json:"acc"`
	FilterSubject       string    `json:"filter_subject"` // has a subscription that shares a subject with this pattern
}

// Connz is a list of connections.
type Connz struct {
	ServerID       string     `json:"server_id"`
	Now            time.Time  `json:"now"`
	NumConnections int        `json:"num_connections"` // on this page
	Total          int        `json:"total"`           // in the state and the account that were asked for
	Offset         int        `json:"offset"`
	Limit          int        `json:"limit"`
	Connections    []ConnInfo `json:"connections"`
}

// ConnInfo is one connection.
type ConnInfo struct {
	CID            uint64      `json:"cid"`
	Kind           string      `json:"kind,omitempty"`
	Type           string      `json:"type,omitempty"`
	IP             string      `json:"ip"`
	Port           int         `json:"port"`
	Start          time.Time   `json:"start"`
	LastActivity   time.Time   `json:"last_activity"`
	Stop           time.Time   `json:"stop,omitzero"`
	Reason         string      `json:"reason,omitempty"`
	RTT            string      `json:"rtt,omitempty"`
	Uptime         string      `json:"uptime"`
	Idle           string      `json:"idle"`
	Pending        int64       `json:"pending_bytes"`
	InMsgs         int64       `json:"in_msgs"`
	OutMsgs        int64       `json:"out_msgs"`
	InBytes        int64       `json:"in_bytes"`
	OutBytes       int64       `json:"out_bytes"`
	Stalls         int64       `json:"stalls,omitempty"`
	NumSubs        int         `json:"subscriptions"`
	Name           string      `json:"name,omitempty"`
	Lang           string      `json:"lang,omitempty"`
	Version        string      `json:"version,omitempty"`
	TLSVersion     string      `json:"tls_version,omitempty"`
	TLSCipherSuite string      `json:"tls_cipher_suite,omitempty"`
	TLSPeerCerts   []PeerCert  `json:"tls_peer_certs,omitempty"`
	TLSFirst       bool        `json:"tls_first,omitempty"`
	AuthorizedUser string      `json:"authorized_user,omitempty"`
	Account        string      `json:"account,omitempty"`
	Subs           []string    `json:"subscriptions_list,omitempty"`
	SubsDetail     []SubDetail `json:"subscriptions_list_detail,omitempty"`
	JWT            string      `json:"jwt,omitempty"`
	IssuerKey      string      `json:"issuer_key,omitempty"`
	NameTag        string      `json:"name_tag,omitempty"`
	Tags           []string    `json:"tags,omitempty"`
	MQTTClient     string      `json:"mqtt_client,omitempty"`
	Proxy          *Proxy      `json:"proxy,omitempty"`
}

var errSubjectFilterAlone = errors.New("filter by subject only valid with account filtering")

// Connz lists connections. The error is one in the options.
func (v *Views) Connz(o ConnzOptions) (*Connz, error) {
	compare, err := o.Sort.order(o.State)
	if err != nil {
		return nil, err
	}
	if o.FilterSubject != "" && o.Account == "" {
		return nil, errSubjectFilterAlone
	}
	now := v.now()
	p := newPage(o.Offset, o.Limit)
	if o.CID != 0 {
		p.limit = 1
	}
	candidates := v.candidates(&o)
	chosen := o.filter(candidates)
	sortConns(chosen, compare, now)
	shown := cut(chosen, p)
	z := &Connz{
		ServerID: v.id(), Now: now,
		NumConnections: len(shown), Total: len(candidates), Offset: p.offset, Limit: p.limit,
		Connections: make([]ConnInfo, 0, len(shown)),
	}
	for _, c := range shown {
		z.Connections = append(z.Connections, o.describe(c, now))
	}
	return z, nil
}

// candidates are the connections in the state and the account that o asks for.
func (v *Views) candidates(o *ConnzOptions) []*Conn {
	var list []*Conn
	add := func(conns []Conn) {
		for i := range conns {
			if o.Account == "" || conns[i].Account == o.Account {
				list = append(list, &conns[i])
			}
		}
	}
	if o.State == ConnOpen || o.State == ConnAny {
		add(v.source.Connections())
	}
	if o.State == ConnClosed || o.State == ConnAny {
		add(v.source.Closed())
	}
	return list
}

// filter returns those of conns that o's further criteria let through.
func (o *ConnzOptions) filter(conns []*Conn) []*Conn {
	var list []*Conn
	for _, c := range conns {
		if o.accepts(c) {
			list = append(list, c)
		}
	}
	return list
}

// accepts reports whether c is asked for; a CID is asked for whatever else is.
func (o *ConnzOptions) accepts(c *Conn) bool {
	if o.CID != 0 {
		return c.CID == o.CID
	}
	return (o.User == "" || c.User == o.User) &&
		(o.MQTTClient == "" || c.MQTTClient == o.MQTTClient) &&
		(o.FilterSubject == "" || subscribesTo(c, o.FilterSubject))
}

func subscribesTo(c *Conn, pattern string) bool {
	for _, s := range c.subs() {
		if overlap(s.Subject, pattern) {
			return true
		}
	}
	return false
}

// overlap reports whether some subject matches both patterns.
func overlap(a, b string) bool {
	for {
		tokenA, restA, moreA := strings.Cut(a, ".")
		tokenB, restB, moreB := strings.Cut(b, ".")
		switch {
		case tokenA == ">" || tokenB == ">":
			return true
		case tokenA != tokenB && tokenA != "*" && tokenB != "*", moreA != moreB:
			return false
		case !moreA:
			return true
		}
		a, b = restA, restB
	}
}

// describe says of c what o asks for.
func (o *ConnzOptions) describe(c *Conn, now time.Time) ConnInfo {
	info := ConnInfo{
		CID: c.CID, Kind: c.Kind, Type: c.Type, IP: c.IP, Port: c.Port,
		Start: c.Start.UTC(), LastActivity: c.LastActivity.UTC(), Reason: c.Reason,
		RTT: c.RTT.Truncate(time.Microsecond).String(), Uptime: uptimeText(c.uptime(now)), Idle: uptimeText(c.idle(now)),
		Pending: c.Pending, InMsgs: c.InMsgs, OutMsgs: c.OutMsgs, InBytes: c.InBytes, OutBytes: c.OutBytes,
		Stalls: c.Stalls, NumSubs: c.NumSubs, Name: c.Name, Lang: c.Lang, Version: c.Version, MQTTClient: c.MQTTClient,
		Proxy: proxy(c.Proxy),
	}
	if !c.open() {
		info.Stop = c.Stop.UTC()
	}
	if o.Username {
		info.AuthorizedUser, info.NameTag = c.User, c.accountTag()
		if c.Claims != nil {
			info.JWT, info.IssuerKey, info.Tags = c.Claims.JWT, c.Claims.Issuer, c.Claims.Tags
		}
		if c.Account != auth.GlobalAccount {
			info.Account = c.Account
		}
	}
	c.TLS.describe(&info, o.Username)
	o.listSubs(c, &info)
	return info
}

// listSubs adds the subscriptions, in the order of their sids: that in which clients usually made them.
func (o *ConnzOptions) listSubs(c *Conn, info *ConnInfo) {
	if !o.Subscriptions && !o.SubscriptionsDetail {
		return
	}
	subs := c.subs()
	slices.SortFunc(subs, func(a, b Sub) int {
		return cmp.Or(cmp.Compare(len(a.SID), len(b.SID)), cmp.Compare(a.SID, b.SID))
	})
	for _, s := range subs {
		if !o.SubscriptionsDetail {
			info.Subs = append(info.Subs, s.Subject)
			continue
		}
		if c.open() {
			s.Account, s.AccountTag = "", "" // as in stock: what is open says its account with the connection
		}
		info.SubsDetail = append(info.SubsDetail, detail(s))
	}
}
