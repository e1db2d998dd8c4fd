package durability

import (
	"bufio"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// A disk is a small file system in memory at dir, in a name space of its own,
// which takes no privilege where the system lets everybody have one. A process
// that does nothing holds it, so that it outlives servers.
type disk struct {
	t    *testing.T
	dir  string
	into []string // command line that runs what follows it where the disk is
}

// newDisk makes a disk of so many MiB. The test is skipped where that cannot be
// done.
func newDisk(t *testing.T, sizeMiB int) *disk {
	t.Helper()
	d := &disk{t: t, dir: t.TempDir()}
	holder := exec.Command("unshare", "--user", "--map-root-user", "--mount", "sh", "-c",
		fmt.Sprintf(`mount -t tmpfs -o size=%dm none "$0" && echo ready && exec cat`, sizeMiB), d.dir)
	hold, err := holder.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var why strings.Builder
	holder.Stderr = &why
	if err := holder.Start(); err != nil {
		t.Skipf("there is no small disk to be had here: %v", err)
	}
	t.Cleanup(func() {
		hold.Close() // cat ends, and the disk with it
		holder.Wait()
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		holder.Wait() // for all that it says
		t.Skipf("there is no small disk to be had here: %v: %s", err, why.String())
	}
	d.into = []string{"nsenter", "--target", strconv.Itoa(holder.Process.Pid), "--user", "--mount", "--preserve-credentials", "--"}
	return d
}

// run runs a command that sees the disk.
func (d *disk) run(command ...string) {
	d.t.Helper()
	command = append(d.into[:len(d.into):len(d.into)], command...)
	if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
		d.t.Fatalf("%v: %v: %s", command, err, out)
	}
}
