package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"myelin/internal/subject"
)

// SubszOptions select subscriptions.
type SubszOptions struct {
	Offset        int    `json:"offset"`
	Limit         int    `json:"limit"`         // 0: 1024
	Subscriptions bool   `json:"subscriptions"` // list them
	Account       string `json:"account"`       // of this account only; empty: all
	Test          string `json:"test"`          // list only what would receive a message to this subject
}

// Subsz describes the subscriptions and how they are matched.
type Subsz struct {
	ServerID         string      `json:"server_id"`
	Now              time.Time   `json:"now"`
	NumSubscriptions uint32      `json:"num_subscriptions"`
	NumCache         uint32      `json:"num_cache"`
	NumInserts       uint64      `json:"num_inserts"`
	NumRemoves       uint64      `json:"num_removes"`
	NumMatches       uint64      `json:"num_matches"`
	CacheHitRate     float64     `json:"cache_hit_rate"` // 0 to 1
	MaxFanout        uint32      `json:"max_fanout"`
	AvgFanout        float64     `json:"avg_fanout"`
	Total            int         `json:"total"` // listed on all pages together; 0 without a list
	Offset           int         `json:"offset"`
	Limit            int         `json:"limit"`
	Subs             []SubDetail `json:"subscriptions_list,omitempty"`
}

// SubDetail is one subscription.
type SubDetail struct {
	Account    string `json:"account,omitempty"`
	AccountTag string `json:"account_tag,omitempty"` // the account's name for people
	Subject    string `json:"subject"`
	Queue      string `json:"qgroup,omitempty"`
	SID        string `json:"sid"`
	Msgs       int64  `json:"msgs"`
	Max        int64  `json:"max,omitempty"`
	CID        uint64 `json:"cid"`
}

func detail(s Sub) SubDetail {
	tag := s.AccountTag
	if tag == "" {
		tag = s.Account
	}
	return SubDetail{
		Account: s.Account, AccountTag: tag, Subject: s.Subject, Queue: s.Queue,
		SID: s.SID, Msgs: s.Msgs, Max: s.Max, CID: s.CID,
	}
}

// Subsz describes the subscriptions. The error is one in the options.
func (v *Views) Subsz(o SubszOptions) (*Subsz, error) {
	if o.Test != "" && !subject.ValidLiteral(o.Test) {
		return nil, fmt.Errorf("invalid test subject, must be valid publish subject: %s", o.Test)
	}
	p := newPage(o.Offset, o.Limit)
	stats := v.source.RouterStats(o.Account)
	z := &Subsz{
		ServerID: v.id(), Now: v.now(),
		NumSubscriptions: stats.NumSubs, NumCache: stats.NumCache,
		NumInserts: stats.Inserts, NumRemoves: stats.Removes, NumMatches: stats.Matches,
		MaxFanout: stats.MaxFanout, AvgFanout: stats.AvgFanout,
		Offset: p.offset, Limit: p.limit,
	}
	if stats.Matches > 0 {
		z.CacheHitRate = float64(stats.CacheHits) / float64(stats.Matches)
	}
	if o.Subscriptions {
		z.Subs, z.Total = v.listSubs(&o, p)
	}
	return z, nil
}

// listSubs returns the subscriptions on page p, in the order of account, subject, connection and sid, and
// how many there are on all pages. It keeps no more of them than twice what lies up to the page's end.
func (v *Views) listSubs(o *SubszOptions, p page) (details []SubDetail, total int) {
	keep := math.MaxInt / 2
	if p.offset < keep-p.limit {
		keep = p.offset + p.limit
	}
	var first []Sub
	v.source.Subscriptions(func(s Sub) bool {
		if !o.accepts(&s) {
			return true
		}
		total++
		if first = append(first, s); len(first) >= 2*keep {
			slices.SortFunc(first, compareSubs)
			first = first[:keep]
		}
		return true
	})
	slices.SortFunc(first, compareSubs)
	for _, s := range cut(first, p) {
		details = append(details, detail(s))
	}
	return details, total
}

func (o *SubszOptions) accepts(s *Sub) bool {
	return (o.Account == "" || s.Account == o.Account) &&
		(o.Test == "" || subject.Matches(s.Subject, o.Test))
}

func compareSubs(a, b Sub) int {
	return cmp.Or(
		cmp.Compare(a.Account, b.Account),
		cmp.Compare(a.Subject, b.Subject),
		cmp.Compare(a.CID, b.CID),
		cmp.Compare(a.SID, b.SID),
	)
}
