package report

import "fmt"

// HealthzOptions say what must be well. Those about JetStream ask nothing of a server without it, but
// they must make sense together.
type HealthzOptions struct {
	JSEnabled     bool   `json:"js-enabled"`      // deprecated name of JSEnabledOnly
	JSEnabledOnly bool   `json:"js-enabled-only"` // look no further than at whether JetStream runs
	JSServerOnly  bool   `json:"js-server-only"`  // nor at streams
	JSMetaOnly    bool   `json:"js-meta-only"`    // of replication look only at who assigns streams
	Account       string `json:"account"`         // look at this one's streams; empty: at all
	Stream        string `json:"stream"`          // look at this stream only
	Consumer      string `json:"consumer"`        // and at this consumer
	Details       bool   `json:"details"`         // list the errors one by one
}

// Healthz says whether the server is well.
type Healthz struct {
	Status     string        `json:"status"`                // "ok", "unavailable" or "error"
	StatusCode int           `json:"status_code,omitempty"` // as of HTTP
	Error      string        `json:"error,omitempty"`
	Errors     []HealthError `json:"errors,omitempty"` // in place of Error when details are asked for
}

// HealthError is one thing that is not well.
type HealthError struct {
	Type     string `json:"type"` // one of the kinds below
	Account  string `json:"account,omitempty"`
	Stream   string `json:"stream,omitempty"`
	Consumer string `json:"consumer,omitempty"`
	Error    string `json:"error"`
}

// What HealthError.Type can be.
const (
	kindBadRequest = "BAD_REQUEST"
	kindConnection = "CONNECTION"
	kindJetStream  = "JETSTREAM"
	kindAccount    = "ACCOUNT"
	kindStream     = "STREAM"
	kindConsumer   = "CONSUMER"
)

// The codes of Healthz.StatusCode.
const (
	statusOK          = 200
	statusBadRequest  = 400
	statusNotFound    = 404
	statusUnwell      = 500
	statusUnavailable = 503
)

// Healthz says whether the server is well.
func (v *Views) Healthz(o HealthzOptions) *Healthz {
	switch {
	case o.Consumer != "" && o.Stream == "":
		return o.fail(statusBadRequest, kindBadRequest, `"stream" must not be empty when checking consumer health`)
	case o.Stream != "" && o.Account == "":
		return o.fail(statusBadRequest, kindBadRequest, `"account" must not be empty when checking stream health`)
	}
	if err := v.source.Healthy(); err != nil {
		return o.fail(statusUnwell, kindConnection, err.Error())
	}
	c := &checkup{options: o, healthz: &Healthz{Status: "ok", StatusCode: statusOK}}
	if v.source.Config().JetStream.Enabled {
		c.jetStream(v.jetStream())
	}
	return c.healthz
}

func (o *HealthzOptions) fail(code int, kind, text string) *Healthz {
	z := &Healthz{Status: "error", StatusCode: code}
	if o.Details {
		z.Errors = []HealthError{{Type: kind, Error: text}}
	} else {
		z.Error = text
	}
	return z
}

// checkup looks at streams, until something is wrong or, for details, at all of them.
type checkup struct {
	options HealthzOptions
	healthz *Healthz
}

// jetStream looks at JetStream, which is nil if it should run and does not.
func (c *checkup) jetStream(js JetStream) {
	o := &c.options
	if js == nil {
		c.fail(statusUnavailable, HealthError{Type: kindJetStream, Error: "JetStream not enabled"})
		return
	}
	if err := js.Err(); err != nil {
		c.fail(statusUnavailable, HealthError{Type: kindJetStream, Error: "JetStream takes no messages: " + err.Error()})
		if !o.Details {
			return
		}
	}
	if o.JSEnabled || o.JSEnabledOnly || o.JSServerOnly {
		return
	}
	found := false
	for _, a := range js.Accounts() {
		if o.Account != "" && a.Name != o.Account {
			continue
		}
		found = true
		if c.account(js, a.Name); c.done() {
			return
		}
	}
	if o.Account != "" && !found {
		c.fail(statusNotFound, HealthError{Type: kindAccount, Account: o.Account,
			Error: fmt.Sprintf("JetStream account %q not found", o.Account)})
	}
}

// account looks at the streams of an account, or at the one asked for.
func (c *checkup) account(js JetStream, account string) {
	o := &c.options
	found := false
	for _, s := range js.Streams(account) {
		if o.Stream != "" && s.Name() != o.Stream {
			continue
		}
		found = true
		if c.stream(js, account, s); c.done() {
			return
		}
	}
	if o.Stream != "" && !found {
		c.fail(statusNotFound, HealthError{Type: kindStream, Account: account, Stream: o.Stream,
			Error: fmt.Sprintf("JetStream stream %q not found on account %q", o.Stream, account)})
	}
}

// stream looks at a stream, and whether it has the consumer that is asked for.
func (c *checkup) stream(js JetStream, account string, s Stream) {
	o, name := &c.options, s.Name()
	if err := s.Err(); err != nil {
		c.fail(statusUnavailable, HealthError{Type: kindStream, Account: account, Stream: name,
			Error: fmt.Sprintf("JetStream stream '%s > %s' write error: %v", account, name, err)})
		return // what has become of its consumers says nothing more
	}
	if o.Consumer != "" && !js.HasConsumer(account, name, o.Consumer) {
		c.fail(statusNotFound, HealthError{Type: kindConsumer, Account: account, Stream: name, Consumer: o.Consumer,
			Error: fmt.Sprintf("JetStream consumer %q not found for stream %q on account %q", o.Consumer, name, account)})
	}
}

// done says that one error is enough.
func (c *checkup) done() bool { return c.healthz.StatusCode != statusOK && !c.options.Details }

// fail notes an error. The code is that of the first.
func (c *checkup) fail(code int, e HealthError) {
	z := c.healthz
	if z.StatusCode == statusOK {
		z.StatusCode = code
	}
	if c.options.Details {
		z.Status, z.Errors = "error", append(z.Errors, e)
		return
	}
	z.Status, z.Error = "unavailable", e.Error
}
