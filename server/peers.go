package server

import (
	"myelin/internal/config"
	"myelin/internal/staple"
)

// peerCache is what issuers said of the certificates of clients, for as long as its settings stay.
type peerCache struct {
	settings config.OCSPCache
	*staple.Cache
}

// peers asks who answers for the certificates of clients. The caller holds stapling.
func (s *Server) peers(rules *config.OCSPPeers) *staple.Peers {
	settings := s.config().OCSPCache
	if s.cached == nil || s.cached.settings != settings {
		s.cached = &peerCache{settings: settings}
		if !settings.Off {
			s.cached.Cache = staple.NewCache(settings.PreserveRevoked)
		}
	}
	p := staple.NewPeers(staple.PeerRules{
		Skew: rules.Skew, Timeout: rules.Timeout, Life: rules.Life,
		WarnOnly: rules.WarnOnly, UnknownIsGood: rules.UnknownIsGood, AllowUnreachable: rules.AllowUnreachable,
	}, s.cached.Cache, s.clock, s.certificateLog())
	if s.system != nil {
		p.Invalid, p.Refused = s.system.CertificateInvalid, s.system.CertificateRefused
	}
	return p
}

// certificateLog is for what is wrong with certificates. It is bounded apart from what else peers can provoke, since both say
// something of the same handshake.
func (s *Server) certificateLog() peerLog {
	if s.ownLog == nil {
		return s.log
	}
	return s.ownLog.RateLimited(peerLogEvery, peerLogBurst)
}
