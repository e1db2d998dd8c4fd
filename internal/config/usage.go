package config

import (
	"fmt"
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

// UsageTLS is what --help_tls prints.
func UsageTLS(program string) string {
	return fmt.Sprintf("\n%s does not support TLS yet. The tls block of a configuration file and the --tls flags are known,\n"+
		"and refused rather than ignored, so that no server runs without a protection that was asked for.\n\n", program)
}
