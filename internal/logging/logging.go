// Package logging writes the server's log: lines in nats-server's format or JSON, to stderr, a file or
// syslog.
//
// A Logger is safe for concurrent use. Its printf-style methods are the server's; Slog gives the same log
// to whoever brings attributes. Debug and trace messages are off unless asked for, and can be switched
// while the server runs. An argument list costs something to build: on hot paths ask TraceEnabled first,
// which is one atomic load.
//
// Logging never fails and never stops the server: a line that its destination refuses goes to stderr.
// A line is written whole, by the goroutine that logs it, before the method returns. The lock that orders
// lines is a leaf: messages, attributes included, are formatted before it is taken.
package logging

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"myelin/internal/clock"
	"myelin/internal/vfs"
)

// Levels beyond those of log/slog.
const (
	LevelTrace = slog.LevelDebug - 4
	LevelFatal = slog.LevelError + 4
)

// Options say what is logged, how and where. The fields are those of the configuration.
type Options struct {
	Debug, Trace               bool   // log these levels too
	TraceVerbose, TraceHeaders bool   // what is traced; the tracer's concern
	Time, UTC                  bool   // time in each line; in UTC instead of local time
	Format                     string // "text" (also when empty) or "json"
	File                       string // path; it comes before syslog, and that before stderr
	SizeLimit                  int64  // bytes after which File is moved aside; 0: never
	MaxNum                     int    // files to keep, the current one included; 0: all
	Syslog                     bool
	RemoteSyslog               string // URL such as udp://host:514; implies Syslog
	MaxTracedMsgLen            int    // bytes of a payload; the tracer's concern
}

// Logger is an open log.
type Logger struct {
	// immutable
	clock   clock.Clock
	files   vfs.FS
	process process // its stderr is where lines go that their destination refuses

	format  atomic.Pointer[lineFormat]
	enabled atomic.Uint32 // debugBit, traceBit

	mu   sync.Mutex // orders the lines; held while one is written, nothing else is called
	sink sink
}

const (
	debugBit = 1 << iota
	traceBit
)

// sink is where lines go.
type sink interface {
	// write takes a whole line. What it returns is to be logged as well: remarks about the sink itself.
	write(level slog.Level, line []byte) (remarks []string, err error)
	// remark takes a line about the sink itself, and has no more to say.
	remark(line []byte) error
	io.Closer
}

// Open opens the log that o describes. The caller closes it.
func Open(o Options, files vfs.FS, c clock.Clock) (*Logger, error) {
	info, err := os.Stderr.Stat()
	terminal := err == nil && info.Mode()&os.ModeCharDevice != 0
	colour := terminal && runtime.GOOS != "windows" && os.Getenv("NO_COLOR") == ""
	return open(o, files, c, process{stderr: os.Stderr, colour: colour, pid: os.Getpid(), name: filepath.Base(os.Args[0])})
}

// process is what a log shows of the process that writes it.
type process struct {
	stderr io.Writer
	colour bool // stderr shows colours
	pid    int
	name   string // the tag of syslog messages
}

func open(o Options, files vfs.FS, c clock.Clock, p process) (*Logger, error) {
	l := &Logger{clock: c, files: files, process: p}
	format, sink, err := l.destination(o)
	if err != nil {
		return nil, err
	}
	l.sink = sink
	l.format.Store(format)
	l.SetLevels(o.Debug, o.Trace)
	return l, nil
}

// destination opens where lines go, and says how they look there.
func (l *Logger) destination(o Options) (*lineFormat, sink, error) {
	format := &lineFormat{time: o.Time, utc: o.UTC, pid: l.process.pid}
	switch o.Format {
	case "", "text":
	case "json":
		format.json = true
	default:
		return nil, nil, fmt.Errorf("unknown log format %q: want text or json", o.Format)
	}
	switch {
	case o.File != "":
		file, err := openFile(o, l.files, l.clock)
		return format, file, err
	case o.Syslog || o.RemoteSyslog != "":
		format.bare = true
		syslog, err := dialSyslog(o.RemoteSyslog, l.process.name)
		return format, syslog, err
	}
	format.colour = l.process.colour
	return format, stream{l.process.stderr}, nil
}

