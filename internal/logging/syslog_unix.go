//go:build !windows && !plan9 && !js && !wasip1

package logging

import (
	"fmt"
	"log/slog"
	"log/syslog"
	"net/url"
)

// syslogSink sends lines to the local or a remote syslog daemon; the levels become severities.
type syslogSink struct{ *syslog.Writer }

// dialSyslog connects to the daemon at a URL (udp, tcp or unix), or to the local one when it is empty.
func dialSyslog(remote, tag string) (sink, error) {
	var network, address string
	if remote != "" {
		u, err := url.Parse(remote)
		if err != nil {
			return nil, err
		}
		switch network = u.Scheme; network {
		case "udp", "tcp":
			address = u.Host
		case "unix":
			address = u.Path
		default:
			return nil, fmt.Errorf("error invalid network type: %q", network)
		}
	}
	w, err := syslog.Dial(network, address, syslog.LOG_NOTICE, tag)
	if err != nil {
		return nil, fmt.Errorf("error connecting to syslog: %q", err.Error())
	}
	return syslogSink{w}, nil
}

// write sends a message. Traces are notices, as those of the stock server are: asked for, they should not
// be filtered with debug messages.
func (s syslogSink) write(level slog.Level, line []byte) ([]string, error) {
	send := s.Notice
	switch {
	case level >= LevelFatal:
		send = s.Crit
	case level >= slog.LevelError:
		send = s.Err
	case level >= slog.LevelWarn:
		send = s.Warning
	case level >= slog.LevelInfo:
	case level >= slog.LevelDebug:
		send = s.Debug
	}
	return nil, send(string(line))
}

func (s syslogSink) remark(line []byte) error { return s.Notice(string(line)) }
