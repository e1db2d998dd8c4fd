package cli

import (
	"encoding/json"
	"strings"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
	"github.com/spf13/cobra"

	"myelin/internal/cli/nscstore"
)

// newAuthOperator is the group of commands about operators.
func newAuthOperator(con *console) *cobra.Command {
	return family(&cobra.Command{
		Use:     "operator",
		Aliases: []string{"o", "op"},
		Short:   "Manage operators, whom servers trust to sign accounts",
	}, newOperatorAdd(con), newOperatorInfo(con), newOperatorList(con), newOperatorEdit(con), newOperatorImport(con),
		newOperatorSelect(con), newOperatorBackup(con), newOperatorRestore(con), newOperatorKeys(con))
}

func showOperator(k *keeper, o *nscstore.Operator) error {
	s := &sheet{}
	s.section("Configuration")
	c := o.Claims
	s.row("Name", o.Name)
	s.row("Subject", c.Subject)
	accounts, err := o.Accounts()
	if err != nil {
		return err
	}
	s.row("Accounts", len(accounts))
	for _, a := range accounts {
		if a.System() {
			s.row("System Account", a.Name+" ("+a.Claims.Subject+")")
		}
	}
	rowUnless(s, "Account Server", c.AccountServerURL)
	s.rows("Services", c.OperatorServiceURLs)
	s.rows("Signing Keys", c.SigningKeys)
	rowUnless(s, "Strict Signing Key Usage", c.StrictSigningKeyUsage)
	rowUnless(s, "Tags", strings.Join(c.Tags, ", "))
	s.row("Expires", expiryText(c.Expires))
	return k.show("Operator", shownClaims{o.Name, c.Subject, c, o.Token}, s)
}

// operatorChanges are what flags say about an operator.
type operatorChanges struct {
	services      []string
	accountServer string
	tags, noTags  []string
}

func (o *operatorChanges) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringSliceVar(&o.services, "service", nil, "`URLs` of the operator's servers")
	flags.StringVar(&o.accountServer, "account-server", "", "`URL` of the server from which servers fetch accounts")
	flags.StringSliceVar(&o.tags, "tags", nil, "`tags` to add")
}

func (o *operatorChanges) apply(cmd *cobra.Command, c *jwt.OperatorClaims) {
	if cmd.Flags().Changed("service") {
		c.OperatorServiceURLs = o.services
	}
	if cmd.Flags().Changed("account-server") {
		c.AccountServerURL = o.accountServer
	}
	changeTags(&c.Tags, o.tags, o.noTags)
}

func newOperatorAdd(con *console) *cobra.Command {
	k := &keeper{con: con}
	changes := &operatorChanges{}
	signing := true
	cmd := &cobra.Command{
		Use:     "add [name]",
		Aliases: []string{"create", "new"},
		Short:   "Make an operator, with its key, and an account for its servers",
		Args:    arguments(0, 1),
	}
	k.addFlags(cmd, true)
	changes.addFlags(cmd)
	onOff(cmd.Flags(), &signing, "signing-key", "make a signing key as well, so that the operator's own can be kept elsewhere")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		name, err := k.name(args, "Name of the operator")
		if err != nil {
			return err
		}
		store, err := k.store()
		if err != nil {
			return err
		}
		o, err := store.NewOperator(name)
		if err != nil {
			return err
		}
		changes.apply(cmd, o.Claims)
		if err := completeOperator(store, o, signing); err != nil {
			return err
		}
		return showOperator(k, o)
	}
	return cmd
}

// completeOperator saves a new operator with the account of its servers.
func completeOperator(store *nscstore.Store, o *nscstore.Operator, signing bool) error {
	if signing {
		key, err := store.NewKey(nkeys.PrefixByteOperator)
		if err != nil {
			return err
		}
		o.Claims.SigningKeys.Add(key)
	}
	system, err := o.NewAccount(nscstore.SystemAccount)
	if err != nil {
		return err
	}
	o.Claims.SystemAccount = system.Claims.Subject
	if err := o.Save(); err != nil {
		return err
	}
	exportMonitoring(system.Claims)
	return system.Save()
}

// exportMonitoring lets accounts import what servers tell about them, as nsc has it.
func exportMonitoring(c *jwt.AccountClaims) {
	c.Exports.Add(&jwt.Export{
		Name: "account-monitoring-streams", Subject: "$SYS.ACCOUNT.*.>", Type: jwt.Stream, AccountTokenPosition: 3,
		Info: jwt.Info{Description: "Account specific monitoring stream"},
	}, &jwt.Export{
		Name: "account-monitoring-services", Subject: "$SYS.REQ.ACCOUNT.*.*", Type: jwt.Service, ResponseType: jwt.ResponseTypeStream,
		AccountTokenPosition: 4,
		Info:                 jwt.Info{Description: "Request account specific monitoring services for: SUBSZ, CONNZ, LEAFZ, JSZ and INFO"},
	})
}

