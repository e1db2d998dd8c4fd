package stream

import (
	"bytes"
	"strconv"
	"strings"

	"myelin/internal/base62"
	"myelin/internal/header"
)

// Headers that say where a copy comes from, and those that were meant for the origin.
const (
	streamSource   = "Nats-Stream-Source"
	expectedPrefix = "Nats-Expected-"
	batchPrefix    = "Nats-Batch-"
)

// mark removes from the header of a copy what was meant for its origin, and says in that of a source's where
// it comes from:
//
//	Nats-Stream-Source: <stream> <sequence> <filters> <destinations> <subject in the origin> <identity>
func (o *origin) mark(p *publish, seq uint64, fx *Effects) {
	stale := func(key []byte) bool {
		return bytes.HasPrefix(key, []byte(expectedPrefix)) || bytes.HasPrefix(key, []byte(batchPrefix)) ||
			!o.mirror && string(key) == streamSource
	}
	if o.mirror && !hasField(p.Header, stale) {
		return
	}
	start := len(fx.made)
	made, kept := appendFields(fx.made, p.Header, stale)
	p.changed = true
	if o.mirror && kept == 0 {
		p.Header = nil
		return
	}
	if !o.mirror {
		made = o.appendMark(made, p.original, seq)
	}
	fx.made = header.AppendEnd(made)
	p.Header = fx.made[start:len(fx.made):len(fx.made)]
}

func (o *origin) appendMark(dst, original []byte, seq uint64) []byte {
	dst = append(append(dst, streamSource+": "...), o.name...)
	dst = strconv.AppendUint(append(dst, ' '), seq, 10)
	for _, part := range []string{o.filters, o.dests} {
		dst = append(append(dst, ' '), part...)
	}
	dst = append(append(dst, ' '), original...)
	if shown := shownIdentity(o.identity); shown != "" {
		dst = append(append(dst, ' '), shown...)
	}
	return append(dst, "\r\n"...)
}

// shownMark is between what tells an incarnation from all others and what marks call it, in the progress of an origin. No identity has
// one.
const shownMark = "\n"

// incarnationOf is what tells the incarnation from all others.
func incarnationOf(identity string) string {
	identity, _, _ = strings.Cut(identity, shownMark)
	return identity
}

// shownIdentity is what marks call the incarnation: nothing else, if it was followed before there was another name for it.
func shownIdentity(identity string) string {
	if _, shown, ok := strings.Cut(identity, shownMark); ok {
		return shown
	}
	return identity
}

// markName is what a mark calls the source: one that is external has what its API is called by, in few letters, as in stock servers.
func (s *Source) markName() string {
	if s.External == nil {
		return s.Name
	}
	return s.Name + ":" + base62.Hash(s.External.API)
}

func hasField(block []byte, which func(key []byte) bool) bool {
	if !bytes.Contains(block, []byte(headerPrefix)) {
		return false
	}
	for key := range header.Fields(block) {
		if which(key) {
			return true
		}
	}
	return false
}

// appendFields appends the first line and the fields of block as they are, but for those that are dropped,
// and returns how many it kept. An empty block becomes one without fields. The empty line is not appended.
func appendFields(dst, block []byte, drop func(key []byte) bool) (_ []byte, kept int) {
	line, rest, ok := bytes.Cut(block, []byte("\r\n"))
	if len(block) == 0 {
		return header.AppendStart(dst), 0
	}
	dst = append(append(dst, line...), "\r\n"...)
	for ok {
		if line, rest, ok = bytes.Cut(rest, []byte("\r\n")); !ok || len(line) == 0 {
			break
		}
		if key, _, field := bytes.Cut(line, []byte(":")); field && drop(key) {
			continue
		}
		dst = append(append(dst, line...), "\r\n"...)
		kept++
	}
	return dst, kept
}
