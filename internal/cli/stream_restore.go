package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
)

const (
	// restoreChunkBytes is how much is sent at a time, unless the server takes less.
	restoreChunkBytes = 256 << 10
	// restorePatience is how long the server may take to make a stream of what it was sent.
	restorePatience = 10 * time.Minute
)

// restoreFlags say what shall be other than in the backup.
type restoreFlags struct {
	progress   bool
	configFile string
	cluster    string
	tags       []string
	replicas   int
}

func (r *restoreFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	onOff(flags, &r.progress, "progress", "show a progress bar on a terminal")
	flags.StringVar(&r.cluster, "cluster", "", "place the stream in the cluster of this `name`")
	flags.StringArrayVar(&r.tags, "tag", nil, "place the stream on servers with this `tag`; may be repeated")
	flags.IntVar(&r.replicas, "replicas", 0, "`number` of servers that keep the messages, in a cluster")
}

func newStreamRestore(t *streamTool) *cobra.Command {
	r := &restoreFlags{}
	cmd := &cobra.Command{
		Use:   "restore <folder>",
		Short: "Make a stream again from a backup",
		Long: `Makes a stream of a backup that "stream backup", "store salvage" or the nats tool wrote. There must be none of that name.
It is seen by others when all of it is there.`,
		Example: "  myelin stream restore /var/backups/orders",
		Args:    arguments(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			return t.withJetStream(func(js *jetStream) error {
				info, err := js.restore(args[0], r)
				if err != nil {
					return err
				}
				return info.show(t.con, false)
			})
		},
	}
	t.addFlags(cmd)
	r.add(cmd)
	cmd.Flags().StringVar(&r.configFile, "config", "", "`file` with another configuration as JSON")
	return cmd
}

// configure changes the configuration of a backup as flags say.
func (r *restoreFlags) configure(meta *backedUp) error {
	if r.configFile != "" {
		if err := readJSON(r.configFile, &meta.Config); err != nil {
			return err
		}
	}
	if r.replicas > 0 {
		meta.Config.set("num_replicas", r.replicas)
	}
	if r.cluster == "" && len(r.tags) == 0 {
		return nil
	}
	placement := &document{}
	meta.Config.get("placement", placement)
	if r.cluster != "" {
		placement.set("cluster", r.cluster)
	}
	if len(r.tags) > 0 {
		placement.set("tags", splitCommas(r.tags))
	}
	meta.Config.set("placement", placement)
	return nil
}

// restore makes a stream of the backup in a folder.
func (j *jetStream) restore(dir string, flags *restoreFlags) (*streamInfo, error) {
	start := time.Now()
	meta := &backedUp{}
	if err := readJSON(filepath.Join(dir, backupMeta), meta); err != nil {
		return nil, fmt.Errorf("this is no backup: %w", err)
	}
	if err := flags.configure(meta); err != nil {
		return nil, err
	}
	name := meta.Config.text("name")
	if err := validStreamName(name); err != nil {
		return nil, err
	}
	data, err := os.Open(filepath.Join(dir, backupData))
	if err != nil {
		return nil, err
	}
	defer data.Close()
	size, err := data.Stat()
	if err != nil {
		return nil, err
	}
	var begun struct {
		Deliver string `json:"deliver_subject"`
	}
	if err := j.call("STREAM.RESTORE."+name, meta, &begun); err != nil {
		return nil, fmt.Errorf("restore stream %s: %w", name, explained(err))
	}
	j.con.printf("Starting restore of Stream %q from %s\n", name, dir)
	bar := bytesBar(j.con, flags.progress, size.Size())
	info, err := j.sendSnapshot(begun.Deliver, io.TeeReader(data, &barWriter{bar, size.Size()}))
	bar.Close()
	if err != nil {
		return nil, fmt.Errorf("restore stream %s: %w", name, explained(err))
	}
	j.con.printf("Restored Stream %q in %s\n\n", name, durationText(time.Since(start)))
	return info, nil
}

// sendSnapshot sends the archive of a stream in chunks. Each is answered, the last one, which is empty, with the stream.
func (j *jetStream) sendSnapshot(to string, data io.Reader) (*streamInfo, error) {
	chunk := make([]byte, min(restoreChunkBytes, j.nc.MaxPayload()))
	for {
		n, err := io.ReadFull(data, chunk)
		if n == 0 && err == io.EOF {
			break
		}
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, err
		}
		if _, err := j.sendChunk(to, chunk[:n]); err != nil {
			return nil, err
		}
	}
	answer, err := j.sendChunk(to, nil)
	if err != nil {
		return nil, err
	}
	info := &streamInfo{}
	return info, info.UnmarshalJSON(answer)
}

// sendChunk sends one chunk and returns what it was answered with, which may be nothing.
func (j *jetStream) sendChunk(to string, chunk []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), restorePatience)
	defer cancel()
	m, err := j.nc.RequestWithContext(ctx, to, chunk)
	if err != nil || len(m.Data) == 0 {
		return nil, err
	}
	return m.Data, answeredError(m.Data)
}
