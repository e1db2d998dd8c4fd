package stream

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"myelin/internal/apierr"
	"myelin/internal/jsonl"
	"myelin/internal/machine"
)

// featureSession is a line of testdata/features.jsonl: what was published to a stream of a stock server that
// allows batches or counters, its answers, and what the stream held then.
type featureSession struct {
	Config Config
	Steps  []struct {
		Publish string
		Header  string
		Data    string
		Delete  *uint64
		Purge   *struct{ Filter string }
		Reply   json.RawMessage // a PubAck, or "" for a message without a body
	}
	Messages []featureMessage
}

type featureMessage struct {
	Seq     uint64
	Subject string
	Hdr     string
	Data    string
}

// pubAck is a Reply as a client sees it.
type pubAck struct {
	Seq       uint64
	Duplicate bool
	Val       string
	Batch     string
	Count     int
	Purged    uint64
	Error     *apierr.Error
}

// Counters and atomic batches give the answers and store the messages that a stock server does.
func TestFeaturesAreStocks(t *testing.T) {
	for i, o := range jsonl.Read[featureSession](t, "testdata/features.jsonl") {
		if err := o.replay(); err != nil {
			config, _ := json.Marshal(o.Config)
			t.Errorf("line %d: %v\n%s", i+1, err, config)
		}
	}
}

func (o *featureSession) replay() error {
	cfg, refused := Check(o.Config, Bounds{}, false)
	if refused != nil {
		return refused
	}
	x := publisher{state: new(State), staging: Staging{Level: 5}, held: map[uint64]featureMessage{}}
	x.apply(encode(Configure{cfg}))
	for i, step := range o.Steps {
		var got Reply
		switch {
		case step.Delete != nil:
			got = x.apply(encode(Delete{Seq: *step.Delete}))
		case step.Purge != nil:
			got = x.apply(encode(Purge{Filter: step.Purge.Filter}))
		default:
			got = x.publish(&Append{1, []byte(step.Publish), []byte(step.Header), []byte(step.Data)})
		}
		if text := ackText(got); string(step.Reply) == `""` && text != "silent" || string(step.Reply) != `""` && text != wantedAck(step.Reply) {
			line, _ := json.Marshal(step)
			return fmt.Errorf("step %d: %s\n%s", i, text, line)
		}
	}
	for _, want := range o.Messages {
		if got := x.held[want.Seq]; got != want {
			return fmt.Errorf("holds %+v, want %+v", got, want)
		}
	}
	if len(x.held) != len(o.Messages) {
		return fmt.Errorf("holds %d messages, want %d", len(x.held), len(o.Messages))
	}
	return nil
}

func wantedAck(data []byte) string {
	var ack pubAck
	if err := json.Unmarshal(data, &ack); err != nil {
		return err.Error()
	}
	if ack.Error != nil {
		return ack.Error.Error()
	}
	return fmt.Sprintf("%+v", ack)
}

func ackText(r Reply) string {
	switch {
	case r.Silent:
		return "silent"
	case r.Err != nil:
		return r.Err.Error()
	}
	return fmt.Sprintf("%+v", pubAck{r.Seq, r.Duplicate, string(r.Value), string(r.Batch), r.Count, r.Removed, nil})
}

// publisher is what stands between clients and a State, and keeps the stream's bodies.
type publisher struct {
	state   *State
	staging Staging
	now     int64
	held    map[uint64]featureMessage
	fx      Effects
}

func (x *publisher) publish(a *Append) Reply {
	command := a.Encode(nil)
	if x.state.config.AllowAtomic && Batched(command) {
		x.now++
		proposal, reply := x.staging.Take(x.now, x.state.config, command)
		if proposal == nil {
			return reply
		}
		command = proposal
	}
	return x.apply(command)
}

func (x *publisher) apply(command []byte) Reply {
	x.now++
	x.fx.Reset()
	x.state.Apply(machine.Entry{Time: x.now, Data: command}, &x.fx)
	for _, m := range x.fx.Stored {
		if a, err := ReadAppend(command[m.Offset:]); !m.Changed && (err != nil || !slices.Equal(a.Body, m.Body) || !slices.Equal(a.Header, m.Header)) {
			panic(fmt.Sprint("not found by its offset: ", m.Seq))
		}
		x.held[m.Seq] = featureMessage{m.Seq, string(m.Subject), string(m.Header), string(m.Body)}
	}
	for _, g := range x.fx.Gone {
		for seq := range x.held {
			if g.First <= seq && seq <= g.Last {
				delete(x.held, seq)
			}
		}
	}
	if reply := x.fx.Replies[0]; x.now%7 != 0 {
		return reply
	}
	next := new(State) // a restart now and then
	if err := machine.Copy(next, x.state); err != nil {
		panic(err)
	}
	x.state = next
	return x.fx.Replies[0]
}
