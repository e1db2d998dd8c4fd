package cli

import (
	"fmt"
	"slices"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
	"github.com/spf13/cobra"

	"myelin/internal/cli/nscstore"
)

// newAccountKeys is the group of commands about the signing keys of an account.
func newAccountKeys(con *console) *cobra.Command {
	return family(&cobra.Command{
		Use:     "keys",
		Aliases: []string{"sk", "s"},
		Short:   "Manage the keys with which an account signs users, and the roles that they give",
	}, newAccountKeysAdd(con), newAccountKeysInfo(con), newAccountKeysList(con), newAccountKeysRemove(con))
}

func newAccountKeysAdd(con *console) *cobra.Command {
	k := &keeper{con: con}
	rights := &userRights{}
	var description string
	cmd := &cobra.Command{
		Use:     "add [account] [role]",
		Aliases: []string{"new", "a", "n"},
		Short:   "Make a signing key; with a role, the users that it signs may do what flags say, and no more",
		Example: `  myelin auth account keys add ORDERS reader --sub-allow 'order.>,_INBOX.>' --pub-deny '>'`,
		Args:    arguments(0, 2),
	}
	k.addFlags(cmd, false)
	rights.addFlags(cmd)
	cmd.Flags().StringVar(&description, "description", "", "what the key is for")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		name, role := nameAndID(args)
		a, err := k.theAccount(name)
		if err != nil {
			return err
		}
		if _, _, err := a.SigningKey(role); err == nil {
			return fmt.Errorf("account %s has a role %q", a.Name, role)
		}
		scope := jwt.NewUserScope()
		if err := rights.apply(cmd, &scope.Template); err != nil {
			return err
		}
		if scope.Key, err = a.Operator.Store().NewKey(nkeys.PrefixByteAccount); err != nil {
			return err
		}
		scope.Role, scope.Description = role, description
		if role == "" {
			a.Claims.SigningKeys.Add(scope.Key)
		} else {
			a.Claims.SigningKeys.AddScopedSigner(scope)
		}
		if err := a.Save(); err != nil {
			return err
		}
		return k.showSigningKey(a, scope.Key)
	}
	return cmd
}

// shownKey is a signing key in JSON output.
type shownKey struct {
	Key   string         `json:"key"`
	Scope *jwt.UserScope `json:"scope,omitempty"`
}

func (k *keeper) showSigningKey(a *nscstore.Account, name string) error {
	key, scope, err := a.SigningKey(name)
	switch {
	case err != nil:
		return err
	case k.asJSON:
		return k.con.jsonIndented(shownKey{key, scope})
	}
	s := &sheet{}
	s.section("Configuration")
	s.row("Account", a.Name)
	s.row("Scoped", scope != nil)
	if scope != nil {
		s.row("Role", scope.Role)
		rowUnless(s, "Description", scope.Description)
		rightsRows(s, &scope.Template)
	}
	k.con.printf("Signing Key %s\n\n%s", key, s)
	return nil
}

func newAccountKeysInfo(con *console) *cobra.Command {
	k := &keeper{con: con}
	cmd := &cobra.Command{
		Use:     "info <account> <key>",
		Aliases: []string{"i", "show", "view"},
		Short:   "Show a signing key, given by its public part or its role",
		Args:    arguments(2, 2),
		RunE: func(_ *cobra.Command, args []string) error {
			a, err := k.theAccount(args[0])
			if err != nil {
				return err
			}
			return k.showSigningKey(a, args[1])
		},
	}
	k.addFlags(cmd, false)
	return cmd
}

func newAccountKeysList(con *console) *cobra.Command {
	k := &keeper{con: con}
	cmd := &cobra.Command{
		Use:     "ls [account]",
		Aliases: []string{"list"},
		Short:   "List signing keys and roles",
		Args:    arguments(0, 1),
		RunE: k.onAccount(func(a *nscstore.Account) error {
			keys := a.Claims.SigningKeys.Keys()
			slices.Sort(keys)
			list := []shownKey{}
			t := newTable("Role", "Key", "Description", "Here")
			for _, key := range keys {
				_, scope, err := a.SigningKey(key)
				if err != nil {
					return err
				}
				list = append(list, shownKey{key, scope})
				role, description := "", ""
				if scope != nil {
					role, description = scope.Role, scope.Description
				}
				t.row(role, key, description, a.Operator.Store().HasKey(key))
			}
			if k.asJSON {
				return con.jsonIndented(list)
			}
			return t.print(con)
		}),
	}
	k.addFlags(cmd, false)
	return cmd
}

func newAccountKeysRemove(con *console) *cobra.Command {
	k := &keeper{con: con}
	var force bool
	var key string
	cmd := &cobra.Command{
		Use:     "rm [account]",
		Aliases: []string{"delete"},
		Short:   "Remove a signing key: once the account is pushed, the users that it has signed are locked out",
		Args:    arguments(0, 1),
		RunE: k.onAccount(func(a *nscstore.Account) error {
			key, _, err := a.SigningKey(key)
			if err != nil {
				return err
			}
			if err := k.confirmed(force, "Remove signing key %s of account %s?", key, a.Name); err != nil {
				return err
			}
			a.Claims.SigningKeys.Remove(key)
			if err := a.Save(); err != nil {
				return err
			}
			return a.Operator.Store().RemoveKey(key)
		}),
	}
	k.addFlags(cmd, false)
	cmd.Flags().StringVar(&key, "key", "", "public `key` or role")
	cmd.Flags().BoolVarP(&force, "force", "f", false, "do not ask")
	requireFlags(cmd, "key")
	return cmd
}
