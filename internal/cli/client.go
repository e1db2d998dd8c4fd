package cli

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"myelin/internal/version"
)

const (
	defaultTimeout = 5 * time.Second
	timeoutEnv     = "NATS_TIMEOUT"
	contextEnv     = "NATS_CONTEXT"
	socksProxyEnv  = "NATS_SOCKS_PROXY"
)

// client connects a command to the server that flags, environment and context name.
type client struct {
	con *console

	given     settings // by flags and environment
	context   string
	noContext bool
	timeout   time.Duration
	name      string
	trace     bool
	envErr    error // what is wrong with the environment; said when it matters
}

// addFlags gives a command the flags that say where to connect and as whom. The environment provides their
// defaults, which the help text does not show: there are secrets among them.
func (c *client) addFlags(cmd *cobra.Command) {
	flags := pflag.NewFlagSet("connection", pflag.ContinueOnError)
	for _, p := range properties {
		usage := p.usage
		if p.env != "" {
			usage += " ($" + p.env + ")"
		}
		flags.StringVarP(p.field(&c.given), p.flag, p.short, c.con.getenv(p.env), usage)
	}
	flags.BoolVar(&c.given.TLSFirst, "tlsfirst", false, "do the TLS handshake before the server's greeting")
	flags.StringVar(&c.context, "context", c.con.getenv(contextEnv), "`name` of the context to use, or its .json file ($NATS_CONTEXT)")
	flags.BoolVar(&c.noContext, "no-context", false, "use no context")
	flags.DurationVar(&c.timeout, "timeout", defaultTimeout, "how long to wait for the server or a reply ($NATS_TIMEOUT)")
	flags.StringVar(&c.name, "connection-name", "", "`name` of the connection, as the server's monitoring shows it")
	flags.BoolVar(&c.trace, "trace", false, "say what happens to the connection")
	if value := c.con.getenv(timeoutEnv); value != "" {
		if err := flags.Lookup("timeout").Value.Set(value); err != nil {
			c.envErr = fmt.Errorf("%s: %w", timeoutEnv, err)
		}
	}
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Value.Type() == "string" {
			f.DefValue = ""
		}
		f.Annotations = map[string][]string{connectionFlag: nil}
	})
	cmd.Flags().AddFlagSet(flags)
	cmd.RegisterFlagCompletionFunc("context", completeContexts(c.con))
}

// settings are what to connect with: flags over environment over context.
func (c *client) settings() (settings, error) {
	if c.envErr != nil {
		return settings{}, c.envErr
	}
	base, err := c.baseContext()
	if err != nil {
		return settings{}, err
	}
	s := base.settings.override(c.given)
	s.expand(c.con.getenv)
	if err := s.askNSC(); err != nil {
		return settings{}, err
	}
	return s, s.unsupported(c.con.getenv)
}

// unsupported refuses what would be another connection if it were ignored.
func (s *settings) unsupported(getenv func(string) string) error {
	switch {
	case s.SocksProxy != "" || getenv(socksProxyEnv) != "":
		return errors.New("the environment or the context asks for a SOCKS proxy, which this client does not support")
	case s.WindowsCertStore != "":
		return errors.New("the context asks for windows_cert_store, which this client does not support")
	}
	return nil
}

// baseContext loads the context that is named, else the selected one, else an empty one.
func (c *client) baseContext() (natsContext, error) {
	if c.noContext {
		return natsContext{}, nil
	}
	if strings.HasSuffix(c.context, contextSuffix) {
		return loadContextFile(c.context)
	}
	dir, err := userContexts(c.con.getenv)
	if err != nil {
		return natsContext{}, err
	}
	if c.context != "" {
		return dir.load(c.context)
	}
	name, err := dir.selected()
	if err != nil || name == "" {
		return natsContext{}, err
	}
	selected, err := dir.load(name)
	if errors.Is(err, errNoContext) {
		return natsContext{}, fmt.Errorf("%w, which is the selected one: run myelin context unselect", err)
	}
	return selected, err
}

// askNSC fills in what a context of the older kind leaves to the nsc tool.
func (s *settings) askNSC() error {
	if s.NSC == "" {
		return nil
	}
	profile, err := nscProfile(s.NSC)
	if err != nil {
		return err
	}
	if s.Creds == "" {
		s.Creds = profile.Creds
	}
	if s.URL == "" {
		s.URL = strings.Join(profile.Operator.Service, ",")
	}
	return nil
}

// connect opens a connection. A lost one is found again for as long as the command runs.
func (c *client) connect(more ...nats.Option) (*nats.Conn, error) {
	s, err := c.settings()
	if err != nil {
		return nil, err
	}
	return c.connectTo(s.servers(), s, more...)
}

// connectTo opens a connection to servers with the identity and the certificates of s.
func (c *client) connectTo(servers string, s settings, more ...nats.Option) (*nats.Conn, error) {
	opts, err := s.tlsOptions()
	if err != nil {
		return nil, err
	}
	auth, err := s.authOption(c.con.getenv)
	if err != nil {
		return nil, err
	}
	if auth != nil {
		opts = append(opts, auth)
	}
	if s.InboxPrefix != "" {
		opts = append(opts, nats.CustomInboxPrefix(s.InboxPrefix))
	}
	opts = append(opts, c.handlers()...)
	opts = append(opts, nats.Name(c.connectionName()), nats.Timeout(c.timeout), nats.MaxReconnects(-1))
	nc, err := nats.Connect(servers, append(opts, more...)...)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", redacted(servers), err)
	}
	if c.trace {
		c.con.logf("connected to %s, server %s version %s", nc.ConnectedUrlRedacted(), nc.ConnectedServerName(), nc.ConnectedServerVersion())
	}
	return nc, nil
}

func (c *client) connectionName() string {
	if c.name != "" {
		return c.name
	}
	return "myelin " + version.Product
}

// handlers tell the user what happens to the connection.
func (c *client) handlers() []nats.Option {
	return []nats.Option{
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				c.con.logf("disconnected: %v; reconnecting", err)
			}
		}),
		nats.ReconnectHandler(func(nc *nats.Conn) { c.con.logf("reconnected to %s", nc.ConnectedUrlRedacted()) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			c.con.logf("error from the server: %v", err)
		}),
	}
}

// settle waits until the server has seen everything that was sent, and returns what it objected to.
func (c *client) settle(nc *nats.Conn) error {
	if err := nc.FlushTimeout(c.timeout); err != nil {
		return fmt.Errorf("wait for the server: %w", err)
	}
	return nc.LastError()
}
