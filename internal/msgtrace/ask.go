// Package msgtrace tells what becomes of one message within the server, if the message asks for that by its header.
//
// An Ask is what a header asks for. A Trace gathers events, each noted by the part of the server that the message
// passes, and is handed over once all of them are there: what a stream did may be known only after the disk.
package msgtrace

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"myelin/internal/header"
	"myelin/internal/subject"
)

// Fields of a header by which a message asks for a trace.
const (
	destField    = "Nats-Trace-Dest"
	onlyField    = "Nats-Trace-Only"
	originField  = "Nats-Trace-Origin-Account"
	acceptField  = "Accept-Encoding"
	parentField  = "traceparent" // in any case
	disabledDest = "trace disabled"
)

// Encoding is how a trace is compressed.
type Encoding string

// The encodings that a message can ask for; none is plain.
const (
	Plain  Encoding = ""
	Gzip   Encoding = "gzip"
	Snappy Encoding = "snappy"
)

// Sampling has messages traced that belong to a distributed trace, as the header traceparent says.
type Sampling struct {
	Dest    string // where traces are published
	Percent int    // of the messages that were sampled, 1 to 100
}

// Wants reports whether a header may ask for a trace. It is quick, and sometimes wrong: ReadAsk knows. The sampling is that of
// the account, nil for none.
func Wants(block []byte, sampling *Sampling) bool {
	return bytes.Contains(block, []byte(destField)) || sampling != nil && bytes.IndexByte(block, ':') >= 0
}

// Ask is what a message asks for.
type Ask struct {
	Dest     string // where its trace is published
	Only     bool   // the message is not to be delivered
	Encoding Encoding
}

// ReadAsk returns what a header asks for; ok is false if that is nothing. What cannot be a subject asks for nothing, and nothing
// else in the header does so then. rnd returns a number below n.
func ReadAsk(block []byte, sampling *Sampling, rnd func(n uint32) uint32) (a Ask, ok bool) {
	var parent []byte
	dest, foreign := []byte(nil), false
	for key, value := range header.Fields(block) {
		switch {
		case string(key) == destField && dest == nil:
			dest = value
		case string(key) == onlyField:
			a.Only = slices.Contains([]string{"1", "true", "on"}, strings.ToLower(string(value)))
		case string(key) == originField:
			foreign = true
		case string(key) == acceptField && a.Encoding == Plain:
			a.Encoding = encoding(string(value))
		case len(key) == len(parentField) && strings.EqualFold(string(key), parentField):
			parent = value
		}
	}
	switch {
	case dest != nil:
		a.Dest = string(dest)
		return a, !foreign && subject.ValidLiteral(a.Dest)
	case sampling == nil || !sampled(string(parent)) || int(rnd(100)) >= sampling.Percent:
		return a, false
	}
	a.Dest, a.Only = sampling.Dest, false
	return a, true
}

// encoding is the first of those that a peer accepts.
func encoding(accepted string) Encoding {
	for name := range strings.SplitSeq(strings.ToLower(accepted), ",") {
		name, _, _ = strings.Cut(name, ";")
		switch name = strings.TrimSpace(name); {
		case name == string(Gzip):
			return Gzip
		case name == string(Snappy), name == "s2":
			return Snappy
		}
	}
	return Plain
}

// sampled reports whether a traceparent says that its trace is recorded: the lowest bit of its flags.
func sampled(parent string) bool {
	parts := strings.Split(parent, "-")
	if len(parts) != 4 || len(parts[3]) != 2 {
		return false
	}
	flags, err := strconv.ParseInt(parts[3], 16, 8)
	return err == nil && flags&1 == 1
}

// Disabled appends a header to dst that says that the message has been traced: whoever sends it on, with its header, does not
// have it traced again.
func Disabled(dst, block []byte) []byte { return header.Set(dst, block, destField, disabledDest) }

// Elsewhere appends a header to dst with another subject for what is told of the message by those who get it.
func Elsewhere(dst, block, dest []byte) []byte { return header.Set(dst, block, destField, dest) }
