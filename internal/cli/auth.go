package cli

import "github.com/spf13/cobra"

// newAuth is the group of commands that make keys, and what operators sign with them.
func newAuth(c *client) *cobra.Command {
	return family(&cobra.Command{
		Use:   "auth",
		Short: "Make keys, and operators, accounts and users of JWTs",
		Long: `Make keys, and operators, accounts and users of JWTs.

What is made is kept in the folder that the nats tool and nsc share, ~/.local/share/nats/nsc or below $XDG_DATA_HOME: JWTs in
stores/, keys in keys/. No command prints a secret key unless that is what it is for, and none takes one as an argument.`,
		Example: `  myelin auth nkey gen user --output orders.nk
  myelin auth operator add example
  myelin auth account add ORDERS --jetstream --defaults
  myelin auth user add shop ORDERS --credential shop.creds --defaults
  myelin auth config --output server.conf`,
	}, newAuthOperator(c.con), newAuthAccount(c), newAuthUser(c.con), newNKey(c.con), newAuthConfig(c.con))
}
