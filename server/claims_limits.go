package server

import (
	"cmp"

	"github.com/nats-io/jwt/v2"

	"myelin/internal/broker"
	"myelin/internal/config"
	"myelin/internal/jetstream"
)

// limitsOf are the limits of an account's connections by its claims.
func limitsOf(limits *jwt.OperatorLimits) broker.Limits {
	return broker.Limits{MaxConnections: limits.Conn, MaxSubscriptions: int(limits.Subs), MaxPayload: int(limits.Payload)}
}

// claimedStreams is what claims let an account keep in streams.
type claimedStreams struct {
	config.AccountStreams
	tiers map[string]jetstream.Limits // by the number of replicas; nil: those above are for all
}

// readStreams reads the limits of claims. Of a single server only the tier for one replica can be used.
func readStreams(limits *jwt.OperatorLimits) (c claimedStreams) {
	if !limits.IsJSEnabled() {
		return c
	}
	if len(limits.JetStreamTieredLimits) == 0 {
		c.AccountStreams = tierOf(&limits.JetStreamLimits)
		return c
	}
	one := limits.JetStreamTieredLimits["R1"]
	c.AccountStreams, c.tiers = tierOf(&one), make(map[string]jetstream.Limits)
	for name, tier := range limits.JetStreamTieredLimits {
		of := tierOf(&tier)
		c.tiers[name] = shownLimits(&of)
	}
	return c
}

func tierOf(js *jwt.JetStreamLimits) config.AccountStreams {
	return config.AccountStreams{
		Enabled: true, MaxMemory: js.MemoryStorage, MaxStorage: js.DiskStorage, MaxStreams: boundOf(js.Streams),
		MaxConsumers: boundOf(js.Consumer), MaxAckPending: boundOf(js.MaxAckPending), MaxMemoryStream: boundOf(js.MemoryMaxStreamBytes),
		MaxStorageStream: boundOf(js.DiskMaxStreamBytes), MaxBytesRequired: js.MaxBytesRequired,
	}
}

// boundOf is a bound of claims, in which zero is none.
func boundOf(n int64) int64 {
	if n == 0 {
		return -1
	}
	return n
}

// accountStreams says what an account may keep in streams.
func (s *Server) accountStreams(account string) config.AccountStreams {
	c := cmp.Or(s.incoming.Load(), s.config())
	switch {
	case s.operators == nil:
		return c.Streams(account)
	case !c.JetStream.Enabled:
		return config.AccountStreams{}
	}
	return s.operators.streamsOf(account).AccountStreams
}

// streamsOf is what the claims of an account let it keep in streams.
func (o *operators) streamsOf(account string) claimedStreams {
	if streams, ok := o.streams.Load(account); ok {
		return streams.(claimedStreams)
	}
	return claimedStreams{}
}
