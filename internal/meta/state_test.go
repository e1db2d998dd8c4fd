package meta

import (
	"encoding/hex"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"testing"

	"myelin/internal/bin"
	"myelin/internal/machine"
	"myelin/internal/stream"
	"myelin/internal/subject"
)

func create(s *State, account string, cfg stream.Config) Reply {
	var fx Effects
	q := CreateStream{Account: account, Config: cfg, Limits: Unlimited()}
	s.Apply(machine.Entry{Time: 1e9, Data: q.Encode(nil)}, &fx)
	return fx.Replies[0]
}

// Files stand under the identity of their stream: how it is made may never change.
func TestIdentityIsForGood(t *testing.T) {
	var s State
	id := create(&s, "ACME", stream.Config{Name: "ORDERS"}).Stream.ID
	if got, want := hex.EncodeToString(id[:]), "bb48d741cd0218a64f5d9e374a7ac848"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	ids := map[[16]byte]bool{id: true}
	for _, x := range []*Stream{
		newStream(2, "ACME", &stream.Config{Name: "ORDER"}, 1e9), newStream(2, "ACMEO", &stream.Config{Name: "RDERS"}, 1e9),
		newStream(3, "ACME", &stream.Config{Name: "ORDERS"}, 1e9), newStream(2, "ACME", &stream.Config{Name: "ORDERS"}, 2e9),
	} {
		if ids[x.ID] {
			t.Errorf("%+v has the identity of another", x)
		}
		ids[x.ID] = true
	}
}

// What was handed out stays as it was.
func TestStreamsAreImmutable(t *testing.T) {
	var s State
	made := create(&s, "ACME", stream.Config{Name: "ORDERS"}).Stream
	var fx Effects
	q := UpdateStream{Account: "ACME", Config: stream.Config{Name: "ORDERS", MaxMsgs: 5}, Limits: Unlimited()}
	s.Apply(machine.Entry{Data: DeleteStream{"ACME", "ORDERS"}.Encode(q.Encode(nil))}, &fx)
	changed, deleted := fx.Changed[0], fx.Deleted[0]
	if made.Config.MaxMsgs != -1 || made.Deleting || changed.Config.MaxMsgs != 5 || changed.Deleting || !deleted.Deleting {
		t.Errorf("%+v, %+v, %+v", made, changed, deleted)
	}
	if made.Group != deleted.Group || made.ID != deleted.ID || made.Created != changed.Created {
		t.Errorf("%+v became %+v", made, deleted)
	}
	fx.Reset()
	if len(fx.Replies)+len(fx.Changed)+len(fx.Deleted) > 0 || fx.Changed[:1][0] != nil {
		t.Error("effects that were reset hold something")
	}
}

// Time in entries may stand still, and the machine's never goes back.
func TestCreatedNeverGoesBack(t *testing.T) {
	var s State
	s.Apply(machine.Entry{Time: 2e9}, new(Effects))
	if x := create(&s, "ACME", stream.Config{Name: "A"}).Stream; x.Created != 2e9 {
		t.Errorf("created at %d", x.Created)
	}
}

// The account pays for each replica, the server for its own.
func TestReplicasAreReserved(t *testing.T) {
	var s State
	var fx Effects
	q := CreateStream{Account: "ACME", Config: stream.Config{Name: "A", MaxBytes: 100, Replicas: 3}, Limits: Unlimited(), Bounds: stream.Bounds{Clustered: true}}
	q.Limits.MaxStorage, q.Limits.ServerStorage = 299, 100
	s.Apply(machine.Entry{Data: q.Encode(nil)}, &fx)
	q.Limits.MaxStorage = 300
	s.Apply(machine.Entry{Data: q.Encode(nil)}, &fx)
	if fx.Replies[0].Err == nil || !fx.Replies[1].Created {
		t.Errorf("%+v", fx.Replies)
	}
	if _, storage := s.Reserved("ACME"); storage != 300 {
		t.Errorf("%d bytes are reserved", storage)
	}
}

// The tree of patterns agrees with a comparison of each with each, also when patterns went.
func TestPatternsAgreeWithOverlap(t *testing.T) {
	for seed := range uint64(200) {
		g := newGenerator(seed)
		var p patterns
		owners := map[string]uint64{}
		for i := range 40 {
			pattern := g.pattern()
			if g.often(5) {
				pattern = ">"
			}
			owner := uint64(1 + i%4)
			want := false
			for other, of := range owners {
				want = want || of != owner && subject.Overlap(pattern, other)
			}
			if got := p.overlaps(pattern, owner); got != want {
				t.Fatalf("seed %d: %s overlaps: %v, among %v", seed, pattern, got, owners)
			}
			if g.often(30) {
				p.remove(pattern)
				delete(owners, pattern)
			} else {
				p.set(pattern, owner)
				owners[pattern] = owner
			}
		}
		for pattern := range owners {
			p.remove(pattern)
		}
		if !p.root.empty() {
			t.Fatalf("seed %d: the tree without patterns holds %+v", seed, p.root)
		}
	}
}

