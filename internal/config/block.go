package config

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// maxErrors bounds how much is reported about one file.
const maxErrors = 50

// key is one setting of a block that is decoded into a T.
type key[T any] struct {
	name    string // as it is documented, in lower case
	aliases []string
	decode  decodeFunc[T]
}

// decodeFunc decodes the value of a field. What is wrong with it goes to the decoder.
type decodeFunc[T any] func(d *decoder, into *T, f *Field)

// block is the table of all keys of a block, by name and alias.
type block[T any] map[string]*key[T]

// newBlock makes one table of several lists of keys.
func newBlock[T any](lists ...[]key[T]) block[T] {
	b := make(block[T])
	for _, list := range lists {
		for i := range list {
			k := &list[i]
			b[k.name] = k
			for _, alias := range k.aliases {
				b[alias] = k
			}
		}
	}
	return b
}

// decode decodes the fields of a map in their order. A field that is in no table but used as a variable is fine.
func (b block[T]) decode(d *decoder, into *T, m *Map) {
	for _, f := range m.Fields {
		k := b[strings.ToLower(f.Name)]
		if k != nil {
			d.places[k.name] = f.Pos
			k.decode(d, into, f)
		} else if !f.used {
			d.fail(f.Pos, "unknown field %q", f.Name)
		}
	}
}

// decoder collects what there is to say about a file.
type decoder struct {
	errs     Errors
	warnings []string
	places   map[string]Pos // of the keys that were set, by name
}

func newDecoder() *decoder { return &decoder{places: make(map[string]Pos)} }

func (d *decoder) fail(at Pos, format string, args ...any) {
	d.report(&Error{at, fmt.Sprintf(format, args...)})
}

func (d *decoder) warn(at Pos, format string, args ...any) {
	d.warnings = append(d.warnings, (&Error{at, fmt.Sprintf(format, args...)}).Error())
}

func (d *decoder) report(err error) {
	switch {
	case len(d.errs) < maxErrors:
		d.errs = append(d.errs, err)
	case len(d.errs) == maxErrors:
		d.errs = append(d.errs, errors.New("too many errors"))
	}
}

// err is all errors, or nil.
func (d *decoder) err() error {
	if len(d.errs) == 0 {
		return nil
	}
	return d.errs
}

// typed returns the value of a field that has to be of type V; want describes that to the operator.
func typed[V any](d *decoder, f *Field, want string) (v V, ok bool) {
	v, ok = f.Value.Data.(V)
	if !ok {
		d.fail(f.Pos, "%q should be %s, not %s", f.Name, want, f.Value.kind())
	}
	return v, ok
}

// The functions below make decoders of simple types out of a function that says which field to set.

func text[T any](field func(*T) *string) decodeFunc[T] {
	return func(d *decoder, into *T, f *Field) {
		if s, ok := typed[string](d, f, "a string"); ok {
			*field(into) = s
		}
	}
}

func boolean[T any](field func(*T) *bool) decodeFunc[T] {
	return func(d *decoder, into *T, f *Field) {
		if b, ok := typed[bool](d, f, "a boolean"); ok {
			*field(into) = b
		}
	}
}

// integer decodes whole numbers, also of bytes.
func integer[T any, N int | int64](field func(*T) *N) decodeFunc[T] {
	return func(d *decoder, into *T, f *Field) {
		n, ok := typed[int64](d, f, "an integer")
		switch {
		case !ok:
		case int64(N(n)) != n:
			d.fail(f.Pos, "%s value is too big", f.Name)
		default:
			*field(into) = N(n)
		}
	}
}

// duration decodes durations such as "1m30s".
func duration[T any](field func(*T) *time.Duration) decodeFunc[T] {
	return func(d *decoder, into *T, f *Field) {
		if s, ok := typed[string](d, f, "a duration"); ok {
			d.parseDuration(field(into), f, s)
		}
	}
}

// durationOrSeconds also takes the bare seconds of old files, with a warning.
func durationOrSeconds[T any](field func(*T) *time.Duration) decodeFunc[T] {
	exact := duration(field)
	return func(d *decoder, into *T, f *Field) {
		seconds, ok := f.Value.Data.(int64)
		if !ok {
			exact(d, into, f)
			return
		}
		d.warn(f.Pos, "invalid use of field %q: %s should be converted to a duration", f.Name, f.Name)
		if time.Duration(seconds)*time.Second/time.Second != time.Duration(seconds) {
			d.fail(f.Pos, "%s value is too big", f.Name)
			return
		}
		*field(into) = time.Duration(seconds) * time.Second
	}
}

func (d *decoder) parseDuration(into *time.Duration, f *Field, s string) {
	v, err := time.ParseDuration(s)
	if err != nil {
		d.fail(f.Pos, "error parsing %s: %v", f.Name, err)
		return
	}
	*into = v
}
