package jetstream

import (
	"sort"

	"myelin/internal/stream"
	"myelin/internal/subject"
)

// scanStep is how many messages are looked at in one view of a stream, so that its turns go on in between.
const scanStep = 4096

// find returns the sequence of the message that is asked for; 0 if there is none.
func (q *JSApiMsgGetRequest) find(state *stream.State) uint64 {
	switch {
	case q.LastFor != "":
		return state.LastOf([]byte(q.LastFor))
	case q.exact():
		if r, ok := state.Get(q.Seq); ok {
			return r.Seq
		}
		return 0
	}
	return next(state, q.start(state), q.NextFor)
}

// exact reports whether only one sequence will do.
func (q *JSApiMsgGetRequest) exact() bool {
	return q.LastFor == "" && q.NextFor == "" && q.StartTime == nil && q.Batch == 0
}

// start is the sequence at which a request begins to look.
func (q *JSApiMsgGetRequest) start(state *stream.State) uint64 {
	if q.StartTime != nil {
		return sequenceAt(state, q.StartTime.UnixNano())
	}
	return q.Seq
}

// next is the sequence of the first message from seq on that matches a filter, which may be empty; 0 if
// there is none. A match that is near is found by looking at the messages, another by its subject.
func next(state *stream.State, seq uint64, filter string) uint64 {
	const near = 128
	all := filter == "" || filter == ">"
	for range near {
		r, ok := state.Next(seq, "")
		if !ok {
			return 0
		}
		if all || matches(filter, r.Subject) {
			return r.Seq
		}
		seq = r.Seq + uint64(r.Span)
	}
	r, ok := state.Next(seq, filter)
	if !ok {
		return 0
	}
	return r.Seq
}

func matches(filter string, name []byte) bool {
	return filter == string(name) || subject.Matches(filter, string(name))
}

// sequenceAt is the sequence of the first message that is not older than a time; one beyond the last if
// there is none.
func sequenceAt(state *stream.State, nanos int64) uint64 {
	info := state.Info()
	if info.Messages == 0 {
		return info.Last + 1
	}
	n := sort.Search(int(info.Last+1-info.First), func(i int) bool {
		r, ok := state.Next(info.First+uint64(i), "")
		return !ok || r.Time >= nanos
	})
	return info.First + uint64(n)
}

// countFrom is the number of messages from a sequence on that match a filter, which may be empty.
func countFrom(s Stream, seq uint64, filter string) (n uint64) {
	known := false
	s.View(func(state *stream.State) { n, known = countAtOnce(state, seq, filter) })
	all := filter == "" || filter == ">"
	for more := !known; more; {
		s.View(func(state *stream.State) {
			for range scanStep {
				r, ok := state.Next(seq, "")
				if more = ok; !more {
					return
				}
				if all || matches(filter, r.Subject) {
					n++
				}
				seq = r.Seq + uint64(r.Span)
			}
		})
	}
	return n
}

// countAtOnce is countFrom where nothing needs to be looked at one by one; it reports whether that is so.
func countAtOnce(state *stream.State, seq uint64, filter string) (n uint64, ok bool) {
	info := state.Info()
	all := filter == "" || filter == ">"
	switch {
	case info.Messages == 0 || seq > info.Last:
		return 0, true
	case all && seq <= info.First:
		return info.Messages, true
	case all && info.Deleted == 0:
		return info.Last - seq + 1, true
	case seq > info.First:
		return 0, false
	}
	for _, messages := range state.Subjects(filter) {
		n += messages
	}
	return n, true
}

// lastUpTo is the sequence of the last message of a subject that is not above a bound; 0 if there is none.
func lastUpTo(state *stream.State, name []byte, bound uint64) uint64 {
	if last := state.LastOf(name); last <= bound {
		return last
	}
	filter := string(name)
	first, ok := state.Next(1, filter)
	if !ok || first.Seq > bound {
		return 0
	}
	// The last sequence from which on there is still a message within the bound.
	n := sort.Search(int(bound-first.Seq), func(i int) bool {
		r, ok := state.Next(first.Seq+uint64(i)+1, filter)
		return !ok || r.Seq > bound
	})
	return first.Seq + uint64(n)
}
