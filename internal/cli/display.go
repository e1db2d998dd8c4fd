package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"
)

// display is how sub shows a message.
type display struct {
	raw, json    bool
	headersOnly  bool
	subjectsOnly bool
	timestamp    bool
	delta        bool
	translate    string
	dump         string
	start        time.Time
}

// dumpToStdout is the value of --dump that writes messages to stdout, each followed by a NUL.
const dumpToStdout = "-"

func (d *display) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVarP(&d.raw, "raw", "r", false, "print the payload and nothing else")
	flags.BoolVar(&d.json, "json", false, "print each message as a line of JSON")
	flags.BoolVar(&d.headersOnly, "headers-only", false, "leave out the payload")
	flags.BoolVar(&d.subjectsOnly, "subjects-only", false, "leave out headers and payload")
	flags.BoolVarP(&d.timestamp, "timestamp", "t", false, "show the time of arrival")
	flags.BoolVarP(&d.delta, "delta-time", "d", false, "show the time since the start")
	flags.StringVar(&d.translate, "translate", "", "show the payload as this `command` prints it, given the payload on stdin")
	flags.StringVar(&d.dump, "dump", "", "save each message as JSON to a file in this `directory`, or to stdout with - for xargs -0")
	cmd.MarkFlagsMutuallyExclusive("raw", "json", "dump")
	cmd.MarkFlagsMutuallyExclusive("timestamp", "delta-time")
}

// prepare checks the flags and makes the folder to dump into.
func (d *display) prepare() error {
	d.start = time.Now()
	if d.dump == "" || d.dump == dumpToStdout {
		return nil
	}
	return os.MkdirAll(d.dump, 0o700)
}

// forPrograms reports whether the output is meant to be read by one.
func (d *display) forPrograms() bool { return d.raw || d.json || d.dump != "" }

// show prints message number n, and the reply to it if there is one.
func (d *display) show(con *console, n int, m, reply *nats.Msg) error {
	if d.dump != "" {
		err := d.save(con, strconv.Itoa(n), m)
		if err == nil && reply != nil {
			err = d.save(con, strconv.Itoa(n)+"_reply", reply)
		}
		return err
	}
	if err := d.print(con, fmt.Sprintf("[#%d]%s Received", n, d.when()), m); err != nil || reply == nil {
		return err
	}
	return d.print(con, fmt.Sprintf("[#%d]%s Matched reply", n, d.when()), reply)
}

// print writes one message to stdout; title opens the form for people.
func (d *display) print(con *console, title string, m *nats.Msg) error {
	data, err := translated(m, d.translate)
	if err != nil {
		return err
	}
	switch {
	case d.json:
		shown := *m
		shown.Data = data
		return con.json(newRecord(&shown, time.Now()))
	case d.raw:
		printBody(con, data)
		return nil
	}
	con.printf("%s on %q", title, m.Subject)
	if m.Reply != "" {
		con.printf(" with reply %q", m.Reply)
	}
	con.printf("\n")
	switch {
	case d.subjectsOnly:
	case d.headersOnly:
		printHeaders(con, m.Header)
	default:
		printMessage(con, m, data)
	}
	return nil
}

func (d *display) when() string {
	switch {
	case d.timestamp:
		return " @ " + time.Now().Format(time.StampMicro)
	case d.delta:
		return " @ " + time.Since(d.start).String()
	}
	return ""
}

// dumped is the form in which the nats tool saves messages.
type dumped struct {
	Subject string
	Reply   string
	Header  nats.Header
	Data    []byte
}

// save writes a message to a file of its own, or to stdout.
func (d *display) save(con *console, name string, m *nats.Msg) error {
	data, err := translated(m, d.translate)
	if err != nil {
		return err
	}
	encoded, err := json.Marshal(dumped{m.Subject, m.Reply, m.Header, data})
	if err != nil {
		return err
	}
	if d.dump == dumpToStdout {
		_, err := con.out.Write(append(encoded, 0))
		return err
	}
	return os.WriteFile(filepath.Join(d.dump, name+".json"), encoded, 0o600)
}
