package clients

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"myelin/internal/testkit"
)

const setup = "run make setup-clients"

// A program is one client's run through the checks. It gets the server's
// address as its last argument; or behind it that of a folder of certificates
// and credentials, if it has to use TLS: then it leaves out what is about stored messages. It
// prints one line per check, "ok NAME" or "not ok NAME: why"; its exit code
// says whether all went well. In between it may ask for something to be done to
// the server, "please restart" or "please retire", and gets the line "done"
// when that has been done.
type program struct {
	*exec.Cmd
}

func TestJavaScript(t *testing.T) {
	for library, ways := range map[string][]string{
		"transport-node": {asAnybody, withPassword, withNKey},
		"nats":           {asAnybody},
	} {
		t.Run(library, func(t *testing.T) {
			if _, err := os.Stat("js/node_modules/.package-lock.json"); err != nil {
				t.Fatalf("the libraries for JavaScript are not installed: %s", setup)
			}
			runProgram(t, start(t), program{exec.Command("node", "js/main.mjs", library)})
			for _, way := range ways {
				t.Run("over TLS "+way, func(t *testing.T) {
					runProgram(t, startProtected(t, way), program{exec.Command("node", "js/main.mjs", library)})
				})
			}
		})
	}
}

func TestPython(t *testing.T) {
	cache, err := filepath.Abs("../../.cache/python")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(cache, "nats")); err != nil {
		t.Fatalf("the library for Python is not installed: %s", setup)
	}
	command := func() program {
		c := exec.Command("python3", "-B", "python/main.py")
		c.Env = append(os.Environ(), "PYTHONPATH="+cache)
		return program{c}
	}
	runProgram(t, start(t), command())
	// Its NKeys need a library with code in C, and are left out.
	for _, way := range []string{asAnybody, withPassword} {
		t.Run("over TLS "+way, func(t *testing.T) { runProgram(t, startProtected(t, way), command()) })
	}
}

func runProgram(t *testing.T, server *testkit.Server, p program) {
	t.Helper()
	p.Args = append(p.Args, server.URL())
	if dir, ok := folders.Load(server); ok {
		p.Args = append(p.Args, dir.(string))
	}
	p.Stderr = os.Stderr
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := p.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatalf("start the program: %v; %s", err, setup)
	}
	checks := p.follow(t, server, out, in)
	if err := p.Wait(); err != nil {
		t.Errorf("the program ends with %v", err)
	}
	if checks == 0 {
		t.Errorf("the program went through no checks")
	}
}

// follow turns the program's lines into subtests, does what it asks for, and
// returns the number of checks.
func (p program) follow(t *testing.T, server *testkit.Server, out io.Reader, in io.Writer) int {
	t.Helper()
	checks := 0
	for lines := bufio.NewScanner(out); lines.Scan(); {
		line := lines.Text()
		switch verb, rest, _ := strings.Cut(line, " "); verb {
		case "please":
			serve(t, server, rest)
			fmt.Fprintln(in, "done")
		case "ok":
			checks++
			t.Run(rest, func(*testing.T) {})
		case "not":
			checks++
			name, why, _ := strings.Cut(strings.TrimPrefix(rest, "ok "), ": ")
			t.Run(name, func(t *testing.T) { t.Error(why) })
		default:
			t.Log(line)
		}
	}
	return checks
}

func serve(t *testing.T, server *testkit.Server, wish string) {
	t.Helper()
	switch wish {
	case "restart":
		restart(server)
	case "retire":
		retire(t, server)
	default:
		t.Errorf("the program asks for %q", wish)
	}
}
