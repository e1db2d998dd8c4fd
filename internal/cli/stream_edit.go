package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"reflect"
	"runtime"
	"strings"

	"github.com/spf13/cobra"
)

// streamEdit is the command that changes a stream.
type streamEdit struct {
	*streamTool
	streamFlags
	configFile string
	editor     bool
	force      bool
	dryRun     bool
	json       bool
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
	flags := cmd.Flags()
	flags.StringVar(&e.configFile, "config", "", "`file` with the whole configuration as JSON; other flags change it")
	flags.BoolVarP(&e.editor, "interactive", "i", false, "change the configuration in $VISUAL or $EDITOR")
	flags.BoolVarP(&e.force, "force", "f", false, "change without asking")
	flags.BoolVar(&e.dryRun, "dry-run", false, "only show the differences")
	flags.BoolVarP(&e.json, "json", "j", false, "print JSON")
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
	changes := differences(old, cfg)
	if len(changes) == 0 {
		e.con.logf("No difference in configuration")
		return nil
	}
	fmt.Fprintf(e.con.err, "Differences (-old +new):\n%s", strings.Join(append(changes, ""), "\n"))
	if e.dryRun {
		return nil
	}
	if !e.force {
		if err := confirm(e.con, fmt.Sprintf("Really edit Stream %s", stream)); err != nil {
			return err
		}
	}
	return js.updateStream(cfg, "updated", e.json)
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
	if err := e.apply(cfg); err != nil || !e.editor {
		return err
	}
	if err := e.edit(cfg); err != nil {
		return err
	}
	if name := cfg.text("name"); name != stream {
		return fmt.Errorf("a stream cannot be given another name: %q is not %q", name, stream)
	}
	return nil
}

// edit lets somebody change a configuration in an editor.
func (e *streamEdit) edit(cfg *document) error {
	if !e.con.interactive() {
		return errors.New("an editor needs a terminal")
	}
	data, err := json.MarshalIndent(cfg, "", "  ")
	if err != nil {
		return err
	}
	file, err := os.CreateTemp("", "myelin-stream-*.json")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	_, err = file.Write(append(data, '\n'))
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	words, err := splitWords(e.editorCommand())
	if err != nil {
		return fmt.Errorf("the editor: %w", err)
	}
	editor := exec.Command(words[0], append(words[1:], file.Name())...)
	editor.Stdin, editor.Stdout, editor.Stderr = e.con.in, e.con.out, e.con.err
	if err := editor.Run(); err != nil {
		return fmt.Errorf("editor %s: %w", words[0], err)
	}
	return readJSON(file.Name(), cfg)
}

func (e *streamEdit) editorCommand() string {
	for _, env := range []string{"VISUAL", "EDITOR"} {
		if command := e.con.getenv(env); command != "" {
			return command
		}
	}
	if runtime.GOOS == "windows" {
		return "notepad"
	}
	return "vi"
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

// differences lists the members that have another value in next than in old. One that is absent has the value that
// means nothing.
func differences(old, next *document) (lines []string) {
	all := old.clone()
	for _, m := range next.members {
		if !all.has(m.key) {
			all.put(m.key, nil)
		}
	}
	for _, m := range all.members {
		was, is := old.value(m.key), next.value(m.key)
		if meaning(was) == nil && meaning(is) == nil || reflect.DeepEqual(meaning(was), meaning(is)) {
			continue
		}
		if was != nil {
			lines = append(lines, fmt.Sprintf("- %s: %s", m.key, was))
		}
		if is != nil {
			lines = append(lines, fmt.Sprintf("+ %s: %s", m.key, is))
		}
	}
	return lines
}

// value is a member as it stands, or nil.
func (d *document) value(key string) json.RawMessage {
	if i := d.index(key); i >= 0 {
		return d.members[i].value
	}
	return nil
}

// meaning is a JSON value to compare, in which numbers keep their digits; nil for what says nothing.
func meaning(raw json.RawMessage) any {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var value any
	if dec.Decode(&value) != nil {
		return nil
	}
	switch v := value.(type) {
	case bool:
		if !v {
			return nil
		}
	case json.Number:
		if v == "0" {
			return nil
		}
	case string:
		if v == "" {
			return nil
		}
	case []any:
		if len(v) == 0 {
			return nil
		}
	case map[string]any:
		if len(v) == 0 {
			return nil
		}
	}
	return value
}
