package stream

// dedupe remembers the ids of messages for the duplicate window: a queue in the order of their times, and
// an index over it.
type dedupe struct {
	seed   uint64
	epoch  uint64      // how often it was frozen
	chunks []seenChunk // the first has the oldest; the place in a chunk is the rest of the number
	spare  []seen      // an emptied chunk for the next one
	first  uint32      // the number of the oldest; numbers wrap around
	length uint32
	index  index
	texts  texts
}

// seenChunk is a part of the queue. In one that a frozen view may share nothing changes, but it may grow.
type seenChunk struct {
	list  []seen
	epoch uint64 // of the dedupe when the chunk was made
}

const chunkIDs = 512

// seen is an id and the message that had it. The zero seen is one that was replaced.
type seen struct {
	time   int64
	seq    uint64
	text   uint32
	length uint32
}

// pruneStep is how many outdated ids an append removes, so that they leave as fast as others come.
const pruneStep = 2

func (d *dedupe) at(number uint32) *seen {
	return &d.chunks[d.chunk(number)].list[number%chunkIDs]
}

// chunk is the place of the chunk that a number belongs to.
func (d *dedupe) chunk(number uint32) int {
	return int((number - d.first + d.first%chunkIDs) / chunkIDs)
}

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
	number := d.first + d.length
	d.push(seen{now, seq, d.texts.add(id), uint32(len(id))})
	d.index.add(hash, number)
}

// push appends to the queue.
func (d *dedupe) push(s seen) {
	n := d.chunk(d.first + d.length)
	if n == len(d.chunks) {
		if d.spare == nil && n > 0 {
			d.spare = make([]seen, 0, chunkIDs)
		}
		d.chunks = append(d.chunks, seenChunk{d.spare, d.epoch})
		d.spare = nil
	}
	d.chunks[n].list = append(d.chunks[n].list, s) // beyond what a view has of it
	d.length++
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
	s := *d.at(number)
	d.index.remove(hashOf(d.seed, d.texts.get(s.text, int(s.length))), number)
	d.texts.remove(s.text, int(s.length))
	if c := &d.chunks[d.chunk(number)]; c.epoch != d.epoch {
		*c = seenChunk{cloneWithRoom(c.list), d.epoch}
	}
	*d.at(number) = seen{}
}

// skip moves past what was replaced, so that the oldest is always one that counts.
func (d *dedupe) skip() {
	for d.length > 0 && d.at(d.first).seq == 0 {
		d.first++
		d.length--
		if d.first%chunkIDs == 0 {
			d.drop()
		}
	}
	if d.length == 0 { // give memory back
		*d = dedupe{seed: d.seed}
	}
}

// drop takes out the first chunk, whose numbers are all past.
func (d *dedupe) drop() {
	if c := d.chunks[0]; d.spare == nil && c.epoch == d.epoch {
		d.spare = c.list[:0]
	}
	d.chunks[0] = seenChunk{}
	d.chunks = d.chunks[1:]
}
