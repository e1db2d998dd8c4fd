package cli

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// serverView is a page of monitoring that can be asked for by its name.
type serverView struct {
	name    string
	aliases []string
	short   string
	view    string
	flags   []viewFlag // of the request, besides those of all
}

// viewFlag is a flag that sets a member of the request. Its kind is that of its preset value.
type viewFlag struct {
	flag, member, usage string
	preset              any // "", 0 or false
}

var serverViews = []serverView{
	{"accounts", []string{"accountz", "acct"}, "Show the accounts, or one in detail", "ACCOUNTZ", []viewFlag{
		{"account", "account", "show this `account` in detail", ""},
	}},
	{"connections", []string{"conn", "connz"}, "Show connections", "CONNZ", []viewFlag{
		{"sort", "sort", "`what` to sort by, as in the page /connz", ""},
		{"subscriptions", "subscriptions", "list the subjects of subscriptions", false},
		{"filter-cid", "cid", "only the connection of this `id`", 0},
		{"filter-user", "user", "only connections of this `user`", ""},
		{"filter-account", "acc", "only connections of this `account`", ""},
		{"filter-subject", "filter_subject", "only connections with a subscription to this `subject`", ""},
	}},
	{"gateways", []string{"gateway", "gwy", "gatewayz"}, "Show gateways", "GATEWAYZ", nil},
	{"jetstream-health", []string{"healthz", "health"}, "Show the health of a server and its streams", "HEALTHZ", []viewFlag{
		{"js-enabled", "js-enabled-only", "look no further than at whether JetStream runs", false},
		{"server-only", "js-server-only", "do not look at streams and consumers", false},
		{"account", "account", "look at the streams of this `account` only", ""},
		{"stream", "stream", "look at this `stream` only", ""},
		{"consumer", "consumer", "look at this `consumer` of the stream", ""},
		{"details", "details", "list errors one by one", false},
	}},
	{"jetstream", []string{"js", "jsz"}, "Show what JetStream has and does", "JSZ", []viewFlag{
		{"account", "account", "show this `account` in detail", ""},
		{"accounts", "accounts", "show accounts", false},
		{"streams", "streams", "show streams", false},
		{"consumer", "consumer", "show consumers", false},
		{"config", "config", "show how streams and consumers are configured", false},
	}},
	{"leafnodes", []string{"leaf", "leafz"}, "Show leaf nodes", "LEAFZ", nil},
	{"routes", []string{"route", "routez"}, "Show routes", "ROUTEZ", nil},
	{"subscriptions", []string{"sub", "subs", "subsz"}, "Show subscriptions", "SUBSZ", []viewFlag{
		{"detail", "subscriptions", "list them", false},
		{"filter-account", "account", "only those of this `account`", ""},
		{"test", "test", "only those that a message on this `subject` reaches", ""},
	}},
	{"variables", []string{"var", "varz"}, "Show the general state", "VARZ", nil},
}

// newServerRequest is the group of commands that print pages of monitoring, as the servers send them.
func newServerRequest(c *client) *cobra.Command {
	commands := []*cobra.Command{newServerKick(c)}
	for _, v := range serverViews {
		commands = append(commands, newServerView(c, v))
	}
	return family(&cobra.Command{
		Use:     "request",
		Aliases: []string{"req"},
		Short:   "Show a page of monitoring of all servers or of one, as JSON",
	}, commands...)
}

