package engine

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"myelin/internal/stream"
)

// sourced is what is known of S, which takes A and B: all that was ever seen in it. Nothing but purges from its
// beginning removes messages of S, so that its sequences have no gaps, and what it may lack is as much as was purged
// without having been seen.
type sourced struct {
	window bool // it takes no id twice, as a stream with sources does if its configuration says so

	seen    map[uint64]string // what S held under its sequences
	last    uint64            // and the highest of those
	taken   map[mark]taken
	through map[string]uint64 // the highest sequence of each incarnation
	ids     map[string]uint64 // of messages, and what S held them under

	unseen  uint64          // how much was purged without having been seen
	excused map[string]bool // what may have been among that: messages, or ids if none is taken twice
}

// mark says which message of an origin a copy is of.
type mark struct {
	origin string // with its incarnation
	seq    uint64
}

// taken is the copy of a message.
type taken struct {
	at   uint64 // in S
	body string
}

func newSourced(window bool) *sourced {
	return &sourced{
		window: window, seen: map[uint64]string{}, taken: map[mark]taken{}, through: map[string]uint64{}, ids: map[string]uint64{},
		excused: map[string]bool{},
	}
}

// configure makes a configuration that of S.
func (x *sourced) configure(c *stream.Config) {
	sourcesOf("A", "B")(c)
	if !x.window {
		c.DuplicateWindow = 0
	}
}

// toggle has S leave B out, or take it in again.
func toggle(n *node, s *Stream) error {
	cfg := *s.Config()
	cfg.Sources = []stream.Source{{Name: "A"}, {Name: "B"}}[:3-len(cfg.Sources)]
	if _, err := n.Update(account, cfg, false); err != nil {
		return err
	}
	return nil
}

// purge removes some of the beginning of S, without having it go on behind its end.
func purge(s *Stream, random func(n uint64) uint64) {
	s.Propose(stream.Purge{Before: 1 + random(min(50, s.Info().Last+1))}.Encode(nil), true)
}

// field returns the value of a header field.
func field(block []byte, key string) string {
	_, rest, _ := strings.Cut(string(block), key+": ")
	value, _, _ := strings.Cut(rest, "\r\n")
	return value
}

// look takes in what S holds, and finds whether it changed, or took something twice or out of order.
func (x *sourced) look(s *Stream) error {
	next := max(1, s.Info().First)
	err := s.each(func(m *Message) error {
		if m.Seq != next {
			return fmt.Errorf("follows a gap from %d on", next)
		}
		next++
		is := text(m)
		if was, ok := x.seen[m.Seq]; ok && was != is {
			return fmt.Errorf("was %s and is %s", was, is)
		} else if ok {
			return nil
		}
		x.seen[m.Seq] = is
		return x.learn(m)
	})
	if last := s.Info().Last; err == nil && (next != last+1 || last < x.last) {
		err = fmt.Errorf("S ends at %d, its messages before %d, and it had come to %d", last, next, x.last)
	}
	x.last = s.Info().Last
	return err
}

// learn takes in a message that S did not hold before.
func (x *sourced) learn(m *Message) error {
	if m.Seq <= x.last {
		return errors.New("appears where S had been already")
	}
	fields := strings.Fields(field(m.Header, "Nats-Stream-Source"))
	if len(fields) != 6 {
		return fmt.Errorf("says %q", m.Header)
	}
	origin := fields[0] + " " + fields[5]
	seq, err := strconv.ParseUint(fields[1], 10, 64)
	if err != nil {
		return err
	}
	if seq <= x.through[origin] {
		return fmt.Errorf("is %s %d, after %d", origin, seq, x.through[origin])
	}
	x.through[origin] = seq
	x.taken[mark{origin, seq}] = taken{m.Seq, string(m.Body)}
	id := field(m.Header, "Nats-Msg-Id")
	if at, ok := x.ids[id]; ok && x.window {
		return fmt.Errorf("is %s, as %d", id, at)
	}
	x.ids[id] = m.Seq
	return nil
}

// check finds whether S took something twice, out of order, as it is not, or not at all. All was copied.
func (x *sourced) check(n *node, s *Stream) error {
	before := x.last
	if err := x.look(s); err != nil {
		return err
	}
	first := max(1, s.Info().First)
	if !x.window {
		x.unseen = 0 // what was purged by then was excused by then
	}
	if first-1 > before {
		x.unseen += first - 1 - before
	}
	lacks := uint64(0)
	for _, name := range []string{"A", "B"} {
		if origin := n.Stream(account, name); origin != nil {
			lacking, err := x.compare(origin, first)
			if err != nil {
				return err
			}
			lacks += lacking
		}
	}
	if lacks > x.unseen {
		return fmt.Errorf("S lacks %d more messages, and may lack %d", lacks, x.unseen)
	}
	x.unseen -= lacks
	return nil
}

// compare counts the messages of an origin that S was never seen to hold, and that were not counted before. There is none behind one that is in S.
// But those that were sent again after their stream was deleted are not taken once more if S takes no id twice.
func (x *sourced) compare(origin *Stream, first uint64) (lacks uint64, err error) {
	name := origin.Name() + " " + origin.Identity()
	if last := origin.Info().Last; x.through[name] > last {
		return 0, fmt.Errorf("S has taken %s %d, and that ends at %d", name, x.through[name], last)
	}
	some := false
	err = origin.each(func(m *Message) error {
		copied, ok := x.taken[mark{name, m.Seq}]
		id := field(m.Header, "Nats-Msg-Id")
		_, known := x.ids[id]
		excuse := fmt.Sprint(name, " ", m.Seq)
		if x.window {
			excuse = id
		}
		switch {
		case ok && copied.body != string(m.Body):
			return fmt.Errorf("S %d holds something else", copied.at)
		case ok:
			some = some || copied.at >= first
		case x.window && known:
		case some && !x.window:
			return errors.New("S does not hold it, but what came before it")
		case !x.excused[excuse]:
			x.excused[excuse] = true
			lacks++
		}
		return nil
	})
	return lacks, err
}
