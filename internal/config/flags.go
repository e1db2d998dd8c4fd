package config

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"myelin/internal/vfs"
)

// Action is what a command line asks for.
type Action int

const (
	Run        Action = iota // start a server with Flags.Load
	Help                     // print Usage
	HelpTLS                  // print UsageTLS
	Version                  // print the version
	TestConfig               // Flags.Test
	SendSignal               // send Flags.Signal to a running server
)

// Signal is the argument of --signal.
type Signal struct {
	Name   string // one of signalNames
	Target string // a process id, the beginning of one with a *, or a file that holds either; "" for the only server
}

var signalNames = []string{"ldm", "stop", "quit", "term", "reopen", "reload"}

// Flags is a command line that has been understood.
type Flags struct {
	Action     Action
	Signal     Signal // of SendSignal
	ConfigFile string // "" for none

	changes []change // to the configuration, in the order of the command line
}

// change is a flag on top of what the file says.
type change struct {
	key   string // of the same setting in a file
	apply func(*Config)
	alone bool // the file must not set it as well
}

// UsageError is a command line of which a flag could not be understood. After such an error the stock server prints
// its usage on standard output and exits with 0.
type UsageError struct{ err error }

func (e *UsageError) Error() string { return e.err.Error() }
func (e *UsageError) Unwrap() error { return e.err }

// ParseFlags reads the arguments after the program's name. Flags have one dash or two; a boolean may be given a value
// after =, any other flag also as the next argument. An error that is no UsageError means that the command line was
// understood but asks for what cannot be had.
func ParseFlags(args []string) (*Flags, error) {
	l := &line{}
	set := flag.NewFlagSet("", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	for _, g := range flagGroups {
		for i := range g.options {
			g.options[i].define(set, l)
		}
	}
	if err := set.Parse(args); err != nil {
		return nil, &UsageError{err}
	}
	return l.flags(set.Args())
}

// line collects what the flags say while they are parsed.
type line struct {
	help, helpTLS, version, test bool
	signal, file                 string
	refused                      []string // flags of features that do not exist yet
	changes                      []change
	tls                          tlsLine
}

// flags decides what the whole of a command line means. rest is what follows the flags.
func (l *line) flags(rest []string) (*Flags, error) {
	f := &Flags{ConfigFile: l.file, changes: append(l.changes, l.tls.changes()...)}
	word := ""
	if len(rest) > 0 {
		word = strings.ToLower(rest[0])
	}
	switch {
	case l.help || word == "help" && !l.version && !l.helpTLS:
		f.Action = Help
	case l.version || word == "version" && !l.helpTLS:
		f.Action = Version
	case l.helpTLS:
		f.Action = HelpTLS
	case len(rest) > 0:
		return nil, fmt.Errorf("unrecognized command: %q", rest[0])
	case len(l.refused) > 0:
		return nil, fmt.Errorf(notSupported, l.refused[0])
	case l.signal != "":
		return parseSignal(l.signal)
	case l.tls.check() != nil:
		return nil, l.tls.check()
	case l.test && l.file == "":
		return nil, errors.New("must specify [-c, --config] option to check configuration file syntax")
	case l.test:
		f.Action = TestConfig
	}
	return f, nil
}

// parseSignal reads <signal>[=<target>].
func parseSignal(s string) (*Flags, error) {
	name, target, _ := strings.Cut(s, "=")
	if !slices.Contains(signalNames, name) {
		return nil, fmt.Errorf("unknown signal %q", name)
	}
	return &Flags{Action: SendSignal, Signal: Signal{name, target}}, nil
}

// Load makes the configuration: the defaults, what the file says, and what the flags say, each on top of the one
// before. It can be called again to read the file anew.
func (f *Flags) Load(fs vfs.FS, lookup LookupEnv) (*Config, error) {
	return load(fs, f.ConfigFile, lookup, f.changes)
}

// Test does what -t asks for: it says that the file is valid, or what is wrong with it. What is only a warning when a
// server starts is an error here. Both texts go to standard error after the program's name and a colon.
func (f *Flags) Test(fs vfs.FS, lookup LookupEnv) (string, error) {
	c, err := f.Load(fs, lookup)
	if err != nil {
		return "", err
	}
	if len(c.Warnings) > 0 {
		return "", errors.New(strings.Join(c.Warnings, "\n"))
	}
	return fmt.Sprintf("configuration file %s is valid (%s)", c.File, c.Digest), nil
}

// define makes a flag known by all its names.
func (o *option) define(set *flag.FlagSet, l *line) {
	for _, name := range o.short {
		set.Var(&argument{o, "-" + name, l}, name, "")
	}
	for _, name := range o.long {
		set.Var(&argument{o, "--" + name, l}, name, "")
	}
}

// argument is a flag by one of its names, as package flag wants it.
type argument struct {
	option *option
	name   string // with dashes
	line   *line
}

func (a *argument) String() string     { return "" }
func (a *argument) Set(s string) error { return a.option.set(a.line, a.name, s) }
func (a *argument) IsBoolFlag() bool   { return a.option.argument == "" }
