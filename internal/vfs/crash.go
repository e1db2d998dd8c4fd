package vfs

import (
	"cmp"
	"maps"
	"math/rand/v2"
	"slices"
)

// Fate is what becomes, in a crash, of what was not synced.
type Fate uint8

const (
	// Lost: nothing of it is there. It is the least that a program may rely on.
	Lost Fate = iota
	// Kept: all of it is there, as when the process dies and the system lives on.
	Kept
	// Chance: a part of it is there, drawn by a seed. Of content that is nothing, everything, the sectors up
	// to somewhere or from there on, all but one, one only, or any; the size is the old, the new, or one
	// between them, and what has neither old nor new content is zeros. Of names it is the changes of each
	// directory up to some moment, or any of them.
	Chance
)

// Policy says what a crash leaves. Its zero value leaves nothing that was not synced.
type Policy struct {
	Content Fate
	Names   Fate   // files and directories that were made, renamed and removed
	Seed    uint64 // for Chance
}

// PowerLoss is the Policy by which everything is left to chance.
func PowerLoss(seed uint64) Policy { return Policy{Content: Chance, Names: Chance, Seed: seed} }

// ProcessDeath is the Policy of kill -9: the system has all that was written.
var ProcessDeath = Policy{Content: Kept, Names: Kept}

// Crash returns the file system that is found when everything stops now and starts again. All of it is
// on the disk. Equal histories and policies give equal results.
//
// The file system itself is not changed: whoever still has it, like a process that has not noticed its
// end, goes on in a world of its own. So a test can look at the crash after each operation of one run.
func (m *Mem) Crash(p Policy) *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := crash{policy: p, rng: rand.New(rand.NewPCG(p.Seed, 0)), files: map[*inode]*inode{}}
	return newMem(c.dir(m.root))
}

// crash is the work of one Crash.
type crash struct {
	policy Policy
	rng    *rand.Rand
	files  map[*inode]*inode // a file found under two names stays one
}

func (c *crash) dir(d *dir) *dir {
	names := maps.Clone(d.disk)
	for i, kept := range c.names(len(d.pending)) {
		if kept {
			d.pending[i].apply(names)
		}
	}
	found := newDir()
	for _, name := range slices.Sorted(maps.Keys(names)) {
		switch n := names[name].(type) {
		case *dir:
			found.disk[name] = c.dir(n)
		case *inode:
			found.disk[name] = c.file(n)
		}
	}
	found.entries = maps.Clone(found.disk)
	return found
}

// names draws which of n changes to a directory are kept.
func (c *crash) names(n int) []bool {
	kept := make([]bool, n)
	if n == 0 || c.policy.Names == Lost {
		return kept
	}
	all := n
	if c.policy.Names == Chance {
		switch c.rng.IntN(4) {
		case 0:
			all = 0
		case 1:
			all = c.rng.IntN(n + 1)
		case 2:
			all = 0
			c.each(kept, 2)
		}
	}
	for i := range all {
		kept[i] = true
	}
	return kept
}

// each keeps one in so many.
func (c *crash) each(kept []bool, in int) {
	for i := range kept {
		kept[i] = c.rng.IntN(in) == 0
	}
}

func (c *crash) file(n *inode) *inode {
	if found := c.files[n]; found != nil {
		return found
	}
	found := &inode{}
	switch c.policy.Content {
	case Lost:
		found.disk, found.diskSize = slices.Clone(n.disk), n.diskSize
	case Kept:
		found.disk, found.diskSize = n.copy(), n.size
	case Chance:
		found.disk, found.diskSize = c.content(n)
	}
	found.disk = cut(found.disk, found.diskSize)
	found.pages, found.size = slices.Clone(found.disk), found.diskSize
	c.files[n] = found
	return found
}

// cut leaves the pages of a file of that size, with zeros up to the end of the last one.
func cut(pages []*page, size int64) []*page {
	pages = setLen(pages, pagesFor(size))
	tail := size % pageSize
	if tail == 0 {
		return pages
	}
	if last := pages[len(pages)-1]; last != nil && string(last[tail:]) != string(zeros[tail:]) {
		own := *last
		clear(own[tail:])
		pages[len(pages)-1] = &own
	}
	return pages
}

// copy returns the pages as programs see them; those that are written to further are copied.
func (n *inode) copy() []*page {
	pages := slices.Clone(n.pages)
	for _, i := range n.dirty.list {
		if p := at(pages, i); p != nil {
			own := *p
			pages[i] = &own
		}
	}
	return pages
}

// content draws the content and size that a file is found with.
func (c *crash) content(n *inode) ([]*page, int64) {
	size := c.size(n.diskSize, n.size)
	pages := setLen(slices.Clone(n.disk), pagesFor(max(n.size, n.diskSize)))
	sectors := n.unsyncedSectors()
	own := -1 // the page that is a copy already; sectors are sorted
	for i, kept := range c.sectors(len(sectors)) {
		if !kept {
			continue
		}
		s := sectors[i]
		if s.page() != own {
			own = s.page()
			p := *cmp.Or(pages[own], &zeros)
			pages[own] = &p
		}
		copy(s.of(pages), s.of(n.pages))
	}
	return pages, size
}

func (c *crash) size(disk, now int64) int64 {
	switch low, high := min(disk, now), max(disk, now); c.rng.IntN(3) {
	case 0:
		return disk
	case 1:
		return low + c.rng.Int64N(high-low+1)
	}
	return now
}

// sector is the number of a sector in a file.
type sector int

const sectorsPerPage = pageSize / sectorSize

func (s sector) page() int { return int(s / sectorsPerPage) }

func (s sector) of(pages []*page) []byte {
	p := cmp.Or(at(pages, s.page()), &zeros)
	start := int(s%sectorsPerPage) * sectorSize
	return p[start : start+sectorSize]
}

// unsyncedSectors are the sectors that are not on the disk as programs see them.
func (n *inode) unsyncedSectors() (list []sector) {
	for _, i := range n.unsynced() {
		for s := sector(i * sectorsPerPage); s.page() == i; s++ {
			if string(s.of(n.pages)) != string(s.of(n.disk)) {
				list = append(list, s)
			}
		}
	}
	return list
}

// sectors draws which of n sectors are kept.
func (c *crash) sectors(n int) []bool {
	kept := make([]bool, n)
	if n == 0 {
		return kept
	}
	from, to, at, skip := 0, 0, c.rng.IntN(n), -1
	switch c.rng.IntN(8) {
	case 0: // nothing
	case 1:
		to = n
	case 2:
		to = at
	case 3:
		from, to = at, n
	case 4:
		from, to = at, at+1
	case 5:
		to, skip = n, at
	case 6:
		c.each(kept, 2)
	case 7:
		c.each(kept, 8)
	}
	for i := from; i < to; i++ {
		kept[i] = i != skip
	}
	return kept
}
