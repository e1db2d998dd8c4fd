package cli

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"myelin/internal/store/seal"
	"myelin/internal/store/segment"
	"myelin/internal/vfs"
)

// damageSeeds is how many damages are tried, or as many as the environment's SEEDS says.
func damageSeeds(t *testing.T) uint64 {
	if text := os.Getenv("SEEDS"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	return 60
}

// allFiles are the files below a folder, but for the lock.
func allFiles(t *testing.T, f vfs.FS, dir string) (names []string) {
	t.Helper()
	list, err := f.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range list {
		path := filepath.Join(dir, name)
		info, err := f.Stat(path)
		switch {
		case err != nil:
			t.Fatal(err)
		case info.IsDir():
			names = append(names, allFiles(t, f, path)...)
		case name != "lock":
			names = append(names, path)
		}
	}
	return names
}

// damageStore does some harm to one file, and says what.
func damageStore(t *testing.T, rng *rand.Rand, disk *vfs.Mem, dir string) string {
	t.Helper()
	names := allFiles(t, disk, dir)
	name := names[rng.IntN(len(names))]
	data, err := vfs.ReadFile(disk, name)
	if err != nil {
		t.Fatal(err)
	}
	at, what := rng.IntN(len(data)), ""
	switch rng.IntN(4) {
	case 0:
		what = "flipped a bit"
		data[at] ^= 1 << rng.IntN(8)
	case 1:
		what = "overwrote a sector"
		at -= at % 512
		for i := range data[at:min(at+512, len(data))] {
			data[at+i] = byte(rng.Uint32())
		}
	case 2:
		what = "cut it"
		data = data[:at]
	case 3:
		if err := disk.Remove(name); err != nil {
			t.Fatal(err)
		}
		return "removed " + name
	}
	if err := vfs.WriteFile(disk, name, data); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%s of %d bytes: %s at %d", name, len(data), what, at)
}

// Whatever happens to a file of a store: what is salvaged is what was written, a message that is not salvaged is spoken of,
// and nothing is changed.
func TestStoreWhateverIsDamaged(t *testing.T) {
	keys, err := seal.New(seal.ChaCha20, "key", "")
	if err != nil {
		t.Fatal(err)
	}
	for i, keys := range []*seal.Keys{nil, keys} {
		whole := vfs.NewMem()
		fillStore(t, whole, "store", keys)
		for seed := range damageSeeds(t) {
			rng := rand.New(rand.NewPCG(seed, uint64(i)))
			disk := whole.Crash(vfs.ProcessDeath)
			done := damageStore(t, rng, disk, "store")
			if rng.IntN(3) == 0 {
				done += ", " + damageStore(t, rng, disk, "store")
			}
			lookAt(t, disk, keys, fmt.Sprintf("seed %d: %s", seed, done))
			if t.Failed() {
				return
			}
		}
	}
}

func lookAt(t *testing.T, disk *vfs.Mem, keys *seal.Keys, about string) {
	t.Helper()
	still := vfs.NewFault(disk)
	var findings []finding
	s, err := openOffline(still, "store", keys, func(f finding) { findings = append(findings, f) })
	if err != nil {
		t.Fatalf("%s: %v", about, err)
	}
	salvaged := map[string]int{}
	for _, st := range s.streams {
		if err := st.checkFiles(); err != nil {
			t.Fatalf("%s: %v", about, err)
		}
		last := uint64(0)
		found, err := st.walk(func(r *segment.Record) error {
			checkMessage(t, about, r)
			if r.Seq <= last {
				t.Errorf("%s: sequence %d after %d", about, r.Seq, last)
			}
			last = r.Seq
			return nil
		})
		if err != nil {
			t.Fatalf("%s: %v", about, err)
		}
		salvaged[st.Stream.Config.Name] += int(found.messages)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if n := still.Count(vfs.OpChange); n > 1 { // the folder of the lock
		t.Errorf("%s: %d changes", about, n)
	}
	harm := 0
	for _, f := range findings {
		if !f.Harmless {
			harm++
		}
	}
	if lost := salvaged["ORDERS"] != 180 || salvaged["AUDIT"] != 45; lost && harm == 0 {
		t.Errorf("%s: salvaged %v, and found only %v", about, salvaged, findings)
	}
}

// checkMessage compares a message with what fillStore has written.
func checkMessage(t *testing.T, about string, r *segment.Record) {
	t.Helper()
	name, _, _ := strings.Cut(string(r.Subject), ".")
	size, ok := map[string]int{"ORDERS": 1000, "AUDIT": 10, "REST": 4000}[name]
	number := r.Seq
	if name == "REST" {
		number = 1
	}
	want := fmt.Sprintf("NATS/1.0\r\nNumber: %d\r\n\r\n", number)
	if !ok || len(r.Body) != size || string(r.Header) != want || string(r.Subject) != fmt.Sprintf("%s.%d", name, number%7) {
		t.Errorf("%s: sequence %d is %q, %q, %d bytes", about, r.Seq, r.Subject, r.Header, len(r.Body))
	}
}
