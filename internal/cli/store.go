package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"myelin/internal/store/seal"
	"myelin/internal/store/segment"
	"myelin/internal/vfs"
)

// storeTool is what the commands have in common that look into the folder of a server which is not running.
type storeTool struct {
	con         *console
	fs          vfs.FS
	keyFile     string
	prevKeyFile string
	noProgress  bool

	damages int    // found so far
	lost    uint64 // messages
}

func newStore(con *console) *cobra.Command {
	t := &storeTool{con: con, fs: vfs.OS{}}
	check := &cobra.Command{
		Use:   "check <folder>",
		Short: "Read everything in a store folder, and say what is damaged",
		Long: `Reads everything in the store folder of a server that is not running: the log, and all messages of all
streams. Each damage is shown with the stream that it concerns, and with file and offset. Nothing is changed, apart from
the lock that keeps a server from starting meanwhile. The exit code is 1 if anything is damaged.

What a crash leaves behind is not damage: the server removes it when it starts.`,
		Example: "  myelin store check /var/lib/myelin",
		Args:    arguments(1, 1),
		RunE:    func(_ *cobra.Command, args []string) error { return t.check(args[0]) },
	}
	salvage := &cobra.Command{
		Use:   "salvage <folder> <out>",
		Short: "Write all messages that can be read in a store folder into backups of streams",
		Long: `Writes all messages that can be read in the store folder of a server that is not running into another folder: a
backup for each stream, in <out>/<account>/<stream>, of the kind that "nats stream restore" takes. The store folder
is not changed. What cannot be read is shown as by "myelin store check".

Messages that were deleted stay deleted, as far as the list of them can be read; where it cannot, that is said. Consumers
are not part of the backups. Backups are not encrypted, also where the store is.`,
		Example: `  myelin store salvage /var/lib/myelin /tmp/rescue
  nats stream restore '/tmp/rescue/$G/ORDERS'`,
		Args: arguments(2, 2),
		RunE: func(_ *cobra.Command, args []string) error { return t.salvage(args[0], args[1]) },
	}
	for _, cmd := range []*cobra.Command{check, salvage} {
		flags := cmd.Flags()
		flags.StringVar(&t.keyFile, "key-file", "", "`file` with the key of an encrypted store")
		flags.StringVar(&t.prevKeyFile, "prev-key-file", "", "`file` with the key before that, if the key was changed")
		flags.BoolVar(&t.noProgress, "no-progress", false, "show no progress bar")
	}
	return family(&cobra.Command{
		Use:   "store",
		Short: "Check the store folder of a stopped server, and salvage what is in it",
	}, check, salvage)
}

// keys reads the keys that the flags name.
func (t *storeTool) keys() (*seal.Keys, error) {
	var texts [2]string
	for i, name := range []string{t.keyFile, t.prevKeyFile} {
		if name == "" {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		if texts[i] = string(bytes.TrimRight(text, "\r\n")); texts[i] == "" {
			return nil, fmt.Errorf("%s holds no key", name)
		}
	}
	return seal.New(seal.ChaCha20, texts[0], texts[1])
}

// open opens a store folder; what is found wrong is shown.
func (t *storeTool) open(dir string) (*offlineStore, error) {
	keys, err := t.keys()
	if err != nil {
		return nil, err
	}
	s, err := openOffline(t.fs, dir, keys, t.show)
	switch {
	case errors.Is(err, seal.ErrKey) && keys == nil:
		return nil, fmt.Errorf("%w; --key-file names the file with the key", err)
	case errors.Is(err, seal.ErrKey):
		return nil, fmt.Errorf("%w; --key-file or --prev-key-file is wrong", err)
	}
	return s, err
}

// show prints a finding, and counts it.
func (t *storeTool) show(f finding) {
	if f.Harmless {
		fmt.Fprintf(t.con.err, "note: %s: %s\n", f.About, f)
		return
	}
	if f.Lost > 0 {
		t.lost += f.Lost
		t.con.printf("LOST     %s: %s\n", f.About, f)
		return
	}
	t.damages++
	t.con.printf("DAMAGED  %s: %s\n", f.About, f)
}

// progress shows how many bytes were read. What the log has beside the files makes it come to its end early.
type progress struct {
	bar  *progressbar.ProgressBar
	left int64 // bytes
}

// progress begins to show how many bytes of total were read.
func (t *storeTool) progress(total int64) *progress {
	w := t.con.err
	if t.noProgress || !isTerminal(w) {
		w = io.Discard
	}
	return &progress{left: total, bar: progressbar.NewOptions64(max(total, 1),
		progressbar.OptionSetWriter(w),
		progressbar.OptionShowBytes(true),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionFullWidth(),
		progressbar.OptionClearOnFinish(),
	)}
}

func (p *progress) add(bytes int64) error {
	bytes = min(bytes, p.left)
	p.left -= bytes
	return p.bar.Add64(bytes)
}

// record counts a message that was read.
func (p *progress) record(r *segment.Record) error {
	return p.add(segment.Size(len(r.Subject), len(r.Header), len(r.Body)))
}

func (p *progress) end() error { return p.bar.Finish() }

// check is the command of that name.
func (t *storeTool) check(dir string) (err error) {
	s, err := t.open(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	done := t.progress(2 * s.bytes()) // all frames, then all messages
	for _, st := range s.streams {
		damages, lost := t.damages, t.lost
		if err := st.checkFiles(); err != nil {
			return err
		}
		if err := done.add(st.diskBytes()); err != nil {
			return err
		}
		found, err := st.walk(done.record)
		if err != nil {
			return err
		}
		if t.damages == damages && t.lost == lost {
			t.con.printf("ok       %s: %s\n", st.about, found)
		} else {
			t.con.printf("         %s: %s can be read\n", st.about, found)
		}
	}
	if err := done.end(); err != nil {
		return err
	}
	return t.verdict(s)
}

// verdict sums up what was found.
func (t *storeTool) verdict(s *offlineStore) error {
	if t.damages == 0 && t.lost == 0 {
		t.con.printf("%s: nothing is damaged.\n", s.layout.Dir())
		return nil
	}
	t.con.printf("%s: %s, %s lost.\n", s.layout.Dir(), counted(t.damages, "damage"), counted(t.lost, "message"))
	return errSilent
}

// counted is a number of things.
func counted[N int | uint64](n N, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
