package stream

import (
	"slices"

	"myelin/internal/machine"
)

var _ machine.Freezer = (*State)(nil)

// Freeze returns a function that appends to dst what Snapshot appends now. It may be called on any
// goroutine, more than once, now or after changes; what it needs is collected with it.
//
// A view shares the memory of the state and no lock with it. Each part counts how often it was frozen, and
// each block or chunk of it knows the count at which it was made; one that is older belongs to views too,
// and the state copies it before it changes there what a view reads. So a freeze costs a copy of the
// directories of blocks and chunks, and a view that nobody runs costs nothing more than memory.
func (s *State) Freeze() func(dst []byte) []byte {
	view := *s
	view.random = nil
	view.lastID = slices.Clone(s.lastID)
	view.table, view.dedupe = s.table.freeze(), s.dedupe.freeze()
	view.origins.list, view.origins.former = slices.Clone(s.origins.list), slices.Clone(s.origins.former)
	view.counters, view.schedules = s.counters.freeze(), s.schedules.freeze()
	view.fast, view.consumers = s.fast.freeze(), s.consumers.freeze()
	view.outbox, view.deposits = s.outbox.freeze(), s.deposits.freeze()
	return view.Snapshot
}

// freeze returns what a snapshot reads of the table.
func (t *table) freeze() table {
	t.epoch++
	return table{blocks: slices.Clone(t.blocks), head: t.head, records: t.records, subjects: t.subjects.freeze()}
}

// own returns block n as one that no view shares.
func (t *table) own(n int) *block {
	b := t.blocks[n].block
	if b.epoch != t.epoch {
		b = b.clone()
		b.epoch = t.epoch
		t.blocks[n].block = b
	}
	return b
}

func (s *subjects) freeze() subjects {
	s.epoch++
	return subjects{entries: slices.Clone(s.entries), used: s.used, count: s.count, texts: s.texts.freeze()}
}

func (t *texts) freeze() texts {
	t.epoch++
	slabs := slices.Clone(t.slabs)
	for i := range slabs {
		slabs[i].chunks = slices.Clone(slabs[i].chunks)
	}
	return texts{slabs: slabs}
}

func (d *dedupe) freeze() dedupe {
	d.epoch++
	return dedupe{
		chunks: slices.Clone(d.chunks), first: d.first, length: d.length,
		index: index{used: d.index.used}, texts: d.texts.freeze(),
	}
}
