package cli

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
	"github.com/spf13/cobra"

	"myelin/internal/cli/nscstore"
)

// share is the frame of the commands about exports, or those about imports, of which an account has a list.
type share struct {
	k    *keeper
	kind string // "export"
}

// command makes one: edit gets the account and the other arguments, and what it changes is saved.
func (s *share) command(cmd *cobra.Command, low, high int, edit func(a *nscstore.Account, args []string) error) *cobra.Command {
	s.k.addFlags(cmd, false)
	cmd.Args = arguments(low, high)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		account := ""
		if len(args) == high {
			args, account = args[:high-1], args[high-1]
		}
		a, err := s.k.theAccount(account)
		if err != nil {
			return err
		}
		return edit(a, args)
	}
	return cmd
}

func (s *share) missing(a *nscstore.Account, subject string) error {
	return fmt.Errorf("account %s has no %s of %q", a.Name, s.kind, subject)
}

// exportType is what is shared: messages, or who answers requests.
func exportType(service bool) jwt.ExportType {
	if service {
		return jwt.Service
	}
	return jwt.Stream
}

func findExport(a *nscstore.Account, subject string) *jwt.Export {
	i := slices.IndexFunc(a.Claims.Exports, func(e *jwt.Export) bool { return string(e.Subject) == subject })
	if i < 0 {
		return nil
	}
	return a.Claims.Exports[i]
}

// exportSettings are what flags say about an export.
type exportSettings struct {
	description, url, response string
	position                   uint
	advertise, service, closed bool
}

func (e *exportSettings) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&e.description, "description", "", "what it is")
	flags.StringVar(&e.url, "url", "", "`URL` with more about it")
	flags.UintVar(&e.position, "token-position", 0, "`number` of the token that has to be the importing account")
	flags.BoolVar(&e.advertise, "advertise", false, "tell others of it")
	flags.BoolVar(&e.closed, "private", false, "importing it needs a token that the account has signed")
	flags.StringVar(&e.response, "response", "", "how a service answers: Singleton, Stream or Chunked")
}

func (e *exportSettings) apply(cmd *cobra.Command, x *jwt.Export) {
	for name, set := range map[string]func(){
		"description":    func() { x.Description = e.description },
		"url":            func() { x.InfoURL = e.url },
		"token-position": func() { x.AccountTokenPosition = e.position },
		"advertise":      func() { x.Advertise = e.advertise },
		"private":        func() { x.TokenReq = e.closed },
		"response":       func() { x.ResponseType = jwt.ResponseType(e.response) },
	} {
		if cmd.Flags().Changed(name) {
			set()
		}
	}
}

// newExports is the group of commands about what an account lets others have.
func newExports(con *console) *cobra.Command {
	s := func() *share { return &share{&keeper{con: con}, "export"} }
	return family(&cobra.Command{
		Use:     "exports",
		Aliases: []string{"e", "exp", "export"},
		Short:   "Manage what an account lets others import",
	}, s().addExport(), s().infoExport(), s().editExport(), s().listExports(), s().removeExport(), s().activate(), s().withdraw())
}

func (s *share) addExport() *cobra.Command {
	settings := &exportSettings{}
	cmd := &cobra.Command{
		Use:     "add <name> <subject> [account]",
		Aliases: []string{"new", "a", "n"},
		Short:   "Export messages on a subject or, with --service, who answers requests there",
	}
	settings.addFlags(cmd)
	cmd.Flags().BoolVar(&settings.service, "service", false, "export a service")
	return s.command(cmd, 2, 3, func(a *nscstore.Account, args []string) error {
		if findExport(a, args[1]) != nil {
			return fmt.Errorf("account %s exports %q already", a.Name, args[1])
		}
		x := &jwt.Export{Name: args[0], Subject: jwt.Subject(args[1]), Type: exportType(settings.service)}
		settings.apply(cmd, x)
		a.Claims.Exports.Add(x)
		if err := a.Save(); err != nil {
			return err
		}
		return s.showExport(x)
	})
}

func (s *share) showExport(x *jwt.Export) error {
	if s.k.asJSON {
		return s.k.con.jsonIndented(x)
	}
	about := &sheet{}
	about.section("Export")
	about.row("Name", x.Name)
	about.row("Subject", x.Subject)
	about.row("Type", x.Type)
	rowUnless(about, "Response", string(x.ResponseType))
	about.row("Private", x.TokenReq)
	for _, importer := range slices.Sorted(maps.Keys(x.Revocations)) {
		about.row("Revoked", importer)
	}
	rowUnless(about, "Account Token Position", x.AccountTokenPosition)
	rowUnless(about, "Description", x.Description)
	rowUnless(about, "URL", x.InfoURL)
	about.row("Advertised", x.Advertise)
	s.k.con.printf("%s", about)
	return nil
}

