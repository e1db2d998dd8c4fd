package logging

import (
	"bytes"
	"context"
	"log/slog"
	"strconv"
	"time"
)

// lineFormat turns records into lines.
//
//	[pid] 2006/01/02 15:04:05.000000 [INF] message key=value
//	{"time":"2006-01-02T15:04:05.000000000Z","level":"INFO","msg":"message","pid":1,"key":"value"}
type lineFormat struct {
	json   bool
	bare   bool // text: only message and attributes, since the sink adds the rest
	time   bool
	utc    bool
	colour bool
	pid    int
}

// derive adds attributes or a group to a handler.
type derive func(slog.Handler) slog.Handler

// levelName is what a level is called.
type levelName struct {
	from        slog.Level // the lowest level of that name
	text, json  string
	colouredTag string
}

var levelNames = []levelName{
	{LevelFatal, "FTL", "FATAL", "\x1b[31mFTL\x1b[0m"},
	{slog.LevelError, "ERR", "ERROR", "\x1b[31mERR\x1b[0m"},
	{slog.LevelWarn, "WRN", "WARN", "\x1b[0;93mWRN\x1b[0m"},
	{slog.LevelInfo, "INF", "INFO", "\x1b[32mINF\x1b[0m"},
	{slog.LevelDebug, "DBG", "DEBUG", "\x1b[36mDBG\x1b[0m"},
	{LevelTrace, "TRC", "TRACE", "\x1b[33mTRC\x1b[0m"},
}

func nameOf(level slog.Level) levelName {
	for _, name := range levelNames {
		if level >= name.from {
			return name
		}
	}
	return levelNames[len(levelNames)-1]
}

// zone moves a time to the zone that lines show.
func (f *lineFormat) zone(t time.Time) time.Time {
	if f.utc {
		return t.UTC()
	}
	return t.Local()
}

// line formats a record whose time is in the right zone; with are attributes and groups around its own.
func (f *lineFormat) line(r slog.Record, with []derive) []byte {
	if f.json {
		return f.jsonLine(r, with)
	}
	line := make([]byte, 0, 256)
	if !f.bare {
		line = f.appendPrefix(line, r)
	}
	line = append(line, r.Message...)
	if r.NumAttrs() > 0 || len(with) > 0 {
		line = appendAttrs(line, r, with)
	}
	if n := len(line); n == 0 || line[n-1] != '\n' {
		line = append(line, '\n')
	}
	return line
}

func (f *lineFormat) appendPrefix(line []byte, r slog.Record) []byte {
	line = append(line, '[')
	line = strconv.AppendInt(line, int64(f.pid), 10)
	line = append(line, "] "...)
	if f.time {
		line = r.Time.AppendFormat(line, "2006/01/02 15:04:05.000000 ")
	}
	line = append(line, '[')
	if name := nameOf(r.Level); f.colour {
		line = append(line, name.colouredTag...)
	} else {
		line = append(line, name.text...)
	}
	return append(line, "] "...)
}

// appendAttrs appends " key=value" for each attribute, as slog's own text handler writes them.
func appendAttrs(line []byte, r slog.Record, with []derive) []byte {
	var out bytes.Buffer
	r.Time, r.Message = time.Time{}, ""
	render(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: LevelTrace, ReplaceAttr: dropBuiltin}), r, with)
	if attrs := bytes.TrimRight(out.Bytes(), "\n"); len(attrs) > 0 {
		line = append(append(line, ' '), attrs...)
	}
	return line
}

// dropBuiltin removes the level and the empty message, which stand elsewhere in a line of text.
func dropBuiltin(groups []string, a slog.Attr) slog.Attr {
	_, isLevel := a.Value.Any().(slog.Level)
	if len(groups) == 0 && (a.Key == slog.LevelKey && isLevel || a.Key == slog.MessageKey && a.Value.Equal(slog.StringValue(""))) {
		return slog.Attr{}
	}
	return a
}

func (f *lineFormat) jsonLine(r slog.Record, with []derive) []byte {
	var out bytes.Buffer
	if !f.time {
		r.Time = time.Time{}
	}
	h := slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: LevelTrace, ReplaceAttr: nameLevel})
	render(h.WithAttrs([]slog.Attr{slog.Int("pid", f.pid)}), r, with)
	return out.Bytes()
}

// nameLevel gives TRACE and FATAL their names.
func nameLevel(groups []string, a slog.Attr) slog.Attr {
	if level, ok := a.Value.Any().(slog.Level); ok && len(groups) == 0 && a.Key == slog.LevelKey {
		a.Value = slog.StringValue(nameOf(level).json)
	}
	return a
}

// render has h write r. Writing to memory cannot fail.
func render(h slog.Handler, r slog.Record, with []derive) {
	for _, d := range with {
		h = d(h)
	}
	_ = h.Handle(context.Background(), r)
}

// handler is the slog.Handler of a Logger.
type handler struct {
	log  *Logger
	with []derive // attributes and groups, outermost first
}

func (h *handler) Enabled(_ context.Context, level slog.Level) bool {
	switch {
	case level >= slog.LevelInfo:
		return true
	case level >= slog.LevelDebug:
		return h.log.DebugEnabled()
	default:
		return h.log.TraceEnabled()
	}
}

func (h *handler) Handle(_ context.Context, r slog.Record) error {
	r.Time = h.log.now()
	h.log.write(r.Level, h.log.format.Load().line(r, h.with))
	return nil
}

func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return h.derive(func(inner slog.Handler) slog.Handler { return inner.WithAttrs(attrs) })
}

func (h *handler) WithGroup(name string) slog.Handler {
	return h.derive(func(inner slog.Handler) slog.Handler { return inner.WithGroup(name) })
}

func (h *handler) derive(d derive) slog.Handler {
	return &handler{h.log, append(h.with[:len(h.with):len(h.with)], d)}
}
