package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"myelin/internal/meta"
	"myelin/internal/replica"
	"myelin/internal/router"
	"myelin/internal/store/home"
	"myelin/internal/store/segment"
	"myelin/internal/store/wal"
	"myelin/internal/stream"
	"myelin/internal/vfs"
)

// ErrUnreadable says that the list of streams cannot be read, so that none can be started. Everything is left
// as it is.
var ErrUnreadable = errors.New("the list of streams cannot be read")

// nodeID is what the one voter of every group is called.
const nodeID = 1

// Open takes up the store folder and starts everything in it. It returns when all streams are ready, but for
// those that are damaged: they are there, and say why they take no messages.
func Open(o Options) (*Engine, error) {
	e := newEngine(o)
	if err := e.makeFolders(o.Dir); err != nil {
		return nil, fmt.Errorf("make the store folder: %w", err)
	}
	var err error
	if e.lock, err = vfs.Lock(e.fs, e.layout.Lock()); err != nil {
		return nil, fmt.Errorf("lock the store folder: %w", err)
	}
	if err := e.open(o); err != nil {
		return nil, errors.Join(err, e.lock.Close())
	}
	return e, nil
}

// makeFolders makes what is missing of the folders, and their names durable.
func (e *Engine) makeFolders(dir string) error {
	if err := errors.Join(e.fs.MakeDirs(e.layout.Groups()), e.fs.MakeDirs(e.layout.Log())); err != nil {
		return err
	}
	for _, parent := range []string{e.layout.Dir(), dir, filepath.Dir(dir)} {
		if err := e.fs.SyncDir(parent); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) open(o Options) (err error) {
	if e.wal, err = wal.Open(e.fs, e.layout.Log(), wal.Options{Clock: e.clock, SegmentBytes: o.SegmentBytes, SyncEvery: o.SyncEvery, Keys: o.Keys}); err != nil {
		return fmt.Errorf("open the log: %w", err)
	}
	e.keeper = newKeeper(e, orDefault(o.LogBytes, 256<<20), orDefault(o.TailBytes, 128<<20))
	e.reportLog()
	r := e.replay()
	if err := e.startAssets(r); err != nil {
		return errors.Join(err, e.stop())
	}
	e.startStreams(r)
	if err := e.wiper.resume(); err != nil {
		return errors.Join(err, e.stop())
	}
	e.reportStrangers(r)
	return nil
}

// reportLog says what was found wrong with the log.
func (e *Engine) reportLog() {
	if c := e.wal.Cut(); c != nil {
		e.log.Warnf("The log ended in %d bytes at %d of %s that were never synced, as after a crash; they were cut off and kept in %s",
			c.Bytes, c.Offset, c.File, c.Aside)
	}
	for _, d := range e.wal.Damages() {
		e.log.Errorf("The log is damaged: %v", d)
	}
}

// replays are what the log has of each group, and the checkpoint that comes before.
type replays map[uint64]*replayed

type replayed struct {
	log    *replica.Replay
	synced uint64 // with the checkpoint
	known  bool   // to the log
	err    error  // why the group cannot be started
}

// replay reads the log.
func (e *Engine) replay() replays {
	r := replays{}
	for _, g := range e.wal.Groups() {
		of := e.replayOf(g.ID)
		of.known = true
		if of.err == nil {
			of.err = of.log.AddGroup(g)
		}
		r[g.ID] = of
	}
	err := e.wal.Replay(func(rec wal.Record) error {
		if of := r[rec.Group]; of.err == nil {
			of.err = of.log.AddEntry(rec)
		}
		return nil
	})
	if err != nil {
		for _, of := range r {
			of.err = errors.Join(of.err, fmt.Errorf("read the log: %w", err))
		}
	}
	return r
}

func (e *Engine) replayOf(group uint64) *replayed {
	c, synced, err := e.layout.ReadCheckpoint(e.fs, e.keys, group)
	return &replayed{log: replica.NewReplay(c), synced: synced, err: err}
}

// take returns what there is of a group. One of which the log knows nothing must be new: if there are files
// of it, or the log has lost something, it is not.
func (r replays) take(e *Engine, group uint64) *replayed {
	if of := r[group]; of != nil {
		delete(r, group)
		return of
	}
	of := &replayed{log: replica.NewReplay(nil)}
	_, err := e.fs.Stat(e.layout.Checkpoint(group))
	switch {
	case err == nil:
		of.err = fmt.Errorf("the log knows nothing of group %d, which has a checkpoint", group)
	case !errors.Is(err, fs.ErrNotExist):
		of.err = err
	case len(e.wal.Damages()) > 0:
		of.err = fmt.Errorf("the log may have lost group %d: %w", group, e.wal.Damages()[0])
	}
	return of
}

// startAssets starts the group that knows what exists, and waits until it knows.
func (e *Engine) startAssets(r replays) error {
	of := r.take(e, metaGroup)
	if of.err != nil {
		return fmt.Errorf("%w: %w", ErrUnreadable, of.err)
	}
	a := e.assets
	a.events = reactor[meta.Effects]{clock: e.clock, after: a.afterTurn}
	a.events.log = replica.NewWAL(e.wal, metaGroup, e.relaxed, func(ev replica.Event) { a.events.post(ev) })
	a.pin.checkpoint = a.askCheckpoint
	var err error
	a.events.group, err = replica.New(replica.Config[meta.Effects]{
		ID: nodeID, Voters: []uint64{nodeID}, Machine: assetsHost{a}, Log: a.events.log, Host: assetsHost{a}, Warnf: e.log.Warnf,
	}, of.log)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	settled := make(chan struct{})
	a.settled = func() { close(settled) }
	a.events.post(replica.Event{Kind: replica.Campaign})
	<-settled
	return e.Err()
}

// startStreams starts what meta lists, and ends what it says is deleted. Memory streams are gone, as after
// any restart, and so is what was not restored completely.
func (e *Engine) startStreams(r replays) {
	e.assets.mu.RLock()
	all, deleting := slices.Collect(e.assets.state.All()), e.assets.state.Deleting()
	e.assets.mu.RUnlock()
	for _, asset := range deleting {
		delete(r, asset.Group)
		e.erase(asset, nil)
	}
	var hosted []*Stream
	var parts []*replayed
	for _, asset := range all {
		if asset.Config.Storage == stream.Memory || asset.Config.Metadata[metaRestoring] != "" {
			delete(r, asset.Group)
			e.assets.propose(meta.DeleteStream{Account: asset.Account, Name: asset.Config.Name}.Encode(nil), true)
			e.erase(asset, nil)
			continue
		}
		hosted = append(hosted, e.newStream(asset))
		parts = append(parts, r.take(e, asset.Group))
	}
	var starting sync.WaitGroup
	starting.Add(len(hosted))
	sideBySide(len(hosted), func(i int) {
		s := hosted[i]
		s.settled = starting.Done
		if err := e.start(s, parts[i]); err != nil {
			s.config.Store(s.asset.Config)
			s.fail(err)
			starting.Done()
		}
		parts[i] = nil // it may be large
		e.hosted.put(s)
	})
	starting.Wait()
	for _, s := range hosted {
		if s.Err() == nil {
			s.View(func(state *stream.State) { s.config.Store(state.Config()) })
			s.mindOrigins() // before any of them gets another configuration
		}
	}
	sideBySide(len(hosted), func(i int) {
		s := hosted[i]
		if s.Err() != nil {
			return
		}
		defer e.names.lock(s.Account(), s.Name())()
		if _, err := e.follow(s.asset); err != nil {
			s.fail(err)
		}
	})
	for _, s := range hosted {
		if s.Err() == nil {
			s.dismissOrphans()
		}
	}
}

// sideBySide calls do with each number below n, on as many goroutines as there are processors.
func sideBySide(n int, do func(i int)) {
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		workers.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	workers.Wait()
}

// reportStrangers names what is on the disk and meta does not know of. It is left alone.
func (e *Engine) reportStrangers(r replays) {
	for id := range r {
		e.log.Errorf("The log has group %d, which no stream owns; it is left alone", id)
	}
	names, err := e.fs.List(e.layout.Groups())
	if err != nil {
		e.log.Errorf("The store folder cannot be listed: %v", err)
	}
	known := map[string]bool{strconv.Itoa(metaGroup): true}
	for _, s := range e.all() {
		known[strconv.FormatUint(s.asset.Group, 10)] = true
	}
	e.assets.mu.RLock()
	for _, asset := range e.assets.state.Deleting() {
		known[strconv.FormatUint(asset.Group, 10)] = true
	}
	e.assets.mu.RUnlock()
	for _, name := range names {
		if !known[name] {
			e.log.Errorf("%s belongs to no stream; it is left alone", e.layout.Groups()+"/"+name)
		}
	}
}

// newStream returns a stream that was not started.
func (e *Engine) newStream(asset *meta.Stream) *Stream {
	s := &Stream{engine: e, tenant: e.tenant(asset.Account), asset: asset}
	s.events = reactor[stream.Effects]{clock: e.clock, fetch: s.fetch, after: s.afterTurn, outside: s.deliver}
	s.ingest = ingest{maxBytes: e.maxBytes, maxMsgs: e.maxMsgs, level: e.level, traces: traces{stream: asset.Config.Name}}
	s.ingest.init(s, ingestIDs)
	s.desk.init(s, deskIDs)
	s.dispatch = newDispatch(s)
	s.alarm = deadline{clock: e.clock, ring: s.ring}
	s.outlet = e.outlet(s)
	return s
}

// work takes the turn that the ingest has claimed.
func (s *Stream) work(inLine bool) {
	if inLine {
		s.events.runInLine()
	} else {
		go s.events.run()
	}
}

// host starts a stream that is new.
func (e *Engine) host(asset *meta.Stream) (*Stream, error) {
	s := e.newStream(asset)
	return s, e.start(s, &replayed{log: replica.NewReplay(nil)})
}

// start has the group of a stream begin where the log and the checkpoint say.
func (e *Engine) start(s *Stream, of *replayed) error {
	if of.err != nil {
		return of.err
	}
	group := s.asset.Group
	memory := s.asset.Config.Storage == stream.Memory
	h, damages, err := home.Open(home.Options{
		FS: e.fs, Dir: e.layout.Messages(group), Memory: memory,
		Segment: segment.Options{
			Stream: s.asset.ID, Compress: s.asset.Config.Compression == stream.S2, Synced: of.synced, Cache: e.cache, Keys: e.keys,
			Settle: s.settleLog,
		},
		Live: s.live, NextLive: s.nextLive,
	})
	if err != nil {
		return err
	}
	s.home = h
	for i := range damages {
		e.reportDamage(s, &damages[i])
	}
	s.events.group, err = replica.New(replica.Config[stream.Effects]{
		ID: nodeID, Voters: []uint64{nodeID}, Machine: host{s}, Log: s.newLog(), Host: host{s}, Warnf: e.log.Warnf,
	}, of.log)
	if err != nil {
		return err
	}
	s.upTo.Store(s.state.Info().Last)
	if s.events.group.Unsettled() {
		s.events.post(replica.Event{Kind: replica.Campaign})
	} else if s.events.claim() {
		s.events.run() // a turn applies what is known to be committed
	}
	return nil
}

func (e *Engine) reportDamage(s *Stream, d *segment.Damage) {
	if d.Cut > 0 {
		e.log.Warnf("Stream '%s > %s': %d bytes at %d of %s were never synced, as after a crash, and were cut off", s.Account(), s.Name(), d.Cut, d.Offset, d.File)
		return
	}
	e.log.Errorf("Stream '%s > %s' is damaged: %v", s.Account(), s.Name(), d)
}

func (s *Stream) live(first, last uint64) (records int, bytes uint64) {
	s.View(func(state *stream.State) { records, bytes = state.Live(first, last) })
	return records, bytes
}

func (s *Stream) nextLive(from uint64) (seq uint64, ok bool) {
	s.View(func(state *stream.State) { seq, ok = state.NextLive(from) })
	return seq, ok
}

var _ router.Worker = (*ingest)(nil)
