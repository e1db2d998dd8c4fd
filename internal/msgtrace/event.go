package msgtrace

import "time"

// Kind is what a connection belongs to.
type Kind int

// Client is the kind of clients' connections; the others belong to connections between servers.
const Client Kind = 0

// Why a message was not delivered to a subscription.
const (
	NoEcho           = "Not delivered because of no echo"
	SubDenied        = "Not delivered because subscription denies this subject"
	ClientClosed     = "Not delivered because client is closed"
	AutoUnsubscribed = "Not delivered because auto-unsubscribe exceeded"
)

// Event is what is published about a message, but for the introduction of the server.
type Event struct {
	Request Request `json:"request"`
	Hops    int     `json:"hops,omitempty"` // servers that it was sent on to
	Events  []any   `json:"events"`
}

// Request is what is said of the message itself.
type Request struct {
	Header map[string][]string `json:"header,omitempty"`
	Size   int                 `json:"msgsize,omitempty"` // bytes of header and payload
}

// base is what all steps of a message begin with.
type base struct {
	Type string    `json:"type"`
	Time time.Time `json:"ts"`
}

// Ingress is how a message came.
type Ingress struct {
	base
	Kind    Kind   `json:"kind"`
	CID     uint64 `json:"cid"`
	Name    string `json:"name,omitempty"`
	Account string `json:"acc"`
	Subject string `json:"subj"`
	Error   string `json:"error,omitempty"` // why it went no further
}

// mapping is a change of the subject.
type mapping struct {
	base
	To string `json:"to"`
}

// serviceImport is a way into another account.
type serviceImport struct {
	base
	Account string `json:"acc"`
	From    string `json:"from"`
	To      string `json:"to"`
}

// streamExport is a way of the messages of a stream into another account.
type streamExport struct {
	base
	Account string `json:"acc"`
	To      string `json:"to"`
}

// Egress is how a message leaves to a subscription, or why it does not.
type Egress struct {
	base
	Kind    Kind   `json:"kind"`
	CID     uint64 `json:"cid"`
	Name    string `json:"name,omitempty"`
	Account string `json:"acc,omitempty"` // if that is another than the message came to
	Pattern string `json:"sub,omitempty"`
	Queue   string `json:"queue,omitempty"`
	Error   string `json:"error,omitempty"`
}

// storing is what a stream did with a message.
type storing struct {
	base
	Stream string `json:"stream"`
	Outcome
}

// Outcome is what became of a message in a stream.
type Outcome struct {
	Subject    string `json:"subject,omitempty"`    // that it was stored under, or would have been
	NoInterest bool   `json:"nointerest,omitempty"` // nobody wanted it, so it went as it came
	Error      string `json:"error,omitempty"`      // why it was not stored
}