func (s *share) infoExport() *cobra.Command {
	cmd := &cobra.Command{Use: "info <subject> [account]", Aliases: []string{"i", "show", "view"}, Short: "Show an export"}
	return s.command(cmd, 1, 2, func(a *nscstore.Account, args []string) error {
		x := findExport(a, args[0])
		if x == nil {
			return s.missing(a, args[0])
		}
		return s.showExport(x)
	})
}

func (s *share) editExport() *cobra.Command {
	settings := &exportSettings{}
	cmd := &cobra.Command{Use: "edit <subject> [account]", Aliases: []string{"update"}, Short: "Change what flags name of an export"}
	settings.addFlags(cmd)
	return s.command(cmd, 1, 2, func(a *nscstore.Account, args []string) error {
		x := findExport(a, args[0])
		if x == nil {
			return s.missing(a, args[0])
		}
		settings.apply(cmd, x)
		if err := a.Save(); err != nil {
			return err
		}
		return s.showExport(x)
	})
}

func (s *share) listExports() *cobra.Command {
	cmd := &cobra.Command{Use: "ls [account]", Aliases: []string{"list"}, Short: "List exports"}
	return s.command(cmd, 0, 1, func(a *nscstore.Account, _ []string) error {
		if s.k.asJSON {
			return s.k.con.jsonIndented(append(jwt.Exports{}, a.Claims.Exports...))
		}
		t := newTable("Name", "Type", "Subject", "Private", "Description")
		for _, x := range a.Claims.Exports {
			t.row(x.Name, x.Type, x.Subject, x.TokenReq, x.Description)
		}
		return t.print(s.k.con)
	})
}

func (s *share) removeExport() *cobra.Command {
	var force bool
	cmd := &cobra.Command{Use: "rm <subject> [account]", Short: "Remove an export"}
	cmd.Flags().BoolVarP(&force, "force", "f", false, "do not ask")
	return s.command(cmd, 1, 2, func(a *nscstore.Account, args []string) error {
		if findExport(a, args[0]) == nil {
			return s.missing(a, args[0])
		}
		if err := s.k.confirmed(force, "Remove the export of %s from account %s?", args[0], a.Name); err != nil {
			return err
		}
		a.Claims.Exports = slices.DeleteFunc(a.Claims.Exports, func(e *jwt.Export) bool { return string(e.Subject) == args[0] })
		return a.Save()
	})
}

// importSettings are what flags say about an import.
type importSettings struct {
	source, local, token       string
	share, traceable, services bool
}

func (i *importSettings) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&i.local, "local", "", "`subject` under which it is known in the account")
	flags.BoolVar(&i.share, "share", false, "let who answers a service know who asks")
	flags.BoolVar(&i.traceable, "traceable", false, "let messages of a stream be traced into the account")
}

func (i *importSettings) apply(cmd *cobra.Command, x *jwt.Import) {
	for name, set := range map[string]func(){
		"local":     func() { x.LocalSubject = jwt.RenamingSubject(i.local) },
		"share":     func() { x.Share = i.share },
		"traceable": func() { x.AllowTrace = i.traceable },
	} {
		if cmd.Flags().Changed(name) {
			set()
		}
	}
}

// localSubject is under which subject an import is known in its account.
func localSubject(x *jwt.Import) string {
	return cmp.Or(string(x.LocalSubject), x.GetTo(), string(x.Subject))
}

func findImport(a *nscstore.Account, subject string) *jwt.Import {
	i := slices.IndexFunc(a.Claims.Imports, func(x *jwt.Import) bool { return localSubject(x) == subject })
	if i < 0 {
		return nil
	}
	return a.Claims.Imports[i]
}

// newImports is the group of commands about what an account has from others.
func newImports(con *console) *cobra.Command {
	s := func() *share { return &share{&keeper{con: con}, "import"} }
	return family(&cobra.Command{
		Use:     "imports",
		Aliases: []string{"i", "imp", "import"},
		Short:   "Manage what an account has from others",
	}, s().addImport(), s().infoImport(), s().editImport(), s().listImports(), s().removeImport())
}

