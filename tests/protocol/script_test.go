package protocol

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"myelin/internal/testkit"
)

// A script is a table of rows for one server.
//
//	# A comment.
//	config max_payload: 8        lines of the server's configuration, before the first row
//
//	== what the row shows, in words
//	a> PUB x 2                   connection a sends this line; it is opened at first use
//	a> ok                        and its greeting read
//	a>> "PUB x 2\r\nok\r\n"      sends these bytes, quoted as in Go
//	a< PONG                      the next line that a gets is this
//	a<< "\xff"                   the same, quoted as in Go
//	a~ INFO .*"ldm":true.*       the next line that a gets matches this as a whole
//	a.                           a sends PING, and gets PONG as its very next line
//	a! Protocol Violation        the server hangs up on a without another word; the reason
//	                             is the one that /connz then tells
//	a$                           a hangs up
//
// Lines end in CRLF. ${x*70} stands for seventy times x in what is sent and
// expected. Each row has connections of its own, and finds none of those before.
type script struct {
	config string
	rows   []row
}

type row struct {
	shows string
	steps []step
}

type step struct {
	line  int
	conn  string
	verb  string
	bytes string
}

var (
	stepForm   = regexp.MustCompile(`^([a-z])(>>|<<|[>.<~!$])(?: (.*))?$`)
	repeatForm = regexp.MustCompile(`\$\{(.+?)\*(\d+)\}`)
)

func parse(text string) (*script, error) {
	s := &script{}
	for i, line := range strings.Split(text, "\n") {
		if err := s.add(i+1, line); err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
	}
	return s, nil
}

func (s *script) add(number int, line string) error {
	if config, ok := strings.CutPrefix(line, "config "); ok {
		s.config += config + "\n"
		return nil
	}
	if shows, ok := strings.CutPrefix(line, "== "); ok {
		s.rows = append(s.rows, row{shows: shows})
		return nil
	}
	if line == "" || strings.HasPrefix(line, "#") {
		return nil
	}
	parts := stepForm.FindStringSubmatch(line)
	if parts == nil || len(s.rows) == 0 {
		return fmt.Errorf("%q is no step of a row", line)
	}
	bytes, err := stepBytes(parts[2], parts[3])
	last := &s.rows[len(s.rows)-1]
	last.steps = append(last.steps, step{line: number, conn: parts[1], verb: parts[2], bytes: bytes})
	return err
}

func stepBytes(verb, text string) (string, error) {
	text = repeatForm.ReplaceAllStringFunc(text, func(form string) string {
		parts := repeatForm.FindStringSubmatch(form)
		count, _ := strconv.Atoi(parts[2])
		return strings.Repeat(parts[1], count)
	})
	if verb == ">>" || verb == "<<" {
		return strconv.Unquote(text)
	}
	return text, nil
}

func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		t.Run(name, func(t *testing.T) {
			if strings.HasPrefix(name, "differs_") && !testkit.OwnBinary() {
				t.Skip("differs from a stock server on purpose")
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			s, err := parse(string(text))
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			s.run(t)
		})
	}
}

func (s *script) run(t *testing.T) {
	server := testkit.Start(t, testkit.Options{Config: s.config})
	before := presence(t, server)
	for _, row := range s.rows {
		t.Run(row.shows, func(t *testing.T) { row.run(t, server) })
		testkit.Eventually(t, "the connections of the row to be gone", func() bool {
			return presence(t, server) == before
		})
	}
}

func (r row) run(t *testing.T, server *testkit.Server) {
	conns := map[string]*testkit.Raw{}
	for _, step := range r.steps {
		if conns[step.conn] == nil {
			conns[step.conn] = server.Raw(t)
		}
		// The line of a failure lies in the kit; the log says where in the script.
		t.Logf("line %d: %s%s %.80q", step.line, step.conn, step.verb, step.bytes)
		step.do(t, server, conns[step.conn])
	}
}

// present is what connections leave on a server while they are open.
type present struct {
	Connections   int `json:"connections"`
	Subscriptions int `json:"subscriptions"`
}

func presence(t *testing.T, server *testkit.Server) (now present) {
	t.Helper()
	server.Monitor("/varz", &now)
	return now
}

func (s step) do(t *testing.T, server *testkit.Server, conn *testkit.Raw) {
	switch s.verb {
	case ">":
		conn.Send(s.bytes)
	case ">>":
		conn.Write(s.bytes)
	case "<", "<<":
		conn.Expect(s.bytes)
	case "~":
		conn.ExpectMatch(s.bytes)
	case ".":
		conn.Sync()
	case "!":
		conn.ExpectClosed()
		expectReason(t, server, conn.Info.ClientID, s.bytes)
	case "$":
		conn.Close()
	}
}

// expectReason waits until the connection stands among the closed ones, and
// compares the reason that is told there.
func expectReason(t *testing.T, server *testkit.Server, cid uint64, want string) {
	t.Helper()
	var got string
	testkit.Eventually(t, "the connection to stand among the closed ones", func() bool {
		var page struct {
			Connections []struct {
				Reason string `json:"reason"`
			} `json:"connections"`
		}
		server.Monitor(fmt.Sprintf("/connz?state=closed&cid=%d", cid), &page)
		if len(page.Connections) == 0 {
			return false
		}
		got = page.Connections[0].Reason
		return true
	})
	if got != want {
		t.Errorf("closed for the reason %q instead of %q", got, want)
	}
}
