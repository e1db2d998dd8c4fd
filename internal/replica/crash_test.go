package replica

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// After a crash at any point the group has everything that was acknowledged, nothing that was refused,
// nothing twice, and all in order. Of what the log has not synced, any part of the beginning may survive.
func TestCrashAnywhere(t *testing.T) {
	for seed := range uint64(500) {
		random := rand.New(rand.NewPCG(seed, 0))
		n := newNode(t)
		n.disk.inline = seed%5 == 0
		id := uint64(1)
		for range 4 {
			steps := random.IntN(60)
			for range steps {
				step(n, random, &id)
			}
			unsynced := len(n.disk.batches) - n.disk.synced
			n.disk.crash(n.disk.synced + random.IntN(unsynced+1))
			n.start(Config[paid]{ID: 1, Voters: []uint64{1}, KeepBytes: random.IntN(2) * 1000})
			checkPromises(t, n, false)
		}
		n.inbox = append(n.inbox, Event{Kind: Campaign})
		n.settle()
		checkPromises(t, n, true)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// step lets something happen.
func step(n *node, random *rand.Rand, id *uint64) {
	switch random.IntN(8) {
	case 0, 1, 2:
		commands := 1 + random.IntN(3)
		n.propose(*id, commands, random.IntN(100))
		*id += uint64(commands)
	case 3:
		if waiting := len(n.disk.batches) - n.disk.synced; waiting > 0 {
			n.sync(n.disk.synced + 1 + random.IntN(waiting))
		}
	case 4:
		n.now += int64(random.IntN(100)) - 20
	case 5:
		if random.IntN(3) == 0 {
			n.group.Checkpoint()
		} else {
			n.store()
		}
	default:
		if err := n.turn(); err != nil {
			n.t.Fatal(err)
		}
	}
}

// checkPromises compares the ledger with what proposers were told: of a group that is not settled, only
// that there is nothing too much.
func checkPromises(t *testing.T, n *node, settled bool) {
	t.Helper()
	if !slices.IsSorted(n.ledger.ids) {
		t.Errorf("out of order: %v", n.ledger.ids)
	}
	if len(slices.Compact(slices.Clone(n.ledger.ids))) != len(n.ledger.ids) {
		t.Errorf("something twice: %v", n.ledger.ids)
	}
	for id, p := range n.told {
		has := slices.Contains(n.ledger.ids, id)
		if p == dropped && has {
			t.Errorf("%d was refused and is there", id)
		}
		if p == applied && !has && settled {
			t.Errorf("%d was acknowledged and is lost", id)
		}
	}
}

// A crash between all turns and syncs of a fixed run: what was acknowledged before is there after, without
// any event but the first turn and the election.
func TestCrashAtEveryAppend(t *testing.T) {
	const proposals = 12
	for crash := range 40 {
		n := newNode(t)
		id := uint64(1)
		for i := range crash {
			switch {
			case i%3 == 0 && id <= proposals:
				n.propose(id, 1, 0)
				id++
			case i%7 == 5:
				n.group.Checkpoint()
				n.store()
			case i%3 == 1:
				n.sync(len(n.disk.batches))
			}
			if err := n.turn(); err != nil {
				t.Fatal(err)
			}
		}
		n.disk.crash(n.disk.synced)
		n.start(Config[paid]{ID: 1, Voters: []uint64{1}})
		if n.group.Unsettled() {
			n.inbox = append(n.inbox, Event{Kind: Campaign})
		}
		n.settle()
		checkPromises(t, n, true)
		n.propose(100, 1, 0)
		n.settle()
		if last := len(n.ledger.ids) - 1; n.ledger.ids[last] != 100 {
			t.Errorf("crash %d: the ledger goes on with %v", crash, n.ledger.ids)
		}
	}
}
