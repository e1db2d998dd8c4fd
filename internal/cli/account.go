package cli

import "github.com/spf13/cobra"

// newAccount is the group of commands about the account that one is connected to.
func newAccount(c *client) *cobra.Command {
	return family(&cobra.Command{
		Use:     "account",
		Aliases: []string{"a"},
		Short:   "Show who one is connected as, and what the account may use and uses",
	}, newAccountInfo(c), newAccountTLS(c), newAccountBackup(c), newAccountRestore(c))
}
