package wal

import (
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
)

// recovery reads a log that is being opened: into the segments and groups of the log.
type recovery struct {
	log     *Log
	files   map[uint64]found // what is named as a segment
	buf     []byte
	tables  int     // complete tables seen so far
	place   *Damage // the last place that left groups in doubt
	damages []*Damage
	chain   []link
	newest  *scan
	end     int64    // of the newest segment
	at      position // of what is being read
}

// found is a file that is named as a segment.
type found struct {
	name   string
	header segmentHeader
	begun  bool
	broken bool
}

// link is a segment of the chain, in the order of the log.
type link struct {
	found
	limit  int64  // the end that the next one names
	before string // what is missing between the previous one and this one; "" if nothing
}

// trace is what is known of a group while the log is read, beyond where it stands.
type trace struct {
	base   uint64   // entries up to this one have not been seen
	born   position // entries before this are of an earlier group of this id
	cuts   []cut    // entries that were replaced
	doubt  *Damage  // a place that may have held records of this group
	tabled position // the last table that it was in
	hurt   position // what was found when the group was refused; entries before it stand as they did
}

// position is a place in the log.
type position struct {
	segment uint64
	offset  int64
}

func (p position) before(q position) bool {
	return p.segment < q.segment || p.segment == q.segment && p.offset < q.offset
}

// cut says that entries from an index on, if they stand before a place, were replaced.
type cut struct {
	at    position
	index uint64
}

// read reads everything there is.
func (r *recovery) read() error {
	newest, missing, err := r.findNewest()
	if err != nil || newest == nil {
		return err
	}
	r.log.id = newest.header.log
	first := newest.header.first
	for _, p := range r.newest.pieces {
		if !p.gap {
			first = max(first, p.header.first)
		}
	}
	r.link(*newest, first)
	for i := range r.chain {
		if err := r.segment(i); err != nil {
			return err
		}
	}
	if missing != "" {
		r.doubtAll(&Damage{File: missing, Reason: "the newest segment is missing or has no header"})
	}
	if r.truncated() {
		r.doubtAll(&Damage{File: newest.name, Offset: int64(len(r.newest.data)), Reason: "the file is too short"})
	}
	r.conclude()
	return nil
}

// segment reads one segment of the chain.
func (r *recovery) segment(i int) (err error) {
	k := r.chain[i]
	if k.before != "" {
		r.doubtAll(&Damage{File: k.before, Reason: "the segment is missing or has no header"})
	}
	s, last := r.newest, i == len(r.chain)-1
	if !last {
		s, err = load(r.log.fs, r.log.dir, r.log.options.Keys, k.name, k.header, k.limit, r.buf)
		if err != nil {
			return err
		}
		if r.buf = s.data; r.chain[i+1].before != "" {
			// What follows is missing, and with it the end of this one.
			k.limit, _ = s.trim()
		}
	}
	size := k.header.size
	if info, err := r.log.fs.Stat(filepath.Join(r.log.dir, k.name)); err == nil {
		size = info.Size()
	}
	r.chain[i].limit = k.limit
	r.log.segments = append(r.log.segments, &segment{
		number: k.header.generation, name: k.name, size: size, seed: s.seed, end: k.limit, synced: k.limit, sealed: true,
	})
	for _, p := range s.pieces {
		r.piece(s, p)
	}
	return nil
}

// piece reads a block or a gap.
func (r *recovery) piece(s *scan, p piece) {
	if p.gap {
		r.doubtAll(&Damage{File: s.name, Offset: p.off, Reason: "no block can be made out"})
		return
	}
	if p.header.corrected {
		r.note(&Damage{File: s.name, Offset: p.off, Reason: "one bit of the block header is wrong; it is used as it was"})
	}
	at, table, complete := position{s.header.generation, p.off}, p.header.flags&flagTable != 0, true
	s.visit(p, visitor{
		record: func(h recordHeader, body []byte, off int64) {
			r.at = position{s.header.generation, off}
			if h.kind == state {
				r.state(h, body, at, &Damage{Group: h.group, File: s.name, Offset: off})
				return
			}
			r.record(h, body, position{s.header.generation, off}, s.name)
		},
		broken: func(h recordHeader, known bool, off int64, why string) {
			r.at = position{s.header.generation, off}
			d := &Damage{Group: h.group, File: s.name, Offset: off, Reason: why}
			complete = complete && known
			r.broken(h, known, at, d)
		},
	})
	if table && complete {
		r.tableEnds(at)
	}
}

// broken deals with a record that is not whole.
func (r *recovery) broken(h recordHeader, known bool, table position, d *Damage) {
	if !known {
		d.Group = 0
		r.doubtAll(d)
		return
	}
	g := r.log.groups[h.group]
	said := g != nil && h.kind == state // it would say what is known already
	if g == nil {
		g = r.adopt(group{id: h.group}, position{})
	}
	if h.kind == state {
		g.tabled = table
	}
	if said {
		r.note(&Damage{File: d.File, Offset: d.Offset, Reason: d.Reason})
		return
	}
	g.number = h.number
	r.damage(g, d)
}

