package cli

import (
	"github.com/spf13/cobra"
)

// streamCopy is the command that makes another stream like one.
type streamCopy struct {
	*streamTool
	streamFlags
	json bool
}

func newStreamCopy(t *streamTool) *cobra.Command {
	c := &streamCopy{streamTool: t}
	cmd := &cobra.Command{
		Use:     "copy <source> <destination>",
		Aliases: []string{"cp"},
		Short:   "Create a stream with the configuration of another one; messages are not copied",
		Example: "  myelin stream copy ORDERS ORDERS_TEST --subjects 'test.orders.>'",
		Args:    arguments(2, 2),
		RunE: func(_ *cobra.Command, args []string) error {
			return t.withJetStream(func(js *jetStream) error { return c.run(js, args[0], args[1]) })
		},
		ValidArgsFunction: t.complete,
	}
	t.addFlags(cmd)
	cmd.Flags().BoolVarP(&c.json, "json", "j", false, "print JSON")
	c.addFixed(cmd)
	c.streamFlags.add(cmd)
	return cmd
}

func (c *streamCopy) run(js *jetStream, source, destination string) error {
	for _, name := range []string{source, destination} {
		if err := validStreamName(name); err != nil {
			return err
		}
	}
	info, err := js.streamInfo(source)
	if err != nil {
		return err
	}
	cfg := info.config.clone()
	dropLevels(cfg)
	cfg.remove("sealed")
	cfg.set("name", destination)
	if err := c.apply(cfg); err != nil {
		return err
	}
	return js.createStream(cfg, c.json)
}
