package wal

import (
	"maps"
	"path/filepath"
	"testing"

	"myelin/internal/vfs"
)

// placed is a record of a log that is whole, and where it stands.
type placed struct {
	file             string
	segment          uint64
	block, off, end  int64 // begin of its block; its own extent, without padding
	header           recordHeader
	table, firstFile bool
}

// patient is a closed log, and all that is in it.
type patient struct {
	disk    *vfs.Mem
	opts    Options
	whole   map[uint64]standing
	chain   []link
	records []placed
}

// newPatient makes a log of several segments.
func newPatient(t *testing.T, seed uint64, closed bool) *patient {
	w := newWorld(t, seed, small)
	w.quiet = true
	for len(w.log.segments) < 4 {
		for range 10 {
			w.step()
		}
	}
	if closed {
		if err := w.log.Close(); err != nil {
			t.Fatal(err)
		}
	}
	p := &patient{disk: w.disk.Crash(vfs.Policy{}), opts: w.opts}
	l, err := open(p.copy(), logDir, p.opts)
	if err != nil {
		t.Fatal(err)
	}
	p.chain = l.replay.chain
	if p.whole, err = contents(l); err != nil {
		t.Fatal(err)
	}
	for i, k := range p.chain {
		s, err := load(p.disk, logDir, p.opts.Keys, k.name, k.header, k.limit, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range s.pieces {
			s.visit(b, visitor{
				record: func(h recordHeader, _ []byte, off int64) {
					end := off + recordHeaderBytes + int64(h.length)
					p.records = append(p.records, placed{
						k.name, k.header.generation, b.off, off, end, h, b.header.flags&flagTable != 0, i == 0,
					})
				},
				broken: func(recordHeader, bool, int64, string) { t.Fatal("broken before anything was broken") },
			})
		}
	}
	return p
}

func (p *patient) copy() *vfs.Mem { return p.disk.Crash(vfs.ProcessDeath) }

// matters says whether the loss of a record is a loss: not if a drop stands behind it, and not if it is the state of a
// group as it is known already.
func (p *patient) matters(i int) bool {
	r := p.records[i]
	if r.header.kind == state && (!r.firstFile || r.block != pageBytes) {
		return false // said before, or again
	}
	for _, later := range p.records[i+1:] {
		if later.header.group == r.header.group && later.header.kind == Drop {
			return false
		}
	}
	return true
}

// touched are the groups that were there at the end and have a record that matters and for which hit is true. If a drop
// is hit, a later table shows by the group's absence, or a later record by its number, that there was one.
func (p *patient) touched(hit func(placed) bool) map[uint64]bool {
	dropped := map[uint64]int{}
	for i, r := range p.records {
		if r.header.kind == Drop {
			dropped[r.header.group] = i
		}
	}
	groups := map[uint64]bool{}
	for i, r := range p.records {
		if at, ok := dropped[r.header.group]; p.whole[r.header.group].exists && (!ok || i > at) && hit(r) && p.matters(i) {
			groups[r.header.group] = true
		}
	}
	return groups
}

// check opens a damaged copy: the given groups are refused, all others are as they were.
func (p *patient) check(t *testing.T, disk vfs.FS, touched map[uint64]bool) *Log {
	t.Helper()
	l, err := open(disk, logDir, p.opts)
	if err != nil {
		t.Fatal(err)
	}
	refused := map[uint64]bool{}
	for _, g := range l.Groups() {
		if g.Damage != nil {
			refused[g.ID] = true
			if g.Damage.File == "" || g.Damage.Group != g.ID || g.Damage.Reason == "" {
				t.Errorf("damage without a place: %+v", g.Damage)
			}
		}
	}
	if !maps.Equal(refused, touched) {
		t.Errorf("refused are %v, and touched %v: %v", refused, touched, l.Damages())
	}
	got, err := contents(l)
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range p.whole {
		if !touched[id] && !got[id].equal(want) {
			t.Errorf("group %d is\n%+v instead of\n%+v", id, got[id], want)
		}
	}
	for id := range got {
		if _, ok := p.whole[id]; !ok {
			t.Errorf("group %d came back", id)
		}
	}
	return l
}

// afterFirstTable is where the first table of the log ends, if the segment holds it, or the end of the header.
func (p *patient) afterFirstTable(n int) (end int64) {
	for _, r := range p.records {
		if n == 0 && r.firstFile && r.block == pageBytes && r.table {
			end = r.end
		}
	}
	return max(end, pageBytes+blockHeaderBytes)
}

// closing is where the table stands that ends a log closed in order.
func (p *patient) closing(file string) int64 {
	last := p.records[len(p.records)-1]
	if last.file == file && last.table {
		return last.block
	}
	return 0 // there was no room for the table
}

// neededIn are the groups that have entries which count in a segment.
func (p *patient) neededIn(t *testing.T, file string) map[uint64]bool {
	l, err := open(p.copy(), logDir, p.opts)
	if err != nil {
		t.Fatal(err)
	}
	groups := map[uint64]bool{}
	for _, r := range p.records {
		g := l.groups[r.header.group]
		if r.file == file && g != nil && g.damage == nil && g.counts(r.header, position{r.segment, r.off}) {
			groups[r.header.group] = true
		}
	}
	return groups
}

func overwrite(t *testing.T, fs vfs.FS, name string, at int64, data []byte) {
	t.Helper()
	f, err := fs.OpenReadWrite(filepath.Join(logDir, name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(data, at); err != nil {
		t.Fatal(err)
	}
}

func truncate(t *testing.T, fs vfs.FS, name string, size int64) {
	t.Helper()
	f, err := fs.OpenReadWrite(filepath.Join(logDir, name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
}
