package cli

import (
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
	"github.com/spf13/cobra"

	"myelin/internal/cli/nscstore"
)

// pusherExpiry is how long the user is valid that exists for one command only.
const pusherExpiry = 5 * time.Minute

// errNoResolver says that no server takes or gives the JWTs of accounts.
var errNoResolver = errors.New("no server keeps JWTs in a directory, or one is not in the system account")

// resolverClient talks with a server about the JWTs that it has of accounts.
type resolverClient struct {
	*client
	k *keeper
}

// connectAs connects as whoever flags, environment or context name; else as a user that the operator's system account signs for
// the moment, if its key is here.
func (r *resolverClient) connectAs(o *nscstore.Operator) (*nats.Conn, error) {
	s, err := r.settings()
	if err != nil {
		return nil, err
	}
	servers := s.URL
	if servers == "" && len(o.Claims.OperatorServiceURLs) > 0 {
		servers = o.Claims.OperatorServiceURLs[0]
	}
	if servers == "" {
		servers = s.servers()
	}
	for _, credential := range s.identity() {
		if *credential != "" {
			return r.connectTo(servers, s)
		}
	}
	user, err := momentaryUser(o)
	if err != nil {
		return nil, fmt.Errorf("nobody is named to connect as, and %w", err)
	}
	return r.connectTo(servers, s, user)
}

// momentaryUser is a user of the system account that is kept nowhere.
func momentaryUser(o *nscstore.Operator) (nats.Option, error) {
	account, err := o.Store().Key(o.Claims.SystemAccount)
	if err != nil {
		return nil, fmt.Errorf("the system account cannot sign anybody: %w", err)
	}
	pair, err := nkeys.CreateUser()
	if err != nil {
		return nil, err
	}
	public, err := pair.PublicKey()
	if err != nil {
		return nil, err
	}
	claims := jwt.NewUserClaims(public)
	claims.Name, claims.Expires = "myelin auth", expiry(pusherExpiry)
	token, err := claims.Encode(account)
	if err != nil {
		return nil, err
	}
	return nats.UserJWT(func() (string, error) { return token, nil }, pair.Sign), nil
}

// request asks, and explains why there is no answer.
func (r *resolverClient) request(nc *nats.Conn, subject string, body []byte) ([]byte, error) {
	m, err := nc.Request(subject, body, r.timeout)
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return nil, errNoResolver
	case err != nil:
		return nil, err
	}
	return m.Data, nil
}

func newAccountPush(c *client) *cobra.Command {
	r := &resolverClient{client: c, k: &keeper{con: c.con}}
	var show, all bool
	cmd := &cobra.Command{
		Use:   "push [account]",
		Short: "Give a server the JWT of an account, or of all, which it keeps in its directory",
		Long: `Give a server the JWT of an account, or of all, which it keeps in its directory.

Who is not named as a user of the system account connects as one that is signed for the moment, if the key of that account is here.`,
		Args: arguments(0, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			o, err := r.k.theOperator("")
			if err != nil {
				return err
			}
			var list []*nscstore.Account
			if all {
				list, err = o.Accounts()
			} else {
				name, _ := nameAndID(args)
				var a *nscstore.Account
				a, err = r.k.theAccount(name)
				list = append(list, a)
			}
			if err != nil {
				return err
			}
			nc, err := r.connectAs(o)
			if err != nil {
				return err
			}
			defer nc.Close()
			for _, a := range list {
				if show {
					c.con.printf("%s\n", a.Token)
				}
				if err := r.push(nc, a); err != nil {
					return err
				}
			}
			return nil
		},
	}
	c.addFlags(cmd)
	r.k.addFlags(cmd, false)
	cmd.Flags().BoolVar(&show, "show", false, "print the JWT, too")
	cmd.Flags().BoolVar(&all, "all", false, "push all accounts of the operator")
	return cmd
}

// push gives all servers the JWT of an account, and says what each of them answers.
func (r *resolverClient) push(nc *nats.Conn, a *nscstore.Account) error {
	f := &fleet{client: r.client, gap: defaultGap}
	var failures []error
	for answer, err := range f.ask(nc, "$SYS.REQ.CLAIMS.UPDATE", []byte(a.Token), 0) {
		if errors.Is(err, errNoServer) {
			return errNoResolver
		}
		if err != nil {
			failures = append(failures, fmt.Errorf("account %s: %w", a.Name, err))
			continue
		}
		if r.k.asJSON {
			if err := r.con.jsonIndented(answer.raw); err != nil {
				return err
			}
			continue
		}
		var done struct {
			Message string `json:"message"`
		}
		if err := answer.decode(&done); err != nil {
			return err
		}
		r.con.printf("%s: %s: %s\n", a.Name, answer.Server.Name, done.Message)
	}
	return errors.Join(failures...)
}

func newAccountQuery(c *client) *cobra.Command {
	r := &resolverClient{client: c, k: &keeper{con: c.con}}
	cmd := &cobra.Command{
		Use:     "query <account> [output]",
		Aliases: []string{"pull"},
		Short:   "Show what a server has of an account, or write its JWT to a file",
		Args:    arguments(1, 2),
		RunE: func(_ *cobra.Command, args []string) error {
			o, err := r.k.theOperator("")
			if err != nil {
				return err
			}
			key := args[0]
			if !nkeys.IsValidPublicAccountKey(key) {
				a, err := o.Account(key)
				if err != nil {
					return err
				}
				key = a.Claims.Subject
			}
			nc, err := r.connectAs(o)
			if err != nil {
				return err
			}
			defer nc.Close()
			token, err := r.request(nc, "$SYS.REQ.ACCOUNT."+key+".CLAIMS.LOOKUP", nil)
			if err != nil {
				return err
			}
			if len(token) == 0 {
				return fmt.Errorf("the server does not have account %s", args[0])
			}
			claims, err := jwt.DecodeAccountClaims(string(token))
			if err != nil {
				return fmt.Errorf("what the server has of account %s: %w", args[0], err)
			}
			if len(args) > 1 {
				return writeNew(args[1], append(token, '\n'), publicMode, false)
			}
			return r.k.show("Account", shownClaims{claims.Name, claims.Subject, claims, string(token)}, accountSheet(claims))
		},
	}
	c.addFlags(cmd)
	r.k.addFlags(cmd, false)
	return cmd
}