// record reads a whole record.
func (r *recovery) record(h recordHeader, body []byte, at position, file string) {
	rec := toRecord(h, body)
	g := r.log.groups[h.group]
	if h.kind == Drop {
		r.drop(g)
		return
	}
	if g != nil && (g.doubt != nil || g.damage != nil) && h.number == firstNumber(at.segment, at.offset) {
		r.drop(g) // as a record said that is lost
		g = nil
	}
	if g == nil {
		g = r.adopt(group{id: h.group}, at)
	}
	d := &Damage{Group: h.group, File: file, Offset: at.offset}
	switch {
	case g.damage != nil:
		g.number = h.number
		return
	case h.number != g.next(at.segment, at.offset):
		r.missing(g, h.number-1, d)
		g.number = h.number
		return
	}
	g.doubt = nil
	if err := g.check(&rec); err != nil {
		d.Reason = err.Error()
		r.damage(g, d)
		return
	}
	if h.kind == Entry && h.index <= g.last {
		g.cuts = append(g.cuts, cut{at, h.index})
		g.base = min(g.base, h.index-1)
	}
	g.number = h.number
	g.apply(&rec)
	g.place(&rec, at.segment, r.log.refer)
}

// state reads the state of a group from a table.
func (r *recovery) state(h recordHeader, body []byte, table position, d *Damage) {
	said, flags, ok := decodeState(h, body)
	g := r.log.groups[h.group]
	switch {
	case !ok:
		d.Reason = "no state record"
		r.broken(h, true, table, d)
		return
	case g == nil && r.tables == 0:
		g = r.adopt(said, table)
		g.base = g.last
	case g == nil:
		g = r.adopt(group{id: said.id}, table)
		r.missing(g, said.number, d)
	case g.damage == nil && g.number != said.number:
		r.missing(g, said.number, d)
	}
	g.doubt, g.tabled = nil, table
	if flags&stateDamaged != 0 && g.damage == nil {
		d.Reason = "found damaged before"
		r.damage(g, d)
	}
}

// tableEnds deals with the groups that a table does not name: if they are
// in doubt or refused, they were dropped.
func (r *recovery) tableEnds(at position) {
	r.tables++
	for _, g := range r.log.groups {
		if g.tabled != at && (g.doubt != nil || g.damage != nil) {
			r.drop(g)
		}
	}
}

// drop forgets a group, if there is one.
func (r *recovery) drop(g *group) {
	if g != nil {
		g.trim(0, r.log.refer)
		delete(r.log.groups, g.id)
	}
}

func (r *recovery) adopt(g group, born position) *group {
	g.trace = &trace{born: born}
	r.log.groups[g.id] = &g
	return &g
}

// missing notes that a group's records are missing, up to the one with the given number.
func (r *recovery) missing(g *group, upTo uint64, d *Damage) {
	place := g.doubt
	if place == nil {
		place = r.place
	}
	if place != nil {
		d.File, d.Offset = place.File, place.Offset
	}
	d.Reason = "its first records are missing"
	if g.number != 0 {
		d.Reason = fmt.Sprintf("records %d to %d are missing", g.number+1, upTo)
	}
	g.number = upTo
	r.damage(g, d)
}

func (r *recovery) damage(g *group, d *Damage) {
	if g.damage == nil {
		g.damage, g.hurt = d, r.at
		r.damages = append(r.damages, d)
	}
}

func (r *recovery) note(d *Damage) { r.damages = append(r.damages, d) }

// doubtAll notes a place that may have held records of any group.
func (r *recovery) doubtAll(d *Damage) {
	r.note(d)
	r.place = d
	for _, g := range r.log.groups {
		if g.doubt == nil {
			g.doubt = d
		}
	}
}

// conclude refuses what is still in doubt, and what lacks entries.
func (r *recovery) conclude() {
	r.at = position{segment: math.MaxUint64} // what was read of a group that is refused now stands
	for _, id := range slices.Sorted(maps.Keys(r.log.groups)) {
		g := r.log.groups[id]
		if g.damage == nil && g.doubt != nil {
			r.damage(g, &Damage{Group: id, File: g.doubt.File, Offset: g.doubt.Offset, Reason: g.doubt.Reason + "; it may have held records of this group"})
		}
		if g.damage == nil && g.checkpointIndex < g.base {
			d := &Damage{Group: id, File: r.chain[0].name, Reason: fmt.Sprintf("entries %d to %d are missing", g.checkpointIndex+1, g.base)}
			if r.place != nil {
				d.File, d.Offset = r.place.File, r.place.Offset
			}
			r.damage(g, d)
		}
		if g.damage != nil {
			r.log.refused++
		}
		r.log.found = append(r.log.found, g.describe())
	}
	for _, d := range r.damages {
		if g := r.log.groups[d.Group]; g == nil || g.damage != d {
			d.Group = 0 // of a group that was dropped later
		}
	}
}

// toRecord makes a record of its parts. The data stays where it is.
func toRecord(h recordHeader, body []byte) Record {
	rec := Record{Kind: h.kind, Tag: h.tag, Group: h.group, Term: h.term, Index: h.index}
	switch {
	case h.kind == Entry:
		rec.Data = body
	case h.kind == HardState && len(body) == hardStateBytes:
		rec.Vote = le.Uint64(body)
	}
	return rec
}
