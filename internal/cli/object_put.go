package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
)

// objectPut is the object put command.
type objectPut struct {
	*client
	name, description       string
	headers, metadata       []string
	progress, force, asJSON bool
}

func newObjectPut(c *client) *cobra.Command {
	p := &objectPut{client: c}
	cmd := &cobra.Command{
		Use:   "put <bucket> [file]",
		Short: "Put a file, or stdin, into a bucket",
		Example: `  myelin object put releases app.tar.gz
  tar cz src | myelin object put backups --name src.tar.gz`,
		Args: arguments(1, 2),
		RunE: func(_ *cobra.Command, args []string) error { return p.run(args) },
	}
	c.addFlags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&p.name, "name", "", "`name` of the object, instead of the file's")
	flags.StringVar(&p.description, "description", "", "what the object is")
	flags.StringArrayVarP(&p.headers, "header", "H", nil, "add a header, written as `Key:value`; may be repeated")
	flags.StringArrayVar(&p.metadata, "metadata", nil, "add metadata, as `key=value`; may be repeated")
	onOff(flags, &p.progress, "progress", "show a progress bar")
	flags.BoolVarP(&p.force, "force", "f", false, "replace an object without asking")
	flags.BoolVarP(&p.asJSON, "json", "j", false, "print the object's information as JSON")
	return cmd
}

func (p *objectPut) run(args []string) error {
	meta, err := p.meta(args)
	if err != nil {
		return err
	}
	input, size, err := p.open(args)
	if err != nil {
		return err
	}
	defer input.Close()
	return p.withObjects(args[0], func(b *objectBucket) error {
		if err := p.mayReplace(b, meta.Name); err != nil {
			return err
		}
		bar := bytesBar(p.con, p.progress && !p.asJSON, size)
		from := &interruptible{b.ctx, input}
		info, err := b.Put(context.Background(), meta, io.TeeReader(wholeChunks{from}, bar))
		bar.Close()
		switch {
		case b.ctx.Err() != nil:
			return errors.New("interrupted: the object is as it was before")
		case err != nil:
			return err
		}
		return showObject(p.con, info, p.asJSON)
	})
}

// meta is what to store with the object.
func (p *objectPut) meta(args []string) (jetstream.ObjectMeta, error) {
	meta := jetstream.ObjectMeta{Name: p.name, Description: p.description}
	switch {
	case p.name == "" && len(args) < 2:
		return meta, errors.New("--name is required to put what comes from stdin")
	case p.name == "":
		meta.Name = args[1]
	}
	headers, err := parseHeaders(p.headers)
	if err != nil {
		return meta, err
	}
	m := &nats.Msg{}
	if err := addHeaders(m, headers, &values{now: time.Now()}); err != nil {
		return meta, err
	}
	meta.Headers = m.Header
	if len(p.metadata) > 0 {
		meta.Metadata = map[string]string{}
		if err := setMetadata(p.metadata, meta.Metadata); err != nil {
			return meta, fmt.Errorf("--metadata: %w", err)
		}
	}
	return meta, nil
}

// open returns what to put and its size, which is -1 when that is not known.
func (p *objectPut) open(args []string) (io.ReadCloser, int64, error) {
	if len(args) < 2 {
		if p.con.interactive() {
			p.con.logf("reading from stdin")
		}
		return io.NopCloser(p.con.in), -1, nil
	}
	f, err := os.Open(args[1])
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	switch {
	case err == nil && info.IsDir():
		err = fmt.Errorf("%s is a directory", args[1])
	case err == nil && !info.Mode().IsRegular():
		return f, -1, nil
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}

// mayReplace asks before an object is replaced.
func (p *objectPut) mayReplace(b *objectBucket, name string) error {
	if p.force {
		return nil
	}
	old, err := b.GetInfo(b.ctx, name)
	switch {
	case errors.Is(err, jetstream.ErrObjectNotFound):
		return nil
	case err != nil:
		return err
	}
	return p.con.confirm(p.force, "Replace %s > %s, %s of %s?", b.name, name, bytesText(old.Size), old.ModTime.Local().Format(stamp))
}

// interruptible ends with an error when the user interrupts the command, even while nothing comes. It ends the reading
// and not the context of the transfer, so that the library can still remove what it has sent.
type interruptible struct {
	ctx context.Context
	r   io.Reader
}

func (i *interruptible) Read(p []byte) (int, error) {
	type result struct {
		n   int
		err error
	}
	done := make(chan result, 1)
	go func() {
		n, err := i.r.Read(p)
		done <- result{n, err}
	}()
	select {
	case r := <-done:
		return r.n, r.err
	case <-i.ctx.Done():
		return 0, i.ctx.Err()
	}
}

// wholeChunks fills each buffer as far as it can: the library makes a message of each read, however short.
type wholeChunks struct{ r io.Reader }

func (w wholeChunks) Read(p []byte) (int, error) {
	n, err := io.ReadFull(w.r, p)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil // the next read says that this is the end
	}
	return n, err
}

// bytesBar shows on a terminal how many of so many bytes are done; -1 stands for a number that is not known.
func bytesBar(con *console, wanted bool, total int64) *progressbar.ProgressBar {
	w := con.err
	if !wanted || !isTerminal(con.err) {
		w = io.Discard
	}
	return progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(w),
		progressbar.OptionShowBytes(true),
		progressbar.OptionUseIECUnits(true),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionFullWidth(),
		progressbar.OptionClearOnFinish(),
	)
}
