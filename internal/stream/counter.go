package stream

import (
	"cmp"
	"encoding/json"
	"math/big"
	"slices"

	"myelin/internal/apierr"
	"myelin/internal/bin"
	"myelin/internal/header"
)

// Headers of counters.
const (
	counterIncrement = "Nats-Incr"
	counterSources   = "Nats-Counter-Sources"
)

// count is what a message of a counter leaves: the sum, and what came of each source, as the value of the
// header that its message has.
type count struct {
	value   []byte // a decimal number
	sources []byte // JSON: by source and its subject, the last value there; empty if nothing came of any
}

// counters hold the count of each message of a stream of counters, since the machine does not have their
// bodies, and any message may become the last of its subject when later ones are deleted. Those of removed
// messages stay until they are too many.
type counters struct {
	tallies []tally // ascending
	texts   texts
}

// tally is a count at a sequence; its texts stand in counters.
type tally struct {
	seq                        uint64
	value, sources             uint32
	valueLength, sourcesLength uint32
}

// at returns the count of the message at seq. It is valid until the next change.
func (x *counters) at(seq uint64) (count, bool) {
	i, ok := slices.BinarySearchFunc(x.tallies, seq, func(t tally, seq uint64) int { return cmp.Compare(t.seq, seq) })
	if !ok {
		return count{}, false
	}
	return x.get(x.tallies[i]), true
}

func (x *counters) get(t tally) (c count) {
	c.value = x.texts.get(t.value, int(t.valueLength))
	if t.sourcesLength > 0 {
		c.sources = x.texts.get(t.sources, int(t.sourcesLength))
	}
	return c
}

// add keeps the count of a message, which comes after all others.
func (x *counters) add(seq uint64, c count) {
	t := tally{seq: seq, value: x.texts.add(c.value), valueLength: uint32(len(c.value))}
	if len(c.sources) > 0 {
		t.sources, t.sourcesLength = x.texts.add(c.sources), uint32(len(c.sources))
	}
	x.tallies = append(x.tallies, t)
}

// sweep forgets the counts of removed messages once they are more than others.
func (x *counters) sweep(t *table) {
	if len(x.tallies) <= 2*t.records+blockRecords {
		return
	}
	if t.records == 0 {
		*x = counters{}
		return
	}
	kept := make([]tally, 0, 2*t.records) // views read the old ones
	for _, c := range x.tallies {
		if _, ok := t.find(c.seq); ok {
			kept = append(kept, c)
			continue
		}
		x.texts.remove(c.value, int(c.valueLength))
		if c.sourcesLength > 0 {
			x.texts.remove(c.sources, int(c.sourcesLength))
		}
	}
	x.tallies = kept
}

// freeze returns what a snapshot reads of the counts; tallies are only ever appended or made anew.
func (x *counters) freeze() counters { return counters{tallies: x.tallies, texts: x.texts.freeze()} }

// snapshot appends value and sources of each record, as bytes.
func (x *counters) snapshot(dst []byte, t *table) []byte {
	for p, ok := t.first(); ok; p, ok = t.after(p) {
		c, _ := x.at(t.seq(p))
		dst = bin.AppendBytes(bin.AppendBytes(dst, c.value), c.sources)
	}
	return dst
}

func (x *counters) restore(r *bin.Reader, t *table) {
	for p, ok := t.first(); ok && r.Err() == nil; p, ok = t.after(p) {
		c := count{r.Bytes(), r.Bytes()}
		if !isIncrement(c.value) {
			r.Fail(errSnapshot)
			return
		}
		x.add(t.seq(p), c)
	}
}

// countable says what keeps a message from being counted, as far as its header says so.
func (s *State) countable(p *publish) *apierr.Error {
	switch {
	case len(p.increment) == 0:
		return nil
	case !isIncrement(p.increment):
		return apierr.MessageIncrInvalid.Err()
	case !s.config.AllowCounter:
		return apierr.MessageIncrDisabled.Err()
	case len(p.Body) > 0:
		return apierr.MessageIncrPayload.Err()
	case len(p.rollup) > 0, len(p.stream) > 0, len(p.lastID) > 0, len(p.lastSeq) > 0, len(p.lastPer) > 0, len(p.lastPerSubject) > 0:
		return apierr.MessageIncrInvalid.Err()
	}
	return nil
}