func newOperatorInfo(con *console) *cobra.Command {
	k := &keeper{con: con}
	cmd := &cobra.Command{
		Use:     "info [name]",
		Aliases: []string{"i", "show", "view"},
		Short:   "Show an operator",
		Args:    arguments(0, 1),
		RunE: k.onOperator(func(o *nscstore.Operator) error {
			return showOperator(k, o)
		}),
	}
	k.addFlags(cmd, true)
	return cmd
}

func newOperatorList(con *console) *cobra.Command {
	k := &keeper{con: con}
	var namesOnly bool
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List operators",
		Args:    arguments(0, 0),
		RunE: func(*cobra.Command, []string) error {
			store, err := k.store()
			if err != nil {
				return err
			}
			names, err := store.Operators()
			if err != nil {
				return err
			}
			var list []shownClaims
			t := newTable("Name", "Subject", "Accounts", "Account Server", "Signing Keys")
			for _, name := range names {
				o, err := store.Operator(name)
				if err != nil {
					return err
				}
				accounts, err := o.Accounts()
				if err != nil {
					return err
				}
				list = append(list, shownClaims{name, o.Claims.Subject, o.Claims, o.Token})
				t.row(name, o.Claims.Subject, len(accounts), o.Claims.AccountServerURL, len(o.Claims.SigningKeys))
			}
			return k.listed(list, namesOnly, "operators", t)
		},
	}
	k.addFlags(cmd, true)
	cmd.Flags().BoolVar(&namesOnly, "names", false, "print just the names")
	return cmd
}

func newOperatorEdit(con *console) *cobra.Command {
	k := &keeper{con: con}
	changes := &operatorChanges{}
	cmd := &cobra.Command{
		Use:     "edit [name]",
		Aliases: []string{"update"},
		Short:   "Change what flags name of an operator",
		Args:    arguments(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, _ := nameAndID(args)
			o, err := k.theOperator(name)
			if err != nil {
				return err
			}
			changes.apply(cmd, o.Claims)
			if err := o.Save(); err != nil {
				return err
			}
			return showOperator(k, o)
		},
	}
	k.addFlags(cmd, true)
	changes.addFlags(cmd)
	cmd.Flags().StringSliceVar(&changes.noTags, "no-tags", nil, "`tags` to remove")
	return cmd
}

func newOperatorImport(con *console) *cobra.Command {
	k := &keeper{con: con}
	cmd := &cobra.Command{
		Use:   "import <jwt> [key...]",
		Short: "Take over an operator from the file of its JWT, and keys from theirs",
		Args:  arguments(1, 100),
		RunE: func(_ *cobra.Command, args []string) error {
			data, err := con.readInput(args[0])
			if err != nil {
				return err
			}
			token, err := jwt.ParseDecoratedJWT(data)
			if err != nil {
				return err
			}
			var pairs []nkeys.KeyPair
			for _, file := range args[1:] {
				pair, err := con.keyFrom(file)
				if err != nil {
					return err
				}
				pairs = append(pairs, pair)
			}
			store, err := k.store()
			if err != nil {
				return err
			}
			o, err := store.Import(strings.TrimSpace(token))
			if err != nil {
				return err
			}
			for _, pair := range pairs {
				if _, err := store.AddKey(pair); err != nil {
					return err
				}
			}
			return showOperator(k, o)
		},
	}
	k.addFlags(cmd, true)
	return cmd
}

func newOperatorSelect(con *console) *cobra.Command {
	k := &keeper{con: con}
	cmd := &cobra.Command{
		Use:   "select [name]",
		Short: "Choose the operator that is meant when none is named",
		Args:  arguments(0, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			store, err := k.store()
			if err != nil {
				return err
			}
			names, err := store.Operators()
			if err != nil {
				return err
			}
			name, _ := nameAndID(args)
			if name == "" {
				if name, err = k.only("operator", names, "an argument", "myelin auth operator add"); err != nil {
					return err
				}
			}
			if _, err := store.Operator(name); err != nil {
				return err
			}
			all, file, err := k.selection()
			if err != nil {
				return err
			}
			all[selectedOperator] = name
			data, err := json.Marshal(all)
			if err != nil {
				return err
			}
			if err := writePrivate(file, data); err != nil {
				return err
			}
			con.printf("Selected operator %q\n", name)
			return nil
		},
	}
	k.addFlags(cmd, true)
	return cmd
}
