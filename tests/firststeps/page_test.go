package firststeps

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"myelin/internal/testkit"
)

// commands are those of a block of shell commands below a heading of the page; the first one is number 1.
func commands(t *testing.T, heading string, number int) []string {
	t.Helper()
	text, err := os.ReadFile("../../docs/SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	_, below, ok := strings.Cut(string(text), "\n## "+heading+"\n")
	if !ok {
		t.Fatalf("the page has no heading %q", heading)
	}
	below, _, _ = strings.Cut(below, "\n## ")
	blocks := strings.Split(below, "```sh\n")
	if number >= len(blocks) {
		t.Fatalf("there are %d blocks of commands below %q", len(blocks)-1, heading)
	}
	block, _, _ := strings.Cut(blocks[number], "\n```")
	return split(block)
}

// split cuts a script into commands: a line each, or several with a here-document, or with a backslash at their ends.
func split(script string) (list []string) {
	command, until := "", ""
	for line := range strings.Lines(script + "\n") {
		command += line
		text := strings.TrimSpace(line)
		switch _, word, here := strings.Cut(text, "<<"); {
		case until != "":
			if text == until {
				until = ""
			}
		case here:
			until = strings.Fields(word)[0]
		}
		if until != "" || strings.HasSuffix(text, `\`) || text == "" {
			continue
		}
		list, command = append(list, command), ""
	}
	return list
}

func TestSplit(t *testing.T) {
	got := split("a 1\ncat > x <<EOF\nb\nc\nEOF\nd \\\n  e\nf &")
	want := []string{"a 1\n", "cat > x <<EOF\nb\nc\nEOF\n", "d \\\n  e\n", "f &\n"}
	if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		t.Errorf("%q", got)
	}
}

// shell is a shell in a folder of its own, in which a command is done before the next one begins.
type shell struct {
	t    *testing.T
	dir  string
	port string // that the commands are told to use
	in   io.Writer
	out  *bufio.Scanner
	log  *os.File // what the commands say besides, and the log of the server
}

// finished begins the line that the shell prints after each command.
const finished = "@@finished "

func newShell(t *testing.T) *shell {
	t.Helper()
	path, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("there is no shell here")
	}
	s := &shell{t: t, dir: t.TempDir(), port: freePort(t)}
	if s.log, err = os.Create(filepath.Join(s.dir, "log")); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path)
	cmd.Dir, cmd.Stderr = s.dir, s.log
	cmd.Env = append(os.Environ(), "PORT="+s.port, "HOME="+s.dir, "XDG_CONFIG_HOME="+s.file("config"), "XDG_DATA_HOME="+s.file("data"),
		"NATS_URL=", "NATS_CREDS=", "NATS_NKEY=", "NATS_CONTEXT=",
		"PATH="+filepath.Dir(testkit.Binary(t))+string(os.PathListSeparator)+os.Getenv("PATH"))
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.in, s.out = in, bufio.NewScanner(out)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// The server is what the shell started last in the background.
		fmt.Fprintln(in, `[ -z "$!" ] || { kill $!; wait $!; }`)
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the server ends with %v", err)
		}
		if t.Failed() {
			text, _ := os.ReadFile(s.log.Name())
			t.Logf("%s", text)
		}
		s.log.Close()
	})
	return s
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func (s *shell) file(name string) string { return filepath.Join(s.dir, name) }

// run runs a command, and returns what it prints. A server in the background is waited for.
func (s *shell) run(command string) string {
	s.t.Helper()
	fmt.Fprintf(s.in, "%s\necho '%s'$?\n", strings.TrimSuffix(command, "\n"), finished)
	var printed strings.Builder
	for s.out.Scan() {
		code, end := strings.CutPrefix(s.out.Text(), finished)
		if !end {
			printed.WriteString(s.out.Text() + "\n")
			continue
		}
		if code != "0" {
			s.t.Fatalf("%s ends with %s", command, code)
		}
		if strings.HasSuffix(strings.TrimSpace(command), "&") {
			testkit.Eventually(s.t, "the server listens", func() bool {
				conn, err := net.Dial("tcp", s.address())
				if err == nil {
					conn.Close()
				}
				return err == nil
			})
		}
		return printed.String()
	}
	s.t.Fatalf("%s ends the shell", command)
	return ""
}

// runAll runs the commands, and returns what the last one prints.
func (s *shell) runAll(list []string) (last string) {
	s.t.Helper()
	for _, command := range list {
		last = s.run(command)
	}
	return last
}

func (s *shell) address() string { return net.JoinHostPort("localhost", s.port) }

func (s *shell) url() string { return "tls://" + s.address() }
