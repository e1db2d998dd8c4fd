package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"

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
	cfg, err := e.configuration(cmd, info)
	if err != nil {
		return err
	}
	differences := info.config.differences(cfg)
	if len(differences) == 0 {
		e.con.logf("No difference in configuration")
		return nil
	}
	e.con.showDifferences(differences)
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

// differences are the members that another document has otherwise, in the order of d and then of the other.
func (d *document) differences(other *document) (list []difference) {
	for _, m := range d.members {
		change := difference{key: m.key, was: m.value}
		if i := other.index(m.key); i >= 0 {
			change.is = other.members[i].value
		}
		if !bytes.Equal(change.was, change.is) {
			list = append(list, change)
		}
	}
	for _, m := range other.members {
		if !d.has(m.key) {
			list = append(list, difference{key: m.key, is: m.value})
		}
	}
	return list
}

// difference is a member of a document that changes; nil stands for one that is not there.
type difference struct {
	key     string
	was, is json.RawMessage
}

// showDifferences writes what changes, as a remark: - before what was, + before what is to be.
func (c *console) showDifferences(list []difference) {
	fmt.Fprintf(c.err, "Differences (-old +new):\n")
	for _, d := range list {
		if d.was != nil {
			fmt.Fprintf(c.err, "- %s: %s\n", d.key, d.was)
		}
		if d.is != nil {
			fmt.Fprintf(c.err, "+ %s: %s\n", d.key, d.is)
		}
	}
}

// edit lets the user change a document in an editor.
func (c *console) edit(doc *document) error {
	program := c.getenv("VISUAL")
	if program == "" {
		program = c.getenv("EDITOR")
	}
	if program == "" {
		return errors.New("set EDITOR to the program to edit with")
	}
	words, err := splitWords(program)
	if err != nil {
		return fmt.Errorf("EDITOR: %w", err)
	}
	text, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp("", "myelin-*.json")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(append(text, '\n'))
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	editor := exec.Command(words[0], append(words[1:], f.Name())...)
	editor.Stdin, editor.Stdout, editor.Stderr = c.in, c.out, c.err
	if err := editor.Run(); err != nil {
		return fmt.Errorf("run %s: %w", words[0], err)
	}
	edited := document{}
	if err := readJSON(f.Name(), &edited); err != nil {
		return err
	}
	*doc = edited.compacted()
	return nil
}

// compacted is a document whose members are written as the server writes them.
func (d *document) compacted() document {
	out := document{}
	for _, m := range d.members {
		var text bytes.Buffer
		if json.Compact(&text, m.value) == nil {
			out.put(m.key, text.Bytes())
		}
	}
	return out
}
