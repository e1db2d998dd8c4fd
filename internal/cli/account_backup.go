package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

func newAccountBackup(c *client) *cobra.Command {
	t := &streamTool{client: c, all: true}
	b := &backupFlags{}
	var force, strict bool
	cmd := &cobra.Command{
		Use:     "backup <target>",
		Aliases: []string{"snapshot"},
		Short:   "Write all streams of the account to a folder, each to one of its own",
		Long: `Writes every stream as "stream backup" does, to a folder of its name within the target. One that fails does not keep the
others from being backed up; it is said, and the exit code is 1.`,
		Args: arguments(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			return c.withJetStream(func(js *jetStream) error { return t.backupAll(js, args[0], b, force) })
		},
	}
	c.addFlags(cmd)
	b.add(cmd)
	cmd.Flags().BoolVarP(&force, "force", "f", false, "back up without asking")
	cmd.Flags().BoolVarP(&strict, "critical-warnings", "w", false, "what fails is always a failure here; for those who are used to the flag")
	return cmd
}

// backupAll backs up all streams.
func (t *streamTool) backupAll(js *jetStream, dir string, flags *backupFlags, force bool) error {
	infos, err := t.infos(js, "")
	if err != nil {
		return err
	}
	var bytes uint64
	consumers := 0
	for _, i := range infos {
		bytes += i.State.Bytes
		consumers += i.State.Consumers
	}
	s := &sheet{}
	s.row("Streams", countText(len(infos)))
	s.row("Size", bytesText(bytes))
	s.row("Consumers", countText(consumers))
	t.con.printf("Performing backup of all streams to %s\n\n%s\n", dir, s)
	if t.con.interactive() {
		if err := t.con.confirm(force, "Perform backup"); err != nil {
			return err
		}
	}
	var failed []error
	for _, i := range infos {
		failed = append(failed, js.backup(i.Config.Name, filepath.Join(dir, folderName(i.Config.Name)), flags))
	}
	return errors.Join(failed...)
}

func newAccountRestore(c *client) *cobra.Command {
	r := &restoreFlags{}
	cmd := &cobra.Command{
		Use:   "restore <folder>",
		Short: "Make the streams again that account backup wrote",
		Long: `Restores every backup that is in a folder, as "stream restore" does. If there is a stream already of the name of any of
them, none is restored.`,
		Args: arguments(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			return c.withJetStream(func(js *jetStream) error { return js.restoreAll(args[0], r) })
		},
	}
	c.addFlags(cmd)
	r.add(cmd)
	return cmd
}

// restoreAll restores the backups in the folders of a folder.
func (j *jetStream) restoreAll(dir string, flags *restoreFlags) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var found []string
	for _, e := range entries {
		path := filepath.Join(dir, e.Name(), backupMeta)
		if _, err := os.Stat(path); err == nil {
			found = append(found, path)
		}
	}
	if len(found) == 0 {
		return fmt.Errorf("there are no backups in the folders of %s", dir)
	}
	for _, path := range found {
		if err := j.notThere(path); err != nil {
			return err
		}
	}
	for _, path := range found {
		if _, err := j.restore(filepath.Dir(path), flags); err != nil {
			return err
		}
	}
	return nil
}

// notThere returns an error if there is a stream already of the name of a backup.
func (j *jetStream) notThere(path string) error {
	meta := &backedUp{}
	if err := readJSON(path, meta); err != nil {
		return err
	}
	name := meta.Config.text("name")
	_, err := j.streamInfo(name)
	switch {
	case err == nil:
		return fmt.Errorf("stream %s exists already", name)
	case notFound(err):
		return nil
	}
	return err
}
