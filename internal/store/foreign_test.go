package store

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"myelin/internal/vfs"
)

// TestForeign shows which folders are taken for those of a nats-server. The first ones are what nats-server 2.15
// left behind, alone and in a cluster.
func TestForeign(t *testing.T) {
	for _, c := range []struct {
		about string
		files string // those that end with a slash are folders
		want  string
	}{
		{"a stream", "jetstream/$G/streams/ORD/meta.inf jetstream/$G/streams/ORD/meta.sum jetstream/$G/streams/ORD/msgs/1.blk jetstream/$G/streams/ORD/obs/", "jetstream/$G"},
		{"a cluster", "jetstream/$SYS/_js_/_meta_/meta.inf jetstream/$SYS/_js_/_meta_/msgs/1.blk jetstream/$SYS/_js_/_meta_/peers.idx", "jetstream/$SYS"},
		{"the first of two accounts", "jetstream/B/streams/S/msgs/ jetstream/A/streams/S/msgs/", "jetstream/A"},
		{"the second of two accounts", "jetstream/A/streams/ jetstream/B/streams/S/msgs/", "jetstream/B"},
		{"the folder itself", "ACC/streams/S/meta.inf", "ACC"},
		{"messages without a description", "jetstream/A/streams/S/msgs/9.blk", "jetstream/A"},
		{"beside our own", "myelin/log/1 A/streams/S/msgs/", "A"},

		{"nothing", "", ""},
		{"an empty store", "jetstream/", ""},
		{"an account without streams", "jetstream/$G/streams/", ""},
		{"our own", "jetstream/myelin/log/1 jetstream/myelin/groups/2/messages/1 jetstream/myelin/lock", ""},
		{"files where folders would be", "jetstream/A/streams jetstream/B myelin a", ""},
		{"folders of others", "jetstream/A/streams/S/notes jetstream/A/_js_/ photos/2024/meta.inf", ""},
	} {
		mem := vfs.NewMem()
		for name := range strings.FieldsSeq(c.files) {
			write(t, mem, filepath.Join("store", filepath.FromSlash(name)), strings.HasSuffix(name, "/"))
		}
		path, found, err := Foreign(mem, "store")
		want := ""
		if c.want != "" {
			want = filepath.Join("store", filepath.FromSlash(c.want))
		}
		if path != want || found != (want != "") || err != nil {
			t.Errorf("%s: %q, %v, %v", c.about, path, found, err)
		}
	}
}

// TestForeignFails shows that what cannot be looked at is not taken for ours.
func TestForeignFails(t *testing.T) {
	mem := vfs.NewMem()
	write(t, mem, filepath.Join("store", "jetstream", "A", "streams", "S", "msgs"), true)
	for _, part := range []string{"store", "jetstream", "A", "streams", "S", "msgs", "meta.inf", "_js_"} {
		f := &blind{mem, part}
		if path, found, err := Foreign(f, "store"); !errors.Is(err, errBlind) || found {
			t.Errorf("%s: %q, %v, %v", part, path, found, err)
		}
	}
}

var errBlind = errors.New("permission denied")

// blind cannot look at what has a name.
type blind struct {
	vfs.FS
	name string
}

func (b *blind) Stat(name string) (fs.FileInfo, error) {
	if filepath.Base(name) == b.name {
		return nil, errBlind
	}
	return b.FS.Stat(name)
}

func write(t *testing.T, f vfs.FS, path string, folder bool) {
	t.Helper()
	dir := filepath.Dir(path)
	if folder {
		dir = path
	}
	if err := f.MakeDirs(dir); err != nil {
		t.Fatal(err)
	}
	if folder {
		return
	}
	file, err := f.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	file.Close()
}
