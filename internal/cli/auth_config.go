package cli

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"myelin/internal/cli/nscstore"
)

// The resolvers that a configuration can be made with.
const (
	resolverMemory = "memory"
	resolverFull   = "full"
	resolverCache  = "cache"
)

// newAuthConfig is the command that makes the part of a server's configuration that trusts an operator.
func newAuthConfig(con *console) *cobra.Command {
	k := &keeper{con: con}
	var resolver, dir, output string
	var allowDelete, force bool
	cmd := &cobra.Command{
		Use:     "config [operator]",
		Aliases: []string{"generate"},
		Short:   "Print the part of a server's configuration that trusts an operator and its accounts",
		Long: `Print the part of a server's configuration that trusts an operator and its accounts. There is nothing secret in it.

With --resolver memory the accounts are those in the file, for good; with full the server keeps them in a directory, to which
myelin auth account push brings them; with cache it asks others for them.`,
		Example: `  myelin auth config --output auth.conf          # and in server.conf: include auth.conf
  myelin auth config --resolver memory`,
		Args: arguments(0, 1),
		RunE: k.onOperator(func(o *nscstore.Operator) error {
			text, err := operatorConfig(o, resolver, dir, allowDelete)
			if err != nil {
				return err
			}
			if output != "" {
				return writeNew(output, []byte(text), publicMode, force)
			}
			con.printf("%s", text)
			return nil
		}),
	}
	flags := cmd.Flags()
	flags.StringVar(&k.dir, "store", "", "`folder` of operators and keys, in place of the user's own")
	flags.StringVar(&resolver, "resolver", resolverFull, "where the server has accounts from: memory, full or cache")
	flags.StringVar(&dir, "dir", "jwt", "`directory` in which the server keeps accounts")
	flags.BoolVar(&allowDelete, "allow-delete", false, "let who is in the system account delete accounts")
	flags.StringVar(&output, "output", "", "`file` to write to instead of stdout")
	flags.BoolVarP(&force, "force", "f", false, "replace a file that is there")
	return cmd
}

// operatorConfig is the configuration of a server that trusts an operator.
func operatorConfig(o *nscstore.Operator, resolver, dir string, allowDelete bool) (string, error) {
	accounts, err := o.Accounts()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# Operator %s: made by myelin auth config; nothing in it is secret.\n", o.Name)
	fmt.Fprintf(&b, "operator: %s\n", o.Token)
	if o.Claims.SystemAccount != "" {
		fmt.Fprintf(&b, "system_account: %s\n", o.Claims.SystemAccount)
	}
	switch resolver {
	case resolverMemory:
		b.WriteString("resolver: MEMORY\n")
	case resolverFull:
		fmt.Fprintf(&b, "resolver {\n  type: full\n  dir: %s\n  allow_delete: %v\n}\n", strconv.Quote(filepath.ToSlash(dir)), allowDelete)
	case resolverCache:
		fmt.Fprintf(&b, "resolver {\n  type: cache\n  dir: %s\n}\n", strconv.Quote(filepath.ToSlash(dir)))
	default:
		return "", fmt.Errorf("--resolver is %s, %s or %s", resolverMemory, resolverFull, resolverCache)
	}
	b.WriteString("resolver_preload {\n")
	n := 0
	for _, a := range accounts {
		if resolver == resolverCache && !a.System() {
			continue
		}
		fmt.Fprintf(&b, "  # %s\n  %s: %s\n", a.Name, a.Claims.Subject, a.Token)
		n++
	}
	b.WriteString("}\n")
	if n == 0 {
		return "", errors.New("the operator has no accounts yet: myelin auth account add makes one")
	}
	return b.String(), nil
}
