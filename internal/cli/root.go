package cli

import (
	"github.com/spf13/cobra"
)

const rootHelp = `Myelin is a NATS-compatible messaging server and a client for one.

  myelin [flags]            run the server, with the flags of nats-server; myelin -h shows them
  myelin dev                run a server to try things with: loopback only, monitoring on
  myelin <command> [flags]  one of the commands below, against any NATS server

The client commands read the context files and environment variables of the nats tool
(~/.config/nats/context, NATS_URL, NATS_CREDS, ...): a flag wins over the environment, which
wins over the context.`

// newRoot builds the tree of client commands.
func newRoot(con *console) *cobra.Command {
	root := &cobra.Command{
		Use:           "myelin",
		Short:         "A NATS-compatible messaging server, and a client for one",
		Long:          rootHelp,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetUsageFunc(usage)
	root.SetIn(con.in)
	root.SetOut(con.out)
	root.SetErr(con.err)

	const talk, jets, other = "client", "jetstream", "other"
	root.AddGroup(&cobra.Group{ID: talk, Title: "Client commands:"}, &cobra.Group{ID: jets, Title: "JetStream commands:"},
		&cobra.Group{ID: other, Title: "Other commands:"})
	root.SetHelpCommandGroupID(other)
	root.SetCompletionCommandGroupID(other)
	client := &client{con: con}
	add := func(group string, commands ...*cobra.Command) {
		for _, c := range commands {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add(talk, newPub(client), newSub(client), newRequest(client), newReply(client), newRTT(client), newBench(client),
		newService(client))
	add(jets, newStream(client), newConsumer(client), newAccount(client), newKV(client), newObject(client),
		newDeadLetter(client))
	add(other, newServer(client), newAuth(client), newCert(con), newDev(con), newContext(client), newStore(con), newVersion(con))
	return root
}
