package monitor

import (
	_ "embed"
	"fmt"
	"html"
	"net/http"
	"strings"
)

//go:embed index.html
var indexHTML string

// links are the pages that the index names, in its order.
var links = []struct{ path, title, says string }{
	{"/varz", "General", "version, configuration, load and totals"},
	{"/connz", "Connections", "who is connected, or was, and what they send"},
	{"/subsz", "Subscriptions", "how many there are and how they are matched"},
	{"/routez", "Routes", "links to servers of the same cluster"},
	{"/gatewayz", "Gateways", "links to other clusters"},
	{"/leafz", "Leaf nodes", "links to servers at the edge"},
	{"/jsz", "JetStream", "streams, consumers and what they hold"},
	{"/accountz", "Accounts", "which there are"},
	{"/accstatz", "Traffic", "what the connections of accounts send and get"},
	{"/ipqueuesz", "Queues", "what waits within the server"},
	{"/healthz", "Health", "a probe: is the server well?"},
	{"/stacksz", "Stacks", "what each goroutine is doing"},
	{"/debug/vars", "Runtime", "memory statistics of the Go runtime"},
}

// index lists the pages.
func (p *pages) index(w http.ResponseWriter, _ *http.Request) {
	p.views.Count("/")
	var items strings.Builder
	for _, l := range links {
		fmt.Fprintf(&items, "<li><a href=\"%s\"><b>%s</b><code>%s</code><span>%s</span></a></li>\n",
			html.EscapeString(p.base+l.path), l.title, l.path, l.says)
	}
	z := p.views.Varz()
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	strings.NewReplacer(
		"{{name}}", html.EscapeString(z.ServerName),
		"{{product}}", html.EscapeString(z.ProductVersion),
		"{{nats}}", html.EscapeString(z.Version),
		"{{uptime}}", z.Uptime,
		"{{links}}", items.String(),
	).WriteString(w, indexHTML)
}
