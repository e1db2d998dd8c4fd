package cli

import (
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/spf13/cobra"

	"myelin/internal/cli/nscstore"
	"myelin/internal/subject"
)

// activate signs the token with which another account has a private export.
func (s *share) activate() *cobra.Command {
	var key, output string
	var valid time.Duration
	var force bool
	cmd := &cobra.Command{
		Use:     "activate <subject> <importer> [account]",
		Aliases: []string{"activation", "token"},
		Short:   "Sign the token with which another account may import a private export",
		Long: `Sign the token with which another account may import a private export.

The subject is that of the export, or one within it. The importer is an account of the operator, or the public key of any.
The token is of no use to anybody else; it is printed, or written to a file, for

  myelin auth account imports add --token`,
		Example: `  myelin auth account exports add orders 'order.>' ORDERS --private
  myelin auth account exports activate 'order.>' BILLING ORDERS --expire 90d --output orders.jwt
  myelin auth account imports add orders 'order.>' BILLING --source ORDERS --token orders.jwt`,
	}
	flags := cmd.Flags()
	flags.Var(durationFlag{&valid}, "expire", "how long it is valid")
	flags.StringVar(&key, "key", "", "public `key` or role of the account's signing key that signs it")
	flags.StringVar(&output, "output", "", "`file` to write to instead of stdout")
	flags.BoolVarP(&force, "force", "f", false, "replace a file that is there")
	return s.command(cmd, 2, 3, func(a *nscstore.Account, args []string) error {
		if valid < 0 {
			return errors.New("--expire is how long from now it is valid")
		}
		claims, err := s.activation(a, args[0], args[1])
		if err != nil {
			return err
		}
		if key != "" {
			if key, _, err = a.SigningKey(key); err != nil {
				return err
			}
		}
		claims.Expires = expiry(valid)
		token, err := a.Activate(claims, key)
		if err != nil {
			return err
		}
		text, err := jwt.DecorateJWT(token)
		if err != nil {
			return err
		}
		if output != "" {
			return writeNew(output, text, publicMode, force)
		}
		_, err = s.k.con.out.Write(text)
		return err
	})
}

// activation are the claims for an importer of a subject.
func (s *share) activation(a *nscstore.Account, pattern, importer string) (*jwt.ActivationClaims, error) {
	x := findExport(a, pattern)
	for i := 0; x == nil && i < len(a.Claims.Exports); i++ {
		if e := a.Claims.Exports[i]; e.TokenReq && subject.ValidPattern(pattern) && subject.Within(pattern, string(e.Subject)) {
			x = e
		}
	}
	switch {
	case x == nil:
		return nil, s.missing(a, pattern)
	case !x.TokenReq:
		return nil, fmt.Errorf("account %s needs no token for %q: the export is not private", a.Name, x.Subject)
	}
	id, err := sourceKey(a, importer)
	if err != nil {
		return nil, err
	}
	claims := jwt.NewActivationClaims(id)
	claims.Name, claims.ImportSubject, claims.ImportType = x.Name, jwt.Subject(pattern), x.Type
	return claims, nil
}

// withdraw revokes tokens.
func (s *share) withdraw() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "revoke <subject> <importer> [account]",
		Short: "Revoke the tokens that an importer has of a private export until now",
		Long: `Revoke the tokens that an importer has of a private export until now, once the account is pushed. A token that is signed later
is good again. The importer * stands for all.`,
	}
	cmd.Flags().BoolVarP(&force, "force", "f", false, "do not ask")
	return s.command(cmd, 2, 3, func(a *nscstore.Account, args []string) error {
		x := findExport(a, args[0])
		if x == nil {
			return s.missing(a, args[0])
		}
		id, err := args[1], error(nil)
		if id != jwt.All {
			if id, err = sourceKey(a, id); err != nil {
				return err
			}
		}
		if err := s.k.confirmed(force, "Revoke the tokens of %s for the export of %s from account %s?", args[1], args[0], a.Name); err != nil {
			return err
		}
		x.Revoke(id)
		if err := a.Save(); err != nil {
			return err
		}
		return s.showExport(x)
	})
}
