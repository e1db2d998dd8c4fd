package server

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"time"

	"github.com/nats-io/jwt/v2"

	"myelin/internal/auth"
	"myelin/internal/auth/callout"
	"myelin/internal/auth/jwts"
	"myelin/internal/nats"
	"myelin/internal/router"
	"myelin/internal/version"
)

// openCallout prepares to ask services who somebody is.
func (s *Server) openCallout() error {
	peers := peerLog(s.log)
	if s.ownLog != nil {
		peers = s.ownLog.RateLimited(peerLogEvery, peerLogBurst)
	}
	var err error
	s.asker, err = callout.New(callout.Options{
		Server: s.identity, Key: s.key, Exchange: s.exchange, Messenger: inquiries{s},
		Timeout: func() time.Duration { return s.config().AuthTimeout() }, Clock: s.clock, Log: calloutLog{peers, s.log},
	})
	return err
}

// identity is how the server introduces itself to services.
func (s *Server) identity() jwt.ServerID {
	c := s.config()
	return jwt.ServerID{Name: s.name, Host: c.Host, ID: s.id, Version: version.NATS, Tags: c.ServerTags}
}

// judgeOf decides who may connect by the users of a configuration, and by the service that it names.
func (s *Server) judgeOf(users *auth.Authenticator) auth.Judge {
	if users.Callout() == nil {
		return users
	}
	return jwts.NewService(users, s.asker, s.clock, s.config().System())
}

// calloutLog is a callout.Log.
type calloutLog struct {
	peerLog
	log Log
}

// Debugf implements callout.Log.
func (l calloutLog) Debugf(format string, args ...any) { l.log.Debugf(format, args...) }

// inquiries is a callout.Messenger.
type inquiries struct{ s *Server }

// Send implements callout.Messenger. Only clients get a request, since it may hold a password: no stream that takes everything,
// and no other account that has something of this one.
func (i inquiries) Send(account string, header, body []byte) (answer <-chan []byte, end func(), ok bool) {
	a := i.s.broker.Account(account)
	if a == nil {
		return nil, nil, false
	}
	subject := []byte(auth.CalloutSubject)
	a.Router().Matching(subject, func(s *router.Sub) bool {
		ok = isClient(s)
		return !ok
	})
	if !ok {
		return nil, nil, false
	}
	var random [16]byte
	rand.Read(random[:]) // never fails
	in := make(calloutInbox, 1)
	sub := &router.Sub{Pattern: auth.CalloutReply + base64.RawURLEncoding.EncodeToString(random[:]), Sink: in}
	a.Router().Subscribe(sub)
	session := a.Open(nil)
	taken := session.Confide(&router.Message{Subject: subject, Reply: []byte(sub.Pattern), Header: header, Payload: body}, isClient)
	session.Rest()
	if taken == 0 {
		a.Unsubscribe(sub)
		return nil, nil, false
	}
	return in, func() { a.Unsubscribe(sub) }, true
}

// isClient reports whether a subscription is that of a client.
func isClient(s *router.Sub) bool {
	_, ok := s.Sink.(nats.SubDescriber)
	return ok
}

// calloutInbox is the Sink of the first answer.
type calloutInbox chan []byte

// Deliver implements router.Sink. Of what is too long, enough is kept for that to be seen.
func (i calloutInbox) Deliver(m *router.Message, _ *router.Batch) bool {
	select {
	case i <- bytes.Clone(m.Payload[:min(len(m.Payload), callout.MaxAnswer+1)]):
	default: // there is one already
	}
	return true
}
