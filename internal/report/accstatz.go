package report

import (
	"slices"
	"time"
)

// AccStatzOptions say of which accounts the traffic is told.
type AccStatzOptions struct {
	Accounts []string `json:"accounts"`       // none: all
	Unused   bool     `json:"include_unused"` // also those without connections
}

// AccStatz is the traffic of accounts.
type AccStatz struct {
	ServerID string        `json:"server_id"`
	Now      time.Time     `json:"now"`
	Accounts []AccountStat `json:"account_statz"`
}

// AccountStat is the traffic of one account.
type AccountStat struct {
	Account       string      `json:"acc"`
	Name          string      `json:"name"`
	Conns         int64       `json:"conns"`
	LeafNodes     int         `json:"leafnodes"`
	TotalConns    int64       `json:"total_conns"`
	NumSubs       uint32      `json:"num_subscriptions"`
	Sent          KindTraffic `json:"sent"`
	Received      KindTraffic `json:"received"`
	SlowConsumers int64       `json:"slow_consumers"`
}

// Traffic is a number of messages and their bytes.
type Traffic struct {
	Msgs  int64 `json:"msgs"`
	Bytes int64 `json:"bytes"`
}

// KindTraffic is the traffic over all kinds of connections, and over those between servers.
type KindTraffic struct {
	Traffic
	Gateways Traffic `json:"gateways"`
	Routes   Traffic `json:"routes"`
	Leafs    Traffic `json:"leafs"`
}

// chosen are the accounts of those names, or all if there are none.
func (v *Views) chosen(names []string) (list []Account) {
	if len(names) == 0 {
		return v.accounts()
	}
	names = slices.Clone(names)
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if a, ok := v.account(name); ok {
			list = append(list, a)
		}
	}
	return list
}

// AccStatz tells the traffic of the accounts that are asked for, as far as they have connections. Names that are none are
// passed over.
func (v *Views) AccStatz(o AccStatzOptions) *AccStatz {
	z := &AccStatz{ServerID: v.id(), Now: v.now(), Accounts: []AccountStat{}}
	for _, a := range v.chosen(o.Accounts) {
		if !o.Unused && a.Connections == 0 {
			continue
		}
		z.Accounts = append(z.Accounts, AccountStat{
			Account: a.Name, Name: a.name(), Conns: a.Connections, TotalConns: a.Connections,
			NumSubs:  v.source.RouterStats(a.Name).NumSubs,
			Sent:     KindTraffic{Traffic: Traffic{a.OutMsgs, a.OutBytes}},
			Received: KindTraffic{Traffic: Traffic{a.InMsgs, a.InBytes}}, SlowConsumers: a.SlowConsumers,
		})
	}
	return z
}
