package cli

import (
	"fmt"
	"strconv"

	"github.com/nats-io/jwt/v2"
	"github.com/spf13/cobra"

	"myelin/internal/cli/nscstore"
)

// newMappings is the group of commands about how an account rewrites the subjects of what is published in it.
func newMappings(con *console) *cobra.Command {
	return family(&cobra.Command{
		Use:     "mappings",
		Aliases: []string{"m", "mapping", "map"},
		Short:   "Manage how the subjects of messages are rewritten in an account",
	}, newMappingAdd(con), newMappingList(con), newMappingInfo(con), newMappingRemove(con))
}

func newMappingAdd(con *console) *cobra.Command {
	k := &keeper{con: con}
	cmd := &cobra.Command{
		Use:     "add <account> <source> <target> [weight] [cluster]",
		Aliases: []string{"new", "a"},
		Short:   "Map a subject to another one, for so many percent of the messages",
		Example: `  myelin auth account mappings add ORDERS order.new order.v1.new 90
  myelin auth account mappings add ORDERS order.new order.v2.new 10`,
		Args: arguments(3, 5),
		RunE: func(_ *cobra.Command, args []string) error {
			a, err := k.theAccount(args[0])
			if err != nil {
				return err
			}
			target := jwt.WeightedMapping{Subject: jwt.Subject(args[2]), Weight: 100}
			if len(args) > 3 {
				weight, err := strconv.ParseUint(args[3], 10, 8)
				if err != nil || weight < 1 || weight > 100 {
					return fmt.Errorf("%q is not a weight from 1 to 100", args[3])
				}
				target.Weight = uint8(weight)
			}
			if len(args) > 4 {
				target.Cluster = args[4]
			}
			if a.Claims.Mappings == nil {
				a.Claims.Mappings = jwt.Mapping{}
			}
			source := jwt.Subject(args[1])
			a.Claims.AddMapping(source, append(a.Claims.Mappings[source], target)...)
			if err := a.Save(); err != nil {
				return err
			}
			return k.showMapping(source, a.Claims.Mappings[source])
		},
	}
	k.addFlags(cmd, false)
	return cmd
}

func (k *keeper) showMapping(source jwt.Subject, targets []jwt.WeightedMapping) error {
	if k.asJSON {
		return k.con.jsonIndented(map[jwt.Subject][]jwt.WeightedMapping{source: targets})
	}
	t := newTable("Source", "Target", "Weight", "Cluster")
	for _, m := range targets {
		t.row(source, m.Subject, m.GetWeight(), m.Cluster)
	}
	return t.print(k.con)
}

func newMappingList(con *console) *cobra.Command {
	k := &keeper{con: con}
	cmd := &cobra.Command{
		Use:     "ls [account]",
		Aliases: []string{"list"},
		Short:   "List mappings",
		Args:    arguments(0, 1),
		RunE: k.onAccount(func(a *nscstore.Account) error {
			if k.asJSON {
				return con.jsonIndented(a.Claims.Mappings)
			}
			t := newTable("Source", "Target", "Weight", "Cluster")
			for _, source := range orderNames(byText(a.Claims.Mappings)) {
				for _, m := range a.Claims.Mappings[jwt.Subject(source)] {
					t.row(source, m.Subject, m.GetWeight(), m.Cluster)
				}
			}
			return t.print(con)
		}),
	}
	k.addFlags(cmd, false)
	return cmd
}

// byText has the keys of mappings as plain strings.
func byText(m jwt.Mapping) map[string][]jwt.WeightedMapping {
	plain := make(map[string][]jwt.WeightedMapping, len(m))
	for source, targets := range m {
		plain[string(source)] = targets
	}
	return plain
}

func newMappingInfo(con *console) *cobra.Command {
	k := &keeper{con: con}
	cmd := &cobra.Command{
		Use:     "info <account> <source>",
		Aliases: []string{"i", "show", "view"},
		Short:   "Show to what a subject is mapped",
		Args:    arguments(2, 2),
		RunE: func(_ *cobra.Command, args []string) error {
			a, err := k.theAccount(args[0])
			if err != nil {
				return err
			}
			targets, ok := a.Claims.Mappings[jwt.Subject(args[1])]
			if !ok {
				return fmt.Errorf("account %s has no mapping of %q", a.Name, args[1])
			}
			return k.showMapping(jwt.Subject(args[1]), targets)
		},
	}
	k.addFlags(cmd, false)
	return cmd
}

func newMappingRemove(con *console) *cobra.Command {
	k := &keeper{con: con}
	var force bool
	cmd := &cobra.Command{
		Use:     "rm <account> <source>",
		Aliases: []string{"delete"},
		Short:   "Remove the mappings of a subject",
		Args:    arguments(2, 2),
		RunE: func(_ *cobra.Command, args []string) error {
			a, err := k.theAccount(args[0])
			if err != nil {
				return err
			}
			source := jwt.Subject(args[1])
			if _, ok := a.Claims.Mappings[source]; !ok {
				return fmt.Errorf("account %s has no mapping of %q", a.Name, source)
			}
			if err := k.confirmed(force, "Remove the mappings of %s from account %s?", source, a.Name); err != nil {
				return err
			}
			delete(a.Claims.Mappings, source)
			return a.Save()
		},
	}
	k.addFlags(cmd, false)
	cmd.Flags().BoolVarP(&force, "force", "f", false, "do not ask")
	return cmd
}
