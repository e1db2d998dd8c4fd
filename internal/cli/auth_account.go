package cli

import (
	"strings"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/spf13/cobra"

	"myelin/internal/cli/nscstore"
)

// newAuthAccount is the group of commands about accounts that an operator signs.
func newAuthAccount(c *client) *cobra.Command {
	return family(&cobra.Command{
		Use:     "account",
		Aliases: []string{"a", "acct", "act"},
		Short:   "Manage accounts",
	}, newAuthAccountAdd(c.con), newAuthAccountInfo(c.con), newAuthAccountEdit(c.con), newAuthAccountList(c.con), newAccountPush(c),
		newAccountQuery(c), newAccountKeys(c.con), newExports(c.con), newImports(c.con), newMappings(c.con))
}

// accountLimits are what flags say about an account.
type accountLimits struct {
	bearer, jetstream                      bool
	conns, exports, imports, leaf, subs    int64
	expiry                                 time.Duration
	payload                                int64
	consumers, streams, pending            int64
	disk, diskStream, memory, memoryStream int64
	sizeRequired                           bool
	traffic                                string
	tags, noTags                           []string
}

func (l *accountLimits) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	onOff(flags, &l.bearer, "bearer", "allow users whose JWT alone lets them in")
	onOff(flags, &l.jetstream, "jetstream", "allow JetStream, with what further flags limit")
	flags.Int64Var(&l.conns, "connections", -1, "how many connections there may be")
	flags.Var(durationFlag{&l.expiry}, "expiry", "how long the account is valid")
	flags.Int64Var(&l.exports, "exports", -1, "how many exports there may be")
	flags.Int64Var(&l.imports, "imports", -1, "how many imports there may be")
	flags.Int64Var(&l.leaf, "leafnodes", -1, "how many connections of leaf nodes there may be")
	flags.Int64Var(&l.subs, "subscriptions", -1, "how many subscriptions there may be")
	flags.Var(bytesFlag{&l.payload}, "payload", "how large messages may be")
	flags.Int64Var(&l.streams, "js-streams", -1, "how many streams there may be")
	flags.Int64Var(&l.consumers, "js-consumers", -1, "how many consumers there may be")
	flags.Int64Var(&l.pending, "js-max-pending", 0, "how many deliveries of a consumer may wait for an acknowledgement")
	flags.Var(bytesFlag{&l.disk}, "js-disk", "how much may be stored on disk")
	flags.Var(bytesFlag{&l.diskStream}, "js-disk-stream", "how large a stream on disk may be")
	flags.Var(bytesFlag{&l.memory}, "js-memory", "how much may be stored in memory")
	flags.Var(bytesFlag{&l.memoryStream}, "js-memory-stream", "how large a stream in memory may be")
	flags.BoolVar(&l.sizeRequired, "js-stream-size-required", false, "streams have to say how large they may become")
	flags.StringVar(&l.traffic, "js-cluster-traffic", "", "the `account` whose connections carry replicas: system or owner")
	flags.StringSliceVar(&l.tags, "tags", nil, "`tags` to add")
	for _, name := range []string{"bearer", "jetstream"} {
		flags.Lookup(name).DefValue = "false"
	}
	l.bearer, l.jetstream = false, false
}

