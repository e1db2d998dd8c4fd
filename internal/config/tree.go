package config

import (
	"fmt"
	"strings"
	"time"
)

// Pos is a place in a configuration file.
type Pos struct {
	File string // as the file was named, or $NAME inside of an environment variable
	Line int    // from 1
	Col  int    // from 1, in bytes
}

func (p Pos) String() string { return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col) }

// Error is something wrong at one place of a configuration file.
type Error struct {
	Pos Pos
	Msg string
}

func (e *Error) Error() string { return e.Pos.String() + ": " + e.Msg }

// Errors is all that is wrong with the meaning of a configuration file, one line each.
type Errors []error

func (es Errors) Error() string {
	lines := make([]string, len(es))
	for i, e := range es {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

func (es Errors) Unwrap() []error { return es }

// Value is one value of the tree. Data is a string, an int64, a float64, a bool, a time.Time, a *Map, or an
// Array. Values are shared between all places that name the same variable, and not changed.
type Value struct {
	Pos    Pos // where it begins
	Data   any
	weight int // what reading it cost, in bytes of source.left
}

// Array is a list of values, of whatever types.
type Array []*Value

// Field is a name in a Map, with its value.
type Field struct {
	Name  string
	Pos   Pos // of the name
	Value *Value
	used  bool // as a variable
}

// Map is a block of fields in the order in which their names first appear.
type Map struct {
	Fields []*Field
	byName map[string]int
}

// Get returns the field of that very name, or nil.
func (m *Map) Get(name string) *Field {
	if i, ok := m.byName[name]; ok {
		return m.Fields[i]
	}
	return nil
}

// set adds a field; of two with one name the later counts.
func (m *Map) set(f *Field) {
	if i, ok := m.byName[f.Name]; ok {
		m.Fields[i] = f
		return
	}
	if m.byName == nil {
		m.byName = make(map[string]int)
	}
	m.byName[f.Name] = len(m.Fields)
	m.Fields = append(m.Fields, f)
}

// kind names the type of a value for error messages. They never show the value: it may be a password.
func (v *Value) kind() string {
	switch v.Data.(type) {
	case string:
		return "a string"
	case int64:
		return "an integer"
	case float64:
		return "a float"
	case bool:
		return "a boolean"
	case time.Time:
		return "a datetime"
	case *Map:
		return "a map"
	}
	return "an array"
}
