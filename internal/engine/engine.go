package engine

import (
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"myelin/internal/clock"
	"myelin/internal/meta"
	"myelin/internal/router"
	"myelin/internal/store/seal"
	"myelin/internal/store/segment"
	"myelin/internal/store/wal"
	"myelin/internal/stream"
	"myelin/internal/vfs"
)

// Logger is told what an operator should know.
type Logger interface {
	Noticef(format string, args ...any)
	Warnf(format string, args ...any)
	Errorf(format string, args ...any)
}

// Options are what an engine needs. The last group has usable zero values.
type Options struct {
	FS    vfs.FS
	Dir   string // the store folder, see Layout
	Clock clock.Clock
	Log   Logger
	// Router returns the message plane of an account, nil for an account that is not there.
	Router func(account string) *router.Router
	// Outlet returns the Outlet of a stream that is being started.
	Outlet func(*Stream) Outlet
	// Courier returns the Courier of one; nil: nothing is sent.
	Courier func(*Stream) Courier
	// Abroad reaches origins of other accounts and domains; nil: they are not copied.
	Abroad Abroad

	Bounds stream.Bounds
	Limits meta.Limits
	// AccountLimits are those of an account, without the server's; nil: Limits are everybody's.
	AccountLimits func(account string) meta.Limits
	// Level is the level of the API that messages may require.
	Level int
	// SyncEvery relaxes the promise of an acknowledgement: what is acknowledged is on disk so long after, at
	// most. Zero: before.
	SyncEvery time.Duration
	// Keys encrypt what is written; nil for none.
	Keys *seal.Keys
	// MaxIngestBytes and MaxIngestMsgs bound what may wait to enter one stream; 64 MiB and no number if 0.
	MaxIngestBytes int64
	MaxIngestMsgs  int
	// LogBytes is about how much log is kept for what is not in the files of the streams yet, and SegmentBytes
	// the size of one of its files; 256 MiB and 64 MiB if 0.
	LogBytes, SegmentBytes int64
	// TailBytes bounds the messages in memory that are in no file yet; 128 MiB if 0.
	TailBytes int64
	// Batches bounds the atomic batches of each stream, and MaxBatches those of all that are not committed; 1000 if 0.
	Batches    stream.BatchLimits
	MaxBatches int
}

// Engine is the log plane of one node.
type Engine struct {
	// fixed by Open
	fs      vfs.FS
	layout  Layout
	clock   clock.Clock
	log     Logger
	router  func(account string) *router.Router
	outlet  func(*Stream) Outlet
	courier func(*Stream) Courier
	abroad  Abroad
	bounds  stream.Bounds
	limits  atomic.Pointer[meta.Limits]
	tenants tenants
	// accountLimits is of the options; nil: limits are everybody's.
	accountLimits func(account string) meta.Limits
	relaxed       bool
	maxBytes      int64 // of an ingest
	maxMsgs       int
	lock          io.Closer
	wal           *wal.Log
	cache         *segment.Cache

	keeper    *keeper
	cleaner   *cleaner
	wiper     wiper
	keys      *seal.Keys
	assets    *assets
	names     names
	hosted    directory
	used      used
	batches   batches
	level     int
	followers followers
	relays    relays
	restores  restores

	removals sync.WaitGroup // of retired streams
	watching atomic.Bool    // for space on the disk
	fault    atomic.Pointer[error]
	closed   atomic.Bool
}

// What sealed files may take in memory while they are read.
const (
	cachedFiles      = 256
	cachedIndexBytes = 64 << 20
)

func newEngine(o Options) *Engine {
	e := &Engine{
		fs: o.FS, layout: NewLayout(o.Dir), clock: o.Clock, log: o.Log, router: o.Router, outlet: o.Outlet, courier: o.Courier, abroad: o.Abroad,
		bounds: o.Bounds, accountLimits: o.AccountLimits, relaxed: o.SyncEvery > 0,
		maxBytes: orDefault(o.MaxIngestBytes, 64<<20), maxMsgs: int(orDefault(int64(o.MaxIngestMsgs), math.MaxInt)),
		cache: segment.NewCache(o.Clock, cachedFiles, cachedIndexBytes), keys: o.Keys, level: o.Level,
	}
	e.limits.Store(&o.Limits)
	e.batches.max, e.batches.limits = orDefault(int64(o.MaxBatches), defaultMaxBatches), o.Batches
	e.names.seed = maphash.MakeSeed()
	e.hosted.streams = map[string]map[string]*Stream{}
	e.followers = followers{engine: e, by: map[streamName][]*copier{}}
	e.assets = &assets{engine: e}
	e.cleaner = newCleaner(e)
	e.wiper.engine = e
	return e
}

func orDefault(n, otherwise int64) int64 {
	if n == 0 {
		return otherwise
	}
	return n
}

// Err says why the log plane as a whole takes nothing more, or is nil.
func (e *Engine) Err() error {
	if err := e.fault.Load(); err != nil {
		return *err
	}
	return nil
}

// failed ends the log plane. What it holds can still be read.
func (e *Engine) failed(err error) {
	if e.fault.CompareAndSwap(nil, &err) {
		e.log.Errorf("JetStream takes nothing more until the server is started again: %v", err)
	}
}

// writeFailed notes that files of a stream could not be written. A full disk passes; anything else ends the
// stream's taking of messages, since what a disk once failed to keep is not trusted to it again.
func (e *Engine) writeFailed(s *Stream, err error) {
	if errors.Is(err, segment.ErrClosed) {
		return // the stream was deleted meanwhile
	}
	if !vfs.IsFull(err) {
		s.fail(fmt.Errorf("write messages: %w", err))
		return
	}
	if reopened := s.home.Reopen(); reopened != nil {
		s.fail(fmt.Errorf("open the files again after the disk was full: %w", reopened))
	}
}
