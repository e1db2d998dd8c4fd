package cli

import (
	"fmt"
	"slices"

	"github.com/nats-io/nkeys"
	"github.com/spf13/cobra"

	"myelin/internal/cli/nscstore"
)

// newOperatorKeys is the group of commands about the signing keys of an operator.
func newOperatorKeys(con *console) *cobra.Command {
	return family(&cobra.Command{
		Use:     "keys",
		Aliases: []string{"sk", "s"},
		Short:   "Manage the keys with which an operator signs accounts",
	}, newOperatorKeysList(con), newOperatorKeysAdd(con), newOperatorKeysRemove(con))
}

func newOperatorKeysList(con *console) *cobra.Command {
	k := &keeper{con: con}
	cmd := &cobra.Command{
		Use:     "list [operator]",
		Aliases: []string{"ls"},
		Short:   "List signing keys",
		Args:    arguments(0, 1),
		RunE: k.onOperator(func(o *nscstore.Operator) error {
			if k.asJSON {
				return con.jsonIndented(append([]string{}, o.Claims.SigningKeys...))
			}
			for _, key := range o.Claims.SigningKeys {
				con.printf("%s\n", key)
			}
			return nil
		}),
	}
	k.addFlags(cmd, true)
	return cmd
}

func newOperatorKeysAdd(con *console) *cobra.Command {
	k := &keeper{con: con}
	cmd := &cobra.Command{
		Use:     "add [operator]",
		Aliases: []string{"new", "create"},
		Short:   "Make a signing key, and print its public part",
		Args:    arguments(0, 1),
		RunE: k.onOperator(func(o *nscstore.Operator) error {
			key, err := o.Store().NewKey(nkeys.PrefixByteOperator)
			if err != nil {
				return err
			}
			o.Claims.SigningKeys.Add(key)
			if err := o.Save(); err != nil {
				return err
			}
			con.printf("%s\n", key)
			return nil
		}),
	}
	k.addFlags(cmd, true)
	return cmd
}

func newOperatorKeysRemove(con *console) *cobra.Command {
	k := &keeper{con: con}
	var force bool
	cmd := &cobra.Command{
		Use:     "rm [operator] <key>",
		Aliases: []string{"delete"},
		Short:   "Remove a signing key: the accounts that it has signed are not trusted any more",
		Args:    arguments(1, 2),
		RunE: func(_ *cobra.Command, args []string) error {
			name, key := "", args[len(args)-1]
			if len(args) > 1 {
				name = args[0]
			}
			o, err := k.theOperator(name)
			if err != nil {
				return err
			}
			if !slices.Contains(o.Claims.SigningKeys, key) {
				return fmt.Errorf("operator %s has no signing key %q", o.Name, key)
			}
			if err := k.confirmed(force, "Remove signing key %s of operator %s?", key, o.Name); err != nil {
				return err
			}
			o.Claims.SigningKeys.Remove(key)
			if err := o.Save(); err != nil {
				return err
			}
			return o.Store().RemoveKey(key)
		},
	}
	k.addFlags(cmd, true)
	cmd.Flags().BoolVarP(&force, "force", "f", false, "do not ask")
	return cmd
}
