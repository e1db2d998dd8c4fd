package nats

import (
	"encoding/json"

	"myelin/internal/auth"
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
	NewAccount   bool   `json:"new_account"`
	Pass         string `json:"pass"`
	Token        string `json:"auth_token"`
	NKey         string `json:"nkey"`
	Signature    string `json:"sig"`
	JWT          string `json:"jwt"`
	ProxySig     string `json:"proxy_sig"`

	// Fields of features that do not exist yet: they mean nothing, but their types are looked at.
	TLSRequired   bool            `json:"tls_required"`
	Import        *map[string]any `json:"import"`
	Export        *map[string]any `json:"export"`
	RemoteAccount string          `json:"remote_account"`
}

// connect is CONNECT: the client says who it is and what it understands. Another CONNECT starts anew,
// without subscriptions.
func (c *Conn) connect(arg []byte) *fatal {
	opt := c.negotiated()
	if err := json.Unmarshal(arg, &opt); err != nil {
		return &fatal{ProtocolViolation, "", "CONNECT: " + err.Error()}
	}
	if c.connected {
		c.session.Flush()
		c.dropSubs()
	}
	if opt.Account != "" || opt.NewAccount {
		return c.refused(auth.Refuse(&auth.Request{}))
	}
	if f := c.identify(&opt); f != nil {
		return f
	}
	if opt.Protocol < 0 || opt.Protocol > 1 {
		return &fatal{reason: BadProtocolVersion, text: textBadProtocol}
	}
	withHeaders := opt.Headers && !c.l.limits().NoHeaders
	if opt.NoResponders && !withHeaders {
		return &fatal{reason: NoRespondersNoHdr, text: textNoResponders}
	}
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

// negotiated is what holds until a CONNECT says otherwise.
func (c *Conn) negotiated() connectOptions {
	bits := c.flags.Load()
	opt := connectOptions{
		Verbose: bits&verbose != 0, Pedantic: bits&pedantic != 0, Echo: bits&noEcho == 0,
		Headers: bits&headers != 0, NoResponders: bits&noResponders != 0,
	}
	if bits&asyncInfo != 0 {
		opt.Protocol = 1
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	opt.Name, opt.Lang, opt.Version = c.about.name, c.about.lang, c.about.version
	return opt
}

// ignoreInfo is INFO from a client, which must be well formed though it means nothing.
func (c *Conn) ignoreInfo(arg []byte) *fatal {
	if err := json.Unmarshal(arg, new(Info)); err != nil {
		return &fatal{ProtocolViolation, "", "INFO: " + err.Error()}
	}
	return nil
}

func bit(on bool, b uint32) uint32 {
	if on {
		return b
	}
	return 0
}
