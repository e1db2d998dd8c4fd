package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"
)

// objectGet is the object get command.
type objectGet struct {
	*client
	output          string
	progress, force bool
}

// toStdout is the --output that writes an object to stdout.
const toStdout = "-"

func newObjectGet(c *client) *cobra.Command {
	g := &objectGet{client: c}
	cmd := &cobra.Command{
		Use:   "get <bucket> <object>",
		Short: "Save an object as a file, or write it to stdout with --output -",
		Example: `  myelin object get releases app.tar.gz
  myelin object get backups src.tar.gz -O - | tar xz`,
		Args: arguments(2, 2),
		RunE: func(_ *cobra.Command, args []string) error {
			return g.withObjects(args[0], func(b *objectBucket) error { return g.get(b, args[1]) })
		},
	}
	c.addFlags(cmd)
	flags := cmd.Flags()
	flags.StringVarP(&g.output, "output", "O", "", "`file` to write, instead of one of the object's name in this folder")
	onOff(flags, &g.progress, "progress", "show a progress bar")
	flags.BoolVarP(&g.force, "force", "f", false, "replace a file without asking")
	return cmd
}

func (g *objectGet) get(b *objectBucket, name string) error {
	info, err := b.GetInfo(b.ctx, name)
	if err != nil {
		return saidOfObject(err, name)
	}
	path := g.output
	if path == "" {
		path = filepath.Base(info.Name)
	}
	if path == toStdout {
		_, err := g.copy(b, name, g.con.out)
		return err
	}
	if path, err = filepath.Abs(path); err != nil {
		return err
	}
	if err := g.mayWrite(path); err != nil {
		return err
	}
	start := time.Now()
	size, err := g.save(b, name, path)
	if err != nil {
		return err
	}
	g.con.logf("Wrote %s to %s in %s", bytesText(uint64(size)), path, durationText(time.Since(start)))
	return nil
}

// mayWrite asks before a file is replaced.
func (g *objectGet) mayWrite(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.IsDir():
		return fmt.Errorf("%s is a directory: --output names a file", path)
	case !info.Mode().IsRegular():
		return nil
	}
	return g.con.confirm(g.force, "Replace %s?", path)
}

// save writes an object to a file, which appears when it is whole and its digest is right. A path that is no regular
// file, as a pipe, is written as it comes.
func (g *objectGet) save(b *objectBucket, name, path string) (int64, error) {
	if old, err := os.Stat(path); err == nil && !old.Mode().IsRegular() {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return 0, err
		}
		n, err := g.copy(b, name, f)
		return n, errors.Join(err, f.Close())
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return 0, err
	}
	n, err := g.copy(b, name, f)
	if err = errors.Join(err, f.Chmod(0o644), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return n, err
}

// copy writes an object and checks its digest. It gives up when nothing comes for as long as --timeout says.
func (g *objectGet) copy(b *objectBucket, name string, w io.Writer) (int64, error) {
	ctx, cancel := context.WithCancel(b.ctx)
	defer cancel()
	idle := time.AfterFunc(g.timeout, cancel)
	defer idle.Stop()
	object, err := b.Get(slidingDeadline{ctx, g.timeout}, name)
	if err != nil {
		return 0, saidOfTransfer(b, saidOfObject(err, name))
	}
	defer object.Close()
	info, err := object.Info()
	if err != nil {
		return 0, err
	}
	bar := bytesBar(g.con, g.progress, int64(info.Size))
	defer bar.Close()
	from := &steadyReader{object, idle, g.timeout}
	n, err := io.Copy(io.MultiWriter(w, bar), from)
	if err == nil && uint64(n) != info.Size {
		err = fmt.Errorf("the object has %d bytes, and %d came", info.Size, n)
	}
	return n, saidOfTransfer(b, err)
}

// saidOfTransfer says why a transfer has ended.
func saidOfTransfer(b *objectBucket, err error) error {
	switch {
	case b.ctx.Err() != nil:
		return errors.New("interrupted")
	case errors.Is(err, context.Canceled):
		return errStalled
	case errors.Is(err, jetstream.ErrDigestMismatch):
		return errors.New("what came is not what was put: its digest is another one")
	}
	return err
}

// errStalled says that no more of an object came.
var errStalled = errors.New("no more of the object came in time; --timeout says how long to wait")

// slidingDeadline is a context whose deadline is always as far away. The library bounds a whole transfer by the deadline
// of its context, or by the default timeout if there is none; here each read has so much time.
type slidingDeadline struct {
	context.Context
	patience time.Duration
}

func (s slidingDeadline) Deadline() (time.Time, bool) { return time.Now().Add(s.patience), true }

// steadyReader puts the end of a transfer off with whatever comes.
type steadyReader struct {
	object   io.Reader
	idle     *time.Timer
	patience time.Duration
}

func (s *steadyReader) Read(p []byte) (int, error) {
	n, err := s.object.Read(p)
	if n == 0 && err == nil && len(p) > 0 {
		return 0, errStalled
	}
	s.idle.Reset(s.patience)
	return n, err
}
