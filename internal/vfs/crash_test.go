package vfs

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"strings"
	"testing"
)

// fates draws crashes of m by many seeds, and returns how often what was described each way.
func fates(t *testing.T, m *Mem, p Policy, describe func(*Mem) string) map[string]int {
	t.Helper()
	seen := map[string]int{}
	for seed := range max(200, seeds(t, 200)) {
		p.Seed = seed
		seen[describe(m.Crash(p))]++
	}
	return seen
}

// content describes a file by its content.
func content(name string) func(*Mem) string {
	return func(m *Mem) string {
		b, err := ReadFile(m, name)
		if errors.Is(err, fs.ErrNotExist) {
			return "absent"
		}
		return string(get(b, err))
	}
}

// sectors describes a file of sectors that are each filled with one letter; a torn sector is a '?'.
func sectors(name string) func(*Mem) string {
	return func(m *Mem) string {
		var s strings.Builder
		for b := get(ReadFile(m, name)); len(b) > 0; b = b[min(sectorSize, len(b)):] {
			one := b[:min(sectorSize, len(b))]
			switch {
			case !bytes.Equal(one, bytes.Repeat(one[:1], len(one))):
				s.WriteByte('?')
			case one[0] == 0:
				s.WriteByte('0')
			default:
				s.WriteByte(one[0])
			}
		}
		return s.String()
	}
}

func fill(letters string) []byte {
	var b []byte
	for _, l := range []byte(letters) {
		b = append(b, bytes.Repeat([]byte{l}, sectorSize)...)
	}
	return b
}

// durable makes a file that survives everything, open for more.
func durable(t *testing.T, m *Mem, name string, content []byte) File {
	t.Helper()
	f := get(m.Create(name))
	get(f.Write(content))
	ok(t, f.Sync())
	ok(t, m.SyncDir("."))
	return f
}

func expect(t *testing.T, seen map[string]int, want ...string) {
	t.Helper()
	for _, w := range want {
		if seen[w] == 0 {
			t.Errorf("never %q, but %v", w, seen)
		}
	}
}

func only(t *testing.T, seen map[string]int, want ...string) {
	t.Helper()
	expect(t, seen, want...)
	if len(seen) > len(want) {
		t.Errorf("more than %q: %v", want, seen)
	}
}

// The policies that leave nothing to chance.
func TestCrashLosesWhatIsNotSynced(t *testing.T) {
	m := NewMem()
	f := durable(t, m, "x", []byte("synced"))
	get(f.Write([]byte(" and not")))
	get(f.WriteAt([]byte("S"), 0))
	for _, c := range []struct {
		p    Policy
		want string
	}{
		{Policy{}, "synced"},
		{Policy{Names: Kept}, "synced"},
		{ProcessDeath, "Synced and not"},
		{Policy{Content: Kept}, "Synced and not"},
	} {
		if got := content("x")(m.Crash(c.p)); got != c.want {
			t.Errorf("by %+v the file is %q, want %q", c.p, got, c.want)
		}
	}
	ok(t, f.Sync())
	only(t, fates(t, m, PowerLoss(0), content("x")), "Synced and not")
}

// A file that is cut comes back as long as it was, until it is synced.
func TestCrashAfterTruncate(t *testing.T) {
	m := NewMem()
	f := durable(t, m, "x", fill("abc"))
	ok(t, f.Truncate(sectorSize))
	if got := sectors("x")(m.Crash(Policy{})); got != "abc" {
		t.Errorf("cut and not synced it is %q", got)
	}
	ok(t, f.Truncate(3*sectorSize))
	expect(t, fates(t, m, PowerLoss(0), sectors("x")), "abc", "a00", "ab0", "a0c")
	ok(t, f.Sync())
	only(t, fates(t, m, PowerLoss(0), sectors("x")), "a00")
}

