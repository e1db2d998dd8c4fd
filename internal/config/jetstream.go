package config

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"myelin/internal/subject"
)

// JetStream says whether streams are kept, where, and how safely.
type JetStream struct {
	Enabled bool

	StoreDir   string // folder in which there will be one called jetstream, see Dir; "" for one of the temporary folder
	MaxMemory  int64  // bytes that streams may hold in memory; -1 for three quarters of the machine's
	MaxStorage int64  // bytes that streams may hold on disk; -1 for three quarters of what is free

	SyncAlways bool          // what is acknowledged is on disk; the default
	SyncEvery  time.Duration // otherwise how often what was acknowledged is brought to disk, default 2m

	Domain    string // in which this server's streams are, one subject token; "" for none
	UniqueTag string // prefix of a server tag whose values must differ among a stream's servers
	Strict    bool   // refuse requests with fields that are not known, default true

	Key     Secret // what is on disk is encrypted with it; "" for not at all
	PrevKey Secret // what the disk may still be encrypted with
	Cipher  Cipher // default ChaCha

	MaxBufferedBytes  int64 // of messages that wait for one stream, default 128 MiB
	MaxBufferedMsgs   int   // of messages that wait for one stream, default 100000
	RequestQueueLimit int   // API requests that wait for an answer, default 10000
	InfoQueueLimit    int   // those among them that ask for information only; 0 for RequestQueueLimit

	Limits JetStreamLimits

	// What is only about servers that replicate for each other.

	MaxOutstandingCatchup int64  // bytes on the way to servers that catch up, default 64 MiB
	ExtensionHint         string // whether this server's streams extend another cluster's
	MetaCompact           int    // log entries after which the assignment of streams is compacted; 0 for the default
	MetaCompactSize       int64  // bytes of them; 0 for the default
	MetaCompactSync       bool   // sync each compaction

	// How many reads and writes of files may go on at a time; 0 for as many as it likes. A hint.

	MaxConcurrentIO int
}

// JetStreamLimits bound what an API request may ask for. Zero is no limit, or the default where there is one.
type JetStreamLimits struct {
	MaxRequestBatch int           // messages of one pull request
	MaxAckPending   int           // unacknowledged messages of one consumer
	MaxHAAssets     int           // replicated streams and consumers of this server
	DuplicateWindow time.Duration // of a stream

	MaxBatchInflightPerStream int           // atomic batches that are not complete, default 50
	MaxBatchInflightTotal     int           // those of the whole server, default 1000
	MaxBatchMsgs              int           // messages of an atomic batch, default 1000
	MaxBatchTimeout           time.Duration // how long a batch may take to go on, default 10s
}

// Cipher is how data on disk is encrypted.
type Cipher int

const (
	ChaCha Cipher = iota // ChaCha20-Poly1305
	AES                  // AES-GCM
)

// Secret is a text that must not be shown to anybody: however it is printed or encoded, it hides itself. Convert it to
// a string to use it.
type Secret string

const redacted = "[REDACTED]"

// String is nothing for an empty secret, and the same word for all others.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return redacted
}

// Format hides the secret from all verbs.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, s.String()) }

// MarshalText hides the secret from JSON and logs.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Dir is the folder that holds all streams: jetstream in the store folder, as in stock.
func (j *JetStream) Dir() string {
	dir := j.StoreDir
	if dir == "" {
		dir = filepath.Join(os.TempDir(), "nats")
	}
	return filepath.Join(dir, "jetstream")
}

// InTemporaryFolder says that Dir is somewhere that the system may clear when it restarts, or before.
func (j *JetStream) InTemporaryFolder() bool {
	dir, err := filepath.Abs(j.Dir())
	if err != nil {
		return false
	}
	temporary, err := filepath.Abs(os.TempDir())
	if err != nil {
		return false
	}
	path, err := filepath.Rel(temporary, dir)
	return err == nil && path != ".." && !strings.HasPrefix(path, ".."+string(filepath.Separator))
}

func defaultJetStream() JetStream {
	return JetStream{
		MaxMemory:             -1,
		MaxStorage:            -1,
		SyncAlways:            true,
		SyncEvery:             2 * time.Minute,
		Strict:                true,
		MaxBufferedBytes:      128 << 20,
		MaxBufferedMsgs:       100_000,
		RequestQueueLimit:     10_000,
		MaxOutstandingCatchup: 64 << 20,
	}
}

func (j *JetStream) normalize(d JetStream) {
	j.MaxMemory = max(j.MaxMemory, -1)
	j.MaxStorage = max(j.MaxStorage, -1)
	if j.SyncEvery == 0 {
		j.SyncAlways, j.SyncEvery = true, d.SyncEvery
	}
	orDefaultUnlessPositive(&j.MaxBufferedBytes, d.MaxBufferedBytes)
	orDefaultUnlessPositive(&j.MaxBufferedMsgs, d.MaxBufferedMsgs)
	orDefaultUnlessPositive(&j.RequestQueueLimit, d.RequestQueueLimit)
	orDefaultUnlessPositive(&j.MaxOutstandingCatchup, d.MaxOutstandingCatchup)
	j.InfoQueueLimit = max(j.InfoQueueLimit, 0)
	j.Limits.normalize()
}

func (l *JetStreamLimits) normalize() {
	for _, n := range []*int{&l.MaxRequestBatch, &l.MaxAckPending, &l.MaxHAAssets,
		&l.MaxBatchInflightPerStream, &l.MaxBatchInflightTotal, &l.MaxBatchMsgs} {
		*n = max(*n, 0)
	}
	l.DuplicateWindow = max(l.DuplicateWindow, 0)
	l.MaxBatchTimeout = max(l.MaxBatchTimeout, 0)
}

func orDefaultUnlessPositive[N int | int64](field *N, value N) {
	if *field <= 0 {
		*field = value
	}
}

// check looks at what is set also while JetStream is off: a flag may switch it on.
func (j *JetStream) check(ps *problems) {
	ps.refuse(j.SyncEvery < 0, "sync_interval", "sync_interval %v is not positive", j.SyncEvery)
	ps.refuse(j.MaxBufferedMsgs > math.MaxInt32, "max_buffered_msgs", "max_buffered_msgs value is too big")
	if j.Domain == "" {
		return
	}
	if strings.ContainsAny(j.Domain, ".*>") {
		ps.refuse(true, "domain", "invalid domain name: may not contain ., * or >")
		return
	}
	prefix := "$JS." + j.Domain + ".API.>"
	ps.refuse(!subject.ValidPattern(prefix), "domain", "invalid domain name: derived %q is not a valid subject", prefix)
}
