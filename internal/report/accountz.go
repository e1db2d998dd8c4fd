package report

import (
	"fmt"
	"slices"
	"time"
)

// AccountSource is a Source whose server has accounts.
type AccountSource interface {
	Source
	// Accounts are all accounts, by name.
	Accounts() []Account
}

// Account is one tenant.
type Account struct {
	Name          string
	Tag           string // as people call it; "" for Name
	System        bool   // in it the server tells of itself
	JetStream     bool   // it may have streams
	Connections   int64
	InMsgs        int64 // from its connections
	InBytes       int64
	OutMsgs       int64 // to them
	OutBytes      int64
	SlowConsumers int64
	Terms         func() AccountTerms // nil: none
}

// AccountTerms are what was set about an account.
type AccountTerms struct {
	Updated    time.Time // zero: when the configuration was loaded
	Mappings   map[string][]MappedTo
	Exports    []AccountExport
	Imports    []AccountImport
	Incomplete bool           // some of the imports are not in force
	Claims     *AccountClaims // nil: no operator has signed the account
}

// AccountClaims are what an operator has signed about an account.
type AccountClaims struct {
	JWT     string
	Issuer  string // public key
	Tags    []string
	Decoded any // as it is written in JSON
	Revoked map[string]time.Time
	Expired bool

	Issues []ClaimIssue // what is wrong with them
}

// ClaimIssue is something that is wrong with claims.
type ClaimIssue struct {
	Description string `json:"description"`
	Blocking    bool   `json:"blocking"`
	TimeCheck   bool   `json:"time_check"` // it has to do with when they are read
}

// MappedTo is where a mapping leads.
type MappedTo struct {
	Subject string `json:"subject"`
	Weight  int    `json:"weight"`
	Cluster string `json:"cluster,omitempty"`
}

// name is how people call the account.
func (a *Account) name() string {
	if a.Tag != "" {
		return a.Tag
	}
	return a.Name
}

// AccountExport is what an account lets others have.
type AccountExport struct {
	Subject  string   `json:"subject"`
	Type     string   `json:"type"` // stream or service
	Approved []string `json:"approved_accounts,omitempty"`
	Response string   `json:"response_type,omitempty"`

	Latency  *ServiceLatency      `json:"service_latency,omitempty"`
	TokenReq bool                 `json:"token_req,omitempty"`
	Revoked  map[string]time.Time `json:"revoked_activations,omitempty"` // by public key, tokens that were issued until then
}

// ServiceLatency says how many of the requests to a service are measured, and where the results go.
type ServiceLatency struct {
	Sampling any    `json:"sampling"` // percent, or "headers"
	Results  string `json:"results"`
}

// AccountImport is what an account has of another.
type AccountImport struct {
	Subject  string `json:"subject"`
	Account  string `json:"account"`
	To       string `json:"to,omitempty"` // of a service
	Local    string `json:"local_subject"`
	Type     string `json:"type"`
	Invalid  bool   `json:"invalid"`
	Share    bool   `json:"share"`
	Tracking bool   `json:"tracking"`

	Latency *ServiceLatency `json:"latency,omitempty"`
}

// AccountzOptions say which account is described.
type AccountzOptions struct {
	Account string `json:"account"` // "": all are listed
}

// Accountz lists the accounts, or describes one.
type Accountz struct {
	ServerID      string       `json:"server_id"`
	Now           time.Time    `json:"now"`
	SystemAccount string       `json:"system_account,omitempty"`
	Accounts      []string     `json:"accounts,omitempty"`
	Account       *AccountInfo `json:"account_detail,omitempty"`
}

// AccountInfo describes an account.
type AccountInfo struct {
	Name         string                `json:"account_name"`
	Updated      time.Time             `json:"update_time,omitzero"`
	System       bool                  `json:"is_system,omitempty"`
	Expired      bool                  `json:"expired"`
	Complete     bool                  `json:"complete"`
	JetStream    bool                  `json:"jetstream_enabled"`
	LeafNodes    int                   `json:"leafnode_connections"`
	Clients      int64                 `json:"client_connections"`
	Subs         uint32                `json:"subscriptions"`
	Mappings     map[string][]MappedTo `json:"mappings,omitempty"`
	Exports      []AccountExport       `json:"exports,omitempty"`
	Imports      []AccountImport       `json:"imports,omitempty"`
	JWT          string                `json:"jwt,omitempty"`
	IssuerKey    string                `json:"issuer_key,omitempty"`
	NameTag      string                `json:"name_tag,omitempty"`
	Tags         []string              `json:"tags,omitempty"`
	Decoded      any                   `json:"decoded_jwt,omitempty"`
	Revoked      map[string]time.Time  `json:"revoked_user,omitempty"`
	Issues       []ClaimIssue          `json:"validation_result_jwt,omitempty"`
	SublistStats SublistStats          `json:"sublist_stats,omitempty"`
}

