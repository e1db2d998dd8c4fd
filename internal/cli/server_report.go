package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"myelin/internal/report"
)

// newServerReport is the group of tables over all servers.
func newServerReport(c *client) *cobra.Command {
	return family(&cobra.Command{
		Use:     "report",
		Aliases: []string{"rep"},
		Short:   "Compare accounts, connections, JetStream and health over all servers",
	}, newReportAccounts(c), newReportConnections(c), newReportJetStream(c), newReportHealth(c))
}

// fleetReport asks all servers for a view, and prints a table of it.
type fleetReport struct {
	fleet
	order   string
	reverse bool
	top     int
	account string
}

// addOrder gives a report the flags that say what comes first, and how much of it.
func (r *fleetReport) addOrder(cmd *cobra.Command, preset string, names []string) {
	flags := cmd.Flags()
	flags.StringVar(&r.order, "sort", preset, "`what` to sort by: "+strings.Join(names, ", "))
	flags.BoolVarP(&r.reverse, "reverse", "R", false, "sort the other way round")
	flags.IntVar(&r.top, "top", 1000, "print so many lines at most")
}

// arrange sorts a list by one of the orders, which have the largest first, and cuts it.
func arrange[T any](r *fleetReport, list []T, orders map[string]func(a, b T) int) ([]T, error) {
	order := orders[r.order]
	if order == nil {
		return nil, fmt.Errorf("--sort is one of %s", strings.Join(orderNames(orders), ", "))
	}
	slices.SortStableFunc(list, order)
	if r.reverse {
		slices.Reverse(list)
	}
	return list[:min(len(list), max(r.top, 0))], nil
}

// collect asks for a view, and gives each answer to take.
func (r *fleetReport) collect(args []string, view string, options any, take func(*serverAnswer) error) error {
	most, err := expected(args)
	if err != nil {
		return err
	}
	answers, err := r.all(askEverybody+"."+view, options, most)
	for _, a := range answers {
		if err == nil {
			err = take(a)
		}
	}
	return err
}

// reportedAccount is what an account does on all servers.
type reportedAccount struct {
	Account     string `json:"account"`
	Name        string `json:"name,omitempty"` // if it has another one
	Connections int64  `json:"connections"`
	Total       int64  `json:"total_connections"`
	InMsgs      int64  `json:"in_msgs"`
	OutMsgs     int64  `json:"out_msgs"`
	InBytes     int64  `json:"in_bytes"`
	OutBytes    int64  `json:"out_bytes"`
	Subs        int64  `json:"subscriptions"`
	Slow        int64  `json:"slow_consumers"`
}

var accountOrders = map[string]func(a, b *reportedAccount) int{
	"in-bytes":  func(a, b *reportedAccount) int { return cmp.Compare(b.InBytes, a.InBytes) },
	"out-bytes": func(a, b *reportedAccount) int { return cmp.Compare(b.OutBytes, a.OutBytes) },
	"in-msgs":   func(a, b *reportedAccount) int { return cmp.Compare(b.InMsgs, a.InMsgs) },
	"out-msgs":  func(a, b *reportedAccount) int { return cmp.Compare(b.OutMsgs, a.OutMsgs) },
	"conns":     func(a, b *reportedAccount) int { return cmp.Compare(b.Connections, a.Connections) },
	"subs":      func(a, b *reportedAccount) int { return cmp.Compare(b.Subs, a.Subs) },
}

func newReportAccounts(c *client) *cobra.Command {
	r := &fleetReport{fleet: fleet{client: c}}
	cmd := &cobra.Command{
		Use:     "accounts [account] [expect]",
		Aliases: []string{"acct"},
		Short:   "Compare what accounts do",
		Args:    arguments(0, 2),
		RunE:    func(_ *cobra.Command, args []string) error { return r.accounts(args) },
	}
	r.addFlags(cmd)
	r.addFilter(cmd)
	r.addOrder(cmd, "subs", orderNames(accountOrders))
	return cmd
}