// Snapshots that no machine wrote are refused.
func TestRestoreRefuses(t *testing.T) {
	cfg := func(name string, subjects ...string) *stream.Config {
		return &stream.Config{Name: name, Subjects: subjects}
	}
	a, b := newStream(2, "x", cfg("A", "a.*"), 1), newStream(3, "x", cfg("B", "b"), 1)
	for _, c := range []struct {
		what           string
		version        byte
		groups         uint64
		live, deleting []*Stream
		refused        bool
	}{
		{"as it should be", 1, 2, []*Stream{a, b}, nil, false},
		{"deleted ones overlap", 1, 2, []*Stream{a}, []*Stream{newStream(3, "x", cfg("A", "a.*"), 1)}, false},
		{"unknown version", 2, 2, []*Stream{a, b}, nil, true},
		{"a group that was not given out", 1, 1, []*Stream{a, b}, nil, true},
		{"out of order", 1, 2, []*Stream{b, a}, nil, true},
		{"twice", 1, 2, []*Stream{a, a}, nil, true},
		{"a group of two streams", 1, 2, []*Stream{a, newStream(2, "x", cfg("B"), 1)}, nil, true},
		{"live and deleted", 1, 2, []*Stream{a}, []*Stream{a}, true},
		{"deleted out of order", 1, 2, nil, []*Stream{b, a}, true},
		{"overlapping", 1, 2, []*Stream{a, newStream(3, "x", cfg("B", "*.b"), 1)}, nil, true},
		{"invalid subject", 1, 2, []*Stream{newStream(3, "x", cfg("B", "b..b"), 1)}, nil, true},
		{"no name", 1, 2, []*Stream{newStream(3, "x", cfg(""), 1)}, nil, true},
	} {
		dst := bin.AppendUvarint(bin.AppendVarint([]byte{c.version}, 1), c.groups)
		for _, list := range [][]*Stream{c.live, c.deleting} {
			dst = bin.AppendUvarint(dst, uint64(len(list)))
			for _, x := range list {
				dst = x.append(dst)
			}
		}
		err := new(State).Restore(bin.NewReader(dst))
		if refused := errors.Is(err, errSnapshot); refused != c.refused || err != nil && !refused {
			t.Errorf("%s: %v", c.what, err)
		}
	}
}

// many are so many streams with three tokens in their subjects.
func many(n int) *State {
	s := new(State)
	for i := range n {
		create(s, "ACME", stream.Config{Name: fmt.Sprint("STREAM-", i), Subjects: []string{fmt.Sprintf("app.%d.>", i)}})
	}
	return s
}

// Besides its configuration a stream takes little memory.
func TestMemory(t *testing.T) {
	const n = 10_000
	configs := make([]*stream.Config, 0, n)
	before := heap()
	s := many(n)
	whole := heap() - before
	for x := range s.All() {
		configs = append(configs, x.Config)
	}
	s = nil
	ofConfigs := heap() - before
	if each := (int(whole) - int(ofConfigs)) / n; len(configs) != n || each <= 0 || each > 1024 {
		t.Errorf("%d streams take %d bytes each besides %d", len(configs), each, ofConfigs/n)
	}
	runtime.KeepAlive(configs)
	runtime.KeepAlive(s)
}

func heap() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// Creating ten thousand streams whose subjects might overlap.
func BenchmarkCreate10000(b *testing.B) {
	for _, c := range []struct{ name, subject string }{{"literals", "app.%d"}, {"wildcards", "*.%d.>"}, {"mixed", ""}} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				s := new(State)
				for i := range 10_000 {
					pattern := c.subject
					if pattern == "" {
						pattern = []string{"*.x%d", "y%d.*"}[i%2]
						if i%2 == 1 {
							pattern = "y%d.y"
						}
					}
					if r := create(s, "ACME", stream.Config{Name: fmt.Sprint("S", i), Subjects: []string{"p." + fmt.Sprintf(pattern, i)}}); r.Err != nil {
						b.Fatal(r.Err)
					}
				}
			}
		})
	}
}

// Snapshot and restoration of ten thousand streams.
func BenchmarkSnapshot10000(b *testing.B) {
	s := many(10_000)
	snapshot := s.Snapshot(nil)
	b.Run("snapshot", func(b *testing.B) {
		b.SetBytes(int64(len(snapshot)))
		for b.Loop() {
			snapshot = s.Snapshot(snapshot[:0])
		}
	})
	b.Run("freeze", func(b *testing.B) {
		for b.Loop() {
			s.Freeze()
		}
	})
	b.Run("restore", func(b *testing.B) {
		b.SetBytes(int64(len(snapshot)))
		for b.Loop() {
			if err := new(State).Restore(bin.NewReader(snapshot)); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// What is listed is in order and the caller's.
func TestListsAreSorted(t *testing.T) {
	var s State
	for _, name := range []string{"C", "A", "B"} {
		create(&s, "y", stream.Config{Name: name})
		create(&s, "x", stream.Config{Name: name})
	}
	var names []string
	for x := range s.All() {
		names = append(names, x.Account+x.Config.Name)
	}
	list := s.Streams("x")
	list[0] = nil
	if !slices.Equal(names, []string{"xA", "xB", "xC", "yA", "yB", "yC"}) || s.Streams("x")[0].Config.Name != "A" {
		t.Errorf("%v", names)
	}
	if s.Count("x") != 3 || s.Count("z") != 0 || s.Streams("z") != nil || s.Stream("z", "A") != nil || s.LastGroup() != 7 {
		t.Error("streams that are not there, or not those that are")
	}
	for x := range s.All() {
		if x.Config.Name != "A" {
			t.Error("the walk goes on")
		}
		break
	}
}
