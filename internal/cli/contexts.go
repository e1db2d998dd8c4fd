package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
)

// contextDir is the folder of context files that is shared with the nats tool:
//
//	<dir>/context/<name>.json    the settings of one context
//	<dir>/context.txt            the name of the one that is used when none is named
type contextDir string

const contextSuffix = ".json"

// errNoContext says that a context file does not exist.
var errNoContext = errors.New("unknown context")

// userContexts is the folder of this user: ~/.config/nats, on every platform, unless XDG_CONFIG_HOME is set.
func userContexts(getenv func(string) string) (contextDir, error) {
	if parent := getenv("XDG_CONFIG_HOME"); parent != "" {
		return contextDir(filepath.Join(parent, "nats")), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find the context files: %w", err)
	}
	return contextDir(filepath.Join(home, ".config", "nats")), nil
}

// natsContext is one context file. What stands in it beyond our settings belongs to other tools and is kept.
type natsContext struct {
	settings
	rest map[string]json.RawMessage
}

func (c *natsContext) UnmarshalJSON(data []byte) error {
	if err := json.Unmarshal(data, &c.rest); err != nil {
		return err
	}
	return json.Unmarshal(data, &c.settings)
}

func (c natsContext) MarshalJSON() ([]byte, error) {
	own, all := map[string]json.RawMessage{}, map[string]json.RawMessage{}
	data, err := json.Marshal(c.settings)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, &own); err != nil {
		return nil, err
	}
	for key, value := range c.rest {
		if !slices.Contains(settingKeys, key) {
			all[key] = value
		}
	}
	maps.Copy(all, own)
	return json.Marshal(all)
}

// settingKeys are the keys of a context file that settings own.
var settingKeys = func() (keys []string) {
	for i := range reflect.TypeFor[settings]().NumField() {
		key, _, _ := strings.Cut(reflect.TypeFor[settings]().Field(i).Tag.Get("json"), ",")
		keys = append(keys, key)
	}
	return keys
}()

// path is the file of a context. A name must not lead out of the folder.
func (d contextDir) path(name string) (string, error) {
	if name == "" || strings.Contains(name, "..") || strings.ContainsAny(name, `/\`) {
		return "", fmt.Errorf("invalid context name %q", name)
	}
	return filepath.Join(string(d), "context", name+contextSuffix), nil
}

// names lists the contexts, sorted.
func (d contextDir) names() ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(string(d), "context"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list contexts: %w", err)
	}
	names := []string{}
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), contextSuffix); ok && !e.IsDir() {
			names = append(names, name)
		}
	}
	return names, nil
}

// load reads a context by its name.
func (d contextDir) load(name string) (natsContext, error) {
	path, err := d.path(name)
	if err != nil {
		return natsContext{}, err
	}
	c, err := loadContextFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return natsContext{}, fmt.Errorf("%w %q", errNoContext, name)
	}
	return c, err
}

// loadContextFile reads a context from a file anywhere.
func loadContextFile(path string) (natsContext, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return natsContext{}, err
	}
	var c natsContext
	if err := json.Unmarshal(data, &c); err != nil {
		return natsContext{}, fmt.Errorf("read context %s: %w", path, err)
	}
	return c, nil
}

// save makes or replaces a context. The file may hold secrets: it is for its owner only.
func (d contextDir) save(name string, c natsContext) error {
	path, err := d.path(name)
	if err != nil {
		return err
	}
	data, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return fmt.Errorf("save context %q: %w", name, err)
	}
	return writePrivate(path, append(data, '\n'))
}

// remove deletes a context.
func (d contextDir) remove(name string) error {
	path, err := d.path(name)
	if err != nil {
		return err
	}
	if err := os.Remove(path); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w %q", errNoContext, name)
	} else if err != nil {
		return err
	}
	return nil
}

func (d contextDir) selectionFile() string { return filepath.Join(string(d), "context.txt") }

// selected is the name of the context to use when none is named, or "".
func (d contextDir) selected() (string, error) {
	data, err := os.ReadFile(d.selectionFile())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read selected context: %w", err)
	}
	return strings.TrimSpace(string(data)), nil
}

// choose makes a context the selected one.
func (d contextDir) choose(name string) error {
	if _, err := d.load(name); err != nil {
		return err
	}
	return writePrivate(d.selectionFile(), []byte(name))
}

// unselect leaves no context selected.
func (d contextDir) unselect() error {
	err := os.Remove(d.selectionFile())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// writePrivate replaces a file in one step, so that a reader finds the old or the new content.
func writePrivate(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	next, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = next.Write(data)
	if err = errors.Join(err, next.Close()); err == nil {
		err = os.Rename(next.Name(), path)
	}
	if err != nil {
		os.Remove(next.Name())
	}
	return err
}
