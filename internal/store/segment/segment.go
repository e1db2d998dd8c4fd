package segment

import (
	"fmt"
	"strconv"
	"strings"

	"myelin/internal/store/seal"
)

const (
	suffix     = ".seg"
	tempSuffix = ".seg.tmp"
)

// segment is one file of a set. Its fields but the identity are guarded by the set's lock.
type segment struct {
	header // the identity: what the name and the owner say, and which files it replaced
	sum    uint32
	box    *seal.Box // of the payloads; nil: they are plain

	summary
	index  index // kept here while records are being added, else nil: it is read when wanted
	footer int64 // where the last index frame is, 0 without one
	footed int64 // where it ends
	synced int64 // bytes known to be on the disk
	dead   int64 // bytes of records that their owner has no use for

	sealed     bool    // takes no more records
	unreadable bool    // nothing in it can be trusted
	bad        *Damage // the first found
	lost       *Damage // the one since which records at its end may be missing
}

// hurt notes a damage; only the first is kept.
func (g *segment) hurt(d *Damage) {
	if g.bad == nil {
		g.bad = d
	}
	if d.Next == 0 {
		g.lost = d
	}
}

func newSegment(h header) *segment { return &segment{header: h, sum: h.seed()} }

func (g *segment) name() string {
	return fmt.Sprintf("%020d-%010x%s", g.first, g.generation, suffix)
}

// parseName returns first sequence and generation from the name of a segment file.
func parseName(name string) (first, generation uint64, ok bool) {
	stem, ok := strings.CutSuffix(name, suffix)
	if !ok || len(stem) != 31 || stem[20] != '-' {
		return 0, 0, false
	}
	first, err1 := strconv.ParseUint(stem[:20], 10, 64)
	generation, err2 := strconv.ParseUint(stem[21:], 16, 64)
	return first, generation, err1 == nil && err2 == nil
}

// live is how many bytes of the file, in proportion when it is compressed, are still wanted.
func (g *segment) live() int64 {
	live := max(g.bytes-g.dead, 0)
	if g.bytes > g.size {
		live = int64(float64(live) * float64(g.size) / float64(g.bytes))
	}
	return live
}

// usable says whether upkeep may rewrite the file.
func (g *segment) usable() bool { return g.sealed && !g.unreadable && g.bad == nil }

// last is the last sequence that the file is responsible for.
func (g *segment) last() uint64 { return max(g.high, g.replaced) }
