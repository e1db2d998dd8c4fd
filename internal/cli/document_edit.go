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

	"github.com/spf13/pflag"
)

// editFlags are what the commands that change a configuration have in common.
type editFlags struct {
	configFile                         string
	interactive, force, dryRun, asJSON bool
}

func (e *editFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&e.configFile, "config", "", "`file` with the whole configuration as JSON; other flags change it")
	flags.BoolVarP(&e.interactive, "interactive", "i", false, "change the configuration in $VISUAL or $EDITOR")
	flags.BoolVarP(&e.force, "force", "f", false, "change without asking")
	flags.BoolVar(&e.dryRun, "dry-run", false, "only show the differences")
	flags.BoolVarP(&e.asJSON, "json", "j", false, "print JSON")
}

// agreed shows how a configuration differs from the old one and asks whether it is to be so. It is not where there is an error,
// no difference, or only that was to be shown.
func (e *editFlags) agreed(con *console, old, next *document, what string) (ok bool, err error) {
	changes := differences(old, next)
	if len(changes) == 0 {
		con.logf("No difference in configuration")
		return false, nil
	}
	fmt.Fprintf(con.err, "Differences (-old +new):\n%s", strings.Join(append(changes, ""), "\n"))
	if e.dryRun {
		return false, nil
	}
	err = con.confirm(e.force, "Really edit %s", what)
	return err == nil, err
}

// edit lets somebody change a configuration in an editor.
func (c *console) edit(cfg *document) error {
	if !c.interactive() {
		return errors.New("an editor needs a terminal")
	}
	data, err := json.MarshalIndent(cfg, "", "  ")
	if err != nil {
		return err
	}
	file, err := os.CreateTemp("", "myelin-*.json")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	_, err = file.Write(append(data, '\n'))
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	words, err := splitWords(c.editorCommand())
	if err != nil {
		return fmt.Errorf("the editor: %w", err)
	}
	editor := exec.Command(words[0], append(words[1:], file.Name())...)
	editor.Stdin, editor.Stdout, editor.Stderr = c.in, c.out, c.err
	if err := editor.Run(); err != nil {
		return fmt.Errorf("editor %s: %w", words[0], err)
	}
	return readJSON(file.Name(), cfg)
}

func (c *console) editorCommand() string {
	for _, env := range []string{"VISUAL", "EDITOR"} {
		if command := c.getenv(env); command != "" {
			return command
		}
	}
	if runtime.GOOS == "windows" {
		return "notepad"
	}
	return "vi"
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
