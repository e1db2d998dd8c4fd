package engine

import (
	"errors"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"myelin/internal/vfs"
)

// filesBelow lists all files of a folder.
func filesBelow(t *testing.T, fs vfs.FS, dir string) (files []string) {
	t.Helper()
	names, err := fs.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		path := filepath.Join(dir, name)
		info, err := fs.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.IsDir() {
			files = append(files, filesBelow(t, fs, path)...)
		} else if info.Size() > 0 {
			files = append(files, path)
		}
	}
	return files
}

// harms are what can happen to a file at rest.
var harms = map[string]func(t *testing.T, fs vfs.FS, name string, rnd *rand.Rand){
	"flip": func(t *testing.T, fs vfs.FS, name string, rnd *rand.Rand) {
		data, err := vfs.ReadFile(fs, name)
		if err != nil {
			t.Fatal(err)
		}
		data[rnd.IntN(len(data))] ^= 1 << rnd.IntN(8)
		rewrite(t, fs, name, data)
	},
	"truncate": func(t *testing.T, fs vfs.FS, name string, rnd *rand.Rand) {
		data, err := vfs.ReadFile(fs, name)
		if err != nil {
			t.Fatal(err)
		}
		rewrite(t, fs, name, data[:rnd.IntN(len(data))])
	},
	"remove": func(t *testing.T, fs vfs.FS, name string, _ *rand.Rand) {
		if err := fs.Remove(name); err != nil {
			t.Fatal(err)
		}
	},
}

func rewrite(t *testing.T, fs vfs.FS, name string, data []byte) {
	t.Helper()
	if err := vfs.WriteFile(fs, name, data); err != nil {
		t.Fatal(err)
	}
}

// A file of any kind is damaged while the server is down. Then each acknowledged message is there, or whoever
// looks for it is told that something is wrong; what another stream holds is there; and the start never fails
// silently.
func TestDamage(t *testing.T) {
	disk := vfs.NewMem()
	n := mustOpen(t, disk)
	names := []string{"A", "B"}
	for _, name := range names {
		n.create(name)
	}
	for range 6 {
		for _, name := range names {
			n.publish(name+".x", 200, 1000)
		}
	}
	for _, name := range names {
		n.Stream(account, name).askCheckpoint()
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	seeds(t, 3, func(t *testing.T, seed uint64) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		for _, file := range filesBelow(t, disk, n.layout.Dir()) {
			for kind, harm := range harms {
				fs := disk.Crash(vfs.ProcessDeath)
				harm(t, fs, file, rnd)
				checkDamaged(t, fs, kind+" "+file, names)
			}
		}
	})
}

func checkDamaged(t *testing.T, fs vfs.FS, what string, names []string) {
	t.Helper()
	n, err := open(t, fs)
	if err != nil {
		return // the start says so
	}
	defer n.Close()
	refused := 0
	for _, name := range names {
		s := n.Stream(account, name)
		if s == nil {
			t.Errorf("%s: stream %s has vanished: %q", what, name, n.logs.all())
			continue
		}
		if s.Err() != nil {
			refused++
			if !strings.Contains(strings.Join(n.logs.all(), "\n"), name) {
				t.Errorf("%s: stream %s is refused and the log does not say so", what, name)
			}
			continue
		}
		if info := s.Info(); info.Messages != 1200 {
			t.Errorf("%s: stream %s says that it holds %d messages: %q", what, name, info.Messages, n.logs.all())
			continue
		}
		for seq := uint64(1); seq <= 1200; seq += 7 {
			if _, _, err := s.Read(seq, nil); errors.Is(err, ErrNotFound) {
				t.Errorf("%s: %s %d is not found, and nobody says why: %q", what, name, seq, n.logs.all())
				break
			}
		}
	}
	if refused > 1 && strings.Contains(what, "messages") {
		t.Errorf("%s: a file of one stream ends another", what)
	}
}
