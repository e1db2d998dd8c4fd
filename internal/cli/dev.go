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
	dir         string // for streams; "" for one that is removed at the end
}

func newDev(con *console) *cobra.Command {
	d := &development{con: con}
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Run a server to try things with",
		Long: `Run a server to try things with: everything that exists is switched on, only this machine can connect,
and nothing is left behind, unless --dir names a folder where streams are to stay.`,
		Example: `  myelin dev
  myelin dev --dir data                       # find the streams there again next time
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
	flags.StringVar(&d.dir, "dir", "", "`folder` in which streams stay; without it they are gone at the end")
	return cmd
}

// devAddresses is where a server listens, and where its streams are, as JSON.
type devAddresses struct {
	ClientURL  string `json:"client_url"`
	MonitorURL string `json:"monitor_url"`
	StoreDir   string `json:"store_dir"`
	PID        int    `json:"pid"`
}

func (d *development) run() (err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	dir := d.dir
	if dir == "" {
		if dir, err = os.MkdirTemp("", "myelin-dev-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	cfg := d.config(dir)
	s, err := server.New(server.Options{Config: cfg})
	if err != nil {
		return err
	}
	defer s.Shutdown()
	if err := s.Start(); err != nil {
		return fmt.Errorf("%w (myelin dev -h shows how to choose other ports and another folder)", err)
	}
	at := devAddresses{s.ClientURL(), s.MonitorURL(), cfg.JetStream.Dir(), os.Getpid()}
	if !d.json {
		d.welcome(at)
	} else if err := d.con.json(at); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// config is the configuration of a server whose streams are kept in dir.
func (d *development) config(dir string) *server.Config {
	cfg := server.DefaultConfig()
	cfg.Host, cfg.Port = devHost, d.port
	cfg.HTTPHost, cfg.HTTPPort = devHost, d.monitorPort
	cfg.Log.Debug, cfg.Log.Trace = d.debug, d.trace
	cfg.JetStream.Enabled, cfg.JetStream.StoreDir = true, dir
	return cfg
}

// welcome says what listens where, what is kept, and what to do next.
func (d *development) welcome(a devAddresses) {
	program, at := os.Args[0], d.flagToReach(a.ClientURL)
	streams := a.StoreDir
	if d.dir == "" {
		streams = "until the end only; --dir keeps them in a folder"
	}
	d.con.printf(`
Myelin %s is running. Ctrl-C stops it.

  clients     %s
  monitoring  %s
  streams     %s

Three things to try, in another terminal or two:

  %s sub%s "greet.>"
  %s pub%s greet.you "hello"
  curl "%s/connz?subs=1"

`, version.Product, a.ClientURL, a.MonitorURL, streams, program, at, program, at, a.MonitorURL)
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
