package server

import (
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"
	"time"
	_ "time/tzdata" // schedules name time zones, and not every host has a database of them

	"myelin/internal/config"
	"myelin/internal/engine"
	"myelin/internal/jetstream"
	"myelin/internal/meta"
	"myelin/internal/router"
	"myelin/internal/store"
	"myelin/internal/store/seal"
	"myelin/internal/stream"
	"myelin/internal/version"
)

// logPlane is the part of the server that keeps streams, with the guest that gives access to them.
type logPlane struct {
	engine *engine.Engine
	api    *jetstream.API

	maxMemory, maxStorage atomic.Int64 // as they are in effect
}

// startStreams opens the store, if there is to be one, and the API on top of it.
func (s *Server) startStreams() error {
	if !s.config().JetStream.Enabled {
		return nil
	}
	p, err := s.openStreams(&s.config().JetStream)
	if errors.Is(err, engine.ErrUnreadable) {
		s.log.Errorf("JetStream is not available, all else is: %v", err)
		return nil
	}
	if err != nil {
		return err
	}
	s.serveStreams(p)
	return nil
}

// serveStreams answers requests about streams from now on.
func (s *Server) serveStreams(p *logPlane) {
	p.api.Start(jetstream.Hosted{Engine: p.engine})
	s.streams.Store(p)
	p.engine.LimitsChanged() // what has changed before anybody could tell
	p.api.AccountsChanged()
}

// openStreams opens the store, and prepares the API on top of it.
func (s *Server) openStreams(js *config.JetStream) (*logPlane, error) {
	dir := js.Dir()
	if path, foreign, err := store.Foreign(s.fs, dir); err != nil {
		return nil, storeFault("look at the store folder", err)
	} else if foreign {
		return nil, fmt.Errorf("%s was written by another NATS server; its files are neither read nor changed: "+
			"back its streams up with the nats tool and restore them here, or choose another store_dir", path)
	}
	p := new(logPlane)
	p.maxMemory.Store(js.MaxMemory)
	if js.MaxMemory < 0 {
		p.maxMemory.Store(share(totalMemory()))
	}
	if err := s.fs.MakeDirs(dir); err != nil {
		return nil, storeFault("make the store folder", err)
	}
	p.maxStorage.Store(js.MaxStorage)
	if js.MaxStorage < 0 {
		p.maxStorage.Store(share(freeSpace(dir)))
	}
	p.api = jetstream.New(s.apiOptions(js))
	s.streamsBanner(p, js)
	begun := s.clock.Now()
	options := s.engineOptions(p, js, dir)
	var err error
	if options.Keys, err = seal.New(ciphers[js.Cipher], string(js.Key), string(js.PrevKey)); err != nil {
		return nil, fmt.Errorf("read the encryption key: %w", err)
	}
	if p.engine, err = engine.Open(options); err != nil {
		return nil, fmt.Errorf("start JetStream: %w", err)
	}
	s.log.Noticef("  Streams:         %d, ready after %v", p.engine.Count(), s.clock.Now().Sub(begun).Round(time.Millisecond))
	return p, nil
}

var ciphers = map[config.Cipher]seal.Cipher{config.ChaCha: seal.ChaCha20, config.AES: seal.AES}

func (s *Server) apiOptions(js *config.JetStream) jetstream.Options {
	o := jetstream.Options{
		Broker: s.broker, Clock: s.clock, Log: s.log, Server: s.name, Version: version.NATS,
		Domain: js.Domain, Limits: s.streamLimits, Client: s.clientOf,
		MaxRequests: js.RequestQueueLimit, MaxInfoRequests: js.InfoQueueLimit,
		ConsumerBounds: stream.ConsumerBounds{MaxAckPending: js.Limits.MaxAckPending, MaxRequestBatch: js.Limits.MaxRequestBatch},
	}
	if !js.Strict {
		o.Loose = s.peerLog.Warnf
	}
	return o
}