func (r *fleetReport) accounts(args []string) error {
	options := struct {
		serverFilter
		Accounts []string `json:"accounts,omitempty"`
		Unused   bool     `json:"include_unused"`
	}{serverFilter: r.filter, Unused: true}
	if len(args) > 0 {
		options.Accounts, args = args[:1], args[1:]
	}
	byName := map[string]*reportedAccount{}
	most, err := expected(args)
	if err != nil {
		return err
	}
	answers, err := r.all("$SYS.REQ.ACCOUNT.PING.STATZ", options, most)
	if err != nil {
		return err
	}
	for _, answer := range answers {
		var z report.AccStatz
		if err := answer.decode(&z); err != nil {
			return err
		}
		for _, a := range z.Accounts {
			t := byName[a.Account]
			if t == nil {
				t = &reportedAccount{Account: a.Account}
				byName[a.Account] = t
			}
			if a.Name != a.Account {
				t.Name = a.Name
			}
			t.Connections, t.Total = t.Connections+a.Conns, t.Total+a.TotalConns
			t.InMsgs, t.InBytes = t.InMsgs+a.Received.Msgs, t.InBytes+a.Received.Bytes
			t.OutMsgs, t.OutBytes = t.OutMsgs+a.Sent.Msgs, t.OutBytes+a.Sent.Bytes
			t.Subs, t.Slow = t.Subs+int64(a.NumSubs), t.Slow+a.SlowConsumers
		}
	}
	list := make([]*reportedAccount, 0, len(byName))
	for _, a := range byName {
		list = append(list, a)
	}
	slices.SortFunc(list, func(a, b *reportedAccount) int { return cmp.Compare(a.Account, b.Account) })
	if list, err = arrange(r, list, accountOrders); err != nil {
		return err
	}
	if r.asJSON {
		return r.con.jsonIndented(list)
	}
	t := newTable("Account", "Name", "Connections", "In Msgs", "Out Msgs", "In Bytes", "Out Bytes", "Subs")
	for _, a := range list {
		t.row(a.Account, a.Name, countText(a.Connections), countText(a.InMsgs), countText(a.OutMsgs), bytesText(uint64(a.InBytes)),
			bytesText(uint64(a.OutBytes)), countText(a.Subs))
	}
	return t.print(r.con)
}

// reportedConnection is a connection and where it is.
type reportedConnection struct {
	report.ConnInfo
	Server serverIdentity `json:"server"`
}

var connectionOrders = map[string]func(a, b *reportedConnection) int{
	"in-bytes":  func(a, b *reportedConnection) int { return cmp.Compare(b.InBytes, a.InBytes) },
	"out-bytes": func(a, b *reportedConnection) int { return cmp.Compare(b.OutBytes, a.OutBytes) },
	"in-msgs":   func(a, b *reportedConnection) int { return cmp.Compare(b.InMsgs, a.InMsgs) },
	"out-msgs":  func(a, b *reportedConnection) int { return cmp.Compare(b.OutMsgs, a.OutMsgs) },
	"uptime":    func(a, b *reportedConnection) int { return a.Start.Compare(b.Start) },
	"cid":       func(a, b *reportedConnection) int { return cmp.Compare(a.CID, b.CID) },
	"subs":      func(a, b *reportedConnection) int { return cmp.Compare(b.NumSubs, a.NumSubs) },
}

// connectionsAsked says which connections, and what of them.
type connectionsAsked struct {
	serverFilter
	Account string `json:"acc,omitempty"`
	User    string `json:"user,omitempty"`
	Subject string `json:"filter_subject,omitempty"`
	State   int    `json:"state"`
	Auth    bool   `json:"auth"`
	Offset  int    `json:"offset,omitempty"`
	Limit   int    `json:"limit,omitempty"`
}

