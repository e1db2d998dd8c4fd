package replica

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// cluster is three voters and a network between them that delivers when told to. Elections come from
// start alone, never from ticks, whose randomness is not ours to seed.
type cluster struct {
	t      *testing.T
	nodes  []*node
	flight []letter
	cut    [4]bool // nodes that nobody reaches
	keep   int
}

type letter struct {
	from, to uint64
	data     []byte
}

func newCluster(t *testing.T, keepBytes int) *cluster {
	c := &cluster{t: t, keep: keepBytes}
	for id := uint64(1); id <= 3; id++ {
		n := &node{t: t, disk: &disk{t: t}, told: map[uint64]promise{}}
		n.network = func(messages []*raftpb.Message) {
			for _, m := range messages {
				data, err := proto.Marshal(m)
				if err != nil {
					t.Fatal(err)
				}
				c.flight = append(c.flight, letter{id, m.GetTo(), data})
			}
		}
		c.nodes = append(c.nodes, n)
		c.boot(id)
	}
	return c
}

func (c *cluster) node(id uint64) *node { return c.nodes[id-1] }

func (c *cluster) boot(id uint64) {
	c.node(id).start(Config[paid]{ID: id, Voters: []uint64{1, 2, 3}, ElectionTicks: 1 << 30, KeepBytes: c.keep})
}

// crash restarts a node with the first keep of its batches.
func (c *cluster) crash(id uint64, keep int) {
	c.node(id).disk.crash(keep)
	c.boot(id)
}

// elect makes a node start an election that all others are free to vote in.
func (c *cluster) elect(id uint64) {
	for _, n := range c.nodes {
		if err := n.group.node.ForgetLeader(); err != nil {
			c.t.Fatal(err)
		}
	}
	if err := c.node(id).group.node.Campaign(); err != nil { // also of one whose last try got lost
		c.t.Fatal(err)
	}
	c.turn(id)
}

func (c *cluster) turn(id uint64, more ...Event) {
	if err := c.node(id).turn(more...); err != nil {
		c.t.Fatal(err)
	}
}

// deliver gives the i-th letter to its receiver, or loses it. The sender learns what became of a snapshot.
func (c *cluster) deliver(i int, lose bool) {
	l := c.flight[i]
	c.flight = slices.Delete(c.flight, i, i+1)
	m := &raftpb.Message{}
	if err := proto.Unmarshal(l.data, m); err != nil {
		c.t.Fatal(err)
	}
	lose = lose || c.cut[l.from] || c.cut[l.to]
	if !lose {
		n := c.node(l.to)
		n.inbox = append(n.inbox, Event{Kind: Received, Message: m})
	}
	if m.GetType() == raftpb.MsgSnap {
		status := &raftpb.Message{Type: raftpb.MsgSnapStatus.Enum(), From: &l.to, Reject: &lose}
		c.node(l.from).inbox = append(c.node(l.from).inbox, Event{Kind: Received, Message: status})
	}
}

// work lets everything that is under way come to its end.
func (c *cluster) work() {
	for busy := true; busy; {
		busy = len(c.flight) > 0
		for len(c.flight) > 0 {
			c.deliver(0, false)
		}
		for _, n := range c.nodes {
			n.sync(len(n.disk.batches))
			n.store()
			if len(n.inbox) > 0 {
				busy = true
				c.turn(n.group.id)
			}
		}
	}
}

// heal brings everything to the same state under the leadership of one node.
func (c *cluster) heal(leader uint64) {
	c.t.Helper()
	c.cut = [4]bool{}
	c.work()
	for range 20 {
		if c.node(leader).lead == 0 {
			c.elect(leader)
			c.work()
			leader = leader%3 + 1 // what another has and this one lacks may forbid it to win
			for _, n := range c.nodes {
				if n.lead != 0 {
					leader = n.group.id
				}
			}
		}
		c.turn(leader, Event{Kind: Tick})
		c.work()
		if c.equal() && c.node(leader).lead != 0 {
			return
		}
	}
	c.t.Fatalf("no agreement: applied %d, %d, %d, leads %d, %d, %d", c.node(1).group.Applied(), c.node(2).group.Applied(),
		c.node(3).group.Applied(), c.node(1).lead, c.node(2).lead, c.node(3).lead)
}

func (c *cluster) equal() bool {
	first := c.node(1)
	return !slices.ContainsFunc(c.nodes, func(n *node) bool {
		return n.group.Applied() != first.group.Applied() || !bytes.Equal(n.ledger.Snapshot(nil), first.ledger.Snapshot(nil))
	})
}

// Three voters agree; the leader alone answers, and a follower turns proposals away.
func TestThreeVoters(t *testing.T) {
	c := newCluster(t, 1<<20)
	c.node(2).propose(1, 1, 0) // finds no leader and starts an election
	c.turn(2)
	c.work()
	for id := uint64(2); id < 10; id++ {
		c.node(2).propose(id, 1, 0)
		c.turn(2)
	}
	c.node(3).propose(50, 1, 0)
	c.heal(2)
	for _, n := range c.nodes {
		n.wantLedger(1, 2, 3, 4, 5, 6, 7, 8, 9)
	}
	if c.node(2).lead == 0 || c.node(1).leads+c.node(3).leads > 0 || c.node(3).told[50] != dropped {
		t.Fatalf("node 2 leads %d, node 3 told %v", c.node(2).lead, c.node(3).told)
	}
}

