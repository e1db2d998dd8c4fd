package cli

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/spf13/cobra"

	"myelin/internal/cli/nscstore"
)

// newAuthUser is the group of commands about users of accounts.
func newAuthUser(con *console) *cobra.Command {
	return family(&cobra.Command{
		Use:     "user",
		Aliases: []string{"u", "usr", "users"},
		Short:   "Manage users of accounts, and their credentials",
	}, newUserAdd(con), newUserInfo(con), newUserEdit(con), newUserList(con), newUserRemove(con), newUserCredential(con))
}

// userRights are what flags say that somebody may do: a user, or whoever has a role.
type userRights struct {
	bearer              bool
	subs, data, payload int64
	locale              string
	connections         []string
	pubAllow, pubDeny   []string
	subAllow, subDeny   []string
	responses           int
	responseTTL         time.Duration
}

func (r *userRights) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	onOff(flags, &r.bearer, "bearer", "the JWT alone lets somebody in, without a signature")
	flags.Lookup("bearer").DefValue = "false"
	r.bearer = false
	flags.Int64Var(&r.subs, "subscriptions", -1, "how many subscriptions a connection may have")
	r.payload, r.data = -1, -1
	flags.Var(bytesFlag{&r.payload}, "payload", "how large messages may be")
	flags.Var(bytesFlag{&r.data}, "data", "how much may be sent")
	flags.StringVar(&r.locale, "locale", "", "`zone` of times, as Europe/Berlin")
	flags.StringSliceVar(&r.connections, "connection", nil, "`types` of connections that are allowed: standard, websocket, mqtt, …")
	flags.StringSliceVar(&r.pubAllow, "pub-allow", nil, "`subjects` that may be published to")
	flags.StringSliceVar(&r.pubDeny, "pub-deny", nil, "`subjects` that must not be published to")
	flags.StringSliceVar(&r.subAllow, "sub-allow", nil, "`subjects` that may be subscribed to")
	flags.StringSliceVar(&r.subDeny, "sub-deny", nil, "`subjects` that must not be subscribed to")
	flags.IntVar(&r.responses, "allow-responses", 0, "how many answers to a request are allowed, whatever else is; -1 for any number")
	flags.Var(durationFlag{&r.responseTTL}, "response-ttl", "for how long answers are allowed")
}

// apply changes what flags name.
func (r *userRights) apply(cmd *cobra.Command, p *jwt.UserPermissionLimits) error {
	changed := cmd.Flags().Changed
	if changed("bearer") || changed("no-bearer") {
		p.BearerToken = r.bearer
	}
	for name, set := range map[string]func(){
		"subscriptions": func() { p.Subs = r.subs },
		"payload":       func() { p.NatsLimits.Payload = r.payload },
		"data":          func() { p.Data = r.data },
		"locale":        func() { p.Locale = r.locale },
		"pub-allow":     func() { p.Pub.Allow = r.pubAllow },
		"pub-deny":      func() { p.Pub.Deny = r.pubDeny },
		"sub-allow":     func() { p.Sub.Allow = r.subAllow },
		"sub-deny":      func() { p.Sub.Deny = r.subDeny },
	} {
		if changed(name) {
			set()
		}
	}
	if changed("allow-responses") || changed("response-ttl") {
		p.Resp = nil
		if r.responses != 0 || r.responseTTL > 0 {
			p.Resp = &jwt.ResponsePermission{MaxMsgs: max(r.responses, -1), Expires: r.responseTTL}
		}
	}
	if changed("connection") {
		types, err := connectionTypes(r.connections)
		if err != nil {
			return err
		}
		p.AllowedConnectionTypes = types
	}
	return nil
}

// connectionTypes reads the names of types of connections, also the short ones of the nats tool.
func connectionTypes(names []string) (jwt.StringList, error) {
	known := map[string]string{
		"nats": jwt.ConnectionTypeStandard, "standard": jwt.ConnectionTypeStandard, "websocket": jwt.ConnectionTypeWebsocket,
		"ws": jwt.ConnectionTypeWebsocket, "leafnode": jwt.ConnectionTypeLeafnode, "leaf": jwt.ConnectionTypeLeafnode,
		"leafnode_ws": jwt.ConnectionTypeLeafnodeWS, "wsleaf": jwt.ConnectionTypeLeafnodeWS, "mqtt": jwt.ConnectionTypeMqtt,
		"mqtt_ws": jwt.ConnectionTypeMqttWS, "in_process": jwt.ConnectionTypeInProcess,
	}
	var types jwt.StringList
	for _, name := range names {
		t, ok := known[strings.ToLower(name)]
		if !ok {
			return nil, fmt.Errorf("there is no type of connection %q: there are %s", name, strings.Join(orderNames(known), ", "))
		}
		types.Add(t)
	}
	return types, nil
}

