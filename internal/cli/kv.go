package cli

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// newKV is the command for buckets of keys and values.
func newKV(c *client) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "kv",
		Short: "Work with key-value buckets",
		Example: `  myelin kv add config --history 5
  myelin kv put config db.host db1.example.net
  myelin kv get config db.host --raw
  myelin kv watch config 'db.>'`,
	}
	family(cmd, newKVAdd(c), newKVEdit(c), newKVPut(c), newKVGet(c), newKVCreate(c), newKVUpdate(c), newKVDelete(c),
		newKVPurge(c), newKVHistory(c), newKVRevert(c), newKVInfo(c), newKVWatch(c), newKVList(c), newKVCompact(c))
	return c.withBuckets(cmd, kvBuckets)
}

// kvBucket is a bucket that a command works with, for as long as the user lets it.
type kvBucket struct {
	jetstream.KeyValue
	js  *jetStream
	ctx context.Context // ends when the user interrupts the command
}

// withBucket runs a command with a bucket.
func (c *client) withBucket(name string, run func(*kvBucket) error) error {
	return c.withJetStream(func(js *jetStream) error {
		ctx, stop := untilInterrupted()
		defer stop()
		kv, err := js.KeyValue(ctx, name)
		if err == nil {
			err = run(&kvBucket{KeyValue: kv, js: js, ctx: ctx})
		}
		return saidOfBucket(err, name)
	})
}

// untilInterrupted is a context that ends when the user wants the command to.
func untilInterrupted() (context.Context, context.CancelFunc) {
	return signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
}

// saidOfBucket says an error of the library about a bucket in words that name it.
func saidOfBucket(err error, bucket string) error {
	switch {
	case errors.Is(err, jetstream.ErrBucketNotFound):
		return fmt.Errorf("there is no bucket %q", bucket)
	case errors.Is(err, jetstream.ErrInvalidBucketName):
		return fmt.Errorf("%q is no name for a bucket: it may have letters, digits, - and _", bucket)
	}
	return err
}

// saidOfNewBucket is saidOfBucket for one that was to be made; edit is the command that changes one that is there.
func saidOfNewBucket(err error, bucket, edit string) error {
	if errors.Is(err, jetstream.ErrBucketExists) {
		return fmt.Errorf("bucket %q exists with another configuration: %s changes it", bucket, edit)
	}
	return saidOfBucket(err, bucket)
}

// saidOfKey says an error of the library about a key in words that name it.
func saidOfKey(err error, key string) error {
	switch {
	case errors.Is(err, jetstream.ErrKeyRevisionMismatch):
		return fmt.Errorf("key %q has another revision: %w", key, explained(err))
	case errors.Is(err, jetstream.ErrKeyExists):
		return fmt.Errorf("key %q exists: %w", key, explained(err))
	case errors.Is(err, jetstream.ErrKeyNotFound):
		return fmt.Errorf("there is no key %q", key)
	case errors.Is(err, jetstream.ErrInvalidKey):
		return fmt.Errorf("%q is no key: it may have letters, digits, -, _, =, / and dots inside", key)
	}
	return err
}

// kvEntry is one value of a key in JSON output.
type kvEntry struct {
	Bucket      string    `json:"bucket"`
	Key         string    `json:"key"`
	Value       *string   `json:"value,omitempty"`        // one that is UTF-8
	ValueBase64 []byte    `json:"value_base64,omitempty"` // any other
	Revision    uint64    `json:"revision"`
	Created     time.Time `json:"created"`
	Delta       uint64    `json:"delta"` // revisions between this one and the last
	Operation   string    `json:"operation"`
}

func newKVEntry(e jetstream.KeyValueEntry) kvEntry {
	entry := kvEntry{
		Bucket: e.Bucket(), Key: e.Key(), Revision: e.Revision(), Created: e.Created(), Delta: e.Delta(), Operation: kvOperation(e),
	}
	if e.Operation() == jetstream.KeyValuePut {
		if value := string(e.Value()); utf8.ValidString(value) {
			entry.Value = &value
		} else {
			entry.ValueBase64 = e.Value()
		}
	}
	return entry
}

// kvOperation is what a revision did, as the nats tool calls it.
func kvOperation(e jetstream.KeyValueEntry) string {
	switch e.Operation() {
	case jetstream.KeyValueDelete:
		return "DELETE"
	case jetstream.KeyValuePurge:
		return "PURGE"
	}
	return "PUT"
}

// valueText is a value on one line of a table.
func valueText(value []byte) string {
	const widest = 60
	if !utf8.Valid(value) {
		return fmt.Sprintf("(%s of binary data)", bytesText(uint64(len(value))))
	}
	text := []rune(string(value))
	if len(text) > widest {
		text = append(text[:widest-3], []rune("...")...)
	}
	for i, r := range text {
		if r < ' ' {
			text[i] = ' '
		}
	}
	return string(text)
}

// printValue writes a value and ends its line. One that is not text is shown in base64, so that it cannot change a
// terminal.
func printValue(con *console, value []byte) {
	switch {
	case len(value) == 0:
		con.printf("\n")
	case utf8.Valid(value):
		printBody(con, value)
	default:
		con.printf("%s\n", base64.StdEncoding.EncodeToString(value))
	}
}

// bodyArgument is the argument at position n, or stdin if there is none.
func bodyArgument(con *console, args []string, n int) ([]byte, error) {
	if len(args) > n {
		return []byte(args[n]), nil
	}
	if con.interactive() {
		con.logf("reading from stdin")
	}
	return io.ReadAll(con.in)
}

// revisionArgument reads a revision.
func revisionArgument(s string) (uint64, error) {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("a revision is a number above 0, not %q", s)
	}
	return n, nil
}

// onOff adds a flag that is on unless --no-name is given, which the nats tool knows for it.
func onOff(flags *pflag.FlagSet, value *bool, name, usage string) {
	flags.BoolVar(value, name, true, usage+"; --no-"+name+" to not do so")
	flags.Var(negation{value}, "no-"+name, "the opposite of --"+name)
	flags.Lookup("no-" + name).NoOptDefVal = "true"
	flags.Lookup("no-" + name).Hidden = true
}

// negation is a flag that says that another one is off.
type negation struct{ value *bool }

func (negation) Type() string     { return "bool" }
func (n negation) String() string { return strconv.FormatBool(n.value != nil && !*n.value) }

func (n negation) Set(s string) error {
	off, err := strconv.ParseBool(s)
	if err == nil {
		*n.value = !off
	}
	return err
}
