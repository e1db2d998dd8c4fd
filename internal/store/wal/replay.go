package wal

import "fmt"

// Groups is where all groups stood when the log was opened, by id. Those with Damage are refused.
func (l *Log) Groups() []Group { return l.found }

// Damages is what was found broken when the log was opened, also where no group is refused for it.
// Someone who expects a group that is not in Groups finds here whether it may have been lost.
func (l *Log) Damages() []*Damage { return l.damages }

// Cut is the tail that was cut off when the log was opened, or nil.
func (l *Log) Cut() *Cut { return l.cut }

// Replay calls fn for each entry that counts: behind the checkpoint of its group, not replaced, its group neither
// dropped nor refused. The order is that of the log. The data is fn's until it returns. Replay is called once,
// before the first append. After Inspect it includes the entries that a refused group had before what it is refused
// for; where the damage is that earlier ones are missing, they begin behind a gap.
func (l *Log) Replay(fn func(Record) error) error {
	r := l.replay
	if r == nil {
		return nil
	}
	l.replay = nil
	defer func() {
		for _, g := range l.groups {
			g.trace = nil
		}
	}()
	for _, k := range r.chain {
		s, err := load(l.fs, l.dir, l.options.Keys, k.name, k.header, k.limit, r.buf)
		if err != nil {
			return fmt.Errorf("replay: %w", err)
		}
		r.buf = s.data
		for _, p := range s.pieces {
			if err := l.replayBlock(s, p, fn); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *Log) replayBlock(s *scan, p piece, fn func(Record) error) (err error) {
	if p.gap {
		return nil
	}
	s.visit(p, visitor{
		record: func(h recordHeader, body []byte, off int64) {
			g := l.groups[h.group]
			if err == nil && g != nil && (g.damage == nil || l.options.inspect) && g.counts(h, position{s.header.generation, off}) {
				err = fn(toRecord(h, body))
			}
		},
		broken: func(recordHeader, bool, int64, string) {},
	})
	return err
}

// counts says whether the entry at a place is still part of the group.
func (g *group) counts(h recordHeader, at position) bool {
	if h.kind != Entry || g.trace == nil || g.damage != nil && !at.before(g.hurt) || h.index <= g.checkpointIndex || at.before(g.born) {
		return false
	}
	for _, c := range g.cuts {
		if at.before(c.at) && h.index >= c.index {
			return false
		}
	}
	return true
}
