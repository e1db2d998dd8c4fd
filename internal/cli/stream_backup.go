package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/klauspost/compress/s2"
	"github.com/nats-io/nats.go"
	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
)

// snapshotIdle is how long to wait for the next chunk of a snapshot.
const snapshotIdle = 30 * time.Second

// backupFlags say what goes into a backup, and how it comes.
type backupFlags struct {
	progress   bool
	check      bool
	consumers  bool
	chunkBytes int64
}

func (b *backupFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	onOff(flags, &b.progress, "progress", "show a progress bar on a terminal")
	flags.BoolVar(&b.check, "check", false, "have the server check the stream before")
	onOff(flags, &b.consumers, "consumers", "back up consumers, too")
	b.chunkBytes = 128 << 10
	flags.Var(bytesFlag{&b.chunkBytes}, "chunk-size", "`bytes` that the server shall send at a time")
}

func newStreamBackup(t *streamTool) *cobra.Command {
	b := &backupFlags{}
	cmd := t.command(&cobra.Command{
		Use:     "backup <stream> <target>",
		Aliases: []string{"snapshot"},
		Short:   "Write a stream with all that is in it to a folder",
		Long: `Writes a stream with its configuration, its messages and its consumers to a folder, from which "stream restore" makes
it again, here or on another server. The folder is of the kind that the nats tool reads and writes. What the server sends
is unpacked on the way, so that damage is noticed. A backup that is in the folder already is replaced once the new one
is whole.`,
		Example: "  myelin stream backup ORDERS /var/backups/orders",
	}, 1, func(js *jetStream, stream string, args []string) error {
		return js.backup(stream, args[0], b)
	})
	cmd.Args = arguments(2, 2)
	b.add(cmd)
	return cmd
}

// snapshotRequest asks a server to send a stream.
type snapshotRequest struct {
	Deliver     string `json:"deliver_subject"`
	NoConsumers bool   `json:"no_consumers,omitempty"`
	ChunkBytes  int64  `json:"chunk_size,omitempty"`
	Check       bool   `json:"jsck,omitempty"`
}

// backedUp is what backup.json holds: what the server said of the stream.
type backedUp struct {
	Config document `json:"config"`
	State  document `json:"state"`
}

// bytes is how much the messages take, as the stream counts them.
func (b *backedUp) bytes() (n uint64) {
	b.State.get("bytes", &n)
	return n
}

// backup writes a stream to a folder. What is there already stays until the new backup is whole.
func (j *jetStream) backup(stream, dir string, flags *backupFlags) (err error) {
	start := time.Now()
	ctx, stop := untilInterrupted()
	defer stop()
	inbox := j.nc.NewRespInbox()
	sub, err := j.nc.SubscribeSync(inbox)
	if err != nil {
		return err
	}
	defer sub.Unsubscribe()
	meta := &backedUp{}
	request := snapshotRequest{Deliver: inbox, NoConsumers: !flags.consumers, ChunkBytes: flags.chunkBytes, Check: flags.check}
	if err := j.call("STREAM.SNAPSHOT."+stream, request, meta); err != nil {
		return fmt.Errorf("back up stream %s: %w", stream, explained(err))
	}
	j.con.printf("Starting backup of Stream %q with %s\n", stream, bytesText(meta.bytes()))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	data, err := os.CreateTemp(dir, backupData+".*")
	if err != nil {
		return err
	}
	defer os.Remove(data.Name())
	total := int64(max(meta.bytes(), 1))
	bar := bytesBar(j.con, flags.progress, total)
	packed, unpacked, err := receiveSnapshot(ctx, sub, data, &barWriter{bar, total})
	bar.Close()
	if err = errors.Join(err, data.Sync(), data.Close()); err != nil {
		return fmt.Errorf("back up stream %s: %w", stream, err)
	}
	if err := finishBackup(dir, data.Name(), meta); err != nil {
		return err
	}
	j.con.printf("Received %s compressed, %s uncompressed, in %s\n", bytesText(packed), bytesText(unpacked), durationText(time.Since(start)))
	return nil
}

// barWriter moves a bar by what is written, to its end at most: an archive has more in it than the messages that the
// total speaks of.
type barWriter struct {
	bar  *progressbar.ProgressBar
	left int64 // bytes
}

func (w *barWriter) Write(p []byte) (int, error) {
	n := min(w.left, int64(len(p)))
	w.left -= n
	w.bar.Add64(n)
	return len(p), nil
}

// finishBackup puts the files of a backup in the place of those that were there. At no time do files of two backups
// stand side by side as if they were one.
func finishBackup(dir, data string, meta *backedUp) error {
	text, err := json.MarshalIndent(meta, "", "  ")
	if err != nil {
		return err
	}
	path := filepath.Join(dir, backupMeta)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.Rename(data, filepath.Join(dir, backupData)); err != nil {
		return err
	}
	return writePrivate(path, append(text, '\n'))
}

// receiveSnapshot writes chunks to a file until the server says that there are no more, and acknowledges each. They are
// unpacked on the way, to check them and to count what is in them.
func receiveSnapshot(ctx context.Context, sub *nats.Subscription, file io.Writer, bar io.Writer) (packed, unpacked uint64, err error) {
	r, w := io.Pipe()
	checked := make(chan error, 1)
	go func() {
		n, err := io.Copy(bar, s2.NewReader(r))
		unpacked = uint64(n)
		r.CloseWithError(err)
		checked <- err
	}()
	packed, err = receiveChunks(ctx, sub, io.MultiWriter(file, w))
	w.CloseWithError(err)
	if damage := <-checked; err == nil && damage != nil {
		err = fmt.Errorf("what the server sent cannot be unpacked: %w", damage)
	}
	return packed, unpacked, err
}

func receiveChunks(ctx context.Context, sub *nats.Subscription, w io.Writer) (total uint64, err error) {
	for {
		m, err := nextChunk(ctx, sub)
		if err != nil {
			return total, err
		}
		if len(m.Data) == 0 {
			return total, snapshotEnd(m)
		}
		if _, err := w.Write(m.Data); err != nil {
			return total, err
		}
		total += uint64(len(m.Data))
		if m.Reply != "" {
			if err := m.Respond(nil); err != nil {
				return total, err
			}
		}
	}
}

// nextChunk waits for a message of a snapshot, until that takes too long or the user does not want it any more.
func nextChunk(ctx context.Context, sub *nats.Subscription) (*nats.Msg, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, snapshotIdle, errors.New("the server sent nothing for too long"))
	defer cancel()
	m, err := sub.NextMsgWithContext(ctx)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return m, err
}

// snapshotEnd is what the last message of a snapshot says: nothing, that all is well, or what went wrong.
func snapshotEnd(m *nats.Msg) error {
	status := m.Header.Get("Status")
	if status == "" || status == "204" {
		return nil
	}
	return fmt.Errorf("the server ended the snapshot: %s (%s)", m.Header.Get("Description"), status)
}