// Unsynced sectors over synced ones survive in any combination, each whole.
func TestCrashTearsBySector(t *testing.T) {
	m := NewMem()
	f := durable(t, m, "x", fill("abcdefghijkl"))
	get(f.WriteAt(fill("DEFGH"), 3*sectorSize))
	seen := fates(t, m, PowerLoss(0), sectors("x"))
	for got := range seen {
		if strings.ToLower(got) != "abcdefghijkl" {
			t.Errorf("found %q", got)
		}
	}
	expect(t, seen, "abcdefghijkl", "abcDEFGHijkl", "abcDefghijkl", "abcdEfghijkl", "abcDEFghijkl", "abcdefGHijkl", "abcDEfGHijkl", "abcdEFGHijkl")
	if got := string(get(ReadFile(m.Crash(PowerLoss(7)), "x"))); got != string(get(ReadFile(m.Crash(PowerLoss(7)), "x"))) {
		t.Errorf("one seed, two crashes: %q", got)
	}
}

// What was appended may be there in part, may be zeros, and may end inside of a sector.
func TestCrashDuringAppend(t *testing.T) {
	m := NewMem()
	f := durable(t, m, "x", fill("a"))
	get(f.Write(fill("bcd")))
	seen := fates(t, m, PowerLoss(0), sectors("x"))
	expect(t, seen, "a", "abcd", "a000", "ab00", "a0cd", "a00d", "abc0")
	inside := 0
	fates(t, m, PowerLoss(0), func(m *Mem) string {
		if len(get(ReadFile(m, "x")))%sectorSize != 0 {
			inside++
		}
		return ""
	})
	if inside == 0 {
		t.Error("the file never ends inside of a sector")
	}
}

// A sync of one file is none of another's.
func TestCrashReordersFiles(t *testing.T) {
	m := NewMem()
	for _, name := range []string{"1", "2"} {
		f := durable(t, m, name, []byte("old"))
		get(f.WriteAt([]byte("new"), 0))
	}
	both := func(m *Mem) string { return content("1")(m) + content("2")(m) }
	only(t, fates(t, m, PowerLoss(0), both), "oldold", "oldnew", "newold", "newnew")
	ok(t, get(m.OpenReadWrite("2")).Sync())
	only(t, fates(t, m, PowerLoss(0), both), "oldnew", "newnew")
}

// Names that were made, renamed and removed are as before until the directory is synced.
func TestCrashForgetsNames(t *testing.T) {
	m := NewMem()
	for _, name := range []string{"gone", "from", "to"} {
		durable(t, m, name, []byte(name))
	}
	ok(t, m.MakeDirs("old"))
	ok(t, m.SyncDir("."))
	ok(t, m.MakeDirs("dir/deep"))
	get(m.Create("made"))
	ok(t, m.Remove("gone"))
	ok(t, m.Remove("old"))
	ok(t, m.Rename("from", "to"))

	names := func(m *Mem) string { return fmt.Sprint(get(m.List("."))) + content("to")(m) }
	const before, after = "[from gone old to]to", "[dir made to]from"
	if got := names(m.Crash(Policy{})); got != before {
		t.Errorf("nothing synced: %s", got)
	}
	if got := names(m.Crash(Policy{Names: Kept})); got != after {
		t.Errorf("all kept: %s", got)
	}
	seen := fates(t, m, PowerLoss(0), names)
	expect(t, seen, before, after, "[dir from gone old to]to", "[dir from made old to]to", "[dir gone made old to]from")
	for got := range seen {
		if strings.Contains(got, "from ") != strings.HasSuffix(got, "]to") {
			t.Errorf("half a rename: %s", got)
		}
	}
	ok(t, m.SyncDir("."))
	only(t, fates(t, m, PowerLoss(0), names), after)
}

// A directory needs its name in its parent, whatever is synced within.
func TestCrashForgetsDirectories(t *testing.T) {
	m := NewMem()
	ok(t, m.MakeDirs("a/b"))
	f := get(m.Create("a/b/x"))
	get(f.Write([]byte("x")))
	ok(t, f.Sync())
	for _, dir := range []string{"a/b", "."} {
		ok(t, m.SyncDir(dir))
		if got := content("a/b/x")(m.Crash(Policy{})); got != "absent" {
			t.Errorf("with %s synced: %q", dir, got)
		}
	}
	ok(t, m.SyncDir("a"))
	if got := content("a/b/x")(m.Crash(Policy{})); got != "x" {
		t.Errorf("with all synced: %q", got)
	}
}

