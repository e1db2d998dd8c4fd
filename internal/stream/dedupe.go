package stream

// dedupe remembers the ids of messages for the duplicate window: a queue in the order of their times, and
// an index over it.
type dedupe struct {
	seed   uint64
	ring   []seen // a power of two, or none
	first  uint32 // the number of the oldest; numbers wrap around
	length uint32
	index  index
	texts  texts
}

// seen is an id and the message that had it. The zero seen is one that was replaced.
type seen struct {
	time   int64
	seq    uint64
	text   uint32
	length uint32
}

// pruneStep is how many outdated ids an append removes, so that they leave as fast as others come.
const pruneStep = 2

func (d *dedupe) at(number uint32) *seen { return &d.ring[number&uint32(len(d.ring)-1)] }

func (d *dedupe) find(hash uint32, id []byte) (uint32, bool) {
	return d.index.find(hash, func(number uint32) bool {
		s := d.at(number)
		return int(s.length) == len(id) && string(d.texts.get(s.text, len(id))) == string(id)
	})
}

// lookup returns the sequence of the message with that id which came after since.
func (d *dedupe) lookup(id []byte, since int64) (seq uint64, ok bool) {
	number, ok := d.find(hashOf(d.seed, id), id)
	if !ok || d.at(number).time <= since {
		return 0, false
	}
	return d.at(number).seq, true
}

// add remembers an id, instead of an outdated message with the same.
func (d *dedupe) add(id []byte, seq uint64, now int64) {
	hash := hashOf(d.seed, id)
	if number, ok := d.find(hash, id); ok {
		d.forget(number)
		d.skip()
	}
	if int(d.length) == len(d.ring) {
		d.grow()
	}
	number := d.first + d.length
	*d.at(number) = seen{now, seq, d.texts.add(id), uint32(len(id))}
	d.length++
	d.index.add(hash, number)
}

// prune removes up to n ids of messages that came at since or before, and returns how many it removed.
func (d *dedupe) prune(since int64, n int) (removed int) {
	for removed < n && d.length > 0 && d.at(d.first).time <= since {
		d.forget(d.first)
		d.skip()
		removed++
	}
	return removed
}

// oldest is the time of the oldest id.
func (d *dedupe) oldest() (time int64, ok bool) {
	if d.length == 0 {
		return 0, false
	}
	return d.at(d.first).time, true
}

// each visits what is remembered, oldest first.
func (d *dedupe) each(visit func(id []byte, seq uint64, time int64)) {
	for i := range d.length {
		if s := d.at(d.first + i); s.seq != 0 {
			visit(d.texts.get(s.text, int(s.length)), s.seq, s.time)
		}
	}
}

func (d *dedupe) len() int { return d.index.used }

func (d *dedupe) forget(number uint32) {
	s := d.at(number)
	d.index.remove(hashOf(d.seed, d.texts.get(s.text, int(s.length))), number)
	d.texts.remove(s.text, int(s.length))
	*s = seen{}
}

// skip moves past what was replaced, so that the oldest is always one that counts.
func (d *dedupe) skip() {
	for d.length > 0 && d.at(d.first).seq == 0 {
		d.first++
		d.length--
	}
	if d.length == 0 { // give memory back
		*d = dedupe{seed: d.seed, first: d.first}
	}
}

func (d *dedupe) grow() {
	ring := make([]seen, max(4, 2*len(d.ring)))
	for i := range d.length {
		number := d.first + i
		ring[number&uint32(len(ring)-1)] = *d.at(number)
	}
	d.ring = ring
}
