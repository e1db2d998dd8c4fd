package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"myelin/internal/clock"
	"myelin/internal/engine"
	"myelin/internal/meta"
	"myelin/internal/router"
	"myelin/internal/store/seal"
	"myelin/internal/stream"
	"myelin/internal/vfs"
	"myelin/server"
)

// storeServer is a server whose store a test looks into once it is stopped.
type storeServer struct {
	t      *testing.T
	server *server.Server
	js     jetstream.JetStream
}

func startStore(t *testing.T, dir string) *storeServer {
	t.Helper()
	cfg := server.DefaultConfig()
	cfg.Host, cfg.Port = "127.0.0.1", -1
	cfg.Log.File = filepath.Join(t.TempDir(), "server.log")
	cfg.JetStream.Enabled, cfg.JetStream.StoreDir = true, dir
	s, err := server.New(server.Options{Config: cfg})
	if err == nil {
		err = s.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Shutdown)
	nc, err := nats.Connect(s.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return &storeServer{t, s, js}
}

// fill makes a stream with messages whose bodies are as long as given, and deletes every tenth.
func (s *storeServer) fill(name string, messages, bytes int) jetstream.Stream {
	s.t.Helper()
	ctx := context.Background()
	st, err := s.js.CreateStream(ctx, jetstream.StreamConfig{Name: name, Subjects: []string{name + ".>"}})
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 1; i <= messages; i++ {
		m := &nats.Msg{Subject: fmt.Sprintf("%s.%d", name, i%7), Data: []byte(strings.Repeat("x", bytes)), Header: nats.Header{"Number": {fmt.Sprint(i)}}}
		if _, err := s.js.PublishMsgAsync(m); err != nil {
			s.t.Fatal(err)
		}
	}
	<-s.js.PublishAsyncComplete()
	for i := 10; i <= messages; i += 10 {
		if err := st.DeleteMsg(ctx, uint64(i)); err != nil {
			s.t.Fatal(err)
		}
	}
	return st
}

// quiet is a log that nobody reads.
type quiet struct{}

func (quiet) Noticef(string, ...any) {}
func (quiet) Warnf(string, ...any)   {}
func (quiet) Errorf(string, ...any)  {}

// noOutlet is for streams that nobody publishes to over a connection.
type noOutlet struct{}

func (noOutlet) Ack([]byte, *stream.Reply)  {}
func (noOutlet) Stored(*stream.Stored)      {}
func (noOutlet) Flush()                     {}
func (noOutlet) Abandoned(stream.Abandoned) {}
func (noOutlet) Acknowledged([]byte)        {}

// filledStore is a folder with the two streams of fill, stopped in order. With all of it in files there is a third one,
// which has pressed them out of the log.
func filledStore(t *testing.T, keys *seal.Keys) (dir string) {
	t.Helper()
	dir = t.TempDir()
	fillStore(t, vfs.OS{}, dir, keys)
	return dir
}

func fillStore(t *testing.T, fs vfs.FS, dir string, keys *seal.Keys) {
	t.Helper()
	routes := router.New()
	e, err := engine.Open(engine.Options{
		FS: fs, Dir: filepath.Join(dir, "jetstream"), Clock: clock.Real{}, Log: quiet{}, Keys: keys, Limits: meta.Unlimited(),
		Router: func(string) *router.Router { return routes }, Outlet: func(*engine.Stream) engine.Outlet { return noOutlet{} },
		LogBytes: 128 << 10, SegmentBytes: 64 << 10,
	})
	if err != nil {
		t.Fatal(err)
	}
	create := func(name string, messages, bytes int) func() {
		s, _, failed := e.Create("$G", stream.Config{Name: name, Subjects: []string{name + ".>"}}, false)
		if failed != nil {
			t.Fatal(failed)
		}
		add := func(i int) {
			a := stream.Append{
				Span:    1,
				Subject: fmt.Appendf(nil, "%s.%d", name, i%7), Body: body(bytes),
				Header: fmt.Appendf(nil, "NATS/1.0\r\nNumber: %d\r\n\r\n", i),
			}
			if r := s.Propose(a.Encode(nil), false); r.Err != nil {
				t.Fatal(r.Err)
			}
		}
		for i := 1; i <= messages; i++ {
			add(i)
		}
		for i := 10; i <= messages; i += 10 {
			if r := s.Propose(stream.Delete{Seq: uint64(i)}.Encode(nil), true); r.Err != nil {
				t.Fatal(r.Err)
			}
		}
		return func() { add(1) }
	}
	create("ORDERS", 200, 1000)
	create("AUDIT", 50, 10)
	press := create("REST", 0, 4000)
	layout := engine.NewLayout(filepath.Join(dir, "jetstream"))
	for group := uint64(1); group < 4; {
		if _, err := fs.Stat(layout.Checkpoint(group)); err == nil {
			group++
		} else {
			press()
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
}

func body(n int) []byte { return []byte(strings.Repeat("x", n)) }

// run calls the binary's commands.
func runStore(args ...string) (code int, out string) {
	var b bytes.Buffer
	code = Run(append([]string{"myelin", "store"}, args...), strings.NewReader(""), &b, &b)
	return code, b.String()
}

// flip turns a bit over in a file.
func flip(t *testing.T, name string, at int64) {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	data[at] ^= 4
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// files are those in a store that match a pattern, below the folder of the store.
func storeFiles(t *testing.T, dir, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "jetstream", "myelin", pattern))
	if err != nil || len(names) == 0 {
		t.Fatalf("%s: %v, %v", pattern, names, err)
	}
	return names
}

// snapshot is the content of all files below a folder, but for the lock.
func snapshotDir(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "lock" {
			return err
		}
		data, err := os.ReadFile(path)
		all[path] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// A whole store is found whole, by each name that its folder may be given, and is not touched.
func TestStoreCheckOfAWholeStore(t *testing.T) {
	dir := filledStore(t, nil)
	before := snapshotDir(t, dir)
	for _, name := range []string{dir, filepath.Join(dir, "jetstream"), filepath.Join(dir, "jetstream", "myelin")} {
		code, out := runStore("check", name)
		if code != exitOK || !strings.Contains(out, "nothing is damaged") ||
			!strings.Contains(out, "stream '$G > ORDERS': 180 messages, sequences 1 to 199") ||
			!strings.Contains(out, "stream '$G > AUDIT': 45 messages, sequences 1 to 49") {
			t.Fatalf("%d: %s", code, out)
		}
	}
	after := snapshotDir(t, dir)
	if len(after) != len(before) {
		t.Fatalf("%d files became %d", len(before), len(after))
	}
	for name, data := range before {
		if after[name] != data {
			t.Errorf("%s has changed", name)
		}
	}
}

// While a server uses the folder it is not looked into, and a folder that is none is said to be none.
func TestStoreCheckRefuses(t *testing.T) {
	dir := t.TempDir()
	s := startStore(t, dir)
	if code, out := runStore("check", dir); code != exitFailure || !strings.Contains(out, "stop the server first") {
		t.Fatalf("%d: %s", code, out)
	}
	s.server.Shutdown()
	if code, out := runStore("check", dir); code != exitOK {
		t.Fatalf("%d: %s", code, out)
	}
	for _, name := range []string{t.TempDir(), filepath.Join(dir, "nowhere")} {
		if code, out := runStore("check", name); code != exitFailure || !strings.Contains(out, "no store folder") {
			t.Fatalf("%d: %s", code, out)
		}
	}
}

// Each damage is named with stream, file and offset; the messages beside it count.
func TestStoreCheckNamesDamage(t *testing.T) {
	for _, c := range []struct {
		about, files string
		at           int64
		want         string // a regular expression
	}{
		{"a message", "groups/2/messages/*.seg", 1500, `DAMAGED  stream '\$G > ORDERS': \S+\.seg at 1\d\d\d: payload .*\nLOST     stream '\$G > ORDERS': message 2 cannot be read(.*\n)*.*: 1 damage, 1 message lost`},
		{"a file header", "groups/3/messages/*.seg", 20, `DAMAGED  stream '\$G > AUDIT': \S+\.seg at 0: file header`},
		{"a checkpoint", "groups/2/checkpoint", 30, `DAMAGED  \S.*groups/2/checkpoint at 0: checkpoint is damaged`},
		{"the log", "log/seg-*.wal", 4096 + 60, `DAMAGED  .*: \S+\.wal at 4\d\d\d: `},
	} {
		t.Run(c.about, func(t *testing.T) {
			dir := filledStore(t, nil)
			flip(t, slices.Max(storeFiles(t, dir, c.files)), c.at)
			code, out := runStore("check", dir)
			if code != exitFailure || !regexp.MustCompile(c.want).MatchString(out) || !strings.Contains(out, " lost.") {
				t.Fatalf("%d: %s", code, out)
			}
		})
	}
}

// restore makes a stream of a backup, as the nats tool does.
func (s *storeServer) restore(dir string) jetstream.Stream {
	s.t.Helper()
	nc := s.js.Conn()
	ask := func(subject string, data []byte, answer any) {
		s.t.Helper()
		m, err := nc.Request(subject, data, patience)
		if err != nil {
			s.t.Fatal(err)
		}
		var failed struct {
			Error *struct {
				Description string `json:"description"`
			} `json:"error"`
		}
		if len(m.Data) == 0 {
			return
		}
		if err := errors.Join(json.Unmarshal(m.Data, &failed), json.Unmarshal(m.Data, answer)); err != nil || failed.Error != nil {
			s.t.Fatalf("%s: %s, %v", subject, m.Data, err)
		}
	}
	meta, err := os.ReadFile(filepath.Join(dir, backupMeta))
	if err != nil {
		s.t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, backupData))
	if err != nil {
		s.t.Fatal(err)
	}
	var begun struct {
		DeliverSubject string `json:"deliver_subject"`
	}
	name := filepath.Base(dir)
	ask("$JS.API.STREAM.RESTORE."+name, meta, &begun)
	var end map[string]any
	for chunk := range slices.Chunk(data, 64<<10) {
		ask(begun.DeliverSubject, chunk, &end)
	}
	ask(begun.DeliverSubject, nil, &end)
	st, err := s.js.Stream(context.Background(), name)
	if err != nil {
		s.t.Fatal(err)
	}
	return st
}

// has checks which messages a stream of fill has: all but those that were deleted and those named.
func (s *storeServer) has(st jetstream.Stream, messages int, missing ...int) {
	s.t.Helper()
	for i := 1; i <= messages; i++ {
		m, err := st.GetMsg(context.Background(), uint64(i))
		there := i%10 > 0 && !slices.Contains(missing, i)
		if there != (err == nil) {
			s.t.Fatalf("message %d: %v", i, err)
		}
		if there && (!strings.HasSuffix(m.Subject, fmt.Sprintf(".%d", i%7)) || m.Header.Get("Number") != fmt.Sprint(i)) {
			s.t.Fatalf("message %d is %+v", i, m)
		}
	}
}

// What was salvaged of a whole store is all that was there, and a server takes it. So it is when the messages were only in
// the log, as after a crash.
func TestStoreSalvageOfAWholeStore(t *testing.T) {
	whole := filledStore(t, nil)
	crashed := t.TempDir()
	s := startStore(t, crashed)
	s.fill("ORDERS", 200, 1000)
	s.fill("AUDIT", 50, 10)
	copied := t.TempDir()
	if err := os.CopyFS(filepath.Join(copied, "jetstream"), os.DirFS(filepath.Join(crashed, "jetstream"))); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{whole, copied} {
		out := t.TempDir()
		code, text := runStore("salvage", dir, out)
		if code != exitOK || !strings.Contains(text, out+": backups of ") || !strings.Contains(text, " 0 messages lost.") || strings.Contains(text, "DAMAGED") {
			t.Fatalf("%d: %s", code, text)
		}
		fresh := startStore(t, t.TempDir())
		fresh.has(fresh.restore(filepath.Join(out, "$G", "ORDERS")), 200)
		fresh.has(fresh.restore(filepath.Join(out, "$G", "AUDIT")), 50)
		if code, text := runStore("salvage", dir, out); code != exitFailure || !strings.Contains(text, "is not empty") {
			t.Fatalf("%d: %s", code, text)
		}
	}
}

// Of a damaged store all that can be read is salvaged: beside a damaged message, without the list of streams, and with a
// log of which the newest part is gone.
func TestStoreSalvageOfADamagedStore(t *testing.T) {
	t.Run("a message", func(t *testing.T) {
		dir, out := filledStore(t, nil), t.TempDir()
		flip(t, storeFiles(t, dir, "groups/2/messages/*.seg")[0], 1500)
		code, text := runStore("salvage", dir, out)
		if code != exitOK || !strings.Contains(text, ", 1 message lost.") {
			t.Fatalf("%d: %s", code, text)
		}
		fresh := startStore(t, t.TempDir())
		fresh.has(fresh.restore(filepath.Join(out, "$G", "ORDERS")), 200, 2)
	})
	t.Run("the list of streams", func(t *testing.T) {
		dir, out := filledStore(t, nil), t.TempDir()
		for _, name := range append(storeFiles(t, dir, "groups/1/checkpoint"), storeFiles(t, dir, "log/*.wal")...) {
			if err := os.Remove(name); err != nil {
				t.Fatal(err)
			}
		}
		code, text := runStore("salvage", dir, out)
		if code != exitOK || !strings.Contains(text, "the list of streams: it is missing, or") {
			t.Fatalf("%d: %s", code, text)
		}
		fresh := startStore(t, t.TempDir())
		fresh.has(fresh.restore(filepath.Join(out, "unknown", "group-2")), 200)
	})
	t.Run("a checkpoint", func(t *testing.T) {
		dir, out := filledStore(t, nil), t.TempDir()
		flip(t, storeFiles(t, dir, "groups/2/checkpoint")[0], 30)
		code, text := runStore("salvage", dir, out)
		if code != exitOK || !strings.Contains(text, "which messages were deleted is not known") {
			t.Fatalf("%d: %s", code, text)
		}
		fresh := startStore(t, t.TempDir())
		st := fresh.restore(filepath.Join(out, "$G", "ORDERS"))
		if _, err := st.GetMsg(context.Background(), 199); err != nil {
			t.Fatal(err)
		}
	})
}

// An encrypted store is read with its key, or the one before; without it, it is said to be encrypted and not to be damaged.
func TestStoreOfAnEncryptedStore(t *testing.T) {
	keys, err := seal.New(seal.AES, "a key", "")
	if err != nil {
		t.Fatal(err)
	}
	dir, out := filledStore(t, keys), t.TempDir()
	files := map[string]string{}
	for _, key := range []string{"a key", "another"} {
		files[key] = filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(files[key], []byte(key+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if code, text := runStore("check", dir); code != exitFailure || !strings.Contains(text, "--key-file names the file") || strings.Contains(text, "DAMAGED") {
		t.Fatalf("%d: %s", code, text)
	}
	if code, text := runStore("check", dir, "--key-file", files["another"]); code != exitFailure || !strings.Contains(text, "is wrong") || strings.Contains(text, "DAMAGED") {
		t.Fatalf("%d: %s", code, text)
	}
	if code, text := runStore("check", dir, "--key-file", files["another"], "--prev-key-file", files["a key"]); code != exitOK {
		t.Fatalf("%d: %s", code, text)
	}
	if code, text := runStore("salvage", dir, out, "--key-file", files["a key"]); code != exitOK {
		t.Fatalf("%d: %s", code, text)
	}
	fresh := startStore(t, t.TempDir())
	fresh.has(fresh.restore(filepath.Join(out, "$G", "ORDERS")), 200)
}

// Names of accounts become names of folders that lead nowhere else.
func TestFolderNames(t *testing.T) {
	for name, want := range map[string]string{
		"$G": "$G", "A.b-C_9": "A.b-C_9", "..": "%2E%2E", ".": "%2E", ".x.": "%2Ex%2E", "a/b": "a%2Fb", `c:\*`: "c%3A%5C%2A", "é": "%C3%A9",
	} {
		if got := folderName(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}
