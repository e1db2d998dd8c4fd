package config

import (
	"fmt"
	"strings"
)

// parser reads one text: a file, or the value of an environment variable.
type parser struct {
	src    *source
	lex    lexer
	scopes []*Map // being read, from the outermost; a variable is looked up from the innermost
}

func newParser(src *source, name, text string) *parser {
	return &parser{src: src, lex: lexer{file: name, text: text, line: 1}}
}

// document reads a file.
func (p *parser) document() (*Map, error) {
	root := &Map{}
	err := p.begin()
	if err == nil {
		err = p.fields(root, tokenEnd)
	}
	return root, err
}

// lone reads a text that is nothing but a value. None at all is the empty string.
func (p *parser) lone() (*Value, error) {
	if err := p.begin(); err != nil {
		return nil, err
	}
	p.lex.skip(" \t\r\n")
	if p.lex.peek() == 0 {
		return &Value{Pos: p.lex.pos(), Data: "", weight: valueBytes}, nil
	}
	v, err := p.value()
	if err != nil {
		return nil, err
	}
	if err := p.endOfValue(); err != nil {
		return nil, err
	}
	p.lex.skipBlank()
	if p.lex.peek() != 0 {
		return nil, p.lex.fail(p.lex.pos(), "expected one value and nothing after it")
	}
	return v, nil
}

// begin looks at the text as a whole.
func (p *parser) begin() error {
	if err := p.src.charge(len(p.lex.text)); err != nil {
		return err
	}
	if zero := strings.IndexByte(p.lex.text, 0); zero >= 0 {
		p.lex.take(zero)
		return p.lex.fail(p.lex.pos(), "unexpected zero byte")
	}
	return nil
}

// fields reads into m up to the end of the text or to a closing brace.
func (p *parser) fields(m *Map, end tokenKind) error {
	p.scopes = append(p.scopes, m)
	defer func() { p.scopes = p.scopes[:len(p.scopes)-1] }()
	for {
		t, err := p.lex.key()
		if err != nil {
			return err
		}
		switch t.kind {
		case end:
			return nil
		case tokenEnd:
			return p.lex.fail(t.pos, "unexpected end of file: a brace is not closed")
		case '}':
			return p.lex.fail(t.pos, "unexpected '}'")
		case '{':
			err = p.group(t, m, end)
		default:
			err = p.field(t, m)
		}
		if err != nil {
			return err
		}
	}
}

// group reads a pair of braces around fields of the document itself, as in JSON.
func (p *parser) group(open token, m *Map, end tokenKind) error {
	if end != tokenEnd {
		return p.lex.fail(open.pos, "expected the name of a field, but got '{'")
	}
	if err := p.fields(m, '}'); err != nil {
		return err
	}
	p.skipComma()
	return nil
}

// field reads what follows a name.
func (p *parser) field(name token, m *Map) error {
	separated := p.lex.separate()
	if name.kind == tokenWord && !separated && strings.EqualFold(name.text, "include") {
		return p.include(m)
	}
	if err := p.src.charge(len(name.text)); err != nil {
		return &Error{name.pos, err.Error()}
	}
	v, err := p.value()
	if err != nil {
		return err
	}
	m.set(&Field{Name: name.text, Pos: name.pos, Value: v})
	return p.endOfValue()
}

// include reads the name of a file, and the fields of that file into m.
func (p *parser) include(m *Map) error {
	t, err := p.lex.value()
	if err != nil {
		return err
	}
	if t.kind != tokenWord && t.kind != tokenQuoted {
		return p.lex.fail(t.pos, "expected the name of a file to include, but got '%c'", t.kind)
	}
	if err := p.deeper(t.pos); err != nil {
		return err
	}
	included, err := p.src.include(t.text)
	p.src.depth--
	if err != nil {
		return &Error{t.pos, fmt.Sprintf("error parsing include file '%s', %v", t.text, err)}
	}
	for _, f := range included.Fields {
		m.set(f)
	}
	return p.endOfValue()
}