func (s *share) addImport() *cobra.Command {
	settings := &importSettings{}
	cmd := &cobra.Command{
		Use:     "add <name> <subject> [account]",
		Aliases: []string{"new", "a", "n"},
		Short:   "Import what another account exports",
		Example: `  myelin auth account imports add orders 'order.>' BILLING --source ORDERS --local 'shop.order.>'`,
	}
	settings.addFlags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&settings.source, "source", "", "public key, or name, of the `account` that exports it")
	flags.BoolVar(&settings.services, "service", false, "import a service")
	flags.StringVar(&settings.token, "token", "", "`file` with the token that a private export needs")
	s.command(cmd, 2, 3, func(a *nscstore.Account, args []string) error {
		source, err := sourceKey(a, settings.source)
		if err != nil {
			return err
		}
		x := &jwt.Import{Name: args[0], Subject: jwt.Subject(args[1]), Account: source, Type: exportType(settings.services)}
		settings.apply(cmd, x)
		if settings.token != "" {
			data, err := s.k.con.readInput(settings.token)
			if err != nil {
				return err
			}
			if x.Token, err = jwt.ParseDecoratedJWT(data); err != nil {
				return err
			}
			x.Token = strings.TrimSpace(x.Token)
		}
		if findImport(a, localSubject(x)) != nil {
			return fmt.Errorf("account %s has an import as %q already", a.Name, localSubject(x))
		}
		a.Claims.Imports.Add(x)
		if err := a.Save(); err != nil {
			return err
		}
		return s.showImport(x)
	})
	requireFlags(cmd, "source")
	return cmd
}

// sourceKey is the public key of an account, which may be one of the operator's that is given by name.
func sourceKey(a *nscstore.Account, source string) (string, error) {
	if nkeys.IsValidPublicAccountKey(source) {
		return source, nil
	}
	other, err := a.Operator.Account(source)
	if err != nil {
		return "", err
	}
	return other.Claims.Subject, nil
}

func (s *share) showImport(x *jwt.Import) error {
	if s.k.asJSON {
		return s.k.con.jsonIndented(x)
	}
	about := &sheet{}
	about.section("Import")
	about.row("Name", x.Name)
	about.row("Source", x.Account)
	about.row("Subject", x.Subject)
	about.row("Local Subject", localSubject(x))
	about.row("Type", x.Type)
	if c, err := jwt.DecodeActivationClaims(x.Token); err == nil {
		about.row("Token Expires", expiryText(c.Expires))
	}
	rowUnless(about, "Shares Connection", x.Share)
	rowUnless(about, "Traceable", x.AllowTrace)
	s.k.con.printf("%s", about)
	return nil
}

func (s *share) infoImport() *cobra.Command {
	cmd := &cobra.Command{Use: "info <subject> [account]", Aliases: []string{"i", "show", "view"}, Short: "Show an import, by its subject in the account"}
	return s.command(cmd, 1, 2, func(a *nscstore.Account, args []string) error {
		x := findImport(a, args[0])
		if x == nil {
			return s.missing(a, args[0])
		}
		return s.showImport(x)
	})
}

func (s *share) editImport() *cobra.Command {
	settings := &importSettings{}
	cmd := &cobra.Command{Use: "edit <subject> [account]", Aliases: []string{"update"}, Short: "Change what flags name of an import, by its subject in the account"}
	settings.addFlags(cmd)
	return s.command(cmd, 1, 2, func(a *nscstore.Account, args []string) error {
		x := findImport(a, args[0])
		if x == nil {
			return s.missing(a, args[0])
		}
		settings.apply(cmd, x)
		if err := a.Save(); err != nil {
			return err
		}
		return s.showImport(x)
	})
}

func (s *share) listImports() *cobra.Command {
	cmd := &cobra.Command{Use: "ls [account]", Aliases: []string{"list"}, Short: "List imports"}
	return s.command(cmd, 0, 1, func(a *nscstore.Account, _ []string) error {
		if s.k.asJSON {
			return s.k.con.jsonIndented(append(jwt.Imports{}, a.Claims.Imports...))
		}
		t := newTable("Name", "Type", "Subject", "Local Subject", "Source")
		for _, x := range a.Claims.Imports {
			source := x.Account
			if other, err := a.Operator.Account(source); err == nil {
				source = other.Name
			}
			t.row(x.Name, x.Type, x.Subject, localSubject(x), source)
		}
		return t.print(s.k.con)
	})
}

func (s *share) removeImport() *cobra.Command {
	var force bool
	cmd := &cobra.Command{Use: "rm <subject> [account]", Short: "Remove an import, by its subject in the account"}
	cmd.Flags().BoolVarP(&force, "force", "f", false, "do not ask")
	return s.command(cmd, 1, 2, func(a *nscstore.Account, args []string) error {
		if findImport(a, args[0]) == nil {
			return s.missing(a, args[0])
		}
		if err := s.k.confirmed(force, "Remove the import of %s from account %s?", args[0], a.Name); err != nil {
			return err
		}
		a.Claims.Imports = slices.DeleteFunc(a.Claims.Imports, func(x *jwt.Import) bool { return localSubject(x) == args[0] })
		return a.Save()
	})
}
