package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// streamEdit is the command that changes a stream.
type streamEdit struct {
	*streamTool
	streamFlags
	editFlags
}

func newStreamEdit(t *streamTool) *cobra.Command {
	e := &streamEdit{streamTool: t}
	cmd := t.command(&cobra.Command{
		Use:     "edit [stream]",
		Aliases: []string{"update"},
		Short:   "Change the configuration of a stream",
		Long: `Change the configuration of a stream: what flags name, what an editor leaves, or all of it by a file. What is not named
stays as it is. The differences are shown, and on a terminal they are to be confirmed unless --force is given.`,
		Example: `  myelin stream edit ORDERS --max-age 90d --dry-run
  myelin stream edit ORDERS --max-age 90d --force
  EDITOR=vi myelin stream edit ORDERS --interactive`,
	}, 0, e.run)
	e.editFlags.add(cmd.Flags())
	e.streamFlags.add(cmd)
	e.addRemoving(cmd)
	cmd.MarkFlagsMutuallyExclusive("config", "interactive")
	return cmd
}

func (e *streamEdit) run(js *jetStream, stream string, _ []string) error {
	info, err := js.streamInfo(stream)
	if err != nil {
		return err
	}
	old := info.config.clone()
	dropLevels(old)
	cfg := old.clone()
	if err := e.change(cfg, stream); err != nil {
		return err
	}
	if ok, err := e.agreed(e.con, old, cfg, "Stream "+stream); !ok {
		return err
	}
	return js.updateStream(cfg, "updated", e.asJSON)
}

// change brings a configuration to what file, editor and flags say.
func (e *streamEdit) change(cfg *document, stream string) error {
	if e.configFile != "" {
		if err := readJSON(e.configFile, cfg); err != nil {
			return err
		}
		cfg.set("name", stream)
		dropLevels(cfg)
	}
	if err := e.apply(cfg); err != nil || !e.interactive {
		return err
	}
	if err := e.con.edit(cfg); err != nil {
		return err
	}
	if name := cfg.text("name"); name != stream {
		return fmt.Errorf("a stream cannot be given another name: %q is not %q", name, stream)
	}
	return nil
}

// updateStream changes a stream, says so, and shows it.
func (j *jetStream) updateStream(cfg *document, did string, asJSON bool) error {
	name := cfg.text("name")
	info := &streamInfo{}
	if err := j.call("STREAM.UPDATE."+name, cfg, info); err != nil {
		return fmt.Errorf("update stream %s: %w", name, explained(err))
	}
	if !asJSON {
		j.con.printf("Stream %s was %s\n\n", name, did)
	}
	return info.show(j.con, asJSON)
}

// dropLevels takes out of a configuration what servers say in its metadata about themselves.
func dropLevels(cfg *document) {
	metadata := &document{}
	if cfg.get("metadata", metadata); len(metadata.members) == 0 {
		return
	}
	for _, m := range metadata.clone().members {
		if strings.HasPrefix(m.key, metaLevels) {
			metadata.remove(m.key)
		}
	}
	if len(metadata.members) == 0 {
		cfg.remove("metadata")
		return
	}
	cfg.set("metadata", metadata)
}