// apply changes what flags name.
func (l *accountLimits) apply(cmd *cobra.Command, c *jwt.AccountClaims) {
	changed := func(names ...string) bool {
		for _, name := range names {
			if cmd.Flags().Changed(name) {
				return true
			}
		}
		return false
	}
	set := func(field *int64, value int64, name string) {
		if changed(name) {
			*field = value
		}
	}
	limits := &c.Limits
	set(&limits.Conn, l.conns, "connections")
	set(&limits.Exports, l.exports, "exports")
	set(&limits.Imports, l.imports, "imports")
	set(&limits.LeafNodeConn, l.leaf, "leafnodes")
	set(&limits.Subs, l.subs, "subscriptions")
	set(&limits.Payload, l.payload, "payload")
	set(&c.Expires, expiry(l.expiry), "expiry")
	if changed("bearer", "no-bearer") {
		limits.DisallowBearer = !l.bearer
	}
	js := &limits.JetStreamLimits
	switch {
	case changed("jetstream", "no-jetstream") && !l.jetstream:
		*js = jwt.JetStreamLimits{}
	case changed("jetstream", "no-jetstream") && !limits.IsJSEnabled():
		*js = jwt.JetStreamLimits{DiskStorage: -1, MemoryStorage: -1, Streams: -1, Consumer: -1}
	case changed("js-disk", "js-memory") && !limits.IsJSEnabled():
		*js = jwt.JetStreamLimits{Streams: -1, Consumer: -1}
	}
	set(&js.DiskStorage, l.disk, "js-disk")
	set(&js.DiskMaxStreamBytes, l.diskStream, "js-disk-stream")
	set(&js.MemoryStorage, l.memory, "js-memory")
	set(&js.MemoryMaxStreamBytes, l.memoryStream, "js-memory-stream")
	set(&js.Streams, l.streams, "js-streams")
	set(&js.Consumer, l.consumers, "js-consumers")
	set(&js.MaxAckPending, l.pending, "js-max-pending")
	if changed("js-stream-size-required") {
		js.MaxBytesRequired = l.sizeRequired
	}
	if changed("js-cluster-traffic") {
		c.ClusterTraffic = jwt.ClusterTraffic(l.traffic)
	}
	changeTags(&c.Tags, l.tags, l.noTags)
}

func newAuthAccountAdd(con *console) *cobra.Command {
	k := &keeper{con: con}
	limits := &accountLimits{}
	cmd := &cobra.Command{
		Use:     "add [account]",
		Aliases: []string{"create", "new"},
		Short:   "Make an account, with its key, that the operator signs",
		Example: `  myelin auth account add ORDERS --jetstream --js-disk 10GB --js-memory 0`,
		Args:    arguments(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, err := k.name(args, "Name of the account")
			if err != nil {
				return err
			}
			o, err := k.theOperator("")
			if err != nil {
				return err
			}
			a, err := o.NewAccount(name)
			if err != nil {
				return err
			}
			a.Claims.Limits.DisallowBearer = true
			limits.apply(cmd, a.Claims)
			if err := a.Save(); err != nil {
				return err
			}
			return showAccount(k, a)
		},
	}
	k.addFlags(cmd, false)
	limits.addFlags(cmd)
	addDefaults(cmd)
	return cmd
}

// addDefaults adds the flag with which the nats tool is told to ask nothing, which these commands do not do anyway.
func addDefaults(cmd *cobra.Command) {
	cmd.Flags().Bool("defaults", true, "take defaults for what no flag says, which is always so")
	cmd.Flags().Lookup("defaults").Hidden = true
}

func newAuthAccountInfo(con *console) *cobra.Command {
	k := &keeper{con: con}
	cmd := &cobra.Command{
		Use:     "info [account]",
		Aliases: []string{"i", "show", "view"},
		Short:   "Show an account",
		Args:    arguments(0, 1),
		RunE: k.onAccount(func(a *nscstore.Account) error {
			return showAccount(k, a)
		}),
	}
	k.addFlags(cmd, false)
	return cmd
}

func newAuthAccountEdit(con *console) *cobra.Command {
	k := &keeper{con: con}
	limits := &accountLimits{}
	cmd := &cobra.Command{
		Use:     "edit [account]",
		Aliases: []string{"update"},
		Short:   "Change what flags name of an account; push it then",
		Args:    arguments(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, _ := nameAndID(args)
			a, err := k.theAccount(name)
			if err != nil {
				return err
			}
			limits.apply(cmd, a.Claims)
			if err := a.Save(); err != nil {
				return err
			}
			return showAccount(k, a)
		},
	}
	k.addFlags(cmd, false)
	limits.addFlags(cmd)
	cmd.Flags().StringSliceVar(&limits.noTags, "no-tags", nil, "`tags` to remove")
	return cmd
}

