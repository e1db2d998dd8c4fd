package nats

import (
	"encoding/json"

	"myelin/internal/nats/wire"
)

// connectOptions is the document of CONNECT. What is absent keeps the value that it has.
type connectOptions struct {
	Verbose      bool   `json:"verbose"`
	Pedantic     bool   `json:"pedantic"`
	Echo         bool   `json:"echo"`
	Headers      bool   `json:"headers"`
	NoResponders bool   `json:"no_responders"`
	Protocol     int    `json:"protocol"`
	Name         string `json:"name"`
	Lang         string `json:"lang"`
	Version      string `json:"version"`
	User         string `json:"user"`
	Account      string `json:"account"`
}

// connect is CONNECT: the client says who it is and what it understands. Another CONNECT starts anew,
// without subscriptions.
func (c *Conn) connect(arg []byte) *fatal {
	opt := connectOptions{Verbose: true, Pedantic: true, Echo: true}
	if err := json.Unmarshal(arg, &opt); err != nil {
		return &fatal{ProtocolViolation, "", "CONNECT: " + err.Error()}
	}
	if opt.Account != "" {
		return &fatal{reason: AuthFailure, text: textAuthorization}
	}
	if opt.Protocol < 0 || opt.Protocol > 1 {
		return &fatal{reason: BadProtocolVersion, text: textBadProtocol}
	}
	withHeaders := opt.Headers && !c.l.opt.Limits.NoHeaders
	if opt.NoResponders && !withHeaders {
		return &fatal{reason: NoRespondersNoHdr, text: textNoResponders}
	}
	if c.connected {
		c.session.Flush()
		c.dropSubs()
	}
	c.mu.Lock()
	c.about = about{opt.Name, opt.Lang, opt.Version, opt.User}
	c.mu.Unlock()
	c.reader.Headers = withHeaders
	c.flags.set(verbose|pedantic|noEcho|headers|noResponders|asyncInfo,
		bit(opt.Verbose, verbose)|bit(opt.Pedantic, pedantic)|bit(!opt.Echo, noEcho)|bit(withHeaders, headers)|
			bit(opt.NoResponders, noResponders)|bit(opt.Protocol >= 1, asyncInfo))
	if !c.connected {
		c.connected = true
		c.keep.connected(c)
	}
	if opt.Verbose {
		c.respond([]byte(wire.OKFrame))
	}
	return nil
}

func bit(on bool, b uint32) uint32 {
	if on {
		return b
	}
	return 0
}
