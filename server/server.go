// Package server is Myelin put together: a message broker that NATS clients connect to.
//
// It builds the parts from one Config, starts and stops them, and owns what belongs to the whole: the
// identity, the life cycle and the views for operators. A program that embeds a server uses New, Start
// and Shutdown; the binary uses Run, which also minds signals.
package server

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nkeys"

	"myelin/internal/auth"
	"myelin/internal/auth/callout"
	"myelin/internal/broker"
	"myelin/internal/clock"
	"myelin/internal/config"
	"myelin/internal/gate"
	"myelin/internal/jetstream"
	"myelin/internal/logging"
	"myelin/internal/monitor"
	"myelin/internal/nats"
	"myelin/internal/netx"
	"myelin/internal/report"
	"myelin/internal/subject"
	"myelin/internal/system"
	"myelin/internal/version"
	"myelin/internal/vfs"
)

// Config is everything that can be set about a server.
type Config = config.Config

// DefaultConfig returns the settings of a server that nothing was said about.
func DefaultConfig() *Config { return config.Default() }

// Log is where a server reports to.
type Log interface {
	nats.Logger
	Warnf(format string, args ...any)
	Fatalf(format string, args ...any)
	Reopen()
}

// peerLog is for what peers can provoke at will.
type peerLog interface {
	nats.PeerLogger
	Warnf(format string, args ...any)
}

// Options are what New needs. Only Config is required.
type Options struct {
	Config *Config
	Log    Log         // nil: as Config says
	Clock  clock.Clock // nil: the real one
	FS     vfs.FS      // nil: the real one
	Name   string      // of the program, in log lines and file names; "" for myelin
	// Load reads the configuration anew when somebody asks the server to do so; nil: only Reload changes it.
	Load func() (*Config, error)
}

// Server is one running server.
type Server struct {
	// fixed by New
	log      Log
	ownLog   *logging.Logger // nil: log was given
	peerLog  peerLog
	closeLog func()
	clock    clock.Clock
	fs       vfs.FS
	program  string
	load     func() (*Config, error)
	id       string
	name     string
	xkey     string
	key      nkeys.KeyPair // of id
	exchange nkeys.KeyPair // of xkey
	asker    *callout.Asker
	broker   *broker.Broker
	gate     *gate.Gate

	operators *operators // nil: who may connect stands in the configuration
	registry  *nats.Registry
	shares    shares // what accounts of the configuration have of others; of whoever starts or reloads
	views     *report.Views
	tls       atomic.Pointer[tls.Config] // of clients and of the pages over HTTPS; nil: none
	stapling  sync.Mutex                 // held by who changes tls, and guards cached
	cached    *peerCache                 // of what issuers say of clients; nil: nobody was asked yet

	// fixed by Start
	started  time.Time
	clients  *nats.Listener
	monitor  *monitor.Server
	profiler *monitor.Server
	trimmer  *trimmer
	system   *system.Guest

	inForce  atomic.Pointer[inForce]
	incoming atomic.Pointer[config.Config] // that streams go by while a reload opens the store; nil otherwise
	streams  atomic.Pointer[logPlane]      // nil: the server keeps no streams

	reloading sync.Mutex          // guards what follows, which only a reload changes; held by Start and Shutdown, too
	up        bool                // Start has succeeded
	users     *auth.Authenticator // of the configuration
	staples   []*stapled          // changed with stapling held, too
	files     []string            // to be removed at the end

	mu      sync.Mutex // guards state
	state   state
	leaving chan struct{} // closed when Shutdown begins
	stopped chan struct{} // closed when it is complete
}

// inForce is the configuration that the server goes by.
type inForce struct {
	config *config.Config
	since  time.Time
}

// config is the one in force. Who needs several settings that belong together asks once.
func (s *Server) config() *config.Config { return s.inForce.Load().config }

type state uint8

const (
	created state = iota
	running
	lameDuck
	stopping
)

// New prepares a server; nothing is listening yet.
func New(opt Options) (*Server, error) {
	s := &Server{
		log: opt.Log, clock: opt.Clock, fs: opt.FS, program: opt.Name, load: opt.Load,
		leaving: make(chan struct{}), stopped: make(chan struct{}), closeLog: func() {}, shares: make(shares),
	}
	if s.clock == nil {
		s.clock = clock.Real{}
	}
	s.inForce.Store(&inForce{opt.Config, s.clock.Now()})
	if s.fs == nil {
		s.fs = vfs.OS{}
	}
	if s.program == "" {
		s.program = "myelin"
	}
	if err := s.identify(); err != nil {
		return nil, err
	}
	maps, err := mappings(s.config().Mappings)
	if err != nil {
		return nil, err
	}
	if s.peerLog = s.log; s.log == nil {
		if err := s.openLog(); err != nil {
			return nil, err
		}
	}
	loaded, err := loadTLS(s.config(), s.fs)
	if err != nil {
		return nil, err
	}
	if s.staples, err = s.openStaples(context.Background(), s.config(), loaded); err != nil {
		return nil, err
	}
	s.tls.Store(loaded)
	if err := s.openAccounts(maps); err != nil {
		return nil, err
	}
	s.registry = netx.NewRegistry[nats.Guest, report.Conn](s.config().Limits.MaxClosedClients)
	s.views = report.New(source{s}, s.clock)
	return s, nil
}

