package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"time"

	"github.com/nats-io/nats.go/micro"
	"github.com/spf13/cobra"
)

// serviceInfo is the service info command.
type serviceInfo struct {
	discovery
	endpoints string // regular expression
}

func newServiceInfo(c *client) *cobra.Command {
	s := &serviceInfo{discovery: discovery{client: c}}
	cmd := &cobra.Command{
		Use:     "info <service> [id]",
		Aliases: []string{"i"},
		Short:   "Show the instances of a service, their endpoints and what these have done",
		Args:    arguments(1, 2),
		RunE:    func(_ *cobra.Command, args []string) error { return s.run(args) },
	}
	s.addFlags(cmd)
	cmd.Flags().StringVarP(&s.endpoints, "endpoint", "e", "", "show only endpoints whose name matches this `regular expression`")
	return cmd
}

// instance is what the JSON output has about one: its two answers.
type instance struct {
	Info  json.RawMessage `json:"info"`
	Stats json.RawMessage `json:"stats,omitempty"`
}

func (s *serviceInfo) run(args []string) error {
	wanted, err := regexp.Compile(s.endpoints)
	if err != nil {
		return fmt.Errorf("--endpoint: %w", err)
	}
	nc, err := s.connect()
	if err != nil {
		return err
	}
	defer nc.Close()
	name, id := nameAndID(args)
	list, err := s.all(nc, micro.InfoVerb, name, id)
	if err != nil {
		return err
	}
	stats, err := s.all(nc, micro.StatsVerb, name, id)
	if err != nil {
		return err
	}
	for i, a := range list {
		at := slices.IndexFunc(stats, func(b serviceAnswer) bool { return b.ID == a.ID })
		both := instance{Info: a.raw}
		if at >= 0 {
			both.Stats = stats[at].raw
		}
		if i > 0 && !s.asJSON {
			s.con.printf("\n")
		}
		if err := s.show(both, wanted); err != nil {
			return err
		}
	}
	return nil
}

// show prints one instance.
func (s *serviceInfo) show(both instance, wanted *regexp.Regexp) error {
	if s.asJSON {
		return s.con.jsonIndented(both)
	}
	var info micro.Info
	if err := json.Unmarshal(both.Info, &info); err != nil {
		return err
	}
	var stats micro.Stats
	if len(both.Stats) > 0 {
		if err := json.Unmarshal(both.Stats, &stats); err != nil {
			return err
		}
	}
	s.con.printf("Service %s, instance %s\n\n", info.Name, info.ID)
	t := &table{}
	t.property("Description", info.Description)
	t.property("Version", info.Version)
	if !stats.Started.IsZero() {
		t.property("Started", fmt.Sprintf("%s (%v ago)", stats.Started.Local().Format(time.DateTime), time.Since(stats.Started).Round(time.Second)))
	}
	for _, key := range slices.Sorted(maps.Keys(info.Metadata)) {
		t.property("Metadata "+key, info.Metadata[key])
	}
	if err := t.print(s.con); err != nil {
		return err
	}
	for _, e := range info.Endpoints {
		if !wanted.MatchString(e.Name) {
			continue
		}
		at := slices.IndexFunc(stats.Endpoints, func(b *micro.EndpointStats) bool { return b.Name == e.Name && b.Subject == e.Subject })
		var done *micro.EndpointStats
		if at >= 0 {
			done = stats.Endpoints[at]
		}
		if err := s.showEndpoint(e, done); err != nil {
			return err
		}
	}
	return nil
}

// showEndpoint prints an endpoint and, if that is known, what it has done.
func (s *serviceInfo) showEndpoint(e micro.EndpointInfo, done *micro.EndpointStats) error {
	s.con.printf("\nEndpoint %s\n\n", e.Name)
	t := &table{}
	t.property("Subject", e.Subject)
	t.property("Queue group", e.QueueGroup)
	for _, key := range slices.Sorted(maps.Keys(e.Metadata)) {
		t.property("Metadata "+key, e.Metadata[key])
	}
	if done != nil {
		t.property("Requests", fmt.Sprint(done.NumRequests))
		t.property("Processing time", fmt.Sprintf("%v (average %v)", done.ProcessingTime, done.AverageProcessingTime))
		t.property("Errors", fmt.Sprint(done.NumErrors))
		t.property("Last error", done.LastError)
		if data := done.Data; len(data) > 0 && string(data) != "null" {
			var one bytes.Buffer
			if json.Compact(&one, data) == nil {
				t.property("Data", one.String())
			}
		}
	}
	return t.print(s.con)
}
