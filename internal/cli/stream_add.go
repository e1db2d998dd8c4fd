package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"myelin/internal/apierr"
	"myelin/internal/jetstream/wire"
	"myelin/internal/stream"
)

// streamAdd is the command that creates a stream.
type streamAdd struct {
	*streamTool
	streamFlags
	configFile string
	output     string
	validate   bool
	defaults   bool
	json       bool
}

func newStreamAdd(t *streamTool) *cobra.Command {
	a := &streamAdd{streamTool: t}
	cmd := &cobra.Command{
		Use:     "add [stream]",
		Aliases: []string{"create", "new"},
		Short:   "Create a stream",
		Long: `Create a stream. On a terminal, what the flags leave open is asked for, unless --defaults or --config is given.
Elsewhere a stream needs a name and, unless it copies others, --subjects; all else has a default.`,
		Example: `  myelin stream add ORDERS --subjects 'orders.>' --max-age 30d --defaults
  myelin stream add COPY --mirror ORDERS --defaults
  myelin stream add --config stream.json`,
		Args: arguments(0, 1),
		RunE: func(_ *cobra.Command, args []string) error { return a.run(args) },
	}
	a.streamTool.addFlags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&a.configFile, "config", "", "`file` with the configuration as JSON; other flags change it")
	flags.BoolVar(&a.validate, "validate", false, "only say whether the configuration is valid")
	flags.StringVar(&a.output, "output", "", "write the configuration to a `file` instead of creating the stream")
	flags.BoolVarP(&a.json, "json", "j", false, "print JSON")
	flags.BoolVar(&a.defaults, "defaults", false, "ask nothing")
	a.addFixed(cmd)
	a.streamFlags.add(cmd)
	return cmd
}

func (a *streamAdd) run(args []string) error {
	cfg, err := a.configuration(args)
	if err != nil {
		return err
	}
	switch {
	case a.validate:
		return a.con.validated(cfg, func() error { return checkStream(cfg) })
	case a.output != "":
		return cfg.save(a.output)
	}
	return a.withJetStream(func(js *jetStream) error { return js.createStream(cfg, a.json) })
}

// createStream creates a stream and shows it.
func (j *jetStream) createStream(cfg *document, asJSON bool) error {
	name := cfg.text("name")
	info := &streamInfo{}
	if err := j.call("STREAM.CREATE."+name, cfg, info); err != nil {
		return fmt.Errorf("create stream %s: %w", name, explained(err))
	}
	if !asJSON {
		j.con.printf("Stream %s was created\n\n", name)
	}
	return info.show(j.con, asJSON)
}

// configuration is what file, flags and answers say.
func (a *streamAdd) configuration(args []string) (*document, error) {
	cfg, err := a.base(args)
	if err != nil {
		return nil, err
	}
	if err := a.apply(cfg); err != nil {
		return nil, err
	}
	asking := a.con.interactive() && !a.defaults && a.configFile == ""
	if asking {
		if err := a.askOrigins(cfg); err != nil {
			return nil, err
		}
	}
	if err := a.needSubjects(cfg); err != nil {
		return nil, err
	}
	if asking {
		err = a.askRest(cfg)
	}
	return cfg, err
}

// base is the configuration that flags change: the one of a file, or one with a name and defaults.
func (a *streamAdd) base(args []string) (*document, error) {
	cfg := &document{}
	if a.configFile != "" {
		if err := readJSON(a.configFile, cfg); err != nil {
			return nil, err
		}
		dropLevels(cfg)
	}
	if len(args) > 0 {
		cfg.set("name", args[0])
	}
	if !cfg.has("name") {
		name, err := a.con.ask("Stream name", "", "it as an argument")
		if err != nil {
			return nil, err
		}
		cfg.set("name", name)
	}
	if a.configFile == "" {
		streamDefaults(cfg)
	}
	return cfg, validStreamName(cfg.text("name"))
}

// readJSON reads a file.
func readJSON(path string, into any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}

// streamDefaults fills in what this client asks for where the server would choose otherwise, or where people want to
// see in a file what they may change.
func streamDefaults(cfg *document) {
	for _, d := range []struct {
		member string
		value  any
	}{
		{"subjects", []string{}}, {"retention", "limits"}, {"max_consumers", -1}, {"max_msgs_per_subject", -1}, {"max_msgs", -1},
		{"max_bytes", -1}, {"max_age", 0}, {"max_msg_size", -1}, {"storage", "file"}, {"discard", "old"}, {"num_replicas", 1},
		{"allow_direct", true},
	} {
		cfg.set(d.member, d.value)
	}
}

// needSubjects sees to it that a stream that copies nothing has subjects.
func (a *streamAdd) needSubjects(cfg *document) error {
	var subjects []string
	cfg.get("subjects", &subjects)
	switch {
	case len(subjects) > 0 || a.configFile != "":
		return nil
	case cfg.has("mirror"), cfg.has("sources"):
		cfg.remove("subjects")
		return nil
	}
	text, err := a.con.ask("List of subjects", "", "--subjects")
	if err != nil {
		return err
	}
	if subjects = splitCommas(strings.Fields(text)); len(subjects) == 0 {
		return errors.New("a stream needs subjects, or streams to copy")
	}
	cfg.set("subjects", subjects)
	return nil
}

// checkStream says what our own server would object to, whatever its limits are.
func checkStream(cfg *document) error {
	data, err := json.Marshal(cfg)
	if err != nil {
		return err
	}
	var c stream.Config
	if err := wire.Decode(data, &c, strings.NewReplacer()); err != nil {
		return objection(err)
	}
	if _, err := stream.Check(c, stream.Bounds{Clustered: true}, false); err != nil {
		return objection(err)
	}
	return nil
}

// objection is an error of our own server as one of the API.
func objection(err *apierr.Error) error {
	return &apiError{Code: err.Code, ErrCode: int(err.ErrCode), Description: err.Description}
}