// The usual mistake: a name is synced, what it names is not.
func TestCrashLeavesEmptyFile(t *testing.T) {
	m := NewMem()
	f := get(m.Create("x"))
	get(f.Write([]byte("content")))
	ok(t, m.SyncDir("."))
	if got := content("x")(m.Crash(Policy{})); got != "" {
		t.Errorf("found %q", got)
	}
	expect(t, fates(t, m, PowerLoss(0), content("x")), "", "content", "\x00\x00\x00\x00\x00\x00\x00")
}

// A crash at any change that ReplaceFile makes, in the middle of its write too, leaves the old content or
// the new one, and the new one when it has returned.
func TestReplaceFileIsAtomic(t *testing.T) {
	before, after := string(fill("abcdefghij")), string(fill("ABCDEFGHIJKL"))
	for n, finished := 0, false; !finished; n++ {
		disk := NewMem()
		ok(t, ReplaceFile(disk, "x", []byte(before)))
		process := NewFault(disk)
		process.Inject(Rule{Kinds: OpChange, Skip: n, Err: ErrKilled, Partial: 3*sectorSize + 7})
		finished = ReplaceFile(process, "x", []byte(after)) == nil
		seen := fates(t, disk, PowerLoss(0), content("x"))
		delete(seen, after)
		if !finished {
			delete(seen, before)
		}
		if len(seen) > 0 {
			t.Errorf("killed at change %d: found %v", n+1, seen)
		}
		if want := 5; finished && n != want {
			t.Errorf("it took %d changes, want %d", n, want)
		}
	}
}

// Much is made durable piece by piece.
func TestReplaceFileSyncsOnTheWay(t *testing.T) {
	disk := NewMem()
	content := bytes.Repeat([]byte("0123456789"), syncBytes/4)
	for synced := range 4 {
		process := NewFault(disk)
		process.Inject(Rule{Kinds: OpSync, Skip: synced, Err: ErrKilled})
		if done := ReplaceFile(process, "x", content) == nil; done != (synced == 3) {
			t.Errorf("with %d syncs of the file it is done: %v", synced, done)
		}
	}
	if got := get(ReadFile(disk, "x")); !bytes.Equal(got, content) {
		t.Errorf("%d bytes are there", len(got))
	}
}

// What the crash found, and who did not notice it, do not touch each other.
func TestCrashMakesAWorldOfItsOwn(t *testing.T) {
	m := NewMem()
	f := durable(t, m, "x", fill("abc"))
	get(f.WriteAt(fill("B"), sectorSize))
	found := m.Crash(ProcessDeath)
	get(f.WriteAt(fill("CC"), sectorSize))
	ok(t, f.Sync())
	get(get(found.OpenReadWrite("x")).WriteAt(fill("D"), 0))
	ok(t, found.Remove("x"))
	again := found.Crash(Policy{})
	if got := sectors("x")(again); got != "aBc" {
		t.Errorf("found %q", got)
	}
	if got := sectors("x")(m); got != "aCC" {
		t.Errorf("the survivor has %q", got)
	}
}

// After a sync that failed the bytes can be read, and no later sync brings them to the disk.
func TestFailedSyncGivesUp(t *testing.T) {
	m := NewMem()
	process := NewFault(m)
	process.Inject(Rule{Kinds: OpSync, Times: 1, Err: errors.New("input/output error")})
	durable(t, m, "x", fill("aaaaaaaaaaaaaaaaaaaaaaaa"))
	f := get(process.OpenReadWrite("x"))
	get(f.WriteAt(fill("b"), 0))
	if f.Sync() == nil {
		t.Fatal("the sync did not fail")
	}
	get(f.WriteAt(fill("c"), 23*sectorSize))
	ok(t, f.Sync())
	if got := sectors("x")(m); got != "baaaaaaaaaaaaaaaaaaaaaac" {
		t.Errorf("programs see %q", got)
	}
	if got := sectors("x")(m.Crash(Policy{})); got != "aaaaaaaaaaaaaaaaaaaaaaac" {
		t.Errorf("on the disk is %q", got)
	}
	only(t, fates(t, m, PowerLoss(0), sectors("x")), "aaaaaaaaaaaaaaaaaaaaaaac", "baaaaaaaaaaaaaaaaaaaaaac")
	get(f.WriteAt(fill("b"), 0))
	ok(t, f.Sync())
	only(t, fates(t, m, PowerLoss(0), sectors("x")), "baaaaaaaaaaaaaaaaaaaaaac")
}

