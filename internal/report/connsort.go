package report

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"
)

// SortKey names what connections are sorted by.
type SortKey string

// connOrder compares two connections at a time.
type connOrder func(a, b *Conn, now time.Time) int

// connOrders has the order of each key. Identities ascend and amounts descend, since the busiest
// connections are of interest; uptime ascends as in stock.
var connOrders = map[SortKey]connOrder{
	"":           byCID,
	"cid":        byCID,
	"start":      func(a, b *Conn, _ time.Time) int { return a.Start.Compare(b.Start) },
	"subs":       descending(func(c *Conn) int64 { return int64(c.NumSubs) }),
	"pending":    descending(func(c *Conn) int64 { return c.Pending }),
	"msgs_to":    descending(func(c *Conn) int64 { return c.OutMsgs }),
	"msgs_from":  descending(func(c *Conn) int64 { return c.InMsgs }),
	"bytes_to":   descending(func(c *Conn) int64 { return c.OutBytes }),
	"bytes_from": descending(func(c *Conn) int64 { return c.InBytes }),
	"rtt":        descending(func(c *Conn) int64 { return int64(c.RTT) }),
	"last":       func(a, b *Conn, _ time.Time) int { return b.LastActivity.Compare(a.LastActivity) },
	"idle":       func(a, b *Conn, _ time.Time) int { return a.LastActivity.Compare(b.LastActivity) },
	"uptime":     func(a, b *Conn, now time.Time) int { return cmp.Compare(a.uptime(now), b.uptime(now)) },
	sortByStop:   func(a, b *Conn, _ time.Time) int { return b.Stop.Compare(a.Stop) },
	sortByReason: func(a, b *Conn, _ time.Time) int { return cmp.Compare(a.Reason, b.Reason) },
}

// The keys that only closed connections have.
const (
	sortByStop   SortKey = "stop"
	sortByReason SortKey = "reason"
)

var (
	errStopOfOpen   = errors.New("sort by stop only valid on closed connections")
	errReasonOfOpen = errors.New("sort by reason only valid on closed connections")
)

func byCID(a, b *Conn, _ time.Time) int { return cmp.Compare(a.CID, b.CID) }

func descending(amount func(*Conn) int64) connOrder {
	return func(a, b *Conn, _ time.Time) int { return cmp.Compare(amount(b), amount(a)) }
}

// order returns the comparison for k among connections in the given state.
func (k SortKey) order(state ConnState) (connOrder, error) {
	compare := connOrders[k]
	switch {
	case compare == nil:
		return nil, fmt.Errorf("invalid sorting option: %s", string(k))
	case k == sortByStop && state != ConnClosed:
		return nil, errStopOfOpen
	case k == sortByReason && state != ConnClosed:
		return nil, errReasonOfOpen
	}
	return compare, nil
}

// sortConns sorts by compare, equal ones by CID, so that pages neither repeat nor miss connections.
func sortConns(conns []*Conn, compare connOrder, now time.Time) {
	slices.SortFunc(conns, func(a, b *Conn) int {
		return cmp.Or(compare(a, b, now), byCID(a, b, now))
	})
}
