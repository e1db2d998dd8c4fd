// Package cli is the command line of the myelin binary.
//
// The binary has two faces, and the first argument says which one is meant. If it names a client command the binary
// is a client: `myelin pub greet hello`, with the flags, the context files and the environment variables of the nats
// tool, so that habits carry over. With any other command line, and always when it is called through a link by the
// name nats-server, it is the server with the flags of nats-server.
//
// Each client command has a file of its own and talks to a server as any other client would. The package keeps no
// state: a command owns what it opens for as long as it runs. What a command was asked for goes to stdout, what it
// has to say about it goes to stderr, and whatever keeps it from doing it is an error: printed once, by Run, which
// then returns a code other than zero.
package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

const (
	exitOK      = 0
	exitFailure = 1
)

// serverName is the name by which test suites, images and charts start a server, and which opens its error lines.
const serverName = "nats-server"

// Run does what the command line args (with the name of the program first) asks for and returns the exit code.
func Run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	con := &console{in: stdin, out: stdout, err: stderr, getenv: os.Getenv}
	program := baseName(args[0])
	if program == serverName || len(args) == 1 || strings.HasPrefix(args[1], "-") {
		return serve(con, program, args[1:])
	}
	if flags, ok := serverFlags(args[1:]); ok {
		return serve(con, program, flags)
	}
	root := newRoot(con)
	if !clientCommand(root, args[1]) {
		return serve(con, program, args[1:])
	}
	root.SetArgs(args[1:])
	cmd, err := root.ExecuteC()
	if err == nil {
		return exitOK
	}
	if code, ok := errors.AsType[exitCode](err); ok {
		return int(code)
	}
	if !errors.Is(err, errSilent) {
		fmt.Fprintf(stderr, "myelin: %v\n", err)
	}
	if code, err := strconv.Atoi(cmd.Annotations[misuseCode]); err == nil {
		return code
	}
	return exitFailure
}

// errSilent ends a command with a failure that has been explained on stderr already.
var errSilent = errors.New("failed")

// clientCommand reports whether name is that of a client command.
func clientCommand(root *cobra.Command, name string) bool {
	internal := []string{cobra.ShellCompRequestCmd, cobra.ShellCompNoDescRequestCmd, "help", "completion"}
	return slices.Contains(internal, name) || slices.ContainsFunc(root.Commands(), func(c *cobra.Command) bool {
		return c.Name() == name || c.HasAlias(name)
	})
}

// baseName is the name of a program without its directory and the ending that Windows adds.
func baseName(path string) string {
	return strings.TrimSuffix(filepath.Base(path), ".exe")
}
