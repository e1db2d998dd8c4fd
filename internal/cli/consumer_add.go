package cli

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"myelin/internal/jetstream/wire"
	"myelin/internal/stream"
)

// consumerAdd is the command that creates a consumer, and the one that does so after another's configuration.
type consumerAdd struct {
	*consumerTool
	consumerFlags
	configFile, output         string
	validate, defaults, asJSON bool
}

func newConsumerAdd(t *consumerTool) *cobra.Command {
	a := &consumerAdd{consumerTool: t}
	cmd := &cobra.Command{
		Use:     "add [stream] [consumer]",
		Aliases: []string{"create", "new"},
		Short:   "Create a consumer",
		Long: `Create a consumer. On a terminal, what the flags leave open is asked for, unless --defaults or --config is given.
Elsewhere a consumer needs its stream and, unless it is --ephemeral, a name; all else has a default: messages are pulled,
from the first on, and each is to be acknowledged.`,
		Example: `  myelin consumer add ORDERS billing --filter orders.new --wait 1m --max-deliver 5 --defaults
  myelin consumer add ORDERS audit --target audit.orders --deliver-group auditors --deliver new --defaults
  myelin consumer add ORDERS --ephemeral --deliver 1h --defaults
  myelin consumer add ORDERS --config consumer.json`,
		Args:              arguments(0, 2),
		ValidArgsFunction: t.streams.complete,
		RunE:              func(_ *cobra.Command, args []string) error { return a.run(args) },
	}
	a.consumerTool.addFlags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&a.configFile, "config", "", "`file` with the configuration as JSON; other flags change it")
	flags.BoolVar(&a.validate, "validate", false, "only show the configuration and say whether it is valid")
	flags.StringVar(&a.output, "output", "", "write the configuration to a `file` instead of creating the consumer")
	flags.BoolVar(&a.defaults, "defaults", false, "ask nothing")
	flags.BoolVarP(&a.asJSON, "json", "j", false, "print JSON")
	a.addAll(cmd)
	return cmd
}

func (a *consumerAdd) run(args []string) error {
	of, err := a.stream(args)
	if err != nil {
		return err
	}
	cfg, err := a.configuration(args[min(1, len(args)):])
	if err != nil {
		return err
	}
	switch {
	case a.validate:
		return a.con.validated(cfg, func() error { return checkConsumer(of, cfg) })
	case a.output != "":
		return cfg.save(a.output)
	}
	return a.withJetStream(func(js *jetStream) error {
		info, err := js.createConsumer(of, cfg, "create")
		if err != nil {
			return err
		}
		return info.show(a.con, a.asJSON)
	})
}

// stream is the stream that the first argument names, or that somebody chooses.
func (a *consumerAdd) stream(args []string) (name string, err error) {
	if len(args) > 0 || !a.con.interactive() {
		return a.streams.pick(nil, args)
	}
	err = a.withJetStream(func(js *jetStream) error {
		name, err = a.streams.pick(js, args)
		return err
	})
	return name, err
}

// checkConsumer says what our own server would object to, whatever its limits and those of the stream are.
func checkConsumer(name string, cfg *document) error {
	data, err := json.Marshal(cfg)
	if err != nil {
		return err
	}
	var c stream.ConsumerConfig
	if err := wire.Decode(data, &c, strings.NewReplacer()); err != nil {
		return objection(err)
	}
	of := &stream.Config{Name: name, Replicas: c.Replicas}
	if _, err := stream.CheckConsumer(c, of, stream.ConsumerBounds{Clustered: true}, false); err != nil {
		return objection(err)
	}
	return nil
}

// createConsumer creates a consumer, or changes one, as the action says.
func (j *jetStream) createConsumer(of string, cfg *document, action string) (*consumerInfo, error) {
	subject := "CONSUMER.CREATE." + of
	at := consumerPlace{of, cfg.text("name")}
	if at.consumer != "" {
		subject += "." + at.consumer
		if filter := cfg.text("filter_subject"); filter != "" {
			subject += "." + filter
		}
	}
	request := struct {
		Stream string    `json:"stream_name"`
		Config *document `json:"config"`
		Action string    `json:"action"`
	}{of, cfg, action}
	info := &consumerInfo{}
	if err := j.call(subject, request, info); err != nil {
		return nil, fmt.Errorf("%s consumer %s: %w", action, at, explained(err))
	}
	return info, nil
}

// configuration is what file, flags and answers say. The argument is the name.
func (a *consumerAdd) configuration(args []string) (*document, error) {
	cfg := &document{}
	if a.configFile != "" {
		if err := readJSON(a.configFile, cfg); err != nil {
			return nil, err
		}
	}
	if err := a.name(cfg, args); err != nil {
		return nil, err
	}
	if a.configFile == "" {
		cfg.set("deliver_policy", "all")
		cfg.set("ack_policy", "explicit")
		cfg.set("replay_policy", "instant")
	}
	if err := a.apply(cfg); err != nil {
		return nil, err
	}
	if a.con.interactive() && !a.defaults && a.configFile == "" {
		if err := a.askRest(cfg); err != nil {
			return nil, err
		}
	}
	return cfg, nil
}

// name sets the names of a consumer. One that lasts has two, and they are the same.
func (a *consumerAdd) name(cfg *document, args []string) error {
	name := cfg.text("name")
	if name == "" {
		name = cfg.text("durable_name")
	}
	if len(args) > 0 {
		name = args[0]
	}
	if name == "" && !a.ephemeral {
		var err error
		if name, err = a.con.ask("Consumer name", "", "it as an argument, or --ephemeral"); err != nil {
			return err
		}
	}
	keeps := !a.ephemeral && (a.configFile == "" || cfg.has("durable_name"))
	cfg.remove("name", "durable_name")
	if name == "" && a.ephemeral {
		return nil
	}
	if keeps {
		cfg.set("durable_name", name)
	}
	cfg.set("name", name)
	return validConsumerName(name)
}

func newConsumerCopy(t *consumerTool) *cobra.Command {
	a := &consumerAdd{consumerTool: t}
	cmd := &cobra.Command{
		Use:               "copy <stream> <source> <destination>",
		Aliases:           []string{"cp"},
		Short:             "Create a consumer with the configuration of another, as far as no flag changes it",
		Args:              arguments(3, 3),
		ValidArgsFunction: t.complete,
		RunE:              func(_ *cobra.Command, args []string) error { return a.copy(args) },
	}
	t.addFlags(cmd)
	cmd.Flags().BoolVarP(&a.asJSON, "json", "j", false, "print JSON")
	a.addAll(cmd)
	return cmd
}

func (a *consumerAdd) copy(args []string) error {
	return a.withJetStream(func(js *jetStream) error {
		source, err := js.consumerInfo(consumerPlace{args[0], args[1]})
		if err != nil {
			return err
		}
		cfg := source.config.clone()
		dropLevels(cfg)
		cfg.remove("name", "durable_name", "pause_until")
		if source.Config.Durable != "" && !a.ephemeral {
			cfg.set("durable_name", args[2])
		}
		cfg.set("name", args[2])
		if err := validConsumerName(args[2]); err != nil {
			return err
		}
		if err := a.apply(cfg); err != nil {
			return err
		}
		info, err := js.createConsumer(args[0], cfg, "create")
		if err != nil {
			return err
		}
		return info.show(a.con, a.asJSON)
	})
}
