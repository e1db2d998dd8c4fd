package replica

import (
	"testing"

	"go.etcd.io/raft/v3/raftpb"

	"myelin/internal/bin"
	"myelin/internal/machine"
)

// idle is a machine that does nothing, and its own log and host, which do as little.
type idle struct{ answered int }

func (*idle) Apply(machine.Entry, *struct{})              {}
func (*idle) Snapshot(dst []byte) []byte                  { return dst }
func (*idle) Restore(*bin.Reader) error                   { return nil }
func (*idle) Deadline() int64                             { return 0 }
func (*idle) Append(uint64, []Record, Care) (bool, error) { return true, nil }
func (*idle) Drop([]Ticket, error)                        {}
func (*idle) Lead(uint64)                                 {}
func (*idle) Follow()                                     {}
func (*idle) Send([]*raftpb.Message)                      {}
func (*idle) Store(*Checkpoint)                           {}

func (h *idle) Perform(_ machine.Entry, tickets []Ticket, _ *struct{}) { h.answered += len(tickets) }

// What the order of one message costs, beside its log and its machine: turns of 256 proposals of 128 bytes,
// and of one.
func BenchmarkTurn(b *testing.B) {
	for name, size := range map[string]int{"256": 256, "1": 1} {
		b.Run(name, func(b *testing.B) {
			host := &idle{}
			g, err := New(Config[struct{}]{ID: 1, Voters: []uint64{1}, Machine: host, Log: host, Host: host}, NewReplay(nil))
			if err != nil {
				b.Fatal(err)
			}
			in := make([]Event, size)
			for i := range in {
				in[i] = Event{Kind: Propose, Proposal: Proposal{Data: make([]byte, 128), Ticket: Ticket{Commands: 1, Cookie: host}}}
			}
			b.ReportAllocs()
			b.ResetTimer()
			n := 0
			for ; n < b.N; n += size {
				if err := g.Turn(int64(n), in); err != nil {
					b.Fatal(err)
				}
			}
			if host.answered != n {
				b.Fatalf("%d answered of %d", host.answered, n)
			}
		})
	}
}