func newReportConnections(c *client) *cobra.Command {
	r := &fleetReport{fleet: fleet{client: c}}
	var asked connectionsAsked
	var state string
	cmd := &cobra.Command{
		Use:     "connections [expect]",
		Aliases: []string{"conn", "connz", "conns"},
		Short:   "Compare connections",
		Args:    arguments(0, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			asked.State = slices.Index([]string{"open", "closed", "all"}, state)
			if asked.State < 0 {
				return fmt.Errorf("--state is open, closed or all")
			}
			return r.connections(args, asked)
		},
	}
	r.addFlags(cmd)
	r.addFilter(cmd)
	r.addOrder(cmd, "subs", orderNames(connectionOrders))
	flags := cmd.Flags()
	flags.StringVar(&asked.Account, "account", "", "only connections of this `account`")
	flags.StringVar(&asked.User, "username", "", "only connections of this `user`")
	flags.StringVar(&asked.Subject, "subject", "", "only connections with a subscription to this `subject`")
	flags.StringVar(&state, "state", "open", "only connections that are open, or closed, or all")
	return cmd
}

func (r *fleetReport) connections(args []string, asked connectionsAsked) error {
	asked.serverFilter, asked.Auth, asked.Limit = r.filter, true, 1024
	var list []*reportedConnection
	for total := 1; asked.Offset < total; asked.Offset += asked.Limit {
		total = 0
		if err := r.collect(args, "CONNZ", asked, func(a *serverAnswer) error {
			var z report.Connz
			if err := a.decode(&z); err != nil {
				return err
			}
			total = max(total, z.Total)
			for _, c := range z.Connections {
				list = append(list, &reportedConnection{c, a.Server})
			}
			return nil
		}); err != nil {
			return err
		}
	}
	found := len(list)
	list, err := arrange(r, list, connectionOrders)
	switch {
	case err != nil:
		return err
	case r.asJSON:
		if list == nil {
			list = []*reportedConnection{}
		}
		return r.con.jsonIndented(list)
	}
	t := newTable("CID", "Name", "Server", "IP", "Account", "User", "Uptime", "In Msgs", "Out Msgs", "In Bytes", "Out Bytes", "Subs", "Reason")
	for _, c := range list {
		t.row(c.CID, c.Name, c.Server.Name, net.JoinHostPort(c.IP, strconv.Itoa(c.Port)), c.Account, c.AuthorizedUser, c.Uptime,
			countText(c.InMsgs), countText(c.OutMsgs), bytesText(uint64(c.InBytes)), bytesText(uint64(c.OutBytes)), countText(c.NumSubs), c.Reason)
	}
	if found > len(list) {
		r.con.logf("These are %d of %d connections; --top shows more", len(list), found)
	}
	return t.print(r.con)
}

func newReportJetStream(c *client) *cobra.Command {
	r := &fleetReport{fleet: fleet{client: c}}
	cmd := &cobra.Command{
		Use:     "jetstream [expect]",
		Aliases: []string{"jsz", "js"},
		Short:   "Compare what JetStream has and does on servers",
		Args:    arguments(0, 1),
		RunE:    func(_ *cobra.Command, args []string) error { return r.jetstream(args) },
	}
	r.addFlags(cmd)
	r.addFilter(cmd)
	cmd.Flags().StringVar(&r.account, "account", "", "only what is in this `account`")
	return cmd
}