// isIncrement reports whether text is a decimal number, with a sign or not.
func isIncrement(text []byte) bool {
	if len(text) > 0 && (text[0] == '+' || text[0] == '-') {
		text = text[1:]
	}
	for _, c := range text {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(text) > 0
}

// lastCount is the count of the last message of a subject; none if there is no message.
func (s *State) lastCount(subject []byte) count {
	id, ok := s.table.subjects.find(subject)
	if !ok {
		return count{}
	}
	c, _ := s.counters.at(s.table.subjects.at(id).last)
	return c
}

// count makes the message's body that of the counter after it, given the count before.
func (p *publish) count(before count, fx *Effects) *apierr.Error {
	if len(p.increment) == 0 {
		return apierr.MessageIncrMissing.Err()
	}
	bySource, ok := readSources(before.sources)
	if !ok {
		return apierr.MessageCounterBroken.Err()
	}
	p.after.sources = p.counted
	if len(bySource) > 0 {
		p.setCounted(bySource, fx)
	}
	p.sum(before, p.increment, fx)
	return nil
}

// countCopy does the same for a copy of a counter of a source. What counts is not its increment but its value,
// so that nothing is lost or counted twice when messages of the source are.
func (p *publish) countCopy(before count, value []byte, source, original string, fx *Effects) *apierr.Error {
	bySource, ok := readSources(before.sources)
	if !ok {
		return apierr.MessageCounterBroken.Err()
	}
	if bySource == nil {
		bySource = map[string]map[string]string{}
	}
	if bySource[source] == nil {
		bySource[source] = map[string]string{}
	}
	delta := new(big.Int)
	delta.Sub(decimal(value), decimal([]byte(bySource[source][original])))
	bySource[source][original] = string(value)
	increment := delta.Append(nil, 10)
	p.setHeader(counterIncrement, increment, fx)
	p.setCounted(bySource, fx)
	p.sum(before, increment, fx)
	return nil
}

// sum makes the body.
func (p *publish) sum(before count, increment []byte, fx *Effects) {
	sum := decimal(before.value)
	sum.Add(sum, decimal(increment))
	start := len(fx.made)
	fx.made = append(fx.made, `{"val":"`...)
	at := len(fx.made)
	fx.made = sum.Append(fx.made, 10)
	end := len(fx.made)
	fx.made = append(fx.made, `"}`...)
	p.Body, p.changed = fx.made[start:len(fx.made):len(fx.made)], true
	p.after.value = fx.made[at:end:end]
}

// setCounted states what came of which source.
func (p *publish) setCounted(bySource map[string]map[string]string, fx *Effects) {
	text, err := json.Marshal(bySource) // sorts by key
	if err != nil {
		panic(err) // strings have no errors
	}
	p.after.sources = text
	p.setHeader(counterSources, text, fx)
}

func (p *publish) setHeader(key string, value []byte, fx *Effects) {
	start := len(fx.made)
	fx.made = header.Set(fx.made, p.Header, key, value)
	p.Header, p.changed = fx.made[start:len(fx.made):len(fx.made)], true
}

// readSources reads the header value of counts; there is none in an empty text.
func readSources(text []byte) (bySource map[string]map[string]string, ok bool) {
	if len(text) == 0 {
		return nil, true
	}
	return bySource, json.Unmarshal(text, &bySource) == nil
}

// readValue reads the body of a counter's message.
func readValue(body []byte) (value []byte, ok bool) {
	var v struct {
		Value string `json:"val"`
	}
	if json.Unmarshal(body, &v) != nil {
		return nil, false
	}
	return []byte(v.Value), isIncrement([]byte(v.Value))
}

// decimal reads a number; what is none counts as 0.
func decimal(text []byte) *big.Int {
	n := new(big.Int)
	if isIncrement(text) {
		n.SetString(string(text), 10)
	}
	return n
}
