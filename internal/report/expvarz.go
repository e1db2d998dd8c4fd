package report

import (
	"encoding/json"
	"expvar"
	"os"
	"strings"
)

// Expvarz are the variables that the process publishes, by name: how it was called, what its runtime counts.
type Expvarz map[string]json.RawMessage

// Expvarz shows the variables of the process. Passwords and tokens on its command line are blotted out.
func (v *Views) Expvarz() Expvarz {
	all := make(Expvarz)
	expvar.Do(func(kv expvar.KeyValue) { all[kv.Key] = json.RawMessage(kv.Value.String()) })
	if line, err := json.Marshal(CommandLine()); err == nil {
		all["cmdline"] = line
	}
	return all
}

// CommandLine is how the process was called, without passwords and tokens.
func CommandLine() []string { return blotted(os.Args) }

// secretFlags are those whose values nobody is shown.
var secretFlags = []string{"pass", "auth"}

// blotted is a command line without what is secret.
func blotted(line []string) []string {
	const blot = "[REDACTED]"
	shown := make([]string, len(line))
	hide := false
	for i, word := range line {
		name, _, joined := strings.Cut(word, "=")
		secret := isSecretFlag(name)
		switch {
		case hide:
			shown[i] = blot
		case secret && joined:
			shown[i] = name + "=" + blot
		default:
			shown[i] = word
		}
		hide = !hide && secret && !joined
	}
	return shown
}

func isSecretFlag(word string) bool {
	for _, name := range secretFlags {
		if word == "-"+name || word == "--"+name {
			return true
		}
	}
	return false
}
