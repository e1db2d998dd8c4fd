package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strconv"

	"myelin/internal/clock"
	"myelin/internal/engine"
	"myelin/internal/meta"
	"myelin/internal/replica"
	"myelin/internal/store/seal"
	"myelin/internal/store/segment"
	"myelin/internal/store/wal"
	"myelin/internal/stream"
	"myelin/internal/vfs"
)

// finding is something that a look into a store folder has brought up.
type finding struct {
	About    string // a stream, a group that is none, or the log
	File     string // "" where it is in no file
	Offset   int64
	What     string
	Lost     uint64 // so many messages cannot be read
	Harmless bool   // no damage: what a crash leaves, or what belongs to nobody
}

func (f finding) String() string {
	if f.File == "" {
		return f.What
	}
	return fmt.Sprintf("%s at %d: %s", f.File, f.Offset, f.What)
}

// offlineStore is a store folder without its server. Nothing in it is changed.
type offlineStore struct {
	fs     vfs.FS
	layout engine.Layout
	keys   *seal.Keys
	cache  *segment.Cache
	lock   io.Closer
	report func(finding)

	log     *wal.Log // nil if it cannot be read
	groups  map[uint64]*offlineGroup
	streams []*offlineStream // by account and name; those without a name last
}

// offlineGroup is what the folder has of one group.
type offlineGroup struct {
	checkpoint *replica.Checkpoint
	synced     uint64 // sequences that the stream's files were known to hold
	replay     *replica.Replay
	bad        bool // there is a checkpoint that cannot be read
	// partial is set where what is known of the group ends somewhere before its end, or is nothing.
	partial bool
	unused  int // entries of the log that follow on nothing that is known
}

const aboutLog, aboutList = "the log", "the list of streams"

// metaGroup is the group that knows what exists.
const metaGroup = 1

