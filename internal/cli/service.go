package cli

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
	"github.com/spf13/cobra"
)

// defaultGap is the longest silence between two answers of services, after which there is none to come.
const defaultGap = 300 * time.Millisecond

// errNoService says that a service that was named has no instances.
var errNoService = errors.New("no service instances found")

// newService is the command that finds services that keep to the micro protocol: $SRV.PING, INFO and STATS.
func newService(c *client) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "service",
		Aliases: []string{"micro", "services"},
		Short:   "Find services and see how they do",
		Example: `  myelin service ls
  myelin service info orders
  myelin service stats orders --json
  myelin service serve demo              # something to try the others with`,
	}
	return family(cmd, newServiceList(c), newServiceInfo(c), newServiceStats(c), newServicePing(c), newServiceServe(c))
}

// discovery asks services about themselves.
type discovery struct {
	*client
	gap    time.Duration
	asJSON bool
}

func (d *discovery) addFlags(cmd *cobra.Command) {
	d.client.addFlags(cmd)
	cmd.Flags().DurationVar(&d.gap, "reply-timeout", defaultGap, "how long to wait for a further answer")
	cmd.Flags().BoolVarP(&d.asJSON, "json", "j", false, "print JSON")
}

// ask yields the answers of the instances that verb, name and id address, as they come: "" addresses all. The end is
// when none has come for a while, the first one having the whole timeout, and nobody else has the id.
func (d *discovery) ask(nc *nats.Conn, verb micro.Verb, name, id string) iter.Seq2[serviceAnswer, error] {
	return func(yield func(serviceAnswer, error) bool) {
		sub, start, err := d.send(nc, verb, name, id)
		if err != nil {
			yield(serviceAnswer{}, err)
			return
		}
		defer sub.Unsubscribe()
		for patience := d.timeout; patience > 0; patience = min(d.gap, d.timeout-time.Since(start)) {
			m, err := sub.NextMsg(patience)
			switch {
			case errors.Is(err, nats.ErrTimeout), errors.Is(err, nats.ErrNoResponders):
				return
			case err == nil && m.Header.Get(micro.ErrorHeader) != "":
				d.con.logf("a service answered with an error: %s", m.Header.Get(micro.ErrorHeader))
				continue
			}
			var a serviceAnswer
			if err == nil {
				a = serviceAnswer{raw: m.Data, rtt: time.Since(start)}
				err = json.Unmarshal(m.Data, &a.ServiceIdentity)
			}
			if !yield(a, err) || err != nil || id != "" {
				return
			}
		}
	}
}

// send publishes the question and returns where the answers come.
func (d *discovery) send(nc *nats.Conn, verb micro.Verb, name, id string) (*nats.Subscription, time.Time, error) {
	subject, err := micro.ControlSubject(verb, name, id)
	if err != nil {
		return nil, time.Time{}, err
	}
	inbox := nc.NewRespInbox()
	sub, err := nc.SubscribeSync(inbox)
	if err != nil {
		return nil, time.Time{}, err
	}
	start := time.Now()
	return sub, start, nc.PublishRequest(subject, inbox, nil)
}

// serviceAnswer is what one instance says: who it is, and the whole of it.
type serviceAnswer struct {
	micro.ServiceIdentity
	raw json.RawMessage
	rtt time.Duration
}

// all collects the answers, sorted by name and id. A service that was named and has no instances is an error.
func (d *discovery) all(nc *nats.Conn, verb micro.Verb, name, id string) ([]serviceAnswer, error) {
	var list []serviceAnswer
	for a, err := range d.ask(nc, verb, name, id) {
		if err != nil {
			return nil, err
		}
		list = append(list, a)
	}
	if len(list) == 0 && name != "" {
		return nil, errNoService
	}
	slices.SortFunc(list, func(a, b serviceAnswer) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	return list, nil
}

// decode reads the whole of an answer into v.
func (a serviceAnswer) decode(v any) error {
	if err := json.Unmarshal(a.raw, v); err != nil {
		return fmt.Errorf("answer of service %s %s: %w", a.Name, a.ID, err)
	}
	return nil
}

// rawAnswers are the answers as the services gave them, for JSON output.
func rawAnswers(list []serviceAnswer) []json.RawMessage {
	raw := make([]json.RawMessage, len(list))
	for i, a := range list {
		raw[i] = a.raw
	}
	return raw
}

// nameAndID are the first two arguments, as far as given.
func nameAndID(args []string) (name, id string) {
	args = append(args, "", "")
	return args[0], args[1]
}
