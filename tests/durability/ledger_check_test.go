package durability

import (
	"fmt"
	"strings"
	"testing"
)

func makePlain(id string) (string, []byte) { return "s", []byte("body of " + id) }

func plainMessage(id string) message {
	subject, body := makePlain(id)
	return describe(id, subject, body)
}

// honest returns a ledger of the messages a to e at 1 to 5, of which c was
// never acknowledged and the first was deleted, and what an honest server holds.
func honest(keeps retention) (*ledger, contents) {
	l := newLedger("S", makePlain, keeps)
	found := contents{first: 2, last: 5, count: 4, messages: map[uint64]message{}}
	for i, id := range []string{"a", "b", "c", "d", "e"} {
		seq := uint64(i + 1)
		l.published(id)
		if id != "c" {
			l.acked(id, seq, false)
		}
		found.messages[seq] = plainMessage(id)
	}
	l.deleteAsked(1)
	l.deleteConfirmed(1)
	delete(found.messages, 1)
	return l, found
}

func TestAnHonestHistoryPasses(t *testing.T) {
	l, found := honest(retention{})
	if complaints := l.check(found); len(complaints) > 0 {
		t.Fatal(complaints)
	}
	// A retry of what was stored without an answer, and of what was answered.
	for id, seq := range map[string]uint64{"c": 3, "e": 5} {
		l.published(id)
		l.acked(id, seq, true)
	}
	l.purgeAsked(4)
	if complaints := l.check(found); len(complaints) > 0 {
		t.Error("a purge without an answer that did not happen: ", complaints)
	}
	delete(found.messages, 2)
	delete(found.messages, 3)
	found.first, found.count = 4, 2
	if complaints := l.check(found); len(complaints) > 0 {
		t.Error("a purge without an answer that happened: ", complaints)
	}
}

// The checker has to be able to fail: each row is a lie that it must find.
func TestForgedHistoriesAreFound(t *testing.T) {
	for _, c := range []struct {
		lie, complaint string
		forge          func(l *ledger, found *contents)
	}{
		{"an acknowledged message is lost", "b at 2 is lost", func(_ *ledger, found *contents) {
			delete(found.messages, 2)
			found.count--
		}},
		{"the last one is lost and its number forgotten", "its last sequence is 4", func(_ *ledger, found *contents) {
			delete(found.messages, 5)
			found.count, found.last = 3, 4
		}},
		{"two messages have changed places", "sequence 4 belongs to d and to b", func(_ *ledger, found *contents) {
			found.messages[2], found.messages[4] = found.messages[4], found.messages[2]
		}},
		{"a body is damaged", "b at 2 is damaged", func(_ *ledger, found *contents) {
			m := found.messages[2]
			m.sum++
			found.messages[2] = m
		}},
		{"a message comes from nowhere", `"ghost" at 6 was never published`, func(_ *ledger, found *contents) {
			found.messages[6] = plainMessage("ghost")
			found.count, found.last = 5, 6
		}},
		{"a retry is stored twice", "c is at 3 and at 6", func(_ *ledger, found *contents) {
			found.messages[6] = plainMessage("c")
			found.count, found.last = 5, 6
		}},
		{"a deleted message is back", "a at 1 is back", func(_ *ledger, found *contents) {
			found.messages[1] = plainMessage("a")
			found.count, found.first = 5, 1
		}},
		{"a purge is undone", "b at 2 is back", func(l *ledger, _ *contents) {
			l.purgeAsked(3)
			l.purgeConfirmed(3)
		}},
		{"the count is wrong", "it says that it holds 9", func(_ *ledger, found *contents) { found.count = 9 }},
		{"a sequence is given twice", "sequence 5 belongs to e and to f", func(l *ledger, _ *contents) {
			l.published("f")
			l.acked("f", 5, false)
		}},
		{"a retry is acknowledged as new", "e is stored again at 6", func(l *ledger, _ *contents) {
			l.published("e")
			l.acked("e", 6, false)
		}},
		{"a retry is acknowledged elsewhere", "e is at 5 and at 4", func(l *ledger, _ *contents) {
			l.published("e")
			l.acked("e", 4, true)
		}},
		{"a new message is called a duplicate", "f is called a duplicate", func(l *ledger, _ *contents) {
			l.published("f")
			l.acked("f", 5, true)
		}},
		{"a publish is refused", "f is refused: because", func(l *ledger, _ *contents) {
			l.published("f")
			l.refused("f", "because")
		}},
		{"nothing was stored", "without a sequence", func(l *ledger, _ *contents) { l.acked("e", 0, false) }},
	} {
		l, found := honest(retention{})
		c.forge(l, &found)
		if got := strings.Join(l.check(found), "\n"); !strings.Contains(got, c.complaint) {
			t.Errorf("%s: the complaints are %q", c.lie, got)
		}
	}
}

// What was found once, acknowledged or not, has to be found again.
func TestWhatWasFoundHasToStay(t *testing.T) {
	l, found := honest(retention{})
	if complaints := l.check(found); len(complaints) > 0 {
		t.Fatal(complaints)
	}
	delete(found.messages, 3)
	found.count--
	if got := fmt.Sprint(l.check(found)); !strings.Contains(got, "c at 3 is lost") {
		t.Errorf("the complaints are %s", got)
	}
}

func TestRetentionsExcuseNoMoreThanTheyShould(t *testing.T) {
	l, found := honest(retention{messages: 2})
	if got := fmt.Sprint(l.check(found)); !strings.Contains(got, "more than its limits") {
		t.Errorf("four of two are there: %s", got)
	}
	l.complaint = nil
	delete(found.messages, 2)
	delete(found.messages, 3)
	found.first, found.count = 4, 2
	if complaints := l.check(found); len(complaints) > 0 {
		t.Error("the newest two are there: ", complaints)
	}
	delete(found.messages, 4)
	found.first, found.count = 5, 1
	if got := fmt.Sprint(l.check(found)); !strings.Contains(got, "d at 4 is lost") {
		t.Errorf("one of the newest two is missing: %s", got)
	}
	l, found = honest(retention{perSubject: 1})
	if got := fmt.Sprint(l.check(found)); !strings.Contains(got, "more than its limits") {
		t.Errorf("four of one subject are there: %s", got)
	}
	l.complaint = nil
	found.messages = map[uint64]message{5: found.messages[5]}
	found.first, found.count = 5, 1
	if complaints := l.check(found); len(complaints) > 0 {
		t.Error("the last of the subject is there: ", complaints)
	}
	found.messages, found.count = nil, 0
	if got := fmt.Sprint(l.check(found)); !strings.Contains(got, "e at 5 is lost") {
		t.Errorf("the last of the subject is missing: %s", got)
	}
}
