package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// consumerEdit is the consumer edit command.
type consumerEdit struct {
	*consumerTool
	consumerFlags
	configFile                         string
	force, interactive, dryRun, asJSON bool
}

func newConsumerEdit(t *consumerTool) *cobra.Command {
	e := &consumerEdit{consumerTool: t}
	var cmd *cobra.Command
	cmd = t.command(&cobra.Command{
		Use:     "edit [stream] [consumer]",
		Aliases: []string{"update"},
		Short:   "Change the configuration of a consumer; what no flag names stays",
		Example: `  myelin consumer edit ORDERS billing --max-deliver 10 --force
  myelin consumer edit ORDERS billing --interactive`,
	}, 0, func(js *jetStream, at consumerPlace, _ []string) error { return e.run(cmd, js, at) })
	flags := cmd.Flags()
	flags.StringVar(&e.configFile, "config", "", "`file` with the new configuration as JSON; other flags change it")
	flags.BoolVarP(&e.force, "force", "f", false, "change without asking")
	flags.BoolVarP(&e.interactive, "interactive", "i", false, "change the configuration in $VISUAL or $EDITOR")
	flags.BoolVar(&e.dryRun, "dry-run", false, "only show what would change")
	flags.BoolVarP(&e.asJSON, "json", "j", false, "print JSON")
	e.add(cmd)
	return cmd
}

func (e *consumerEdit) run(cmd *cobra.Command, js *jetStream, at consumerPlace) error {
	if !changed(cmd) && !e.con.interactive() {
		return errNothingToChange
	}
	info, err := js.consumerInfo(at)
	if err != nil {
		return err
	}
	dropLevels(&info.config)
	cfg, err := e.configuration(cmd, info)
	if err != nil {
		return err
	}
	changes := differences(&info.config, cfg)
	if len(changes) == 0 {
		e.con.logf("No difference in configuration")
		return nil
	}
	fmt.Fprintf(e.con.err, "Differences (-old +new):\n%s", strings.Join(append(changes, ""), "\n"))
	if e.dryRun {
		return nil
	}
	if !e.force {
		if err := confirm(e.con, fmt.Sprintf("Really edit Consumer %s", at)); err != nil {
			return err
		}
	}
	info, err = js.createConsumer(at.stream, cfg, "update")
	if err != nil {
		return err
	}
	return info.show(e.con, e.asJSON)
}

// configuration is the new one.
func (e *consumerEdit) configuration(cmd *cobra.Command, info *consumerInfo) (*document, error) {
	cfg := info.config.clone()
	if e.configFile != "" {
		cfg = &document{}
		if err := readJSON(e.configFile, cfg); err != nil {
			return nil, err
		}
	}
	if err := e.apply(cfg); err != nil {
		return nil, err
	}
	if e.interactive || !changed(cmd) {
		editor := &streamEdit{streamTool: e.streams}
		if err := editor.edit(cfg); err != nil {
			return nil, err
		}
	}
	switch name := cfg.text("name"); name {
	case info.Name:
	case "":
		cfg.set("name", info.Name)
	default:
		return nil, fmt.Errorf("a consumer cannot be renamed, to %q: copy makes another one", name)
	}
	return cfg, nil
}
