package cli

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"myelin/internal/pki"
)

const (
	authorityExpiry   = 10 * year
	certificateExpiry = year
	// backdating is how long before now a certificate begins to be valid, for clocks that are late.
	backdating = 5 * time.Minute
	caName     = "ca"
)

// newCert is the group of commands for an authority of one's own.
func newCert(con *console) *cobra.Command {
	return family(&cobra.Command{
		Use:     "cert",
		Aliases: []string{"certs"},
		Short:   "Make certificates for TLS, by an authority of one's own",
		Long: `Make certificates for TLS, by an authority of one's own.

An authority is a pair of files: ca.pem, which servers and clients need to trust it, and ca.key, with which it signs and
which nobody else should see. Certificates are pairs of files in the same folder.`,
		Example: `  myelin cert ca "Example Ltd"
  myelin cert server nats.example.net 10.0.0.7
  myelin cert client orders --email orders@example.net
  myelin cert show server.pem`,
	}, newCertAuthority(con), newCertServer(con), newCertClient(con), newCertShow(con))
}

// issuer makes certificates in a folder.
type issuer struct {
	con    *console
	dir    string
	base   string // name of the files, without ending
	expiry time.Duration
	force  bool
	asJSON bool
}

func (i *issuer) addFlags(flags *pflag.FlagSet, expiry time.Duration) {
	i.expiry = expiry
	flags.StringVar(&i.dir, "dir", ".", "`folder` of the authority and its certificates")
	flags.Var(durationFlag{&i.expiry}, "expire", "how long it is valid, as in 90d")
	flags.BoolVarP(&i.force, "force", "f", false, "replace files that are there")
	flags.BoolVarP(&i.asJSON, "json", "j", false, "print JSON")
}

func (i *issuer) path(base, ending string) string { return filepath.Join(i.dir, base+ending) }

// validity is from when until when something made now is valid.
func (i *issuer) validity() (from, until time.Time, err error) {
	if i.expiry <= 0 {
		return from, until, errors.New("--expire is how long it is valid, and above 0")
	}
	now := time.Now()
	return now.Add(-backdating), now.Add(i.expiry), nil
}

// save writes a pair, the key for the owner alone, and says what it wrote.
func (i *issuer) save(base string, pair *pki.Pair) error {
	cert, key := i.path(base, ".pem"), i.path(base, ".key")
	if err := os.MkdirAll(i.dir, 0o755); err != nil {
		return err
	}
	if err := absent(i.force, cert, key); err != nil {
		return err
	}
	if err := writeNew(key, pair.Key, privateMode, i.force); err != nil {
		return err
	}
	if err := writeNew(cert, pair.Certificate, publicMode, i.force); err != nil {
		return err
	}
	if i.asJSON {
		return i.con.jsonIndented(map[string]string{"certificate": cert, "key": key})
	}
	i.con.printf("Certificate: %s\nKey: %s\n", cert, key)
	return nil
}

func newCertAuthority(con *console) *cobra.Command {
	i := &issuer{con: con}
	cmd := &cobra.Command{
		Use:     "ca [name]",
		Aliases: []string{"authority"},
		Short:   "Make an authority: ca.pem and ca.key",
		Args:    arguments(0, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			from, until, err := i.validity()
			if err != nil {
				return err
			}
			name := "Myelin Authority"
			if len(args) > 0 {
				name = args[0]
			}
			authority, err := pki.NewBetween(name, from, until)
			if err != nil {
				return err
			}
			return i.save(caName, &authority.Pair)
		},
	}
	i.addFlags(cmd.Flags(), authorityExpiry)
	return cmd
}

// issue signs a certificate with the authority of the folder. It does not outlive the authority.
func (i *issuer) issue(r pki.Request) error {
	if err := checkHosts(r.Hosts); err != nil {
		return err
	}
	authority, err := i.authority()
	if err != nil {
		return err
	}
	if r.From, r.Until, err = i.validity(); err != nil {
		return err
	}
	if _, last := authority.Valid(); r.Until.After(last) {
		r.Until = last
		i.con.logf("The certificate expires with its authority, at %s", last.Local().Format(stamp))
	}
	pair, err := authority.Issue(r)
	if err != nil {
		return err
	}
	return i.save(i.base, pair)
}

