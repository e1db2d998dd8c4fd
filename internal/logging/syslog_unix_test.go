//go:build !windows && !plan9 && !js && !wasip1

package logging

import (
	"net"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"myelin/internal/clock"
	"myelin/internal/vfs"
)

// Messages arrive with the severities that a stock server gives them, without time and level of their own.
func TestRemoteSyslog(t *testing.T) {
	daemon, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer daemon.Close()
	l, _, _ := record(t, Options{RemoteSyslog: "udp://" + daemon.LocalAddr().String(), Debug: true, Trace: true, Time: true})
	logEachLevel(l)
	l.Reopen()
	l.Slog().Info("slog", "cid", 5)
	for _, want := range []string{
		`^<5>.* myelin\[\d+\]: 127.0.0.1:5000 - cid:5 - <<- \[PING\]\n$`,
		`^<7>.* myelin\[\d+\]: Client connection created\n$`,
		`^<5>.* myelin\[\d+\]: Server is ready\n$`,
		`^<4>.* myelin\[\d+\]: Plaintext passwords detected\n$`,
		`^<3>.* myelin\[\d+\]: authentication error\n$`,
		`^<2>.* myelin\[\d+\]: Error listening on port: 4222\n$`,
		`^<5>.* myelin\[\d+\]: File log re-open ignored, not a file logger\n$`,
		`^<5>.* myelin\[\d+\]: slog cid=5\n$`,
	} {
		packet := make([]byte, 1024)
		daemon.SetReadDeadline(time.Now().Add(time.Minute))
		n, _, err := daemon.ReadFrom(packet)
		if err != nil {
			t.Fatal(err)
		}
		if !regexp.MustCompile(want).Match(packet[:n]) {
			t.Errorf("got %q, want %s", packet[:n], want)
		}
	}
}

func TestSyslogErrors(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "none")
	for remote, want := range map[string]string{
		"foo://x:1":        `error invalid network type: "foo"`,
		"localhost:514":    `error invalid network type: "localhost"`,
		"127.0.0.1:514":    `parse "127.0.0.1:514": first path segment in URL cannot contain colon`,
		"unix://" + socket: `error connecting to syslog: "dial unix ` + socket + `: connect: no such file or directory"`,
	} {
		_, err := open(Options{RemoteSyslog: remote}, vfs.OS{}, clock.Real{}, process{})
		if err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", remote, err, want)
		}
	}
}
