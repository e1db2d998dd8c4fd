package stream

// subjects are the subjects of the records that a stream holds, each with a number while it holds any.
type subjects struct {
	seed    uint64
	epoch   uint64         // how often they were frozen
	entries []subjectChunk // so that growing copies none
	used    uint32         // numbers handed out once
	free    uint32         // the first freed number, plus one; the next one is in its entry
	count   int
	index   index
	texts   texts
}

// subjectEntry is one subject. A sequence is that of a record. In a chunk that a frozen view may share, text
// and length stay as they are, also when the subject is removed: they are what a view reads.
type subjectEntry struct {
	first, last uint64
	messages    uint64
	text        uint32
	length      uint16
}

type subjectChunk struct {
	list  []subjectEntry
	epoch uint64 // of the subjects when the list was made
	marks *marks // of the subjects in the list, which no view reads; nil in the first chunk, of which streams have many
}

// maxSubjectBytes bounds a subject by the size of its length.
const maxSubjectBytes = 1<<16 - 1

const (
	entryChunk      = 256
	firstEntryChunk = 4 // the first chunk grows from here
)

func (s *subjects) at(id uint32) *subjectEntry { return &s.entries[id/entryChunk].list[id%entryChunk] }

func (s *subjects) text(id uint32) []byte {
	e := s.at(id)
	return s.texts.get(e.text, int(e.length))
}

// find returns the number of a subject.
func (s *subjects) find(text []byte) (id uint32, ok bool) {
	return s.lookup(hashOf(s.seed, text), text)
}

func (s *subjects) lookup(hash uint32, text []byte) (uint32, bool) {
	return s.index.find(hash, func(id uint32) bool {
		e := s.at(id)
		return int(e.length) == len(text) && string(s.texts.get(e.text, len(text))) == string(text)
	})
}

// intern returns the number of a subject, a new one if need be.
func (s *subjects) intern(text []byte) uint32 {
	hash := hashOf(s.seed, text)
	if id, ok := s.lookup(hash, text); ok {
		return id
	}
	id := s.create(text)
	s.index.add(hash, id)
	return id
}

// create gives a subject that there is not a number, which is not in the index yet.
func (s *subjects) create(text []byte) uint32 {
	id := s.take()
	*s.at(id) = subjectEntry{text: s.texts.add(text), length: uint16(len(text))}
	if m := s.entries[id/entryChunk].marks; m != nil {
		m.set(int(id%entryChunk), text)
	}
	s.count++
	return id
}

// enter makes the index, when none of the numbers is in it and none was freed. It fails if two subjects are
// the same.
func (s *subjects) enter() bool {
	list := make([]slot, s.used)
	for id := range s.used {
		list[id] = slot{hashOf(s.seed, s.text(id)), id}
	}
	return s.index.fill(list, func(a, b uint32) bool { return string(s.text(a)) == string(s.text(b)) })
}

// take returns an unused number, whose entry may be changed.
func (s *subjects) take() uint32 {
	if s.free > 0 {
		id := s.free - 1
		s.free = uint32(s.at(id).first)
		s.own(int(id / entryChunk))
		return id
	}
	id := s.used
	s.used++
	chunk := int(id / entryChunk)
	if chunk == len(s.entries) {
		size, m := firstEntryChunk, (*marks)(nil)
		if chunk > 0 {
			size, m = entryChunk, new(marks)
		}
		s.entries = append(s.entries, subjectChunk{make([]subjectEntry, 0, size), s.epoch, m})
	}
	s.entries[chunk].list = append(s.entries[chunk].list, subjectEntry{}) // beyond what a view has of it
	return id
}

// own makes a chunk one that no view shares.
func (s *subjects) own(chunk int) {
	if c := &s.entries[chunk]; c.epoch != s.epoch {
		*c = subjectChunk{cloneWithRoom(c.list), s.epoch, c.marks}
	}
}

// remove frees the number of a subject.
func (s *subjects) remove(id uint32) {
	s.index.remove(hashOf(s.seed, s.text(id)), id)
	s.release(id)
}

// removeAll frees the numbers of subjects that have no messages. If these are most, the index is made anew.
func (s *subjects) removeAll(ids []uint32) {
	if len(ids) <= s.count/2 || len(ids) < blockRecords {
		for _, id := range ids {
			s.remove(id)
		}
		return
	}
	for _, id := range ids {
		s.release(id)
	}
	list := make([]slot, 0, s.count)
	s.each(func(id uint32, text []byte) { list = append(list, slot{hashOf(s.seed, text), id}) })
	s.index = index{}
	s.index.fill(list, func(_, _ uint32) bool { return false })
}

// release frees a number that is, or soon will be, in the index no more.
func (s *subjects) release(id uint32) {
	e := s.at(id)
	s.texts.remove(e.text, int(e.length))
	e.first, e.messages = uint64(s.free), 0
	s.free = id + 1
	s.count--
}

// each visits all subjects, in no order that means anything.
func (s *subjects) each(visit func(id uint32, text []byte)) {
	for c := range s.entries {
		s.eachOf(c, visit)
	}
}

// eachOf visits those of a chunk.
func (s *subjects) eachOf(chunk int, visit func(id uint32, text []byte)) {
	list := s.entries[chunk].list
	for i := range list {
		if e := &list[i]; e.messages > 0 {
			visit(uint32(chunk*entryChunk+i), s.texts.get(e.text, int(e.length)))
		}
	}
}

// most is the number of messages of the subject that has most.
func (s *subjects) most() (messages uint64) {
	for c := range s.entries {
		for i := range s.entries[c].list {
			messages = max(messages, s.entries[c].list[i].messages)
		}
	}
	return messages
}