func newServerView(c *client, v serverView) *cobra.Command {
	f := &fleet{client: c}
	var limit, offset int
	cmd := &cobra.Command{Use: v.name + " [expect]", Aliases: v.aliases, Short: v.short, Args: arguments(0, 1)}
	f.addFlags(cmd)
	f.addFilter(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.filter.Name, "name", "", "ask only servers with this `text` in their name")
	flags.IntVar(&limit, "limit", 2048, "how many entries to show")
	flags.IntVar(&offset, "offset", 0, "the entry to begin with")
	for _, vf := range v.flags {
		addViewFlag(flags, vf)
	}
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		most, err := expected(args)
		if err != nil {
			return err
		}
		options, err := viewOptions(flags, v.flags)
		if err != nil {
			return err
		}
		options["limit"], options["offset"] = limit, offset
		if v.view == "CONNZ" {
			options["auth"] = true
		}
		if err := f.filter.into(options); err != nil {
			return err
		}
		answers, err := f.all(askEverybody+"."+v.view, options, most)
		for _, a := range answers {
			if err == nil {
				err = f.con.jsonIndented(a.raw)
			}
		}
		return err
	}
	return cmd
}

func addViewFlag(flags *pflag.FlagSet, vf viewFlag) {
	switch preset := vf.preset.(type) {
	case bool:
		flags.Bool(vf.flag, preset, vf.usage)
	case int:
		flags.Int(vf.flag, preset, vf.usage)
	case string:
		flags.String(vf.flag, preset, vf.usage)
	}
}

// viewOptions are the members of a request that flags set.
func viewOptions(flags *pflag.FlagSet, table []viewFlag) (map[string]any, error) {
	options := map[string]any{}
	for _, vf := range table {
		if !flags.Changed(vf.flag) {
			continue
		}
		var err error
		switch vf.preset.(type) {
		case bool:
			options[vf.member], err = flags.GetBool(vf.flag)
		case int:
			options[vf.member], err = flags.GetInt(vf.flag)
		case string:
			options[vf.member], err = flags.GetString(vf.flag)
		}
		if err != nil {
			return nil, err
		}
	}
	return options, nil
}

// into adds the members of the filter to a request.
func (s *serverFilter) into(options map[string]any) error {
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, &options)
}

func newServerKick(c *client) *cobra.Command {
	f := &fleet{client: c}
	cmd := &cobra.Command{
		Use:   "kick <client> <server>",
		Short: "End the connection of this id on a server, given by its name or id",
		Args:  arguments(2, 2),
		RunE: func(_ *cobra.Command, args []string) error {
			var cid uint64
			if _, err := fmt.Sscan(args[0], &cid); err != nil {
				return fmt.Errorf("%q is not the id of a connection", args[0])
			}
			return f.command(args[1], "KICK", map[string]uint64{"cid": cid})
		},
	}
	f.addFlags(cmd)
	return cmd
}

// newServerConfig is the group of commands about the configuration of running servers.
func newServerConfig(c *client) *cobra.Command {
	f := &fleet{client: c}
	var force bool
	reload := &cobra.Command{
		Use:   "reload <server>",
		Short: "Have a server, given by its name or id, read its configuration again",
		Args:  arguments(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := f.con.confirm(force, "Reload the configuration of server %s?", args[0]); err != nil {
				return err
			}
			return f.command(args[0], "RELOAD", nil)
		},
	}
	f.addFlags(reload)
	reload.Flags().BoolVarP(&force, "force", "f", false, "do not ask")
	return family(&cobra.Command{Use: "config", Short: "Work with the configuration of running servers"}, reload)
}

// command tells one server to do something, and prints what it answers.
func (f *fleet) command(server, what string, options any) error {
	nc, err := f.connect()
	if err != nil {
		return err
	}
	defer nc.Close()
	id := server
	if !isServerID(server) {
		a, err := f.one(nc, server, "IDZ", nil)
		if err != nil {
			return err
		}
		var introduced serverIdentity // IDZ has nothing around it
		if err := json.Unmarshal(a.raw, &introduced); err != nil || introduced.ID == "" {
			return errors.Join(fmt.Errorf("server %s does not say its id", server), err)
		}
		id = introduced.ID
	}
	a, err := f.one(nc, id, what, options)
	switch {
	case err != nil:
		return err
	case f.asJSON:
		return f.con.jsonIndented(a.raw)
	}
	f.con.printf("%s: done\n", a.Server.Name)
	return nil
}
