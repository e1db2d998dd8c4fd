package server

import (
	"fmt"
	"time"

	"myelin/internal/broker"
	"myelin/internal/config"
)

// joint is an import as it is, or is to be, in force.
type joint struct {
	importer string
	of       config.Import
	by       config.Export
	path     *config.Path
	flow     *config.Flow // of those by claims
	end      func()
}

// terms tell the shares of an account apart: those of the same terms are the same.
type terms struct {
	of         config.Import
	response   config.Response
	threshold  time.Duration
	allowTrace bool
	latency    config.Latency // without a subject if there is none
}

func (s *joint) terms() terms {
	t := terms{of: s.of, response: s.by.Response, threshold: s.by.Threshold, allowTrace: s.by.AllowTrace}
	if s.by.Latency != nil {
		t.latency = *s.by.Latency
	}
	return t
}

// shares are the imports that are in force, by importing account. They are of whoever changes accounts.
type shares map[string]map[terms]*joint

// planShares compiles what accounts share.
func planShares(c *config.Config) (map[string][]*joint, error) {
	plan, offers := make(map[string][]*joint), c.Offers()
	for _, a := range c.Auth.Accounts {
		for _, i := range c.Account(a.Name).Imports {
			path, err := i.Path()
			if err != nil {
				return nil, fmt.Errorf("account %q: %w", a.Name, err)
			}
			export := offers.For(a.Name, &i)
			if export == nil {
				return nil, fmt.Errorf("account %q: import of %q from account %q is not authorized", a.Name, i.Subject, i.Account)
			}
			plan[a.Name] = append(plan[a.Name], &joint{importer: a.Name, of: i, by: *export, path: path})
		}
	}
	return plan, nil
}

// changeShares puts a plan for all accounts into force.
func (s *Server) changeShares(plan map[string][]*joint) {
	for importer := range s.shares {
		if plan[importer] == nil {
			s.shares.change(s.broker, importer, nil)
		}
	}
	for importer, list := range plan {
		s.shares.change(s.broker, importer, list)
	}
}

// change puts into force what one account has of others. What was in force and still is goes on undisturbed.
func (s shares) change(b *broker.Broker, importer string, plan []*joint) {
	now, before := make(map[terms]*joint, len(plan)), s[importer]
	for _, x := range plan {
		by := x.terms()
		if same := before[by]; same != nil {
			x = same
		}
		now[by] = x
	}
	for by, x := range before {
		if now[by] == nil {
			x.end()
		}
	}
	for _, x := range now {
		if x.end == nil {
			x.end = x.begin(b)
		}
	}
	if s[importer] = now; len(now) == 0 {
		delete(s, importer)
	}
}

func (s *joint) begin(b *broker.Broker) (end func()) {
	importer, exporter := b.Add(s.importer), b.Add(s.of.Account)
	if !s.of.Service {
		return importer.ImportStream(exporter, broker.StreamImport{
			Subject: s.path.Remote, Local: s.path.Local, Transform: s.path.Transform, AllowTrace: s.of.AllowTrace,
		})
	}
	return importer.ImportService(exporter, broker.ServiceImport{
		Local: s.path.Local, Transform: s.path.Transform, Response: responses[s.by.Response], Threshold: s.by.Threshold, Share: s.of.Share,
		Latency: (*broker.Latency)(s.by.Latency), AllowTrace: s.by.AllowTrace,
	})
}

var responses = map[config.Response]broker.Response{
	config.ResponseStream: broker.Streamed, config.ResponseChunked: broker.Chunked,
}
