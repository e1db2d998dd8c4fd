package cli

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
)

// documentFlag is a flag that gives a member of a document its value.
type documentFlag struct {
	name, member string
	usage        string
	parse        func(string) (any, error)
}

// documentFlags collects what such flags say, until it is known which document they are for.
type documentFlags struct {
	order []string // of the members that a document of this kind has
	asked map[string]any
}

// add gives a command the flags.
func (d *documentFlags) add(flags *pflag.FlagSet, list []documentFlag) {
	for _, f := range list {
		flags.Var(d.value(f), f.name, f.usage)
	}
}

// addSwitches gives a command flags that are yes alone and no with no- before their names.
func (d *documentFlags) addSwitches(flags *pflag.FlagSet, list []documentFlag) {
	for _, f := range list {
		yes, no := d.value(f), d.value(f)
		yes.kind, no.kind, no.negated = "bool", "bool", true
		flags.VarPF(yes, f.name, "", f.usage).NoOptDefVal = "true"
		opposite := flags.VarPF(no, "no-"+f.name, "", "the opposite of --"+f.name)
		opposite.NoOptDefVal, opposite.Hidden = "true", true
	}
}

func (d *documentFlags) value(f documentFlag) *givenValue {
	if d.asked == nil {
		d.asked = map[string]any{}
	}
	d.order = append(d.order, f.member)
	return &givenValue{to: d.asked, flag: f, kind: "value"}
}

// apply sets in a document what flags were given for.
func (d *documentFlags) apply(doc *document) {
	for _, member := range d.order {
		if value, ok := d.asked[member]; ok {
			doc.set(member, value)
		}
	}
}

// givenValue is the value of one such flag.
type givenValue struct {
	to      map[string]any
	flag    documentFlag
	kind    string // as the help shows it
	negated bool
	text    string
}

func (v *givenValue) String() string { return v.text }

func (v *givenValue) Type() string { return v.kind }

func (v *givenValue) Set(s string) error {
	v.text = s
	if v.negated {
		yes, err := strconv.ParseBool(s)
		if err != nil {
			return err
		}
		s = strconv.FormatBool(!yes)
	}
	value, err := v.flag.parse(s)
	if err == nil {
		v.to[v.flag.member] = value
	}
	return err
}

// What flags are parsed with.

func asText(s string) (any, error) { return s, nil }

func asBool(s string) (any, error) { return strconv.ParseBool(s) }

func asNotBool(s string) (any, error) {
	yes, err := strconv.ParseBool(s)
	return !yes, err
}

func asDuration(s string) (any, error) {
	d, err := parseDuration(s)
	if err == nil && d < 0 {
		err = fmt.Errorf("%q is negative", s)
	}
	return d, err
}

func asCount(s string) (any, error) {
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil {
		return nil, fmt.Errorf("%q is no number", s)
	}
	return n, nil
}

// asLimit takes a number, of which those below one mean that there is no limit.
func asLimit(s string) (any, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("%q is no number", s)
	}
	return orUnlimited(n), nil
}

func asBytesLimit(s string) (any, error) {
	n, err := parseBytes(s)
	return orUnlimited(n), err
}

func orUnlimited(n int64) int64 {
	if n < 1 {
		return -1
	}
	return n
}

// asChoice takes one of some words, or the beginning of one.
func asChoice(words ...string) func(string) (any, error) {
	return func(s string) (any, error) {
		for _, w := range words {
			if s != "" && strings.HasPrefix(w, strings.ToLower(s)) {
				return w, nil
			}
		}
		return nil, fmt.Errorf("%q is none of %s", s, strings.Join(words, ", "))
	}
}

// setMetadata reads key=value or key:value. An empty value removes a key that is there.
func setMetadata(pairs []string, into map[string]string) error {
	for _, pair := range pairs {
		i := strings.IndexAny(pair, "=:")
		if i < 1 {
			return fmt.Errorf("%q is not written as key=value", pair)
		}
		if value := pair[i+1:]; value != "" {
			into[pair[:i]] = value
		} else {
			delete(into, pair[:i])
		}
	}
	return nil
}

// splitCommas splits each of several values at commas.
func splitCommas(values []string) (all []string) {
	for _, v := range values {
		for part := range strings.SplitSeq(v, ",") {
			if part = strings.TrimSpace(part); part != "" {
				all = append(all, part)
			}
		}
	}
	return all
}