// authority reads the one of the folder.
func (i *issuer) authority() (*pki.Authority, error) {
	cert, err := os.ReadFile(i.path(caName, ".pem"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no authority in %s: myelin cert ca makes one", i.dir)
	}
	if err != nil {
		return nil, err
	}
	key, err := os.ReadFile(i.path(caName, ".key"))
	if err != nil {
		return nil, err
	}
	authority, err := pki.Open(pki.Pair{Certificate: cert, Key: key})
	if err != nil {
		return nil, fmt.Errorf("the authority in %s: %w", i.dir, err)
	}
	if _, last := authority.Valid(); last.Before(time.Now()) {
		return nil, fmt.Errorf("the authority in %s expired at %s", i.dir, last.Local().Format(stamp))
	}
	return authority, nil
}

// checkHosts refuses what no client would look for in a certificate.
func checkHosts(hosts []string) error {
	for _, h := range hosts {
		if h == "" || strings.ContainsAny(h, "/ @") || strings.Contains(h, "://") {
			return fmt.Errorf("%q is neither the name of a host nor an address", h)
		}
	}
	return nil
}

func newCertServer(con *console) *cobra.Command {
	i := &issuer{con: con}
	cmd := &cobra.Command{
		Use:   "server <host>...",
		Short: "Make a certificate for a server that clients know by these names and addresses",
		Long: `Make a certificate for a server that clients know by these names and addresses. The same one serves between servers, where each
shows it to the other.`,
		Args: arguments(1, 100),
		RunE: func(_ *cobra.Command, args []string) error {
			return i.issue(pki.Request{Name: args[0], Hosts: args, Server: true, Client: true})
		},
	}
	i.addFlags(cmd.Flags(), certificateExpiry)
	cmd.Flags().StringVar(&i.base, "output", "server", "`name` of the files, without their endings")
	return cmd
}

func newCertClient(con *console) *cobra.Command {
	i := &issuer{con: con}
	var emails, hosts []string
	cmd := &cobra.Command{
		Use:   "client <name>",
		Short: "Make a certificate for a client, for servers with verify or verify_and_map",
		Args:  arguments(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			if i.base == "" {
				i.base = args[0]
			}
			if i.base == caName || i.base != filepath.Base(i.base) {
				return fmt.Errorf("%q cannot be the name of its files: give --output", i.base)
			}
			return i.issue(pki.Request{Name: args[0], Hosts: hosts, Emails: emails, Client: true})
		},
	}
	i.addFlags(cmd.Flags(), certificateExpiry)
	flags := cmd.Flags()
	flags.StringVar(&i.base, "output", "", "`name` of the files, without their endings; else that of the client")
	flags.StringSliceVar(&emails, "email", nil, "`address` that the client is known by")
	flags.StringSliceVar(&hosts, "host", nil, "`name` of a host that the client is known by")
	return cmd
}

func newCertShow(con *console) *cobra.Command {
	r := &chainReport{client: &client{con: con}, warnBefore: week}
	cmd := &cobra.Command{
		Use:   "show <file>",
		Short: "Show the certificates in a file",
		Args:  arguments(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			data, err := con.readInput(args[0])
			if err != nil {
				return err
			}
			var chain []shownCert
			for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
				if block.Type != "CERTIFICATE" {
					continue
				}
				cert, err := x509.ParseCertificate(block.Bytes)
				if err != nil {
					return fmt.Errorf("%s: %w", args[0], err)
				}
				chain = append(chain, r.show(cert))
			}
			if len(chain) == 0 {
				return fmt.Errorf("%s holds no certificate", args[0])
			}
			return r.print(chain)
		},
	}
	cmd.Flags().Var(durationFlag{&r.warnBefore}, "expire-warn", "warn about certificates that expire within this time; 0 for none")
	cmd.Flags().BoolVarP(&r.json, "json", "j", false, "print JSON")
	return cmd
}
