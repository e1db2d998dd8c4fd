// Package version says which Myelin this is, and which NATS it behaves like.
//
// The two are different things. Clients gate features on the NATS version that a server states, so NATS is the
// version whose behaviour is matched. Product is our own. Both can be set by the linker (-ldflags "-X ...").
package version

import "runtime/debug"

var (
	// Product is the version of Myelin itself.
	Product = "0.1.0"
	// NATS is the nats-server version whose behaviour is matched; what INFO and the monitoring pages state.
	NATS = "2.15.0"
	// Commit is the source revision; when the linker does not set it, GitCommit asks the build information.
	Commit = ""
)

// shortCommit is how many characters of a revision are shown.
const shortCommit = 7

// GitCommit is the abbreviated source revision of this binary, or "" when the build did not record it.
func GitCommit() string {
	revision := Commit
	if info, ok := debug.ReadBuildInfo(); ok && revision == "" {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				revision = s.Value
			}
		}
	}
	if len(revision) > shortCommit {
		return revision[:shortCommit]
	}
	return revision
}