func (s *Server) engineOptions(p *logPlane, js *config.JetStream, dir string) engine.Options {
	limits := meta.Unlimited()
	limits.ServerMemory, limits.ServerStorage = p.maxMemory.Load(), p.maxStorage.Load()
	o := engine.Options{
		FS: s.fs, Dir: dir, Clock: s.clock, Log: s.log, Router: s.routerOf,
		Outlet:         p.api.OutletOf,
		Courier:        p.api.CourierOf,
		Abroad:         p.api.Abroad(),
		Level:          jetstream.Level,
		Bounds:         stream.Bounds{DuplicateWindow: js.Limits.DuplicateWindow},
		Limits:         limits,
		AccountLimits:  s.reservations,
		MaxIngestBytes: js.MaxBufferedBytes, MaxIngestMsgs: js.MaxBufferedMsgs,
		MaxBatches: js.Limits.MaxBatchInflightTotal,
		Batches: stream.BatchLimits{
			PerStream: js.Limits.MaxBatchInflightPerStream, Messages: js.Limits.MaxBatchMsgs, Idle: js.Limits.MaxBatchTimeout,
		},
	}
	if !js.SyncAlways {
		o.SyncEvery = js.SyncEvery
	}
	return o
}

// changeStreams lets streams have as much as the configuration says by now.
func (s *Server) changeStreams() {
	p, js := s.streams.Load(), &s.config().JetStream
	if p == nil {
		return
	}
	if js.MaxMemory >= 0 {
		p.maxMemory.Store(js.MaxMemory)
	}
	if js.MaxStorage >= 0 {
		p.maxStorage.Store(js.MaxStorage)
	}
	p.engine.SetServerLimits(p.maxMemory.Load(), p.maxStorage.Load())
}

// routerOf returns the message plane of an account, or nil.
func (s *Server) routerOf(account string) *router.Router {
	s.known(account)
	if a := s.broker.Account(account); a != nil {
		return a.Router()
	}
	return nil
}

// storeFault says what is wrong with the store folder; if it is none, in the words of a stock server.
func storeFault(doing string, err error) error {
	if errors.Is(err, syscall.ENOTDIR) {
		doing = "storage directory is not a directory"
	}
	return fmt.Errorf("%s: %w", doing, err)
}

func (s *Server) streamsBanner(p *logPlane, js *config.JetStream) {
	s.log.Noticef("Starting JetStream")
	if js.InTemporaryFolder() {
		s.log.Warnf("The store is in the temporary folder, which the system may clear when it restarts: streams there are NOT durable. " +
			"Set store_dir (or -sd) to a folder that stays")
	}
	s.log.Noticef("  Max Memory:      %s", sizeText(p.maxMemory.Load()))
	s.log.Noticef("  Max Storage:     %s", sizeText(p.maxStorage.Load()))
	s.log.Noticef("  Store Directory: %q", js.Dir())
	if js.Domain != "" {
		s.log.Noticef("  Domain:          %s", js.Domain)
	}
	if js.Key != "" {
		s.log.Noticef("  Encryption:      %s", ciphers[js.Cipher])
	}
	promise := "on disk before it is acknowledged"
	if !js.SyncAlways {
		promise = fmt.Sprintf("on disk within %v after it is acknowledged", js.SyncEvery)
	}
	s.log.Noticef("  A message is %s", promise)
}

func sizeText(bytes int64) string {
	const units = "KMGTPE"
	value, unit := float64(bytes), ""
	for i := 0; value >= 1024 && i < len(units); i++ {
		value, unit = value/1024, units[i:i+1]
	}
	return fmt.Sprintf("%.2f %sB", value, unit)
}

// share is how much of a machine's resource streams may take unless the configuration says.
func share(of int64) int64 { return of / 4 * 3 }

// stopStreams closes what startStreams has opened.
func (s *Server) stopStreams() {
	if p := s.streams.Load(); p != nil {
		s.closeStreams(p)
	}
}

func (s *Server) closeStreams(p *logPlane) {
	p.api.Close()
	if err := p.engine.Close(); err != nil {
		s.log.Errorf("The store was not closed in order, which the next start makes good: %v", err)
	}
}
