package config

import (
	"crypto/tls"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// usageColumn is where the texts of the usage begin.
const usageColumn = 41

// Usage lists all flags, for a program that is called by the given name.
func Usage(program string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\nUsage: %s [options]\n", program)
	for _, g := range flagGroups {
		fmt.Fprintf(&b, "\n%s Options:\n", g.title)
		for i := range g.options {
			b.WriteString(g.options[i].usage())
		}
	}
	b.WriteString("\nWhat is marked as planned is refused for now. The rest of the settings, and most of these, stand in the\n" +
		"configuration file.\n\n")
	return b.String()
}

// usage describes one flag in a line.
func (o *option) usage() string {
	var names []string
	for _, name := range o.short {
		names = append(names, "-"+name)
	}
	for _, name := range o.long {
		names = append(names, "--"+name)
	}
	left := "    " + strings.Join(names, ", ")
	if len(o.short) == 0 {
		left = "        " + strings.Join(names, ", ")
	}
	if o.argument != "" {
		left += " <" + o.argument + ">"
	}
	text := o.text
	if o.planned {
		text += " (planned)"
	}
	if len(left) >= usageColumn {
		left += "\n"
		return left + fmt.Sprintf("%-*s %s\n", usageColumn, "", text)
	}
	return fmt.Sprintf("%-*s %s\n", usageColumn, left, text)
}

const usageTLS = `
The TLS block of a configuration file for %s, with every setting but certs (a list of further pairs of
certificate and key, of which a client gets the first that is valid for the name that it asks for):

    tls {
        cert_file: "server.pem"
        key_file:  "server.key"

        ca_file: "authorities.pem"   # for the certificates of clients; default those of the system
        verify: true                 # clients have to show one
        verify_and_map: true         # and are the user that it names
        pinned_certs: ["<hex>"]      # SHA-256 of the public keys that clients may have

        min_version: "1.2"           # or "1.3"
        cipher_suites: ["<name>"]    # for TLS 1.2
        curve_preferences: ["<name>"]

        timeout: 2                   # seconds for a handshake, or a duration
        connection_rate_limit: 0     # handshakes a second; 0 for no limit
        handshake_first: false       # true: before the server's greeting; "auto" or a duration: unless the client
                                     # says nothing for so long
    }

    allow_non_tls: false             # beside the block: clients may do without
    https_port: 8222                 # monitoring with the same certificate

`

// names lists a name a line.
func names[T any](list []T, name func(T) string) string {
	var b strings.Builder
	for _, element := range list {
		fmt.Fprintf(&b, "    %s\n", name(element))
	}
	return b.String()
}

// UsageTLS is what --help_tls prints.
func UsageTLS(program string) string {
	return fmt.Sprintf(usageTLS, program) + "Cipher suites for TLS 1.2; those of TLS 1.3 are not a matter of choice:\n" +
		names(tls.CipherSuites(), func(s *tls.CipherSuite) string { return s.Name }) +
		"\nWeak ones, which need allow_insecure_cipher_suites:\n" +
		names(tls.InsecureCipherSuites(), func(s *tls.CipherSuite) string { return s.Name }) +
		"\nCurve preferences:\n" +
		names(slices.Sorted(maps.Keys(curves)), func(name string) string { return name }) + "\n"
}