// SublistStats describe the subscriptions of an account and how they are matched.
type SublistStats struct {
	NumSubscriptions uint32  `json:"num_subscriptions"`
	NumCache         uint32  `json:"num_cache"`
	NumInserts       uint64  `json:"num_inserts"`
	NumRemoves       uint64  `json:"num_removes"`
	NumMatches       uint64  `json:"num_matches"`
	CacheHitRate     float64 `json:"cache_hit_rate"` // 0 to 1
	MaxFanout        uint32  `json:"max_fanout"`
	AvgFanout        float64 `json:"avg_fanout"`
}

// accounts are those of the server.
func (v *Views) accounts() []Account {
	if source, ok := v.source.(AccountSource); ok {
		return source.Accounts()
	}
	return nil
}

// account is the one of that name.
func (v *Views) account(name string) (Account, bool) {
	if source, ok := v.source.(interface {
		Account(name string) (Account, bool) // the same without a look at all of them
	}); ok {
		return source.Account(name)
	}
	all := v.accounts()
	if i := slices.IndexFunc(all, func(a Account) bool { return a.Name == name }); i >= 0 {
		return all[i], true
	}
	return Account{}, false
}

// set tells what was set about the account.
func (i *AccountInfo) set(t AccountTerms) {
	i.Mappings, i.Exports, i.Imports, i.Complete = t.Mappings, t.Exports, t.Imports, !t.Incomplete
	if !t.Updated.IsZero() {
		i.Updated = t.Updated.UTC()
	}
	if c := t.Claims; c != nil {
		i.JWT, i.IssuerKey, i.Tags, i.Decoded, i.Revoked, i.Expired = c.JWT, c.Issuer, c.Tags, c.Decoded, c.Revoked, c.Expired
		i.Issues = c.Issues
	}
}

// systemAccount is the one in which the server tells of itself; "" for none.
func (v *Views) systemAccount() string {
	if c := v.source.Config(); !c.Operators.Enabled() {
		return c.System()
	}
	for _, a := range v.accounts() {
		if a.System {
			return a.Name
		}
	}
	return ""
}

// Accountz lists the accounts, or describes one. The error is one in the options.
func (v *Views) Accountz(o AccountzOptions) (*Accountz, error) {
	z := &Accountz{ServerID: v.id(), Now: v.now(), SystemAccount: v.systemAccount()}
	if o.Account != "" {
		info, err := v.AccountInfo(o.Account)
		z.Account = info
		return z, err
	}
	z.Accounts = []string{}
	for _, a := range v.accounts() {
		z.Accounts = append(z.Accounts, a.Name)
	}
	return z, nil
}

// AccountInfo describes an account; the error says that there is none of that name.
func (v *Views) AccountInfo(name string) (*AccountInfo, error) {
	a, ok := v.account(name)
	if !ok {
		return nil, fmt.Errorf("Account %s does not exist", name)
	}
	stats := v.source.RouterStats(name)
	info := &AccountInfo{
		Name: name, Updated: v.source.ConfigLoaded().UTC(), System: a.System, Complete: true, JetStream: a.JetStream,
		Clients: a.Connections, Subs: stats.NumSubs, NameTag: a.name(),
		SublistStats: SublistStats{
			NumSubscriptions: stats.NumSubs, NumCache: stats.NumCache, NumInserts: stats.Inserts, NumRemoves: stats.Removes,
			NumMatches: stats.Matches, MaxFanout: stats.MaxFanout, AvgFanout: stats.AvgFanout,
		},
	}
	if a.Terms != nil {
		info.set(a.Terms())
	}
	if stats.Matches > 0 {
		info.SublistStats.CacheHitRate = float64(stats.CacheHits) / float64(stats.Matches)
	}
	return info, nil
}