// identify gives the server its id, a public key that is new at each start, and its name.
func (s *Server) identify() error {
	var err error
	if s.key, err = nkeys.CreateServer(); err != nil {
		return fmt.Errorf("create the server's key: %w", err)
	}
	if s.id, err = s.key.PublicKey(); err != nil {
		return fmt.Errorf("read the server's key: %w", err)
	}
	if s.exchange, err = nkeys.CreateCurveKeys(); err != nil {
		return fmt.Errorf("create the server's exchange key: %w", err)
	}
	if s.xkey, err = s.exchange.PublicKey(); err != nil {
		return fmt.Errorf("read the server's exchange key: %w", err)
	}
	if s.name = s.config().ServerName; s.name == "" {
		s.name = s.id
	}
	return nil
}

// mappings compiles the subject mappings of the configuration; nil when there are none.
func mappings(list []config.Mapping) (*subject.Mappings, error) {
	if len(list) == 0 {
		return nil, nil
	}
	compiled := make([]*subject.Mapping, len(list))
	for i, m := range list {
		dests := make([]subject.WeightedDest, len(m.Dests))
		for k, d := range m.Dests {
			dests[k] = subject.WeightedDest{Subject: d.Subject, Weight: d.Weight, Cluster: d.Cluster}
		}
		var err error
		if compiled[i], err = subject.NewMapping(m.Source, dests); err != nil {
			return nil, fmt.Errorf("mapping of %q: %w", m.Source, err)
		}
	}
	return subject.NewMappings("", compiled), nil
}

// Start begins to listen; when it returns without an error clients can connect. Who reads the files that say where finds all of
// the server there, and may send signals.
func (s *Server) Start() error {
	s.reloading.Lock() // a reload, or the end, finds all of it or none
	defer s.reloading.Unlock()
	s.started = s.clock.Now()
	s.inForce.Store(&inForce{s.config(), s.started})
	s.banner()
	if err := s.startStreams(); err != nil {
		return err
	}
	s.system = s.newSystem()
	if err := s.listen(); err != nil {
		s.undoStart()
		return err
	}
	s.system.Start()
	go s.clients.Serve()
	s.keepStaples()
	s.trimmer = startTrimmer(s.clock, s.work)
	s.become(created, running)
	s.log.Noticef("Listening for client connections on %s", address(s.config().Host, s.clients.Addr().Port))
	s.tellTLS()
	var err error
	if s.files, err = s.writeFiles(s.config()); err != nil {
		s.become(running, created)
		s.takeDown()
		return err
	}
	s.up = true
	s.log.Noticef("Server is ready")
	return nil
}

func (s *Server) banner() {
	s.log.Noticef("Starting %s", s.program)
	s.log.Noticef("  Version:  %s (Myelin %s)", version.NATS, version.Product)
	s.log.Noticef("  Git:      [%s]", cmp.Or(version.GitCommit(), "not set"))
	s.log.Noticef("  Name:     %s", s.name)
	s.log.Noticef("  ID:       %s", s.id)
	if s.users.Plaintext() {
		s.log.Warnf("Plaintext passwords detected, use nkeys or bcrypt")
	}
	if s.config().File != "" {
		s.log.Noticef("Using configuration file: %s (%s)", s.config().File, s.config().Digest)
	}
	s.tellOperators()
	for _, w := range s.config().Warnings {
		s.log.Warnf("%s", w)
	}
}

// listen binds all addresses of the configuration.
func (s *Server) listen() (err error) {
	if s.config().HTTPPort != 0 || s.config().HTTPSPort != 0 {
		if s.monitor, err = monitor.Start(s.monitorOptions()); err != nil {
			return fmt.Errorf("can't listen to the monitor port: %w", err)
		}
		s.log.Noticef("Starting %s monitor on %s", s.monitorScheme(), s.monitor.Addr())
	}
	if s.config().ProfPort != 0 {
		s.profiler, err = monitor.StartProfiler(monitor.ProfilerOptions{
			Addr: address(s.config().Host, s.config().ProfPort), BlockRate: s.config().ProfBlockRate, Warnf: s.log.Warnf,
		})
		if err != nil {
			return fmt.Errorf("error starting profiler: %w", err)
		}
		s.log.Noticef("profiling port: %d", s.profiler.Addr().(*net.TCPAddr).Port)
	}
	s.clients, err = nats.Listen(s.config().Host, s.config().Port, s.natsOptions())
	if err != nil {
		return &portError{address(s.config().Host, s.config().Port), err}
	}
	return nil
}

// portError is a client port that cannot be had, in the words that start scripts look for.
type portError struct {
	addr string
	err  error
}

func (e *portError) Error() string {
	return fmt.Sprintf("Error listening on port: %s, %q", e.addr, e.err)
}
func (e *portError) Unwrap() error { return e.err }

