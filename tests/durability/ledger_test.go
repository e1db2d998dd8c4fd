package durability

import (
	"fmt"
	"hash/crc32"
	"maps"
	"slices"
	"sync"
)

// A message is what a publisher gives and a reader finds, with its body as size
// and checksum.
type message struct {
	id      string
	subject string
	size    int
	sum     uint32
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func describe(id, subject string, body []byte) message {
	return message{id, subject, len(body), crc32.Checksum(body, castagnoli)}
}

// A maker returns the message of an ID. All of it follows from that, so that
// nothing of it has to be remembered.
type maker func(id string) (subject string, body []byte)

// contents is what a reader finds in a stream.
type contents struct {
	first, last uint64
	count       uint64 // as the stream itself says
	messages    map[uint64]message
}

// A retention is what a stream keeps; 0 stands for everything.
type retention struct {
	messages   uint64 // the newest so many
	perSubject int    // 1: the last of each subject
}

// drops says whether the stream may have dropped a message on its own, given
// what is there.
func (r retention) drops(seq uint64, m message, found contents) bool {
	if r.messages > 0 && seq+r.messages <= found.last {
		return true
	}
	if r.perSubject == 0 {
		return false
	}
	for other, stored := range found.messages {
		if stored.subject == m.subject && other > seq {
			return true
		}
	}
	return false
}

// exceeded says whether there is more than the stream may keep.
func (r retention) exceeded(found contents) bool {
	subjects := map[string]int{}
	for _, m := range found.messages {
		if subjects[m.subject]++; r.perSubject > 0 && subjects[m.subject] > r.perSubject {
			return true
		}
	}
	return r.messages > 0 && uint64(len(found.messages)) > r.messages
}

// A ledger is what one stream was asked and what it has answered. Several
// goroutines write to it.
type ledger struct {
	stream string
	make   maker
	keeps  retention

	mu        sync.Mutex
	attempts  map[string]int    // how often an ID was published
	ids       map[uint64]string // by sequence number, as acknowledged or once found
	seqs      map[string]uint64 // the same the other way round
	deletes   map[uint64]bool   // asked for; true when confirmed
	purge     uint64            // below this everything was asked to go
	purged    uint64            // below this everything was confirmed to be gone
	last      uint64            // highest sequence number ever heard of
	complaint []string          // what was wrong with an answer
}

func newLedger(stream string, make maker, keeps retention) *ledger {
	return &ledger{stream: stream, make: make, keeps: keeps, attempts: map[string]int{},
		ids: map[uint64]string{}, seqs: map[string]uint64{}, deletes: map[uint64]bool{}}
}

func (l *ledger) complain(format string, args ...any) {
	l.complaint = append(l.complaint, l.stream+": "+fmt.Sprintf(format, args...))
}

// published notes that a message goes out.
func (l *ledger) published(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.attempts[id]++
}

// acked notes an acknowledgement.
func (l *ledger) acked(id string, seq uint64, duplicate bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	known := l.seqs[id]
	switch {
	case seq == 0:
		l.complain("%s is acknowledged without a sequence number", id)
		return
	case l.attempts[id] == 0:
		l.complain("%s is acknowledged and was never published", id)
	case duplicate && known == 0 && l.attempts[id] == 1:
		l.complain("%s is called a duplicate the first time", id)
	case !duplicate && known != 0:
		l.complain("%s is stored again at %d, it was at %d", id, seq, known)
	}
	l.note(id, seq)
}

// refused notes a publish that was answered with an error, which nothing here
// gives a reason for.
func (l *ledger) refused(id, why string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.complain("%s is refused: %s", id, why)
}

// note binds an ID and a sequence number for ever.
func (l *ledger) note(id string, seq uint64) {
	if other, ok := l.ids[seq]; ok && other != id {
		l.complain("sequence %d belongs to %s and to %s", seq, other, id)
	}
	if other, ok := l.seqs[id]; ok && other != seq {
		l.complain("%s is at %d and at %d", id, other, seq)
	}
	l.ids[seq], l.seqs[id] = id, seq
	l.last = max(l.last, seq)
}

func (l *ledger) deleteAsked(seq uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, asked := l.deletes[seq]; !asked {
		l.deletes[seq] = false
	}
}

func (l *ledger) deleteConfirmed(seq uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.deletes[seq] = true
}

func (l *ledger) purgeAsked(below uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.purge = max(l.purge, below)
}

func (l *ledger) purgeConfirmed(below uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.purged = max(l.purged, below)
}

// mayBeGone says whether somebody asked for the message to be removed.
func (l *ledger) mayBeGone(seq uint64) bool {
	_, deleted := l.deletes[seq]
	return deleted || seq < l.purge
}

// removed says whether the removal of a message was asked for.
func (l *ledger) removed(seq uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mayBeGone(seq)
}

// check holds what was found after a crash against the ledger and returns all
// complaints so far. What was found is remembered: it has to stay.
func (l *ledger) check(found contents) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.checkKept(found)
	for _, seq := range slices.Sorted(maps.Keys(found.messages)) {
		l.checkFound(seq, found.messages[seq])
	}
	if l.keeps.exceeded(found) {
		l.complain("it holds more than its limits allow")
	}
	if got := uint64(len(found.messages)); got != found.count {
		l.complain("it says that it holds %d messages, %d were read", found.count, got)
	}
	if found.last < l.last {
		l.complain("its last sequence is %d, it was at %d before", found.last, l.last)
	}
	l.last = max(l.last, found.last)
	return l.complaint
}

// checkKept looks for messages that are missing.
func (l *ledger) checkKept(found contents) {
	for _, seq := range slices.Sorted(maps.Keys(l.ids)) {
		id := l.ids[seq]
		if _, ok := found.messages[seq]; !ok && !l.mayBeGone(seq) && !l.keeps.drops(seq, l.want(id), found) {
			l.complain("%s at %d is lost (found %d to %d)", id, seq, found.first, found.last)
		}
	}
}

func (l *ledger) want(id string) message {
	subject, body := l.make(id)
	return describe(id, subject, body)
}

// checkFound looks at one message that is there.
func (l *ledger) checkFound(seq uint64, m message) {
	if l.attempts[m.id] == 0 {
		l.complain("%q at %d was never published", m.id, seq)
		return
	}
	if want := l.want(m.id); m != want {
		l.complain("%s at %d is damaged: %+v instead of %+v", m.id, seq, m, want)
	}
	if l.deletes[seq] {
		l.complain("%s at %d is back, its removal was confirmed", m.id, seq)
	}
	if seq < l.purged {
		l.complain("%s at %d is back, everything below %d was purged", m.id, seq, l.purged)
	}
	l.note(m.id, seq)
}

// unanswered returns the IDs that were published and never heard of.
func (l *ledger) unanswered() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var ids []string
	for id := range l.attempts {
		if l.seqs[id] == 0 {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// sequences returns all sequence numbers that a message is known to have, or
// to have had.
func (l *ledger) sequences() []uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Sorted(maps.Keys(l.ids))
}
