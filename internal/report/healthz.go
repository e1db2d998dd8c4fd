package report

// HealthzOptions say what must be well. Those about JetStream ask nothing of a server without it, but
// they must make sense together.
type HealthzOptions struct {
	JSEnabled     bool   `json:"js-enabled"` // deprecated name of JSEnabledOnly
	JSEnabledOnly bool   `json:"js-enabled-only"`
	JSServerOnly  bool   `json:"js-server-only"`
	JSMetaOnly    bool   `json:"js-meta-only"`
	Account       string `json:"account"`
	Stream        string `json:"stream"`
	Consumer      string `json:"consumer"`
	Details       bool   `json:"details"` // list the errors one by one
}

// Healthz says whether the server is well.
type Healthz struct {
	Status     string        `json:"status"`                // "ok" or "error"
	StatusCode int           `json:"status_code,omitempty"` // as of HTTP
	Error      string        `json:"error,omitempty"`
	Errors     []HealthError `json:"errors,omitempty"` // in place of Error when details are asked for
}

// HealthError is one thing that is not well.
type HealthError struct {
	Type  string `json:"type"` // "CONNECTION" or "BAD_REQUEST"
	Error string `json:"error"`
}

// The codes of Healthz.StatusCode.
const (
	statusOK         = 200
	statusBadRequest = 400
	statusUnwell     = 500
)

// Healthz says whether the server is well.
func (v *Views) Healthz(o HealthzOptions) *Healthz {
	switch {
	case o.Consumer != "" && o.Stream == "":
		return o.fail(statusBadRequest, "BAD_REQUEST", `"stream" must not be empty when checking consumer health`)
	case o.Stream != "" && o.Account == "":
		return o.fail(statusBadRequest, "BAD_REQUEST", `"account" must not be empty when checking stream health`)
	}
	if err := v.source.Healthy(); err != nil {
		return o.fail(statusUnwell, "CONNECTION", err.Error())
	}
	return &Healthz{Status: "ok", StatusCode: statusOK}
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