func newAuthAccountList(con *console) *cobra.Command {
	k := &keeper{con: con}
	var namesOnly bool
	cmd := &cobra.Command{
		Use:     "ls [operator]",
		Aliases: []string{"list"},
		Short:   "List accounts",
		Args:    arguments(0, 1),
		RunE: k.onOperator(func(o *nscstore.Operator) error {
			accounts, err := o.Accounts()
			if err != nil {
				return err
			}
			var list []shownClaims
			t := newTable("Name", "Subject", "Users", "JetStream", "System")
			for _, a := range accounts {
				users, err := a.Users()
				if err != nil {
					return err
				}
				list = append(list, shownClaims{a.Name, a.Claims.Subject, a.Claims, a.Token})
				t.row(a.Name, a.Claims.Subject, len(users), a.Claims.Limits.IsJSEnabled(), a.System())
			}
			return k.listed(list, namesOnly, "accounts", t)
		}),
	}
	k.addFlags(cmd, false)
	cmd.Flags().BoolVar(&namesOnly, "names", false, "print just the names")
	return cmd
}

// accountSheet shows the claims of an account.
func accountSheet(c *jwt.AccountClaims) *sheet {
	s := &sheet{}
	s.section("Configuration")
	s.row("Name", c.Name)
	s.row("Issuer", c.Issuer)
	s.row("Expires", expiryText(c.Expires))
	s.row("JetStream", c.Limits.IsJSEnabled())
	s.row("Signing Keys", len(c.SigningKeys))
	s.row("Revocations", len(c.Revocations))
	s.row("Exports", len(c.Exports))
	s.row("Imports", len(c.Imports))
	s.row("Mappings", len(c.Mappings))
	rowUnless(s, "Tags", strings.Join(c.Tags, ", "))
	s.section("Limits")
	l := &c.Limits
	s.row("Bearer Tokens Allowed", !l.DisallowBearer)
	s.row("Connections", claimLimit(l.Conn))
	s.row("Subscriptions", claimLimit(l.Subs))
	s.row("Maximum Payload", claimBytes(l.Payload))
	s.row("Leafnodes", claimLimit(l.LeafNodeConn))
	s.row("Exports", claimLimit(l.Exports))
	s.row("Imports", claimLimit(l.Imports))
	if l.IsJSEnabled() && len(l.JetStreamTieredLimits) == 0 {
		jetStreamClaims(s, "JetStream Limits", &l.JetStreamLimits)
	}
	for _, tier := range orderNames(l.JetStreamTieredLimits) {
		limits := l.JetStreamTieredLimits[tier]
		jetStreamClaims(s, "JetStream Limits: "+tier, &limits)
	}
	return s
}

func jetStreamClaims(s *sheet, title string, l *jwt.JetStreamLimits) {
	s.section(title)
	s.row("Disk Storage", claimBytes(l.DiskStorage))
	s.row("Memory Storage", claimBytes(l.MemoryStorage))
	s.row("Streams", claimLimit(l.Streams))
	s.row("Consumers", claimLimit(l.Consumer))
	s.row("Maximum Ack Pending", limitText(l.MaxAckPending))
	s.row("Maximum Disk Stream", bytesLimitText(l.DiskMaxStreamBytes))
	s.row("Maximum Memory Stream", bytesLimitText(l.MemoryMaxStreamBytes))
	s.row("Stream Size Required", l.MaxBytesRequired)
}

// claimLimit says a limit of a JWT, of which -1 is none and 0 is nothing at all.
func claimLimit(n int64) string {
	if n < 0 {
		return unlimited
	}
	return countText(n)
}

func claimBytes(n int64) string {
	if n < 0 {
		return unlimited
	}
	return bytesText(uint64(n))
}

func showAccount(k *keeper, a *nscstore.Account) error {
	return k.show("Account", shownClaims{a.Name, a.Claims.Subject, a.Claims, a.Token}, accountSheet(a.Claims))
}
