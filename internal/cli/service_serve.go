package cli

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
	"github.com/spf13/cobra"
)

// demoService is the service serve command: a service that answers requests with themselves.
type demoService struct {
	*client
	headers []string

	templates []headerText // of the headers
	requests  atomic.Int64
	payload   atomic.Int64 // bytes received
}

func newServiceServe(c *client) *cobra.Command {
	s := &demoService{client: c}
	cmd := &cobra.Command{
		Use:     "serve <name>",
		Short:   "Run a service to try things with: <name>.echo answers with the request",
		Long:    "Run a service to try things with: <name>.echo answers with the request.\n\n" + templateHelp,
		Example: `  myelin service serve demo -H 'Served-At: {{Time}}'`,
		Args:    arguments(1, 1),
		RunE:    func(_ *cobra.Command, args []string) error { return s.run(args[0]) },
	}
	c.addFlags(cmd)
	cmd.Flags().StringArrayVarP(&s.headers, "header", "H", nil, "add a header to the answers, written as `Key:value`; may be repeated")
	return cmd
}

func (s *demoService) run(name string) (err error) {
	if s.templates, err = parseHeaders(s.headers); err != nil {
		return err
	}
	nc, err := s.connect()
	if err != nil {
		return err
	}
	defer nc.Close()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	service, err := micro.AddService(nc, micro.Config{
		Name:         name,
		Version:      "1.0.0",
		Description:  "Demo service of the myelin command",
		StatsHandler: func(*micro.Endpoint) any { return map[string]int64{"total_payload": s.payload.Load()} },
		ErrorHandler: func(_ micro.Service, err *micro.NATSError) { s.con.logf("%s: %s", err.Subject, err.Description) },
	})
	if err != nil {
		return err
	}
	defer service.Stop()
	if err := service.AddGroup(name).AddEndpoint("echo", micro.HandlerFunc(s.echo)); err != nil {
		return err
	}
	if err := s.settle(nc); err != nil {
		return err
	}
	s.con.logf("Service %s, instance %s, answers on %s.echo", name, service.Info().ID, name)
	<-ctx.Done()
	return nil
}

// echo answers one request. The client library hands requests on one after the other.
func (s *demoService) echo(r micro.Request) {
	number := s.requests.Add(1) - 1
	s.payload.Add(int64(len(r.Data())))
	s.con.logf("[#%d] Request on %q, %d bytes", number, r.Subject(), len(r.Data()))
	answer := nats.Msg{Header: nats.Header{
		"Handler":   {strconv.Itoa(os.Getpid())},
		"Subject":   {r.Subject()},
		"Timestamp": {time.Now().UTC().Format(time.RFC3339Nano)},
	}}
	for key, list := range r.Headers() {
		answer.Header[key] = append(answer.Header[key], list...)
	}
	err := addHeaders(&answer, s.templates, &values{count: int(number), request: string(r.Data()), now: time.Now()})
	if err == nil {
		err = r.Respond(r.Data(), micro.WithHeaders(micro.Headers(answer.Header)))
	}
	if err != nil {
		s.con.logf("[#%d] %v", number, fmt.Errorf("answer: %w", err))
	}
}
