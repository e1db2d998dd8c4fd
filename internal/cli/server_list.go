package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"myelin/internal/report"
)

// knownServer is a server with its general state.
type knownServer struct {
	*serverAnswer
	state report.Statsz
}

// serverOrders are the orders of a list, by the name that --sort has for them.
var serverOrders = map[string]func(a, b *knownServer) int{
	"name":    func(a, b *knownServer) int { return cmp.Compare(a.Server.Name, b.Server.Name) },
	"cluster": func(a, b *knownServer) int { return cmp.Compare(a.Server.Cluster, b.Server.Cluster) },
	"conns":   func(a, b *knownServer) int { return cmp.Compare(b.state.Connections, a.state.Connections) },
	"subs":    func(a, b *knownServer) int { return cmp.Compare(b.state.Subscriptions, a.state.Subscriptions) },
	"mem":     func(a, b *knownServer) int { return cmp.Compare(b.state.Mem, a.state.Mem) },
	"cpu":     func(a, b *knownServer) int { return cmp.Compare(b.state.CPU, a.state.CPU) },
	"slow":    func(a, b *knownServer) int { return cmp.Compare(b.state.SlowConsumers, a.state.SlowConsumers) },
	"uptime":  func(a, b *knownServer) int { return a.state.Start.Compare(b.state.Start) },
	"rtt":     func(a, b *knownServer) int { return cmp.Compare(a.rtt, b.rtt) },
}

func newServerList(c *client) *cobra.Command {
	f := &fleet{client: c}
	var order string
	var reverse bool
	cmd := &cobra.Command{
		Use:     "list [expect]",
		Aliases: []string{"ls"},
		Short:   "List the servers that answer; with a number, until there are so many",
		Args:    arguments(0, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			if serverOrders[order] == nil {
				return fmt.Errorf("--sort is one of %s", strings.Join(orderNames(serverOrders), ", "))
			}
			return f.list(args, order, reverse)
		},
	}
	f.addFlags(cmd)
	cmd.Flags().StringVar(&order, "sort", "rtt", "`what` to sort by: "+strings.Join(orderNames(serverOrders), ", "))
	cmd.Flags().BoolVarP(&reverse, "reverse", "R", false, "sort the other way round")
	return cmd
}

// orderNames are the keys of a table of orders.
func orderNames[F any](orders map[string]F) []string {
	names := make([]string, 0, len(orders))
	for name := range orders {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// expected reads how many servers shall answer; 0 is not known.
func expected(args []string) (int, error) {
	if len(args) == 0 {
		return 0, nil
	}
	n, err := strconv.Atoi(args[0])
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%q is no number of servers", args[0])
	}
	return n, nil
}

func (f *fleet) list(args []string, order string, reverse bool) error {
	most, err := expected(args)
	if err != nil {
		return err
	}
	answers, err := f.all(askEverybody, nil, most)
	if err != nil {
		return err
	}
	list := make([]*knownServer, len(answers))
	for i, a := range answers {
		list[i] = &knownServer{serverAnswer: a}
		if err := a.decode(&list[i].state); err != nil {
			return err
		}
	}
	slices.SortStableFunc(list, serverOrders[order])
	if reverse {
		slices.Reverse(list)
	}
	for i, s := range list {
		answers[i] = s.serverAnswer
	}
	if f.asJSON {
		return f.con.jsonIndented(rawServerAnswers(answers))
	}
	return printServers(f.con, list)
}

func printServers(con *console, list []*knownServer) error {
	t := newTable("Name", "Cluster", "Host", "Version", "JS", "Conns", "Subs", "Mem", "CPU %", "Cores", "Slow", "Uptime", "RTT")
	for _, s := range list {
		js := "no"
		if s.Server.JetStream {
			js = "yes"
		}
		t.row(s.Server.Name, s.Server.Cluster, s.Server.Host, s.Server.Version, js, countText(s.state.Connections),
			countText(uint64(s.state.Subscriptions)), bytesText(uint64(s.state.Mem)), fmt.Sprintf("%.0f", s.state.CPU), s.state.Cores,
			countText(s.state.SlowConsumers), sinceText(s.state.Start), s.rtt.Round(time.Microsecond))
	}
	return t.print(con)
}

func newServerPing(c *client) *cobra.Command {
	f := &fleet{client: c}
	var showID bool
	cmd := &cobra.Command{
		Use:   "ping [expect]",
		Short: "Measure how long servers take to answer",
		Args:  arguments(0, 1),
		RunE:  func(_ *cobra.Command, args []string) error { return f.ping(args, showID) },
	}
	f.addFlags(cmd)
	cmd.Flags().BoolVar(&showID, "id", false, "show the id of servers instead of their names")
	return cmd
}

// ping prints each answer as it comes, and what they are like together.
func (f *fleet) ping(args []string, showID bool) error {
	most, err := expected(args)
	if err != nil {
		return err
	}
	nc, err := f.connect()
	if err != nil {
		return err
	}
	defer nc.Close()
	n, shortest, longest, total := 0, time.Duration(0), time.Duration(0), time.Duration(0)
	for a, err := range f.ask(nc, askEverybody, nil, most) {
		if err != nil {
			return err
		}
		if n++; n == 1 || a.rtt < shortest {
			shortest = a.rtt
		}
		longest, total = max(longest, a.rtt), total+a.rtt
		name := a.Server.Name
		if showID {
			name = a.Server.ID
		}
		if f.asJSON {
			shown := struct {
				serverIdentity
				RTT time.Duration `json:"rtt_ns"`
			}{a.Server, a.rtt}
			if err := f.con.json(shown); err != nil {
				return err
			}
			continue
		}
		f.con.printf("%-60s rtt=%v\n", name, a.rtt.Round(time.Microsecond))
	}
	if !f.asJSON {
		f.con.printf("\n---- ping statistics ----\n%d replies max: %v min: %v avg: %v\n", n, longest.Round(time.Microsecond),
			shortest.Round(time.Microsecond), (total / time.Duration(max(n, 1))).Round(time.Microsecond))
	}
	if n < most {
		return fmt.Errorf("%d of %d servers answered", n, most)
	}
	return nil
}