// Prepare opens where lines are to go by other options. From change on they go there, whole and in their order; after drop,
// which is called instead, all stays as it is. An error changes nothing either.
func (l *Logger) Prepare(o Options) (change, drop func(), err error) {
	format, sink, err := l.destination(o)
	if err != nil {
		return nil, nil, err
	}
	change = func() {
		l.mu.Lock()
		old := l.sink
		l.sink = sink
		l.format.Store(format)
		l.SetLevels(o.Debug, o.Trace)
		l.mu.Unlock()
		// Its lines are written; there is nothing that could be done about an error.
		_ = old.Close()
	}
	return change, func() { _ = sink.Close() }, nil
}

// SetLevels switches debug and trace messages on or off.
func (l *Logger) SetLevels(debug, trace bool) {
	var bits uint32
	if debug {
		bits |= debugBit
	}
	if trace {
		bits |= traceBit
	}
	l.enabled.Store(bits)
}

// DebugEnabled reports whether debug messages are logged.
func (l *Logger) DebugEnabled() bool { return l.enabled.Load()&debugBit != 0 }

// TraceEnabled reports whether trace messages are logged.
func (l *Logger) TraceEnabled() bool { return l.enabled.Load()&traceBit != 0 }

// Noticef logs what the operator should know.
func (l *Logger) Noticef(format string, args ...any) { l.printf(slog.LevelInfo, format, args) }

// Warnf logs what may be wrong.
func (l *Logger) Warnf(format string, args ...any) { l.printf(slog.LevelWarn, format, args) }

// Errorf logs what went wrong.
func (l *Logger) Errorf(format string, args ...any) { l.printf(slog.LevelError, format, args) }

// Fatalf logs why the server stops. Stopping it is the caller's business.
func (l *Logger) Fatalf(format string, args ...any) { l.printf(LevelFatal, format, args) }

// Debugf logs what a developer wants to know, when debug messages are on.
func (l *Logger) Debugf(format string, args ...any) {
	if l.DebugEnabled() {
		l.printf(slog.LevelDebug, format, args)
	}
}

// Tracef logs what the protocol says, when trace messages are on.
func (l *Logger) Tracef(format string, args ...any) {
	if l.TraceEnabled() {
		l.printf(LevelTrace, format, args)
	}
}

// Slog returns a structured logger that writes to the same log.
func (l *Logger) Slog() *slog.Logger { return slog.New(&handler{log: l}) }

// Reopen closes the log file and opens it anew, so that a file that was moved away is made again. When
// that fails the old file stays in use.
func (l *Logger) Reopen() {
	l.mu.Lock()
	f, isFile := l.sink.(*file)
	var err error
	if isFile {
		err = f.reopen()
	}
	l.mu.Unlock()
	switch {
	case !isFile:
		l.Noticef("File log re-open ignored, not a file logger")
	case err != nil:
		l.Errorf("File log not re-opened: %v", err)
	default:
		l.Noticef("File log re-opened")
	}
}

// Close closes the log's file or connection; what is logged afterwards goes to stderr.
func (l *Logger) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	old := l.sink
	l.sink = stream{l.process.stderr}
	return old.Close()
}

func (l *Logger) printf(level slog.Level, format string, args []any) {
	record := slog.NewRecord(l.now(), level, fmt.Sprintf(format, args...), 0)
	l.write(level, l.format.Load().line(record, nil))
}

// now is the time that a line shows.
func (l *Logger) now() time.Time { return l.format.Load().zone(l.clock.Now()) }

// write passes a line on, and what the sink has to remark.
func (l *Logger) write(level slog.Level, line []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	remarks, err := l.sink.write(level, line)
	if err != nil {
		l.process.stderr.Write(line)
	}
	for _, text := range remarks {
		record := slog.NewRecord(l.now(), slog.LevelInfo, text, 0)
		if line := l.format.Load().line(record, nil); l.sink.remark(line) != nil {
			l.process.stderr.Write(line)
		}
	}
}

// stream is a sink that is not closed: stderr.
type stream struct{ w io.Writer }

func (s stream) write(_ slog.Level, line []byte) ([]string, error) { return nil, s.remark(line) }

func (s stream) remark(line []byte) error {
	_, err := s.w.Write(line)
	return err
}

func (s stream) Close() error { return nil }
