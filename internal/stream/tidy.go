package stream

import "slices"

// tidy drops, packs or merges block n after a record of it was removed, and finds the first live record.
func (t *table) tidy(n int) {
	b := t.blocks[n]
	if b.live == 0 {
		t.drop(n)
		t.skip()
		return
	}
	kept := len(b.records)
	if n == 0 {
		t.skip()
		kept -= t.head // a first block is used up from its start, and soon gone
	}
	if n < len(t.blocks)-1 && b.live*2 <= kept {
		t.pack(n)
		t.merge(n)
		t.skip()
	}
}

// skip moves the head to the first live record.
func (t *table) skip() {
	if t.records == 0 {
		t.head = 0
		return
	}
	for first := t.blocks[0].records; first[t.head].subject == 0; {
		t.head++
	}
}

// drop takes out an empty block.
func (t *table) drop(n int) {
	b := t.blocks[n].block
	if n == 0 {
		t.blocks[0] = placed{}
		t.blocks, t.head = t.blocks[1:], 0
	} else {
		t.blocks = slices.Delete(t.blocks, n, n+1)
	}
	if t.spare == nil && cap(b.records) == blockRecords && b.epoch == t.epoch {
		b.reset()
		t.spare = b
	}
}

// push appends a block. Room that dropped blocks left in front is used again before there is more.
func (t *table) push(b placed) {
	if n := len(t.blocks); n == cap(t.blocks) {
		if cap(t.array) >= 2*n && n > 0 {
			all := t.array[:cap(t.array)]
			copy(all, t.blocks)
			clear(all[n:])
			t.blocks = all[:n]
		} else {
			t.blocks = slices.Grow(t.blocks, max(4, n))
			t.array = t.blocks[:0]
		}
	}
	t.blocks = append(t.blocks, b)
}

// pack leaves in block n only what is live, in as much memory as it takes.
func (t *table) pack(n int) {
	b := t.blocks[n]
	packed := &block{records: make([]record, 0, b.live), epoch: t.epoch}
	packed.take(b.block, 0)
	t.blocks[n].block = packed
	if n == 0 {
		t.head = 0
	}
}

// take appends the live records of b, whose offsets count from shift.
func (packed *block) take(b *block, shift uint32) {
	for i, r := range b.records {
		if r.subject != 0 {
			packed.add(shift+b.offset(i), b.span(i), b.life(i), r)
		}
	}
}

// merge joins block n with the one before or after it, if together they are small.
func (t *table) merge(n int) {
	if !t.join(n) {
		t.join(n - 1)
	}
}

// join makes one of block n and the one after it, if together they are small, and that is not the last block,
// which still grows.
func (t *table) join(n int) bool {
	if n < 0 || n+2 >= len(t.blocks) {
		return false
	}
	a, b := t.blocks[n], t.blocks[n+1]
	if a.live+b.live > blockRecords/2 || b.first-a.first >= far-uint64(b.offset(len(b.records)-1)) {
		return false
	}
	joined := &block{records: make([]record, 0, a.live+b.live), epoch: t.epoch}
	joined.take(a.block, 0)
	joined.take(b.block, uint32(b.first-a.first))
	t.blocks[n].block = joined
	t.blocks = slices.Delete(t.blocks, n+1, n+2)
	if n == 0 {
		t.head = 0
	}
	return true
}
