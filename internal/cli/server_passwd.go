package cli

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/crypto/bcrypt"
	"golang.org/x/term"
)

const (
	passwordEnv = "PASSWORD"
	// The shortest password that is taken, and the longest that bcrypt looks at, in bytes.
	minPassword, maxPassword = 10, 72
	// The bounds of what --cost may be: a login of cost 20 takes a minute.
	minCost, maxCost = 8, 20
	generatedLength  = 22
)

// hasher makes hashes of passwords.
type hasher struct {
	con      *console
	pass     string
	cost     int
	generate bool
	asJSON   bool
}

func newServerPasswd(con *console) *cobra.Command {
	h := &hasher{con: con}
	cmd := &cobra.Command{
		Use:     "passwd",
		Aliases: []string{"mkpasswd", "pass", "password"},
		Short:   "Turn a password into a bcrypt hash for the configuration of a server",
		Long: `Turn a password into a bcrypt hash for the configuration of a server.

The password is asked for on a terminal; elsewhere it is the first line of stdin. Each step of --cost doubles the time
that a login takes.`,
		Example: `  myelin server passwd
  myelin server passwd --generate
  myelin server passwd < password.txt`,
		Args: arguments(0, 0),
		RunE: func(*cobra.Command, []string) error { return h.run() },
	}
	flags := cmd.Flags()
	flags.StringVarP(&h.pass, "pass", "p", "", "the `password`, which others on this machine can see then ($PASSWORD)")
	flags.IntVarP(&h.cost, "cost", "c", 11, "how dear it is to compare with the hash")
	flags.BoolVarP(&h.generate, "generate", "g", false, "make up a password, and print it as well")
	flags.BoolVarP(&h.asJSON, "json", "j", false, "print JSON")
	cmd.MarkFlagsMutuallyExclusive("pass", "generate")
	return cmd
}

func (h *hasher) run() error {
	if h.cost < minCost || h.cost > maxCost {
		return fmt.Errorf("the cost is from %d to %d", minCost, maxCost)
	}
	password, err := h.password()
	switch {
	case err != nil:
		return err
	case len(password) < minPassword:
		return fmt.Errorf("a password has to have at least %d characters", minPassword)
	case len(password) > maxPassword:
		return fmt.Errorf("a password has at most %d bytes: bcrypt does not look at more", maxPassword)
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(password), h.cost)
	if err != nil {
		return err
	}
	switch {
	case h.asJSON:
		shown := struct {
			Password string `json:"password,omitempty"`
			Hash     string `json:"hash"`
		}{Hash: string(hash)}
		if h.generate {
			shown.Password = password
		}
		return h.con.jsonIndented(shown)
	case h.generate:
		h.con.printf("Generated password: %s\n       bcrypt hash: %s\n", password, hash)
	default:
		h.con.printf("%s\n", hash)
	}
	return nil
}

// password is the one that is given, made up, asked for or read.
func (h *hasher) password() (string, error) {
	switch {
	case h.generate:
		return generatePassword()
	case h.pass != "":
		return h.pass, nil
	case h.con.getenv(passwordEnv) != "":
		return h.con.getenv(passwordEnv), nil
	case h.con.interactive():
		return h.con.askTwice("Password")
	}
	return h.con.secretLine()
}

// secretLine reads a line as it stands: blanks belong to a password. The last line need not end.
func (c *console) secretLine() (string, error) {
	// A line that is longer than any password would be cut off: the rest is left to make it too long.
	text, err := io.ReadAll(io.LimitReader(c.in, 1024))
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	line = strings.TrimSuffix(line, "\r")
	if line == "" {
		return "", errors.New("there is no password on stdin")
	}
	return line, nil
}

// askTwice asks for a secret that is not shown, until it is typed the same way twice.
func (c *console) askTwice(what string) (string, error) {
	terminal, ok := c.in.(*os.File)
	if !ok {
		return "", errors.New("stdin is not a terminal")
	}
	ask := func(prompt string) (string, error) {
		fmt.Fprintf(c.err, "%s: ", prompt)
		text, err := term.ReadPassword(int(terminal.Fd()))
		fmt.Fprintln(c.err)
		return string(text), err
	}
	for {
		first, err := ask(what)
		if err != nil {
			return "", err
		}
		second, err := ask(what + " again")
		if err != nil || first == second {
			return first, err
		}
		fmt.Fprintln(c.err, "  these differ; again, please")
	}
}

// generatePassword makes up a password that needs no quotes in a shell nor in a configuration.
func generatePassword() (string, error) {
	const letters = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789-_"
	var b strings.Builder
	b.WriteByte('p') // neither a dash nor a digit, which would be a flag or a number somewhere
	for b.Len() < generatedLength {
		n, err := rand.Int(rand.Reader, big.NewInt(int64(len(letters))))
		if err != nil {
			return "", err
		}
		b.WriteByte(letters[n.Int64()])
	}
	return b.String(), nil
}
