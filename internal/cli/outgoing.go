package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"
)

// Values of --send-on.
const (
	sendOnEOF     = "eof"
	sendOnNewline = "newline"
)

// outgoing is what pub and request have in common: where their messages come from.
type outgoing struct {
	headers    []string
	count      int
	sleep      time.Duration
	forceStdin bool
	sendOn     string
	templates  bool
}

func (o *outgoing) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVarP(&o.headers, "header", "H", nil, "add a header, written as `Key:value`; may be repeated")
	flags.IntVar(&o.count, "count", 1, "how many messages to send")
	flags.DurationVar(&o.sleep, "sleep", 0, "how long to wait between messages")
	flags.BoolVar(&o.forceStdin, "force-stdin", false, "read the body from stdin even when the output is not a terminal")
	flags.StringVar(&o.sendOn, "send-on", sendOnEOF, "send what stdin says at `eof` or at each newline")
	flags.BoolVar(&o.templates, "templates", true, "expand templates in subject and body")
	cmd.RegisterFlagCompletionFunc("send-on", cobra.FixedCompletions([]string{sendOnEOF, sendOnNewline}, cobra.ShellCompDirectiveNoFileComp))
}

// messages yields the messages to send: count of them for each body. args are the subject and, if it does not
// come from stdin, the body.
func (o *outgoing) messages(con *console, args []string, reply string) (iter.Seq2[*nats.Msg, error], error) {
	if o.count < 1 {
		return nil, errors.New("--count must be at least 1")
	}
	if o.sendOn != sendOnEOF && o.sendOn != sendOnNewline {
		return nil, fmt.Errorf("--send-on is %s or %s, not %q", sendOnEOF, sendOnNewline, o.sendOn)
	}
	headers, err := parseHeaders(o.headers)
	if err != nil {
		return nil, err
	}
	subject := o.text(con, "subject", args[0])
	return func(yield func(*nats.Msg, error) bool) {
		number := 0
		for raw, err := range o.bodies(con, args[1:]) {
			if err != nil {
				yield(nil, err)
				return
			}
			body := o.text(con, "body", raw)
			for range o.count {
				number++
				m, err := buildMessage(subject, body, headers, &values{count: number, now: time.Now()})
				if err == nil {
					m.Reply = reply
				}
				if !yield(m, err) || err != nil {
					return
				}
			}
		}
	}, nil
}

// text reads a template. What is not one is sent as it stands: a body may have braces of its own.
func (o *outgoing) text(con *console, what, s string) text {
	if !o.templates {
		return text{literal: s}
	}
	t, err := parseText(s)
	if err != nil {
		con.logf("the %s is sent as it is, since it is no template (%v); --templates=false avoids this remark", what, err)
	}
	return t
}

func buildMessage(subject, body text, headers []headerText, v *values) (*nats.Msg, error) {
	name, err := subject.expand(v)
	if err != nil {
		return nil, fmt.Errorf("subject: %w", err)
	}
	data, err := body.expand(v)
	if err != nil {
		return nil, fmt.Errorf("body: %w", err)
	}
	m := &nats.Msg{Subject: name, Data: []byte(data)}
	return m, addHeaders(m, headers, v)
}

// fromStdin reports whether the bodies come from stdin: none was given, and somebody is there to provide it.
func (o *outgoing) fromStdin(con *console, body []string) bool {
	return len(body) == 0 && (o.forceStdin || !isTerminal(con.in) || isTerminal(con.out))
}

// bodies yields the body that was given, or all of stdin, or each of its lines.
func (o *outgoing) bodies(con *console, given []string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if !o.fromStdin(con, given) {
			yield(strings.Join(given, ""), nil)
			return
		}
		if o.sendOn == sendOnNewline {
			eachLine(con.in, yield)
			return
		}
		data, err := io.ReadAll(con.in)
		yield(string(data), err)
	}
}

// eachLine yields the lines of r without their ends, until yield returns false.
func eachLine(r io.Reader, yield func(string, error) bool) {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadString('\n')
		if err != nil && err != io.EOF {
			yield("", err)
			return
		}
		atEnd := err == io.EOF
		if atEnd && line == "" {
			return
		}
		if !yield(strings.TrimRight(line, "\r\n"), nil) || atEnd {
			return
		}
	}
}