// value reads a value of any type.
func (p *parser) value() (*Value, error) {
	t, err := p.lex.value()
	if err != nil {
		return nil, err
	}
	if t.kind == tokenWord && isVariable(t.text) {
		return p.variable(t)
	}
	before := p.src.left
	if err := p.src.charge(valueBytes + len(t.text)); err != nil {
		return nil, &Error{t.pos, err.Error()}
	}
	v := &Value{Pos: t.pos}
	switch t.kind {
	case '{':
		v.Data, err = p.nest(t, p.mapping)
	case '[':
		v.Data, err = p.nest(t, p.array)
	case tokenQuoted:
		v.Data = t.text
	case tokenWord:
		v.Data, err = p.lex.interpret(t)
	default:
		return nil, p.lex.fail(t.pos, "expected a value, but got '%c'", t.kind)
	}
	v.weight = before - p.src.left
	return v, err
}

// nest reads a value that holds others.
func (p *parser) nest(open token, read func() (any, error)) (any, error) {
	if err := p.deeper(open.pos); err != nil {
		return nil, err
	}
	defer func() { p.src.depth-- }()
	return read()
}

func (p *parser) mapping() (any, error) {
	m := &Map{}
	return m, p.fields(m, '}')
}

func (p *parser) array() (any, error) {
	values := Array{}
	for {
		p.lex.skipBlank()
		if p.lex.peek() == ']' {
			p.lex.take(1)
			return values, nil
		}
		v, err := p.value()
		if err != nil {
			return nil, err
		}
		values = append(values, v)
		if err := p.endOfElement(); err != nil {
			return nil, err
		}
	}
}

// variable finds the value that a name stands for: in the enclosing maps of this text, then in the environment.
func (p *parser) variable(t token) (*Value, error) {
	name := t.text[1:]
	for i := len(p.scopes) - 1; i >= 0; i-- {
		if f := p.scopes[i].Get(name); f != nil {
			f.used = true
			return p.reference(t, f.Value)
		}
	}
	if err := p.deeper(t.pos); err != nil {
		return nil, err
	}
	v, found, err := p.src.variable(name)
	p.src.depth--
	if err != nil {
		return nil, &Error{t.pos, fmt.Sprintf("variable reference for '%s' on line %d could not be parsed: %v", name, t.pos.Line, err)}
	}
	if !found {
		return nil, &Error{t.pos, fmt.Sprintf("variable reference for '%s' on line %d can not be found", name, t.pos.Line)}
	}
	return p.reference(t, v)
}

// reference places the value of a variable where it is named.
func (p *parser) reference(t token, v *Value) (*Value, error) {
	if err := p.src.charge(v.weight); err != nil {
		return nil, &Error{t.pos, err.Error()}
	}
	return &Value{Pos: t.pos, Data: v.Data, weight: v.weight}, nil
}

// deeper counts one more level of nesting; who calls it counts it down again.
func (p *parser) deeper(at Pos) error {
	if p.src.depth == maxDepth {
		return p.lex.fail(at, "nested deeper than %d levels", maxDepth)
	}
	p.src.depth++
	return nil
}

// endOfValue wants what may follow the value of a field: a comma or semicolon, a new line or comment, or the end of
// the map.
func (p *parser) endOfValue() error {
	p.lex.skip(" \t")
	switch c := p.lex.peek(); {
	case c == ',' || c == ';':
		p.lex.take(1)
	case c == '\r' || c == '\n' || p.lex.atComment():
		p.skipComma()
	case c != 0 && c != '}':
		return p.lex.fail(p.lex.pos(), "expected a new line, a comment, ',', ';' or '}' after a value, but got %q", c)
	}
	return nil
}

// endOfElement wants what may follow an element of an array.
func (p *parser) endOfElement() error {
	p.lex.skip(" \t")
	switch c := p.lex.peek(); {
	case c == ',':
		p.lex.take(1)
	case c == '\r' || c == '\n' || p.lex.atComment():
		p.skipComma()
	case c == 0:
		return p.lex.fail(p.lex.pos(), "unexpected end of file: an array is not closed")
	case c != ']':
		return p.lex.fail(p.lex.pos(), `expected ',', a new line or ']' after an element of an array, but got %q`, c)
	}
	return nil
}

// skipComma moves over a comma on a later line than the value before it, as some write JSON.
func (p *parser) skipComma() {
	p.lex.skipBlank()
	if p.lex.peek() == ',' {
		p.lex.take(1)
	}
}
