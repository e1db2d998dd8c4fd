package replica

import (
	"errors"
	"fmt"
	"slices"

	"go.etcd.io/raft/v3/raftpb"

	"myelin/internal/must"
)

// hardState is what raft must not forget beside the entries.
type hardState struct{ term, vote, commit uint64 }

func hardStateOf(h *raftpb.HardState) hardState {
	return hardState{h.GetTerm(), h.GetVote(), h.GetCommit()}
}

func (h hardState) record() Record {
	return Record{Kind: RecordHardState, Term: h.term, Index: h.commit, Vote: h.vote}
}

// appending is one append that the log has not completed.
type appending struct {
	number    uint64
	records   []Record
	entries   []*raftpb.Entry
	responses []*raftpb.Message // for raft and for peers, once it is durable
	care      Care
}

// append does what a MsgStorageAppend asks for, in order.
func (g *Group[FX]) append(m *raftpb.Message) {
	switch {
	case g.installing != nil:
		g.installing.waiting = append(g.installing.waiting, m)
	case m.GetSnapshot() != nil:
		g.install(m)
		g.finishInstall()
	default:
		g.record(m)
	}
}

// record logs the entries in m and a changed term or vote. A commit index alone is not worth a sync: it
// goes with the next append. A message that has nothing to log is a barrier behind the last append.
func (g *Group[FX]) record(m *raftpb.Message) {
	voted := g.hard.term != g.logged.term || g.hard.vote != g.logged.vote
	if len(m.GetEntries()) == 0 && !voted && m.GetSnapshot() == nil {
		if n := len(g.appends); n > 0 {
			g.appends[n-1].responses = append(g.appends[n-1].responses, m.GetResponses()...)
		} else {
			g.respond(m.GetResponses())
		}
		return
	}
	g.logged = g.hard
	entries := m.GetEntries()
	g.write(&appending{records: g.records(entries), entries: entries, responses: m.GetResponses(), care: g.careOf(entries)})
	g.urgent = false
}

// careOf tells how entries are to be logged: lazily, if nobody waits for the disk. Among several voters nothing
// is lazy: one that forgets what it has voted for breaks their agreement.
func (g *Group[FX]) careOf(entries []*raftpb.Entry) Care {
	lazy := g.alone && len(entries) > 0 && len(entries) <= len(g.pending)
	for i := len(entries); lazy && i > 0; i-- {
		lazy = g.pending[len(g.pending)-i].lazy
	}
	return Care{Urgent: g.urgent, Lazy: lazy}
}

// write starts an append. The log may complete it at once. In a stalled group it waits for a retry.
func (g *Group[FX]) write(a *appending) {
	g.number++
	a.number = g.number
	g.appends = append(g.appends, a)
	if g.stalled {
		return
	}
	a.care.Behind = len(g.appends) > 1
	durable, err := g.log.Append(a.number, a.records, a.care)
	if err != nil || durable {
		g.complete(a.number, err)
	}
}

// advance puts the newest checkpoint among appends in the place of those before it. It may be in the log already, for what has priority may
// have found room behind what had none, and the log does not go back. It holds nothing that is only now appended.
func advance(appends []*appending) {
	var newest *appending
	for _, a := range slices.Backward(appends) {
		if len(a.records) != 1 || a.records[0].Kind != RecordCheckpoint {
			continue
		}
		if newest == nil {
			newest = a
		}
		a.records = newest.records
	}
}

func (g *Group[FX]) records(entries []*raftpb.Entry) []Record {
	records := make([]Record, 0, len(entries)+3)
	hard := g.hard
	// What is replaced was never committed, whatever is committed with what replaces it.
	if g.anew != nil {
		hard.commit = min(hard.commit, g.ring.before.index-1)
	} else if len(entries) > 0 {
		hard.commit = min(hard.commit, entries[0].GetIndex()-1)
	}
	records = append(records, hard.record())
	if g.anew != nil {
		records = g.beginAnew(records)
	}
	for _, e := range entries {
		data := e.GetData()
		g.lastTime = max(g.lastTime, timeOf(data))
		records = append(records, Record{
			Kind: RecordEntry, Tag: uint8(e.GetType()), Term: e.GetTerm(), Index: e.GetIndex(), Data: data,
		})
	}
	return records
}

// beginAnew makes the log go on behind the ring's beginning, which is a checkpoint that is stored and of
// which the log does not know. If the log has entries there, they are not those of the checkpoint, and
// nor are those behind them: an empty entry in the right place ends their life.
func (g *Group[FX]) beginAnew(records []Record) []Record {
	must.True(len(g.ring.entries) == 0, "the log begins anew before entry %d", g.ring.last())
	at := g.ring.before
	if g.anew.index >= at.index {
		records = append(records, Record{Kind: RecordEntry, Term: at.term, Index: at.index})
	}
	g.anew = nil
	return append(records, Record{Kind: RecordCheckpoint, Term: at.term, Index: at.index})
}

// complete is told that all appends up to number are durable, or that one failed. Completions that an
// append in line has overtaken, or a stall, come late and change nothing.
func (g *Group[FX]) complete(number uint64, err error) {
	if g.stalled || len(g.appends) == 0 || number < g.appends[0].number {
		return
	}
	if errors.Is(err, ErrFull) {
		g.stalled = true
		g.dropHeld(ErrFull)
		return
	}
	if err != nil {
		g.fail(fmt.Errorf("log: %w", err))
		return
	}
	n := 0
	for n < len(g.appends) && g.appends[n].number <= number {
		a := g.appends[n]
		g.ring.append(a.entries)
		g.respond(a.responses)
		n++
	}
	g.appends = shift(g.appends, n)
	g.finishInstall()
}

// retry appends everything again that was under way when the log had no room. Before something urgent it
// may use the reserve, since what frees space cannot overtake it.
func (g *Group[FX]) retry(urgent bool) {
	if !g.stalled {
		return
	}
	again := g.appends
	g.appends, g.stalled = nil, false
	advance(again)
	for _, a := range again {
		a.care.Urgent = a.care.Urgent || urgent
		g.write(a)
	}
}
