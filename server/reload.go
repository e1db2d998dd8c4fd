package server

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"myelin/internal/config"
)

var (
	errNoFile    = errors.New("can only reload config when a file is provided using -c or --config")
	errNotReload = errors.New("server is not running")
)

// reload is a configuration on its way into force.
type reload struct {
	s        *Server
	ctx      context.Context // done when the server stops
	old, now *config.Config
	changed  map[string]bool // paths of the settings that have changed

	apply []func() // puts into force what was prepared; cannot fail
	drop  []func() // gives up what was prepared
	lines []string // for the log, besides those of the settings
}

// Reload puts another configuration into force, without disturbing anybody who may go on under it. If something has changed that
// needs another start, or if something that it names cannot be had, the error says so and nothing has changed at all. The caller
// does not change next any more.
func (s *Server) Reload(next *Config) error {
	if err := next.Validate(); err != nil {
		return err
	}
	s.reloading.Lock()
	defer s.reloading.Unlock()
	if !s.inState(running) && !s.inState(lameDuck) {
		return errNotReload
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-s.leaving:
			cancel()
		case <-ctx.Done():
		}
	}()
	r := &reload{s: s, ctx: ctx, old: s.config(), now: next, changed: make(map[string]bool)}
	if err := r.prepare(); err != nil {
		for _, drop := range slices.Backward(r.drop) {
			drop()
		}
		return err
	}
	r.commit()
	return nil
}

// ReloadFile reads the configuration anew, with Options.Load, and puts it into force.
func (s *Server) ReloadFile() error {
	if s.load == nil || s.config().File == "" {
		return errNoFile
	}
	next, err := s.load()
	if err != nil {
		return err
	}
	return s.Reload(next)
}

// prepare does all that may fail.
func (r *reload) prepare() error {
	known := make(map[string]bool)
	for _, section := range sections {
		for _, setting := range section.settings {
			known[setting.path] = true
		}
	}
	for _, change := range differences(r.old, r.now) {
		if !known[change.path] {
			return change.refusal()
		}
		r.changed[change.path] = true
	}
	for _, section := range sections {
		if section.prepare == nil || !section.always && !r.concerns(&section) {
			continue
		}
		if err := section.prepare(r); err != nil {
			return err
		}
	}
	return nil
}

// concerns reports whether a setting of the section has changed.
func (r *reload) concerns(s *section) bool {
	return slices.ContainsFunc(s.settings, func(s setting) bool { return r.changed[s.path] })
}

// commit puts everything into force: first the configuration, by which all go that ask for it, then what was prepared, then
// each connection looks at what that means for it.
func (r *reload) commit() {
	s := r.s
	s.inForce.Store(&inForce{r.now, s.clock.Now()})
	for _, apply := range r.apply {
		apply()
	}
	s.clients.Set(s.natsSettings())
	s.clients.Recheck()
	for _, section := range sections {
		for _, setting := range section.settings {
			if r.changed[setting.path] && setting.tell != nil {
				s.log.Noticef("%s", setting.tell(r.now))
			}
		}
	}
	for _, line := range r.lines {
		s.log.Noticef("%s", line)
	}
	if r.changed["Limits.MaxConnections"] {
		if n := s.clients.Trim(); n > 0 {
			s.log.Noticef("Closed %d connections to fall within max_connections", n)
		}
	}
	if r.changed["ServerTags"] || r.changed["ServerMetadata"] || r.changed["JetStream.Enabled"] {
		s.system.Introduce(s.introduction())
	}
	for _, w := range r.now.Warnings {
		s.log.Warnf("%s", w)
	}
	s.log.Noticef("Reloaded server configuration%s", digestText(r.now))
}

func digestText(c *config.Config) string {
	if c.Digest == "" {
		return ""
	}
	return fmt.Sprintf(" (%s)", c.Digest)
}
