package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"
)

// console is what a command sees of the world around the process.
type console struct {
	in     io.Reader
	out    io.Writer // what was asked for
	err    io.Writer // remarks about it
	getenv func(string) string
}

// logf writes a remark with the time of day, as the nats tool does.
func (c *console) logf(format string, args ...any) {
	fmt.Fprintf(c.err, "%s %s\n", time.Now().Format(time.TimeOnly), fmt.Sprintf(format, args...))
}

// printf writes to the output proper.
func (c *console) printf(format string, args ...any) { fmt.Fprintf(c.out, format, args...) }

// json writes v as one line.
func (c *console) json(v any) error { return json.NewEncoder(c.out).Encode(v) }

// jsonIndented writes v for people as well as programs.
func (c *console) jsonIndented(v any) error {
	enc := json.NewEncoder(c.out)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// isTerminal reports whether a stream of the console is one.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