// openOffline takes stock of a store folder, which may be named by the folder around it, too.
func openOffline(fsys vfs.FS, dir string, keys *seal.Keys, report func(finding)) (s *offlineStore, err error) {
	layout, err := findLayout(fsys, dir)
	if err != nil {
		return nil, err
	}
	s = &offlineStore{
		fs: fsys, layout: layout, keys: keys, report: report, groups: map[uint64]*offlineGroup{}, cache: segment.NewCache(clock.Real{}, 64, 64<<20),
	}
	if s.lock, err = lockOffline(fsys, layout); err != nil {
		return nil, err
	}
	if err := s.load(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// findLayout looks for a store in a folder, in the one that servers make in their store_dir, and around it.
func findLayout(fsys vfs.FS, dir string) (engine.Layout, error) {
	for _, candidate := range []string{dir, filepath.Join(dir, "jetstream"), filepath.Dir(filepath.Clean(dir))} {
		layout := engine.NewLayout(candidate)
		if info, err := fsys.Stat(layout.Log()); err == nil && info.IsDir() {
			return layout, nil
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return layout, err
		}
	}
	return engine.Layout{}, fmt.Errorf("%s is no store folder of this server: there is no %s in it", dir, engine.NewLayout("").Log())
}

// lockOffline keeps servers away. Where nobody can write, nobody needs to be.
func lockOffline(fsys vfs.FS, layout engine.Layout) (io.Closer, error) {
	lock, err := vfs.Lock(fsys, layout.Lock())
	if held := (*vfs.Held)(nil); errors.As(err, &held) {
		return nil, fmt.Errorf("%w; stop the server first", err)
	}
	if errors.Is(err, fs.ErrPermission) || vfs.IsReadOnly(err) {
		return nil, nil
	}
	return lock, err
}

// Close lets servers in again.
func (s *offlineStore) Close() error {
	var err error
	for _, st := range s.streams {
		err = errors.Join(err, st.close())
	}
	if s.lock != nil {
		err = errors.Join(err, s.lock.Close())
	}
	return err
}

func (s *offlineStore) load() error {
	if err := s.inspectLog(); err != nil {
		return err
	}
	if err := s.loadGroups(); err != nil {
		return err
	}
	if err := s.replayLog(); err != nil {
		return err
	}
	assets := s.replayAssets()
	s.reportLog(assets)
	return s.openStreams(assets)
}

// inspectLog reads the log. A log that cannot be read is a finding; a wrong key is an error.
func (s *offlineStore) inspectLog() (err error) {
	s.log, err = wal.Inspect(s.fs, s.layout.Log(), wal.Options{Keys: s.keys})
	if err != nil && !errors.Is(err, seal.ErrKey) {
		s.report(finding{About: aboutLog, What: fmt.Sprintf("it cannot be read: %v", err)})
		s.log, err = nil, nil
	}
	return err
}

// loadGroups reads the checkpoints of all groups that the log or a folder is named by.
func (s *offlineStore) loadGroups() error {
	if s.log != nil {
		for _, g := range s.log.Groups() {
			s.groups[g.ID] = nil
		}
	}
	names, err := s.fs.List(s.layout.Groups())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, name := range names {
		if id, err := strconv.ParseUint(name, 10, 64); err == nil {
			s.groups[id] = nil
		} else {
			s.report(finding{About: s.layout.Groups(), What: fmt.Sprintf("%q is no group; it is left alone", name), Harmless: true})
		}
	}
	for _, id := range slices.Sorted(maps.Keys(s.groups)) {
		g := &offlineGroup{partial: true} // until the log says otherwise
		var err error
		if g.checkpoint, g.synced, err = s.layout.ReadCheckpoint(s.fs, s.keys, id); errors.Is(err, seal.ErrKey) {
			return err
		} else if err != nil {
			s.report(finding{About: aboutGroup(id), File: s.layout.Checkpoint(id), What: err.Error()})
			g.bad = true
		}
		g.replay = replica.NewReplay(g.checkpoint)
		s.groups[id] = g
	}
	return nil
}

func aboutGroup(id uint64) string {
	if id == metaGroup {
		return aboutList
	}
	return fmt.Sprintf("group %d", id)
}

// replayLog hands each group its part of the log: of a damaged one what stands before the damage.
func (s *offlineStore) replayLog() error {
	if s.log == nil {
		return nil
	}
	for _, stands := range s.log.Groups() {
		g := s.groups[stands.ID]
		damaged := stands.Damage != nil
		stands.Damage = nil
		err := g.replay.AddGroup(stands)
		g.partial = err != nil || damaged || g.bad
		if err != nil {
			s.report(finding{About: aboutGroup(stands.ID), What: err.Error()})
		}
	}
	return s.log.Replay(func(r wal.Record) error {
		g := s.groups[r.Group]
		if g.unused > 0 || g.replay.AddEntry(r) != nil {
			g.partial = true
			g.unused++
		}
		return nil
	})
}

// replayAssets finds out which streams there are.
func (s *offlineStore) replayAssets() *meta.State {
	assets := &meta.State{}
	g := s.groups[metaGroup]
	if g == nil || g.partial && g.checkpoint == nil {
		if len(s.groups) > 0 {
			s.report(finding{About: aboutList, What: "it is missing, or begins with what is lost"})
		}
		return assets
	}
	if err := replayOffline(assets, g.replay); err != nil {
		s.report(finding{About: aboutList, What: err.Error()})
	}
	return assets
}

// reportLog says what is wrong with the log, by the names of the streams that it concerns.
func (s *offlineStore) reportLog(assets *meta.State) {
	if s.log == nil {
		return
	}
	names := map[uint64]string{}
	for st := range assets.All() {
		names[st.Group] = aboutStream(st)
	}
	if c := s.log.Cut(); c != nil {
		s.report(finding{
			About: aboutLog, File: filepath.Join(s.layout.Log(), c.File), Offset: c.Offset, Harmless: true,
			What: fmt.Sprintf("%d bytes were never synced, as after a crash; a server that starts cuts them off", c.Bytes),
		})
	}
	for _, d := range s.log.Damages() {
		about := aboutLog
		if d.Group != 0 {
			if about = names[d.Group]; about == "" {
				about = aboutGroup(d.Group)
			}
		}
		s.report(finding{About: about, File: filepath.Join(s.layout.Log(), d.File), Offset: d.Offset, What: d.Reason})
	}
	for id, g := range s.groups {
		if g.unused > 0 {
			s.report(finding{About: aboutGroup(id), What: fmt.Sprintf("%d entries of the log follow on what is lost", g.unused)})
		}
	}
}

func aboutStream(st *meta.Stream) string {
	return fmt.Sprintf("stream '%s > %s'", st.Account, st.Config.Name)
}

// openStreams opens the streams that are listed, and what belongs to none.
func (s *offlineStore) openStreams(assets *meta.State) error {
	owned := map[uint64]bool{metaGroup: true}
	for st := range assets.All() {
		owned[st.Group] = true
		if st.Config.Storage == stream.Memory {
			s.report(finding{About: aboutStream(st), What: "it lives in memory; nothing of it is stored", Harmless: true})
			continue
		}
		if err := s.openStream(st, aboutStream(st)); err != nil {
			return err
		}
	}
	for _, st := range assets.Deleting() {
		owned[st.Group] = true
		s.report(finding{About: aboutStream(st), What: "it is being deleted", Harmless: true})
	}
	for _, id := range slices.Sorted(maps.Keys(s.groups)) {
		if owned[id] {
			continue
		}
		st, err := s.adopt(id)
		if err == nil && st != nil {
			s.report(finding{About: aboutGroup(id), What: "it is in no list of streams"})
			err = s.openStream(st, aboutGroup(id))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// adopt makes up a stream for a group that has message files and is in no list; nil if it has none.
func (s *offlineStore) adopt(id uint64) (*meta.Stream, error) {
	identity, ok, err := segment.Identify(s.fs, s.layout.Messages(id))
	if err != nil || !ok {
		return nil, err
	}
	config := stream.Config{Name: fmt.Sprintf("group-%d", id), MaxConsumers: -1, MaxMsgs: -1, MaxBytes: -1, MaxMsgsPer: -1, MaxMsgSize: -1, Replicas: 1}
	return &meta.Stream{Group: id, Account: "unknown", Config: &config, ID: identity}, nil
}

// bytes are those of all message files.
func (s *offlineStore) bytes() (sum int64) {
	for _, st := range s.streams {
		sum += st.diskBytes()
	}
	return sum
}