func newUserAdd(con *console) *cobra.Command {
	k := &keeper{con: con}
	rights := &userRights{}
	var key, file string
	var tags []string
	var force bool
	cmd := &cobra.Command{
		Use:     "add <name> [account]",
		Aliases: []string{"create", "new"},
		Short:   "Make a user, with its key, that the account signs",
		Example: `  myelin auth user add shop ORDERS --pub-allow 'order.*' --credential shop.creds
  myelin auth user add bob ORDERS --key reader`,
		Args: arguments(1, 2),
	}
	k.addFlags(cmd, false)
	rights.addFlags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&key, "key", "", "public `key` or role of the account's signing key that signs the user")
	flags.StringVar(&file, "credential", "", "`file` to write credentials to")
	flags.StringSliceVar(&tags, "tags", nil, "`tags` to add")
	flags.BoolVarP(&force, "force", "f", false, "replace a file that is there")
	addDefaults(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if file != "" {
			if err := absent(force, file); err != nil {
				return err
			}
		}
		name, account := nameAndID(args)
		a, err := k.theAccount(account)
		if err != nil {
			return err
		}
		u, err := a.NewUser(name, key)
		if err != nil {
			return err
		}
		if err := rights.apply(cmd, &u.Claims.UserPermissionLimits); err != nil {
			return err
		}
		u.Claims.Tags.Add(tags...)
		return k.finishUser(u, file, force)
	}
	return cmd
}

// finishUser saves a user, writes its credentials if there is a file for them, and shows it.
func (k *keeper) finishUser(u *nscstore.User, file string, force bool) error {
	if err := u.Save(); err != nil {
		return err
	}
	if file != "" {
		if err := writeCredentials(u, 0, file, force); err != nil {
			return err
		}
	}
	return showUser(k, u)
}

func writeCredentials(u *nscstore.User, expires int64, file string, force bool) error {
	data, err := u.Credentials(expires)
	if err != nil {
		return err
	}
	return writeNew(file, data, privateMode, force)
}

func newUserInfo(con *console) *cobra.Command {
	k := &keeper{con: con}
	cmd := &cobra.Command{
		Use:     "info [name] [account]",
		Aliases: []string{"i", "show", "view"},
		Short:   "Show a user",
		Args:    arguments(0, 2),
		RunE: func(_ *cobra.Command, args []string) error {
			u, err := k.theUser(nameAndID(args))
			if err != nil {
				return err
			}
			return showUser(k, u)
		},
	}
	k.addFlags(cmd, false)
	return cmd
}

func newUserEdit(con *console) *cobra.Command {
	k := &keeper{con: con}
	rights := &userRights{}
	var file string
	var tags, noTags []string
	cmd := &cobra.Command{
		Use:     "edit [name] [account]",
		Aliases: []string{"update"},
		Short:   "Change what flags name of a user, which needs new credentials then",
		Args:    arguments(0, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			u, err := k.theUser(nameAndID(args))
			if err != nil {
				return err
			}
			if err := rights.apply(cmd, &u.Claims.UserPermissionLimits); err != nil {
				return err
			}
			changeTags(&u.Claims.Tags, tags, noTags)
			return k.finishUser(u, file, true)
		},
	}
	k.addFlags(cmd, false)
	rights.addFlags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&file, "credential", "", "`file` to write credentials to, or to replace them in")
	flags.StringSliceVar(&tags, "tags", nil, "`tags` to add")
	flags.StringSliceVar(&noTags, "no-tags", nil, "`tags` to remove")
	return cmd
}

func newUserList(con *console) *cobra.Command {
	k := &keeper{con: con}
	var namesOnly bool
	cmd := &cobra.Command{
		Use:     "ls [account]",
		Aliases: []string{"list"},
		Short:   "List the users of an account",
		Args:    arguments(0, 1),
		RunE: k.onAccount(func(a *nscstore.Account) error {
			users, err := a.Users()
			if err != nil {
				return err
			}
			var list []shownClaims
			t := newTable("Name", "Subject", "Role", "Revoked", "Expires")
			for _, u := range users {
				role := ""
				if s := u.Scope(); s != nil {
					role = s.Role
				}
				list = append(list, shownClaims{u.Name, u.Claims.Subject, u.Claims, u.Token})
				t.row(u.Name, u.Claims.Subject, role, a.Claims.IsClaimRevoked(u.Claims), expiryText(u.Claims.Expires))
			}
			return k.listed(list, namesOnly, "users", t)
		}),
	}
	k.addFlags(cmd, false)
	cmd.Flags().BoolVar(&namesOnly, "names", false, "print just the names")
	return cmd
}

