package cli

import (
	"cmp"
	"runtime"

	"github.com/spf13/cobra"

	"myelin/internal/version"
)

// versions is what the version command prints.
type versions struct {
	Version string `json:"version"`
	NATS    string `json:"nats_version"` // whose behaviour is matched
	Go      string `json:"go_version"`
	Commit  string `json:"git_commit"`
	OS      string `json:"os"`
	Arch    string `json:"arch"`
}

func newVersion(con *console) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Show the version of this binary, and the NATS version that it matches",
		Args:  arguments(0, 0),
		RunE: func(*cobra.Command, []string) error {
			v := versions{version.Product, version.NATS, runtime.Version(), version.GitCommit(), runtime.GOOS, runtime.GOARCH}
			if asJSON {
				return con.jsonIndented(v)
			}
			con.printf("myelin %s (matches nats-server %s, commit %s, %s %s/%s)\n",
				v.Version, v.NATS, cmp.Or(v.Commit, "not recorded"), v.Go, v.OS, v.Arch)
			return nil
		},
	}
	cmd.Flags().BoolVarP(&asJSON, "json", "j", false, "print JSON")
	return cmd
}
