package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/spf13/cobra"

	"myelin/internal/cli/nscstore"
)

// keeper has what all commands about operators, accounts and users have: where they are kept, and which operator is meant.
type keeper struct {
	con      *console
	dir      string
	operator string
	asJSON   bool
}

// addFlags gives a command these flags; named says that the operator is one of its arguments.
func (k *keeper) addFlags(cmd *cobra.Command, named bool) {
	flags := cmd.Flags()
	flags.StringVar(&k.dir, "store", "", "`folder` of operators and keys, in place of the user's own")
	flags.BoolVarP(&k.asJSON, "json", "j", false, "print JSON")
	if !named {
		flags.StringVar(&k.operator, "operator", "", "`name` of the operator")
	}
}

// store is the folder that nsc and the nats tool use, too.
func (k *keeper) store() (*nscstore.Store, error) {
	if k.dir != "" {
		return nscstore.New(k.dir), nil
	}
	parent := k.con.getenv("XDG_DATA_HOME")
	if parent == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return nil, fmt.Errorf("find the folder of operators: %w", err)
		}
		parent = filepath.Join(home, ".local", "share")
	}
	return nscstore.New(filepath.Join(parent, "nats", "nsc")), nil
}

// selectionFile is where the nats tool notes which operator is meant when none is named.
func (k *keeper) selectionFile() (string, error) {
	dir, err := userContexts(k.con.getenv)
	return filepath.Join(string(dir), "cli", "config.json"), err
}

const selectedOperator = "select_operator"

// selection reads the file, of which only one member is ours.
func (k *keeper) selection() (map[string]any, string, error) {
	file, err := k.selectionFile()
	if err != nil {
		return nil, "", err
	}
	all := map[string]any{}
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return all, file, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &all)
	}
	if err != nil {
		return nil, "", fmt.Errorf("read which operator is selected: %w", err)
	}
	return all, file, nil
}

// theOperator is the one that is named, else the selected one, else the only one there is.
func (k *keeper) theOperator(name string) (*nscstore.Operator, error) {
	store, err := k.store()
	if err != nil {
		return nil, err
	}
	if name == "" {
		name = k.operator
	}
	if name != "" {
		return store.Operator(name)
	}
	names, err := store.Operators()
	if err != nil {
		return nil, err
	}
	all, _, err := k.selection()
	if err != nil {
		return nil, err
	}
	if name, _ := all[selectedOperator].(string); slices.Contains(names, name) {
		return store.Operator(name)
	}
	if name, err = k.only("operator", names, "--operator", "myelin auth operator add"); err != nil {
		return nil, err
	}
	return store.Operator(name)
}

// only is the name of the only one there is, or the one that somebody chooses.
func (k *keeper) only(kind string, names []string, flag, add string) (string, error) {
	switch {
	case len(names) == 1:
		return names[0], nil
	case len(names) == 0:
		return "", fmt.Errorf("there is no %s yet: %s makes one", kind, add)
	case !k.con.interactive():
		return "", fmt.Errorf("there are several %ss, %s: say with %s which is meant", kind, strings.Join(names, ", "), flag)
	}
	return k.con.choose(strings.ToUpper(kind[:1])+kind[1:], names, "", flag)
}

// onOperator and onAccount run a command about the operator or the account that its first argument names, see theOperator and theAccount.
func (k *keeper) onOperator(do func(*nscstore.Operator) error) func(*cobra.Command, []string) error {
	return onNamed(k.theOperator, do)
}

func (k *keeper) onAccount(do func(*nscstore.Account) error) func(*cobra.Command, []string) error {
	return onNamed(k.theAccount, do)
}

func onNamed[T any](find func(name string) (T, error), do func(T) error) func(*cobra.Command, []string) error {
	return func(_ *cobra.Command, args []string) error {
		name, _ := nameAndID(args)
		found, err := find(name)
		if err != nil {
			return err
		}
		return do(found)
	}
}

// theAccount is the one that is named, else the only one besides the system's.
func (k *keeper) theAccount(name string) (*nscstore.Account, error) {
	o, err := k.theOperator("")
	if err != nil {
		return nil, err
	}
	if name != "" {
		return o.Account(name)
	}
	list, err := o.Accounts()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, a := range list {
		if !a.System() {
			names = append(names, a.Name)
		}
	}
	if name, err = k.only("account", names, "an argument", "myelin auth account add"); err != nil {
		return nil, err
	}
	return o.Account(name)
}

// theUser is the one that is named, else the only one of the account.
func (k *keeper) theUser(name, account string) (*nscstore.User, error) {
	a, err := k.theAccount(account)
	if err != nil {
		return nil, err
	}
	if name != "" {
		return a.User(name)
	}
	list, err := a.Users()
	if err != nil {
		return nil, err
	}
	names := make([]string, len(list))
	for i, u := range list {
		names[i] = u.Name
	}
	if name, err = k.only("user", names, "an argument", "myelin auth user add"); err != nil {
		return nil, err
	}
	return a.User(name)
}

// name is an argument, or the answer to a question.
func (k *keeper) name(args []string, question string) (string, error) {
	if len(args) > 0 && args[0] != "" {
		return args[0], nil
	}
	return k.con.ask(question, "", "it as an argument")
}

// confirmed asks before something is lost, unless force says not to.
func (k *keeper) confirmed(force bool, format string, args ...any) error {
	return k.con.confirm(force, format, args...)
}

// shownClaims is a JWT in JSON output.
type shownClaims struct {
	Name    string     `json:"name"`
	Subject string     `json:"subject"`
	Claims  jwt.Claims `json:"claims"`
	Token   string     `json:"jwt"`
}

// show prints a JWT: as JSON if that was asked for, else as the sheet below a title.
func (k *keeper) show(kind string, s shownClaims, about *sheet) error {
	if k.asJSON {
		return k.con.jsonIndented(s)
	}
	k.con.printf("%s %s (%s)\n\n%s", kind, s.Name, s.Subject, about)
	return nil
}

// listed prints a table, or the list of JWTs as JSON, or only the names.
func (k *keeper) listed(list []shownClaims, namesOnly bool, kind string, t *table) error {
	switch {
	case namesOnly:
		for _, s := range list {
			k.con.printf("%s\n", s.Name)
		}
		return nil
	case k.asJSON:
		if list == nil {
			list = []shownClaims{}
		}
		return k.con.jsonIndented(list)
	case len(list) == 0:
		k.con.logf("There are no %s", kind)
		return nil
	}
	return t.print(k.con)
}

// expiryText says when a JWT expires.
func expiryText(seconds int64) string {
	if seconds == 0 {
		return "never"
	}
	return time.Unix(seconds, 0).Local().Format(stamp)
}

// expiry is when something that is valid so long from now on expires, in seconds since 1970; 0 for never.
func expiry(d time.Duration) int64 {
	if d <= 0 {
		return 0
	}
	return time.Now().Add(d).Unix()
}

// changeTags adds and removes tags.
func changeTags(tags *jwt.TagList, add, remove []string) {
	tags.Add(add...)
	tags.Remove(remove...)
}