// What a leader could not replicate before it was cut off is superseded: its proposals are dropped when it
// is back and knows, and not before. What did reach a majority is answered as applied, though another leads.
func TestLeaderLoss(t *testing.T) {
	c := newCluster(t, 1<<20)
	c.elect(1)
	c.work()
	old := c.node(1)

	old.propose(1, 1, 0) // reaches the others' disks; the old leader does not learn it
	c.turn(1)
	for len(c.flight) > 0 {
		c.deliver(0, false)
	}
	for id := uint64(2); id <= 3; id++ {
		c.turn(id)
		c.node(id).sync(len(c.node(id).disk.batches))
	}
	c.cut[1] = true
	old.propose(2, 1, 0) // reaches nobody
	old.propose(3, 1, 0)
	c.turn(1)
	c.work()
	if len(old.told) > 0 {
		t.Fatalf("told %v in the dark", old.told)
	}

	c.elect(2)
	c.work()
	c.node(2).propose(10, 1, 0)
	c.turn(2)
	c.work()
	c.heal(2)
	for _, n := range c.nodes {
		n.wantLedger(1, 10)
	}
	if old.told[1] != applied || old.told[2] != dropped || old.told[3] != dropped || old.lead != 0 {
		t.Fatalf("the old leader told %v", old.told)
	}
}

// A follower that missed more than its leader keeps gets the leader's checkpoint, also when its own log
// has a tail that contradicts it, and after a crash between storing the checkpoint and logging it.
func TestCatchUpByCheckpoint(t *testing.T) {
	for _, crash := range []bool{false, true} {
		c := newCluster(t, 0)
		c.elect(1)
		c.work()
		c.cut[1] = true
		for id := uint64(1); id < 9; id++ {
			c.node(1).propose(id, 1, 0)
			c.turn(1)
			c.node(1).sync(len(c.node(1).disk.batches))
		}
		c.elect(2)
		c.work()
		for id := uint64(10); id < 14; id++ {
			c.node(2).propose(id, 1, 0)
			c.turn(2)
			c.work()
		}
		c.cut[1] = false
		lag := c.node(1)
		for len(lag.storing) == 0 {
			c.turn(2, Event{Kind: Tick})
			for len(c.flight) > 0 {
				c.deliver(0, false)
				for id := range uint64(3) {
					c.turn(id + 1)
				}
			}
			lag.sync(len(lag.disk.batches))
		}
		lag.store()
		if crash {
			c.crash(1, len(lag.disk.batches))
			lag.wantLedger(10, 11, 12, 13)
		}
		c.heal(2)
		lag.wantLedger(10, 11, 12, 13)
		c.node(2).propose(20, 1, 0)
		c.turn(2)
		c.work()
		c.crash(1, len(lag.disk.batches))
		c.heal(2)
		lag.wantLedger(10, 11, 12, 13, 20)
	}
}

// Whatever happens to three voters and the network between them, they agree in the end, and every promise
// is kept on all of them.
func TestAnythingMayHappen(t *testing.T) {
	for seed := range uint64(500) {
		random := rand.New(rand.NewPCG(seed, 1))
		c := newCluster(t, random.IntN(2)*2000)
		id := uint64(1)
		for range 600 {
			c.step(random, &id)
		}
		c.heal(1 + random.Uint64N(3))
		ids := slices.Sorted(slices.Values(c.node(1).ledger.ids))
		if len(slices.Compact(slices.Clone(ids))) != len(ids) {
			t.Errorf("something twice: %v", c.node(1).ledger.ids)
		}
		for _, n := range c.nodes {
			for id, p := range n.told {
				_, has := slices.BinarySearch(ids, id)
				if p == applied && !has || p == dropped && has {
					t.Errorf("%d was told %d, is there: %v", id, p, has)
				}
			}
			if !n.group.Idle() {
				t.Errorf("node %d is not idle", n.group.id)
			}
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func (c *cluster) step(random *rand.Rand, id *uint64) {
	at := 1 + random.Uint64N(3)
	n := c.node(at)
	switch random.IntN(30) {
	case 0, 1, 2, 3:
		n.propose(*id, 1, random.IntN(50))
		*id++
	case 4:
		c.elect(at)
	case 5:
		c.turn(at, Event{Kind: Tick})
	case 6:
		if random.IntN(4) == 0 {
			c.crash(at, n.disk.synced+random.IntN(len(n.disk.batches)-n.disk.synced+1))
		}
	case 7:
		if random.IntN(4) == 0 {
			c.cut[at] = !c.cut[at]
		}
	case 8:
		n.group.Checkpoint()
	case 9, 10:
		n.store()
	case 11, 12, 13:
		if waiting := len(n.disk.batches) - n.disk.synced; waiting > 0 {
			n.sync(n.disk.synced + 1 + random.IntN(waiting))
		}
	case 14:
		n.now += int64(random.IntN(100)) - 20
	case 15, 16, 17, 18, 19:
		c.turn(at)
	default:
		if len(c.flight) > 0 {
			i := 0
			if random.IntN(4) == 0 {
				i = random.IntN(len(c.flight))
			}
			if random.IntN(10) == 0 {
				c.flight = append(c.flight, c.flight[i])
			}
			c.deliver(i, random.IntN(10) == 0)
		}
	}
}