func newUserRemove(con *console) *cobra.Command {
	k := &keeper{con: con}
	var force, revoke bool
	cmd := &cobra.Command{
		Use:   "rm [name] [account]",
		Short: "Remove a user and its key; with --revoke it is locked out, once the account is pushed",
		Args:  arguments(0, 2),
		RunE: func(_ *cobra.Command, args []string) error {
			u, err := k.theUser(nameAndID(args))
			if err != nil {
				return err
			}
			if err := k.confirmed(force, "Remove user %s of account %s?", u.Name, u.Account.Name); err != nil {
				return err
			}
			if revoke {
				u.Account.Claims.Revoke(u.Claims.Subject)
				if err := u.Account.Save(); err != nil {
					return err
				}
				con.logf("Revoked user %s: it is locked out once account %s is pushed", u.Name, u.Account.Name)
			}
			return u.Remove()
		},
	}
	k.addFlags(cmd, false)
	cmd.Flags().BoolVar(&revoke, "revoke", false, "revoke the user in its account, too")
	cmd.Flags().BoolVarP(&force, "force", "f", false, "do not ask")
	return cmd
}

func newUserCredential(con *console) *cobra.Command {
	k := &keeper{con: con}
	var valid time.Duration
	var force bool
	cmd := &cobra.Command{
		Use:     "credential <file> [name] [account]",
		Aliases: []string{"cred", "creds"},
		Short:   "Write the credentials of a user, JWT and seed, to a file that nobody else can read",
		Args:    arguments(1, 3),
		RunE: func(_ *cobra.Command, args []string) error {
			u, err := k.theUser(nameAndID(args[1:]))
			if err != nil {
				return err
			}
			if valid < 0 {
				return errors.New("--expire is how long from now they are valid")
			}
			if err := writeCredentials(u, expiry(valid), args[0], force); err != nil {
				return err
			}
			con.printf("Wrote credential for %s to %s\n", u.Name, args[0])
			return nil
		},
	}
	k.addFlags(cmd, false)
	cmd.Flags().Var(durationFlag{&valid}, "expire", "how long they are valid")
	cmd.Flags().BoolVarP(&force, "force", "f", false, "replace a file that is there")
	return cmd
}

func showUser(k *keeper, u *nscstore.User) error {
	c := u.Claims
	s := &sheet{}
	s.section("Configuration")
	s.row("Account", u.Account.Name+" ("+u.Account.Claims.Subject+")")
	s.row("Issuer", c.Issuer)
	scope := u.Scope()
	if s.row("Scoped", scope != nil); scope != nil {
		s.row("Role", scope.Role)
	}
	s.row("Expires", expiryText(c.Expires))
	rowUnless(s, "Revoked", u.Account.Claims.IsClaimRevoked(c))
	rowUnless(s, "Tags", strings.Join(c.Tags, ", "))
	rights := &c.UserPermissionLimits
	if scope != nil {
		rights = &scope.Template
	}
	rightsRows(s, rights)
	return k.show("User", shownClaims{u.Name, c.Subject, c, u.Token}, s)
}

// rightsRows shows what a user, or whoever has a role, may do.
func rightsRows(s *sheet, p *jwt.UserPermissionLimits) {
	s.section("Limits")
	s.row("Bearer Token", p.BearerToken)
	s.row("Max Payload", claimBytes(p.NatsLimits.Payload))
	s.row("Max Data", claimBytes(p.Data))
	s.row("Max Subscriptions", claimLimit(p.Subs))
	rowUnless(s, "Connection Types", strings.Join(p.AllowedConnectionTypes, ", "))
	rowUnless(s, "Locale", p.Locale)
	if len(p.Src) > 0 {
		s.row("Networks", strings.Join(p.Src, ", "))
	}
	s.section("Permissions")
	s.rows("Publish", orElse(p.Pub.Allow, "everything that is not denied"))
	s.rows("Publish Denied", p.Pub.Deny)
	s.rows("Subscribe", orElse(p.Sub.Allow, "everything that is not denied"))
	s.rows("Subscribe Denied", p.Sub.Deny)
	if p.Resp != nil {
		s.row("Responses", fmt.Sprintf("%s within %s", claimLimit(int64(p.Resp.MaxMsgs)), durationLimitText(p.Resp.Expires)))
	}
}

func orElse(list []string, none string) []string {
	if len(list) == 0 {
		return []string{none}
	}
	return list
}
