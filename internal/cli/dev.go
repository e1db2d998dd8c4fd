package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"myelin/internal/version"
	"myelin/server"
)

const (
	devHost        = "127.0.0.1"
	devPort        = 4222
	devMonitorPort = 8222
)

// development is the dev command: a server for the first five minutes.
type development struct {
	con         *console
	port        int
	monitorPort int
	debug       bool
	trace       bool
	json        bool
	dir         string // refused until something is stored
}

func newDev(con *console) *cobra.Command {
	d := &development{con: con}
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Run a server to try things with",
		Long: `Run a server to try things with: everything that exists is switched on, only this machine can connect,
and nothing is left behind.`,
		Example: `  myelin dev
  myelin dev --trace                          # show what clients and server say to each other
  myelin dev --port -1 --http-port -1 --json  # any free ports`,
		Args: arguments(0, 0),
		RunE: func(*cobra.Command, []string) error { return d.run() },
	}
	flags := cmd.Flags()
	flags.IntVarP(&d.port, "port", "p", devPort, "`port` for clients; -1 for any free one")
	flags.IntVarP(&d.monitorPort, "http-port", "m", devMonitorPort, "`port` for the monitoring pages; -1 for any free one")
	flags.BoolVarP(&d.debug, "debug", "D", false, "log more")
	flags.BoolVarP(&d.trace, "trace", "V", false, "log what clients and server say to each other")
	flags.BoolVar(&d.json, "json", false, "print where the server listens as a line of JSON")
	flags.StringVar(&d.dir, "dir", "", "`folder` for stored messages")
	flags.MarkHidden("dir")
	return cmd
}

// devAddresses is where a server listens, as JSON.
type devAddresses struct {
	ClientURL  string `json:"client_url"`
	MonitorURL string `json:"monitor_url"`
	PID        int    `json:"pid"`
}

func (d *development) run() error {
	if d.dir != "" {
		return errors.New("--dir is not supported yet by this version of myelin, which stores nothing")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	s, err := server.New(server.Options{Config: d.config()})
	if err != nil {
		return err
	}
	if err := s.Start(); err != nil {
		s.Shutdown()
		return fmt.Errorf("%w (myelin dev -h shows how to choose other ports)", err)
	}
	defer s.Shutdown()
	if d.json {
		err = d.con.json(devAddresses{s.ClientURL(), s.MonitorURL(), os.Getpid()})
	} else {
		d.welcome(s.ClientURL(), s.MonitorURL())
	}
	if err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

func (d *development) config() *server.Config {
	cfg := server.DefaultConfig()
	cfg.Host, cfg.Port = devHost, d.port
	cfg.HTTPHost, cfg.HTTPPort = devHost, d.monitorPort
	cfg.Log.Debug, cfg.Log.Trace = d.debug, d.trace
	return cfg
}

// welcome says what listens where, and what to do next.
func (d *development) welcome(clientURL, monitorURL string) {
	program, at := os.Args[0], d.flagToReach(clientURL)
	d.con.printf(`
Myelin %s is running. Ctrl-C stops it.

  clients     %s
  monitoring  %s

Three things to try, in another terminal or two:

  %s sub%s "greet.>"
  %s pub%s greet.you "hello"
  curl "%s/connz?subs=1"

`, version.Product, clientURL, monitorURL, program, at, program, at, monitorURL)
}

// flagToReach is what a client command needs to get to this server: nothing, if that is where it goes anyway.
func (d *development) flagToReach(clientURL string) string {
	c := &client{con: d.con}
	c.addFlags(&cobra.Command{})
	if s, err := c.settings(); err == nil && s.servers() == clientURL {
		return ""
	}
	return " -s " + clientURL
}