func (r *fleetReport) jetstream(args []string) error {
	options := struct {
		serverFilter
		Account string `json:"account,omitempty"`
		Streams bool   `json:"streams,omitempty"`
	}{r.filter, r.account, r.account != ""}
	t := newTable("Server", "Cluster", "Streams", "Consumers", "Messages", "Bytes", "Memory", "File", "API Req", "API Err")
	raw := []json.RawMessage{}
	err := r.collect(args, "JSZ", options, func(a *serverAnswer) error {
		raw = append(raw, a.raw)
		var z report.JSz
		if err := a.decode(&z); err != nil || z.Disabled {
			return err
		}
		if r.account != "" {
			onlyAccount(&z)
		}
		t.row(a.Server.Name, a.Server.Cluster, countText(z.Streams), countText(z.Consumers), countText(z.Messages), bytesText(z.Bytes),
			bytesText(z.Memory), bytesText(z.Storage), countText(z.API.Total), countText(z.API.Errors))
		return nil
	})
	switch {
	case err != nil:
		return err
	case r.asJSON:
		return r.con.jsonIndented(raw)
	}
	return t.print(r.con)
}

// onlyAccount makes the sums of a server those of the accounts that are described in detail.
func onlyAccount(z *report.JSz) {
	details := z.AccountDetails
	z.JetStreamStats = report.JetStreamStats{}
	z.Streams, z.Consumers, z.Messages, z.Bytes = 0, 0, 0, 0
	for _, a := range details {
		z.Memory, z.Storage = z.Memory+a.Memory, z.Storage+a.Storage
		z.API.Total, z.API.Errors = z.API.Total+a.API.Total, z.API.Errors+a.API.Errors
		z.Streams += len(a.Streams)
		for _, s := range a.Streams {
			z.Consumers += s.State.Consumers
			z.Messages, z.Bytes = z.Messages+s.State.Msgs, z.Bytes+s.State.Bytes
		}
	}
}

func newReportHealth(c *client) *cobra.Command {
	r := &fleetReport{fleet: fleet{client: c}}
	var options struct {
		serverFilter
		Enabled    bool   `json:"js-enabled-only,omitempty"`
		ServerOnly bool   `json:"js-server-only,omitempty"`
		Account    string `json:"account,omitempty"`
		Stream     string `json:"stream,omitempty"`
		Consumer   string `json:"consumer,omitempty"`
		Details    bool   `json:"details"`
	}
	cmd := &cobra.Command{
		Use:   "health [expect]",
		Short: "Show whether servers are well; it is a failure if one is not",
		Args:  arguments(0, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			options.serverFilter, options.Details = r.filter, true
			return r.health(args, options)
		},
	}
	r.addFlags(cmd)
	r.addFilter(cmd)
	flags := cmd.Flags()
	flags.BoolVarP(&options.Enabled, "js-enabled", "J", false, "look no further than at whether JetStream runs")
	flags.BoolVarP(&options.ServerOnly, "server-only", "S", false, "do not look at streams and consumers")
	flags.StringVar(&options.Account, "account", "", "look at the streams of this `account` only")
	flags.StringVar(&options.Stream, "stream", "", "look at this `stream` only")
	flags.StringVar(&options.Consumer, "consumer", "", "look at this `consumer` of the stream")
	return cmd
}

func (r *fleetReport) health(args []string, options any) error {
	t := newTable("Server", "Cluster", "Status", "Type", "Error")
	raw := []json.RawMessage{}
	ill := 0
	err := r.collect(args, "HEALTHZ", options, func(a *serverAnswer) error {
		raw = append(raw, a.raw)
		var z report.Healthz
		if err := a.decode(&z); err != nil {
			return err
		}
		if z.StatusCode == http.StatusOK || z.Status == "ok" {
			t.row(a.Server.Name, a.Server.Cluster, z.Status, "", "")
			return nil
		}
		ill++
		if len(z.Errors) == 0 {
			t.row(a.Server.Name, a.Server.Cluster, z.Status, "", z.Error)
		}
		for _, e := range z.Errors {
			t.row(a.Server.Name, a.Server.Cluster, z.Status, e.Type, e.Error)
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case r.asJSON:
		err = r.con.jsonIndented(raw)
	default:
		err = t.print(r.con)
	}
	if err == nil && ill > 0 {
		err = fmt.Errorf("%d of %d servers are not well", ill, len(raw))
	}
	return err
}
