package stream

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"

	"myelin/internal/apierr"
	"myelin/internal/jsonl"
	"myelin/internal/machine"
)

// session is a line of testdata/publish.jsonl: what was asked of a stream of a stock server, and its answers.
type session struct {
	Config Config
	Steps  []step
}

type step struct {
	Publish string
	Header  string
	Body    int
	Delete  *uint64
	Purge   *struct {
		Filter    string
		Seq, Keep uint64
	}
	Reply struct {
		Seq       uint64
		Duplicate bool
		Purged    uint64
		Error     *apierr.Error
	}
	State *observedState
}

type observedState struct {
	Messages    uint64
	Bytes       uint64
	FirstSeq    uint64 `json:"first_seq"`
	LastSeq     uint64 `json:"last_seq"`
	NumSubjects int    `json:"num_subjects"`
	NumDeleted  uint64 `json:"num_deleted"`
	Deleted     []uint64
	Subjects    map[string]uint64
}

func (x *step) command() any {
	switch {
	case x.Delete != nil:
		return Delete{Seq: *x.Delete}
	case x.Purge != nil:
		return Purge{x.Purge.Filter, x.Purge.Seq, x.Purge.Keep}
	}
	return &Append{1, []byte(x.Publish), []byte(x.Header), make([]byte, x.Body)}
}

// In sessions of random publishes, deletes and purges, with all kinds of limits and headers, replies and
// state are those of a stock server.
func TestSessionsAreStocks(t *testing.T) {
	n := 0
	jsonl.Each(t, "testdata/publish.jsonl", func(text string, o session) {
		n++
		cfg, refused := Check(o.Config, Bounds{}, false)
		if refused != nil {
			t.Fatalf("line %d: %v", n, refused)
		}
		var s State
		var fx Effects
		s.Apply(machine.Entry{Time: 1, Data: encode(Configure{cfg})}, &fx)
		for i, x := range o.Steps {
			fx.Reset()
			s.Apply(machine.Entry{Time: int64(i + 2), Data: encode(x.command())}, &fx)
			if err := x.compare(&s, fx.Replies[0]); err != nil {
				line, _ := json.Marshal(x)
				t.Errorf("line %d, step %d %s: %v\n%s", n, i, line, err, text[:400])
				break
			}
		}
	})
}

func (x *step) compare(s *State, got Reply) error {
	want := Reply{Seq: x.Reply.Seq, Removed: x.Reply.Purged, Duplicate: x.Reply.Duplicate, Err: x.Reply.Error}
	if answer(got) != answer(want) {
		return fmt.Errorf("reply %s", answer(got))
	}
	if x.State == nil {
		return nil
	}
	info := s.Info()
	state := observedState{
		Messages: info.Messages, Bytes: info.Bytes, FirstSeq: info.First, LastSeq: info.Last,
		NumSubjects: info.Subjects, NumDeleted: info.Deleted,
	}
	for subject, n := range s.Subjects("") {
		if state.Subjects == nil {
			state.Subjects = map[string]uint64{}
		}
		state.Subjects[string(subject)] = n
	}
	for first, last := range s.Deleted() {
		for seq := first; seq <= last; seq++ {
			state.Deleted = append(state.Deleted, seq)
		}
	}
	if !reflect.DeepEqual(state, *x.State) {
		return fmt.Errorf("state %+v, want %+v", state, *x.State)
	}
	return nil
}
