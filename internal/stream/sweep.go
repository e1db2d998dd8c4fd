package stream

// verdict is what becomes of a record in a sweep.
type verdict uint8

const (
	keep verdict = iota
	drop
	stop // keep this one and all after it
)

// sweep removes many records for one reason, in the order of their sequences: those that decide says, which
// is asked of each record from the oldest on and sees the sums as they are by then. Of a subject it must drop
// the oldest messages only. So no link needs care, and a record costs a tenth of what remove takes.
func (s *State) sweep(reason Reason, fx *Effects, decide func(r *record, seq, span uint64) verdict) {
	t := &s.table
	w := sweeper{table: t, reason: reason, fx: fx, decide: s.watched(fx, decide)}
	for n := range t.blocks {
		if w.block(n) {
			break
		}
	}
	if t.records == 0 {
		t.clear()
		return
	}
	t.subjects.removeAll(w.dead)
	t.settle()
}

// sweeper is a sweep under way.
type sweeper struct {
	table  *table
	reason Reason
	fx     *Effects
	decide func(r *record, seq, span uint64) verdict
	dead   []uint32            // subjects without messages
	picked [blockRecords]int16 // dropped records of the block
}

// block sweeps block n. A block of which nothing is left becomes nil.
func (w *sweeper) block(n int) (stopped bool) {
	b := w.table.blocks[n]
	count := 0
	for i := range b.records {
		r := &b.records[i]
		if r.subject == 0 {
			continue
		}
		seq, span := b.first+uint64(b.offset(i)), uint64(b.span(i))
		v := w.decide(r, seq, span)
		if v == stop {
			stopped = true
			break
		}
		if v == drop {
			w.drop(r, seq, span)
			if b.lives != nil && b.lives[i].expires != 0 && b.lives[i].expires != never {
				w.table.expiries.live--
			}
			w.picked[count] = int16(i)
			count++
		}
	}
	if count == b.live {
		w.table.blocks[n].block = nil
	} else if count > 0 {
		own := w.table.own(n)
		for _, i := range w.picked[:count] {
			own.remove(int(i))
		}
	}
	return stopped
}

// drop takes a record off all sums. What follows it in its subject becomes the first.
func (w *sweeper) drop(r *record, seq, span uint64) {
	t, id := w.table, r.subject-1
	s := t.subjects.at(id)
	if s.messages -= span; s.messages == 0 {
		w.dead = append(w.dead, id)
	} else {
		s.first = t.next(r, seq)
		if r.next == far {
			delete(t.farNext, seq)
			delete(t.farPrev, s.first)
		}
	}
	t.records--
	t.removed++
	t.messages -= span
	t.bytes -= uint64(r.size)
	w.fx.gone(seq, seq+span-1, w.reason)
}

// settle takes the empty blocks out after a sweep, and packs and merges those that have become small.
func (t *table) settle() {
	all, last := t.blocks, len(t.blocks)-1
	t.blocks = all[:0]
	t.head = 0
	for n, b := range all {
		if b.block == nil {
			continue
		}
		t.blocks = append(t.blocks, b)
		if n < last && b.live*2 <= len(b.records) {
			t.pack(len(t.blocks) - 1)
		}
		t.join(len(t.blocks) - 3) // the last one of these may still grow
	}
	clear(all[len(t.blocks):])
	t.skip()
}
