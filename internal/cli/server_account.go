package cli

import (
	"encoding/json"

	"github.com/spf13/cobra"

	"myelin/internal/report"
)

// newServerAccount is the group of commands about accounts, as servers have them.
func newServerAccount(c *client) *cobra.Command {
	f := &fleet{client: c}
	info := &cobra.Command{
		Use:     "info <account>",
		Aliases: []string{"i"},
		Short:   "Show what servers have of an account",
		Args:    arguments(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			answers, err := f.all("$SYS.REQ.ACCOUNT."+args[0]+".INFO", &f.filter, 0)
			if err != nil {
				return err
			}
			if f.asJSON {
				return f.con.jsonIndented(rawServerAnswers(answers))
			}
			for _, a := range answers {
				if err := f.showAccount(a); err != nil {
					return err
				}
			}
			return nil
		},
	}
	f.addFlags(info)
	f.addFilter(info)
	return family(&cobra.Command{Use: "account", Aliases: []string{"acct"}, Short: "Show accounts, as servers have them"}, info)
}

func (f *fleet) showAccount(answer *serverAnswer) error {
	var a report.AccountInfo
	if err := answer.decode(&a); err != nil {
		return err
	}
	var claims struct {
		Token string `json:"jwt"`
	}
	if err := json.Unmarshal(answer.Data, &claims); err != nil {
		return err
	}
	s := &sheet{}
	s.section("Account")
	s.row("Name", a.Name)
	rowUnless(s, "Known As", a.NameTag)
	s.row("System Account", a.System)
	s.row("JetStream", a.JetStream)
	s.row("Expired", a.Expired)
	s.row("Has a JWT", claims.Token != "")
	s.row("Connections", countText(a.Clients))
	s.row("Leafnodes", countText(a.LeafNodes))
	s.row("Subscriptions", countText(uint64(a.Subs)))
	for _, x := range a.Exports {
		s.row("Export", x.Type+" "+x.Subject)
	}
	for _, x := range a.Imports {
		s.row("Import", x.Type+" "+x.Subject+" of "+x.Account+" as "+x.Local)
	}
	f.con.printf("Server %s\n\n%s\n", answer.Server.Name, s)
	return nil
}
