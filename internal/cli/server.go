package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// serverCommand is the name before commands about servers and, followed by a flag, before the flags of the server.
const serverCommand = "server"

// newServer is the group of commands about servers: what they say of themselves in the system account, and whether they
// are well.
func newServer(c *client) *cobra.Command {
	return family(&cobra.Command{
		Use:     serverCommand,
		Aliases: []string{"srv", "sys", "system"},
		Short:   "See how servers do, and prepare what they are configured with",
		Long: `See how servers do, and prepare what they are configured with.

Most of these commands ask in the system account: connect as one of its users. With a flag
first, as in myelin server -c server.conf, this is the server itself.`,
		Example: `  myelin server ls --context system
  myelin server check connection
  myelin server passwd`,
	}, newServerInfo(c), newServerList(c), newServerPing(c), newServerReport(c), newServerRequest(c), newServerConfig(c), newServerAccount(c),
		newServerCheck(c), newServerPasswd(c.con))
}

// serverFlags returns the arguments behind "server" if they are flags of the server itself.
func serverFlags(args []string) (flags []string, ok bool) {
	if len(args) < 2 || args[0] != serverCommand || !strings.HasPrefix(args[1], "-") {
		return nil, false
	}
	return args[1:], !slices.Contains([]string{"-h", "--help"}, args[1])
}
