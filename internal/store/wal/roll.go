package wal

import "path/filepath"

// wantsSpare says whether the next segment will be needed soon: behind the first one always, which is small, so that whoever
// waits for it does not wait long.
func (l *Log) wantsSpare() bool {
	s := l.active()
	wanted := s != nil && (s.sealed || s.end > s.size/2 || s.last || s.size < l.options.SegmentBytes)
	l.spareWanted.Store(wanted)
	return wanted
}

// begin makes a file the active segment. The order is that of format.md: the old segment is synced, the new
// one is durable with its name, then the old one says that there is another.
func (l *Log) begin(file *spare, reserved bool) error {
	old := l.active()
	header := segmentHeader{log: l.id, generation: l.numbers.Add(1), size: file.size}
	header.first, header.mark, header.salt = header.generation, l.mark, l.salt
	if old != nil {
		if err := l.seal(old); err != nil {
			return err
		}
		header.previous, header.previousEnd, header.first = old.number, old.end, l.neededBehind(header.generation)
	}
	s := &segment{number: header.generation, name: file.name, size: file.size, file: file.file, last: reserved, clean: file.clean}
	s.seed = newSeeder(l.id, s.number)
	if err := l.baptize(s, header); err != nil {
		return err
	}
	l.segments = append(l.segments, s)
	if old != nil && !l.options.NoSync {
		if err := l.writeEnd(old); err != nil {
			return err
		}
	}
	l.first = header.first
	l.letGo()
	l.measure()
	return nil
}

// seal syncs a segment that gets no more records.
func (l *Log) seal(s *segment) error {
	if err := s.open(l.fs, l.dir); err != nil {
		return err
	}
	if s.synced == s.end {
		return nil
	}
	return l.sync(s)
}

// baptize gives a segment its name, header and table.
func (l *Log) baptize(s *segment, header segmentHeader) error {
	name := segmentName(s.number)
	s.close() // some systems rename no open file
	if err := l.fs.Rename(filepath.Join(l.dir, s.name), filepath.Join(l.dir, name)); err != nil {
		return err
	}
	s.name = name
	if err := s.open(l.fs, l.dir); err != nil {
		return err
	}
	page := header.appendPage(nil)
	s.synced = pageBytes
	block := l.table(s.seed, pageBytes)
	h := blockHeader{length: uint32(len(block) - blockHeaderBytes), count: uint32(len(l.groups)), flags: flagTable, synced: pageBytes, first: header.first}
	h.put(block, s.seed, s.number, pageBytes)
	if _, err := s.file.WriteAt(append(page, block...), 0); err != nil {
		return err
	}
	s.end = pageBytes + int64(len(block))
	s.tableEnd = s.end
	l.counters.bytes.Add(uint64(s.end))
	if l.options.NoSync {
		return nil
	}
	if err := l.sync(s); err != nil {
		return err
	}
	return l.fs.SyncDir(l.dir)
}

// table is a block, its header not yet filled in, with the state of all groups.
func (l *Log) table(seed seeder, offset int64) []byte {
	block := make([]byte, blockHeaderBytes, blockHeaderBytes+len(l.groups)*(recordHeaderBytes+stateBytes))
	for _, id := range l.groupIDs() {
		block = appendState(block, l.groups[id], seed, offset+int64(len(block)))
	}
	return block
}

// writeEnd says in a segment that there is a next one, and frees what a segment of an earlier opening
// never filled.
func (l *Log) writeEnd(s *segment) error {
	end := s.end
	if err := l.writeBlock(s, make([]byte, blockHeaderBytes), 0, flagEnd); err != nil {
		return err
	}
	if err := l.sync(s); err != nil {
		return err
	}
	if s.sealed && s.end < s.size && s.file.Truncate(s.end) == nil {
		s.size = s.end
	}
	s.end, s.synced, s.sealed = end, end, true
	return nil
}

// writeClosed ends the active segment with a table, so that the last commit is known to have been synced.
func (l *Log) writeClosed() error {
	s := l.active()
	if s == nil || s.sealed || l.options.NoSync {
		return nil
	}
	if err := l.sync(s); err != nil {
		return l.kill(err)
	}
	block := l.table(s.seed, s.end)
	count := len(l.groups)
	flags := uint32(flagClosed | flagTable)
	if int64(len(block)) > s.size-s.end {
		block, count, flags = block[:blockHeaderBytes], 0, flagClosed
	}
	if err := l.writeBlock(s, block, uint32(count), flags); err != nil {
		return l.kill(err)
	}
	if err := l.sync(s); err != nil {
		return l.kill(err)
	}
	return nil
}