// natsOptions are what the client listener needs.
func (s *Server) natsOptions() nats.Options {
	return nats.Options{
		Broker: s.broker, Gate: s.gate, Observer: s.system, Tracer: s.system, Registry: s.registry, Clock: s.clock, Log: s.log, PeerLog: s.peerLog,
		TLS: s.clientTLS(), Settings: s.natsSettings(),
	}
}

// natsSettings are those of the client listener.
func (s *Server) natsSettings() nats.Settings {
	l := &s.config().Limits
	host, port := s.config().Advertised(0)
	return nats.Settings{
		Limits: nats.Limits{
			MaxControlLine: l.MaxControlLine, MaxPayload: l.MaxPayload, MaxPending: l.MaxPending,
			MaxConnections: l.MaxConnections, MaxSubscriptions: l.MaxSubscriptions, MaxSubTokens: l.MaxSubTokens,
			NoHeaders: l.NoHeaderSupport, NoStall: l.NoFastProducerStall,
			WriteDeadline: l.WriteDeadline, RetryWrites: l.WriteTimeout == config.WriteRetry,
			AuthTimeout: s.config().AuthTimeout(), PingInterval: l.PingInterval, PingMax: l.PingMax,
		},
		Info: nats.Info{
			ServerID: s.id, ServerName: s.name, Version: version.NATS, Proto: 1, GitCommit: version.GitCommit(), Go: runtime.Version(),
			Host: host, Port: port, Headers: !l.NoHeaderSupport, MaxPayload: l.MaxPayload, JetStream: s.streams.Load() != nil,
			APILevel: jetstream.Level, XKey: s.xkey,
		},
		MaxTraced: s.config().Log.MaxTracedMsgLen,
	}
}

// undoStart closes what was opened by a Start that could not listen to all that it was to.
func (s *Server) undoStart() {
	s.stopHTTP()
	s.stopStreams()
}

func (s *Server) stopHTTP() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	for _, h := range []*monitor.Server{s.monitor, s.profiler} {
		if h != nil {
			// What is still being read after a second is cut off; nothing is lost by that.
			_ = h.Shutdown(ctx)
		}
	}
}

// ClientURL is where clients on this machine connect.
func (s *Server) ClientURL() string {
	return urls(s.clientScheme(), s.config().Host, s.clients.Addr())[0]
}

// MonitorURL is where the monitoring pages are for this machine; "" when there are none.
func (s *Server) MonitorURL() string {
	if s.monitor == nil {
		return ""
	}
	return urls(s.monitorScheme(), s.monitorHost(), s.monitor.Addr())[0]
}

func (s *Server) monitorHost() string { return cmp.Or(s.config().HTTPHost, s.config().Host) }

// Shutdown stops the server and returns when it is stopped. It may be called more than once.
func (s *Server) Shutdown() {
	s.mu.Lock()
	before := s.state
	s.state = stopping
	s.mu.Unlock()
	if before == stopping {
		<-s.stopped
		return
	}
	close(s.leaving)
	s.reloading.Lock() // there is none from now on
	defer s.reloading.Unlock()
	defer close(s.stopped)
	if !s.up {
		s.closeLog()
		return
	}
	s.log.Noticef("Initiating Shutdown...")
	s.takeDown()
	s.log.Noticef("Server Exiting..")
	s.closeLog()
}

// takeDown ends all that Start began.
func (s *Server) takeDown() {
	s.clients.StopAccepting()
	s.dropStaples()
	s.trimmer.stop()
	s.system.Close()
	if p := s.streams.Load(); p != nil {
		p.engine.Farewell()
	}
	s.clients.Close()
	if s.operators != nil {
		s.operators.shares.close()
	}
	s.stopStreams()
	s.stopHTTP()
	s.views.Close()
	s.removeFiles(s.files)
}

// LameDuck lets clients move elsewhere, then stops the server: no more are accepted, those that are here
// are told, and after the grace period they are closed one by one. It returns when the server is stopped.
func (s *Server) LameDuck() {
	s.mu.Lock()
	if s.state != running {
		s.mu.Unlock()
		return
	}
	s.state = lameDuck
	s.mu.Unlock()
	s.log.Noticef("Entering lame duck mode, stop accepting new clients")
	s.clients.StopAccepting()
	s.system.EnterLameDuck()
	if s.registry.Len() > 0 {
		s.clients.EnterLameDuck()
		select {
		case <-s.clock.After(s.config().LameDuckGrace):
			s.clients.Spread(s.config().LameDuckDuration-s.config().LameDuckGrace, s.leaving)
		case <-s.leaving:
		}
	}
	s.Shutdown()
}

// become changes the state, unless it is another one than the given meanwhile.
func (s *Server) become(from, to state) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == from {
		s.state = to
	}
}

func (s *Server) inState(want state) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state == want
}

// Wait returns when the server has stopped.
func (s *Server) Wait() { <-s.stopped }

// ReopenLog closes the log file and opens it anew under its name, for tools that rotate logs.
func (s *Server) ReopenLog() { s.log.Reopen() }

func address(host string, port int) string {
	return net.JoinHostPort(host, strconv.Itoa(max(port, 0)))
}
