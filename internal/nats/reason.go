package nats

import "myelin/internal/nats/wire"

// Reason is why a connection was closed, in the words of the monitoring pages.
type Reason string

// The reasons that a connection of a single server can have.
const (
	ClientClosed        Reason = "Client Closed"
	SlowConsumerPending Reason = "Slow Consumer (Pending Bytes)"
	SlowConsumerWrite   Reason = "Slow Consumer (Write Deadline)"
	WriteError          Reason = "Write Error"
	ReadError           Reason = "Read Error"
	ParseError          Reason = "Parse Error"
	Kicked              Reason = "Kicked"
	StaleConnection     Reason = "Stale Connection"
	ProtocolViolation   Reason = "Protocol Violation"
	BadProtocolVersion  Reason = "Bad Client Protocol Version"
	AuthFailure         Reason = "Authentication Failure"
	AuthTimeout         Reason = "Authentication Timeout"
	AuthExpired         Reason = "Authentication Expired"
	CredentialsRevoked  Reason = "Credentials Revoked"
	ProxyNotTrusted     Reason = "Proxy Not Trusted"
	ProxyRequired       Reason = "Proxy Required"
	TLSHandshake        Reason = "TLS Handshake Failure"
	MaxConnections      Reason = "Maximum Connections Exceeded"
	MaxAccountConns     Reason = "Maximum Account Connections Exceeded"
	MaxSubscriptions    Reason = "Maximum Subscriptions Exceeded"
	MaxPayload          Reason = "Maximum Message Payload Exceeded"
	MaxControlLine      Reason = "Maximum Control Line Exceeded"
	ServerShutdown      Reason = "Server Shutdown"
	NoRespondersNoHdr   Reason = "No Responders Requires Headers"
)

// fatal is an error after which the connection closes.
type fatal struct {
	reason Reason
	text   string // what the peer is told; empty: nothing
	detail string // for the log; empty: as text
}

func (f *fatal) Error() string {
	if f.detail != "" {
		return f.detail
	}
	return f.text
}

// Texts of errors that clients match.
const (
	textUnknownOperation = "Unknown Protocol Operation"
	textControlLine      = "maximum control line exceeded"
	textMaxPayload       = "Maximum Payload Violation"
	textMaxConnections   = "maximum connections exceeded"
	textMaxAccountConns  = "maximum account active connections exceeded"
	textMaxSubscriptions = "maximum subscriptions exceeded"
	textInvalidSubject   = "Invalid Subject"
	textInvalidPublish   = "Invalid Publish Subject"
	textBadProtocol      = "invalid client protocol"
	textNoResponders     = "no responders requires headers support"
	textAuthTimeout      = "Authentication Timeout"
	textAuthExpired      = "User Authentication Expired"
	textAccountExpired   = "Account Authentication Expired"
	textStale            = "Stale Connection"
	textThrottled        = "Connection throttling is active. Please try again later."
)

// violation translates an error of the codec. Of what somebody sends who was not let in, nothing is shown: it may be a CONNECT
// that went wrong.
func (c *Conn) violation(err *wire.Error) *fatal {
	f := translate(err)
	if c.login.identity == nil && f.text != "" {
		f.detail = ""
	}
	return f
}

func translate(err *wire.Error) *fatal {
	switch err.Kind {
	case wire.UnknownOperation:
		return &fatal{ProtocolViolation, textUnknownOperation, err.Detail}
	case wire.LineTooLong:
		return &fatal{MaxControlLine, textControlLine, err.Detail}
	case wire.PayloadTooBig:
		return &fatal{MaxPayload, textMaxPayload, err.Detail}
	case wire.PeerError:
		return &fatal{ParseError, "", err.Detail}
	default:
		return &fatal{ProtocolViolation, "", err.Detail}
	}
}
