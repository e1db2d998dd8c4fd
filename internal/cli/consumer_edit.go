package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

// consumerEdit is the consumer edit command.
type consumerEdit struct {
	*consumerTool
	consumerFlags
	editFlags
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
	e.editFlags.add(cmd.Flags())
	e.consumerFlags.add(cmd)
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
	if ok, err := e.agreed(e.con, &info.config, cfg, "Consumer "+at.String()); !ok {
		return err
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
		if err := e.con.edit(cfg); err != nil {
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
