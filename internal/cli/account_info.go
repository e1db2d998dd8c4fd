package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"
)

func newAccountInfo(c *client) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "info",
		Aliases: []string{"nfo"},
		Short:   "Show the connection, its account, and the usage and limits of JetStream",
		Example: "  myelin account info\n  myelin account info --json | jq .jetstream.storage",
		Args:    arguments(0, 0),
		RunE: func(*cobra.Command, []string) error {
			return c.withJetStream(func(js *jetStream) error { return accountInfo(js, asJSON) })
		},
	}
	c.addFlags(cmd)
	cmd.Flags().BoolVarP(&asJSON, "json", "j", false, "print JSON")
	return cmd
}

// accountReport is what is known about a connection and its account.
type accountReport struct {
	User      string          `json:"user,omitempty"`
	Account   string          `json:"account,omitempty"`
	Expires   time.Duration   `json:"expires,omitempty"` // from now
	ClientID  uint64          `json:"client_id"`
	ClientIP  string          `json:"client_ip"`
	RTT       time.Duration   `json:"rtt"`
	Headers   bool            `json:"headers"`
	Payload   int64           `json:"max_payload"`
	URL       string          `json:"connected_url"`
	Address   string          `json:"connected_address"`
	ServerID  string          `json:"server_id"`
	Name      string          `json:"server_name"`
	Version   string          `json:"server_version"`
	TLS       string          `json:"tls,omitempty"`
	JetStream json.RawMessage `json:"jetstream,omitempty"`
	Problem   string          `json:"jetstream_error,omitempty"` // why there is no JetStream
}

// accountInfo shows the connection. That JetStream cannot be asked is part of what it shows.
func accountInfo(js *jetStream, asJSON bool) error {
	r, err := connectionReport(js)
	if err != nil {
		return err
	}
	if err := js.call("INFO", nil, &r.JetStream); err != nil {
		r.JetStream, r.Problem = nil, explained(err).Error()
	}
	if asJSON {
		return js.con.jsonIndented(r)
	}
	js.con.printf("Account Information\n\n%s", r.sheet())
	if r.Problem != "" {
		js.con.printf("\nJetStream: %s\n", r.Problem)
		return nil
	}
	var usage jetstream.AccountInfo
	if err := json.Unmarshal(r.JetStream, &usage); err != nil {
		return fmt.Errorf("account information: %w", err)
	}
	js.con.printf("\nJetStream Account Information\n\n%s", usageSheet(&usage))
	return nil
}

// connectionReport asks server and library about the connection.
func connectionReport(js *jetStream) (*accountReport, error) {
	nc := js.nc
	rtt, err := nc.RTT()
	if err != nil {
		return nil, fmt.Errorf("measure the round trip: %w", err)
	}
	r := &accountReport{
		RTT: rtt, Headers: nc.HeadersSupported(), Payload: nc.MaxPayload(), URL: nc.ConnectedUrlRedacted(),
		Address: nc.ConnectedAddr(), ServerID: nc.ConnectedServerId(), Name: nc.ConnectedServerName(),
		Version: nc.ConnectedServerVersion(),
	}
	r.ClientID, _ = nc.GetClientID()
	if ip, err := nc.GetClientIP(); err == nil {
		r.ClientIP = ip.String()
	}
	if state, err := nc.TLSConnectionState(); err == nil {
		r.TLS = tlsText(&state)
	}
	r.askUser(js)
	return r, nil
}

// askUser fills in who one is. Servers answer that since 2.9; who may not ask stays without it.
func (r *accountReport) askUser(js *jetStream) {
	ctx, cancel := context.WithTimeout(context.Background(), js.timeout)
	defer cancel()
	m, err := js.nc.RequestWithContext(ctx, "$SYS.REQ.USER.INFO", nil)
	if err != nil {
		return
	}
	var answer struct {
		Data struct {
			User    string        `json:"user"`
			Account string        `json:"account"`
			Name    string        `json:"account_name"`
			Expires time.Duration `json:"expires"`
		} `json:"data"`
	}
	if json.Unmarshal(m.Data, &answer) != nil {
		return
	}
	r.User, r.Account, r.Expires = answer.Data.User, answer.Data.Account, answer.Data.Expires
	if name := answer.Data.Name; name != "" && name != r.Account {
		r.Account = fmt.Sprintf("%s (%s)", name, r.Account)
	}
}

func (r *accountReport) sheet() *sheet {
	s := &sheet{}
	rowUnless(s, "User", r.User)
	rowUnless(s, "Account", r.Account)
	if r.Expires > 0 {
		s.row("Expires", "in "+durationText(r.Expires))
	} else {
		s.row("Expires", "never")
	}
	s.row("Client ID", r.ClientID)
	s.row("Client IP", r.ClientIP)
	s.row("RTT", r.RTT)
	s.row("Headers Supported", r.Headers)
	s.row("Maximum Payload", bytesText(uint64(r.Payload)))
	s.row("Connected URL", r.URL)
	s.row("Connected Address", r.Address)
	s.row("Connected Server ID", r.ServerID)
	if r.Name != r.ServerID {
		rowUnless(s, "Connected Server Name", r.Name)
	}
	s.row("Connected Server Version", r.Version)
	if r.TLS == "" {
		s.row("TLS Connection", "no")
	} else {
		s.row("TLS Connection", r.TLS)
	}
	return s
}

// usageSheet says what an account uses, and what it may: once, or once for each tier.
func usageSheet(info *jetstream.AccountInfo) *sheet {
	s := &sheet{}
	s.section("Account Usage")
	rowUnless(s, "Domain", info.Domain)
	s.row("Storage", bytesText(info.Store))
	s.row("Memory", bytesText(info.Memory))
	s.row("Streams", countText(info.Streams))
	s.row("Consumers", countText(info.Consumers))
	s.row("API Level", info.API.Level)
	s.row("API Requests", countText(info.API.Total))
	s.row("API Errors", countText(info.API.Errors))
	if len(info.Tiers) == 0 {
		s.tier("Default", &info.Tier)
	}
	for _, name := range slices.Sorted(maps.Keys(info.Tiers)) {
		tier := info.Tiers[name]
		s.tier(name, &tier)
	}
	return s
}

// tier adds the limits of a tier beside what is used of them.
func (s *sheet) tier(name string, t *jetstream.Tier) {
	l := &t.Limits
	s.section("Tier: " + name)
	s.row("Stream Requires Max Bytes Set", l.MaxBytesRequired)
	s.row("Consumer Maximum Ack Pending", limitText(l.MaxAckPending))
	s.row("Memory", usedOf(bytesText(t.Memory), bytesLimitText(l.MaxMemory), t.ReservedMemory))
	s.row("Memory Per Stream", bytesLimitText(l.MemoryMaxStreamBytes))
	s.row("Storage", usedOf(bytesText(t.Store), bytesLimitText(l.MaxStore), t.ReservedStore))
	s.row("Storage Per Stream", bytesLimitText(l.StoreMaxStreamBytes))
	s.row("Streams", usedOf(countText(t.Streams), limitText(l.MaxStreams), 0))
	s.row("Consumers", usedOf(countText(t.Consumers), limitText(l.MaxConsumers), 0))
}

func usedOf(used, limit string, reservedBytes uint64) string {
	if reservedBytes > 0 {
		return fmt.Sprintf("%s of %s (%s reserved)", used, limit, bytesText(reservedBytes))
	}
	return fmt.Sprintf("%s of %s", used, limit)
}