// By seed, against a plain model of two byte slices: what is found has in each sector the content that
// was synced last, or the one that programs saw, or zeros where the file was not so long; and a size
// between the two.
func TestCrashModel(t *testing.T) {
	for seed := range seeds(t, 300) {
		rng := rand.New(rand.NewPCG(seed, 2))
		m := NewMem()
		f := durable(t, m, "x", nil)
		var now, disk []byte
		for range 5 + rng.IntN(30) {
			switch off := rng.IntN(12000); rng.IntN(5) {
			case 0:
				ok(t, f.Truncate(int64(off)))
				now = append(now[:min(off, len(now))], make([]byte, max(0, off-len(now)))...)
			case 1:
				ok(t, f.Sync())
				disk = bytes.Clone(now)
			default:
				b := bytes.Repeat([]byte{byte(1 + rng.IntN(255))}, 1+rng.IntN(5000))
				get(f.WriteAt(b, int64(off)))
				now = append(now, make([]byte, max(0, off+len(b)-len(now)))...)
				copy(now[off:], b)
			}
		}
		for policy, want := range map[Policy][]byte{{}: disk, ProcessDeath: now} {
			if !bytes.Equal(get(ReadFile(m.Crash(policy), "x")), want) {
				t.Fatalf("seed %d: other content by %+v", seed, policy)
			}
		}
		found := m.Crash(PowerLoss(seed))
		content := get(ReadFile(found, "x"))
		checkFound(t, seed, content, disk, now)
		ok(t, get(found.OpenReadWrite("x")).Truncate(20000))
		if behind := get(ReadFile(found, "x"))[len(content):]; len(bytes.Trim(behind, "\x00")) > 0 {
			t.Fatalf("seed %d: what was cut off by the crash is there again", seed)
		}
	}
}

func checkFound(t *testing.T, seed uint64, found, disk, now []byte) {
	t.Helper()
	if len(found) < min(len(disk), len(now)) || len(found) > max(len(disk), len(now)) {
		t.Fatalf("seed %d: found %d bytes, synced %d, written %d", seed, len(found), len(disk), len(now))
	}
	longer := make([]byte, max(len(disk), len(now))+sectorSize)
	pad := func(b []byte) []byte { return append(bytes.Clone(b), longer[len(b):]...) }
	disk, now = pad(disk), pad(now)
	for at := 0; at < len(found); at += sectorSize {
		end := min(at+sectorSize, len(found))
		if one := found[at:end]; !bytes.Equal(one, disk[at:end]) && !bytes.Equal(one, now[at:end]) {
			t.Fatalf("seed %d: sector at %d has neither content", seed, at)
		}
	}
}

// The cost of what a crash test does: open, write 2 MB in small commits, crash, read again.
func BenchmarkCrashRun(b *testing.B) {
	block := fill("abcdefgh")
	for b.Loop() {
		m := NewMem()
		f := get(m.Create("x"))
		get(f.Write(make([]byte, 64<<20)))
		ok(b, f.Sync())
		ok(b, m.SyncDir("."))
		for i := range 512 {
			get(f.WriteAt(block, int64(i*len(block))))
			if i%4 == 0 {
				ok(b, f.Sync())
			}
		}
		get(get(m.Crash(PowerLoss(1)).Open("x")).ReadAt(make([]byte, 2<<20), 0))
	}
}
