package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"slices"
)

// document is a JSON object whose members keep their order and, as long as nobody sets them, their bytes. So what this
// client does not know of a configuration survives an edit. The zero value is an empty object.
type document struct {
	members []documentMember
}

type documentMember struct {
	key   string
	value json.RawMessage
}

// UnmarshalJSON reads an object. Of a key that stands twice the last value counts.
func (d *document) UnmarshalJSON(data []byte) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return errors.Join(errors.New("this is no JSON object"), err)
	}
	read := document{}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return err
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return err
		}
		read.put(key.(string), value)
	}
	*d = read
	return nil
}

// MarshalJSON writes the members in their order.
func (d document) MarshalJSON() ([]byte, error) {
	out := []byte{'{'}
	for i, m := range d.members {
		if i > 0 {
			out = append(out, ',')
		}
		key, err := json.Marshal(m.key)
		if err != nil {
			return nil, err
		}
		out = append(append(append(out, key...), ':'), m.value...)
	}
	return append(out, '}'), nil
}

func (d *document) index(key string) int {
	return slices.IndexFunc(d.members, func(m documentMember) bool { return m.key == key })
}

func (d *document) has(key string) bool { return d.index(key) >= 0 }

func (d *document) put(key string, value json.RawMessage) {
	if i := d.index(key); i >= 0 {
		d.members[i].value = value
		return
	}
	d.members = append(d.members, documentMember{key, value})
}

// set gives a member a value, which must be one that can be written as JSON.
func (d *document) set(key string, value any) {
	data, err := json.Marshal(value)
	if err != nil {
		panic("cli: " + key + " is no JSON: " + err.Error())
	}
	d.put(key, data)
}

// remove takes members away.
func (d *document) remove(keys ...string) {
	d.members = slices.DeleteFunc(d.members, func(m documentMember) bool { return slices.Contains(keys, m.key) })
}

// get reads a member into a value, which stays as it is if there is none or if it is of another kind.
func (d *document) get(key string, value any) {
	if i := d.index(key); i >= 0 {
		json.Unmarshal(d.members[i].value, value)
	}
}

// text is a member that is a string, or "".
func (d *document) text(key string) (s string) {
	d.get(key, &s)
	return s
}

// clone is a copy that can be changed on its own.
func (d *document) clone() *document { return &document{slices.Clone(d.members)} }

// save writes the document to a file.
func (d *document) save(name string) error {
	data, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(name, append(data, '\n'), 0o644)
}

// validated shows a configuration and says what is wrong with it, or that nothing is.
func (c *console) validated(cfg *document, check func() error) error {
	if err := c.jsonIndented(cfg); err != nil {
		return err
	}
	if err := check(); err != nil {
		return err
	}
	c.logf("the configuration is valid")
	return nil
}
