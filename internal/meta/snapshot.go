package meta

import (
	"errors"

	"myelin/internal/bin"
	"myelin/internal/stream"
)

// The snapshot:
//
//	byte     version
//	varint   now
//	uvarint  groups given out
//	uvarint  streams, by account and name, and for each
//	  uvarint  group, less the machine's own
//	  bytes    account
//	  varint   created
//	  ...      configuration
//	uvarint  deleted streams that are not removed, by group, and each alike
const snapshotVersion = 1

// minStreamBytes is less than any stream takes in a snapshot.
const minStreamBytes = 40

var errSnapshot = errors.New("inconsistent snapshot of what exists")

// Snapshot appends the state to dst.
func (s *State) Snapshot(dst []byte) []byte {
	dst = bin.AppendVarint(append(dst, snapshotVersion), s.now)
	dst = bin.AppendUvarint(dst, s.groups)
	count := 0
	for _, a := range s.accounts {
		count += len(a.streams)
	}
	dst = bin.AppendUvarint(dst, uint64(count))
	for x := range s.All() {
		dst = x.append(dst)
	}
	dst = bin.AppendUvarint(dst, uint64(len(s.deleting)))
	for _, x := range s.Deleting() {
		dst = x.append(dst)
	}
	return dst
}

func (x *Stream) append(dst []byte) []byte {
	dst = bin.AppendUvarint(dst, x.Group-ownGroup)
	dst = bin.AppendString(dst, x.Account)
	return x.Config.Append(bin.AppendVarint(dst, x.Created))
}

// Restore replaces the state by that of a snapshot.
func (s *State) Restore(r *bin.Reader) error {
	*s = State{}
	if v := r.Byte(); v != snapshotVersion {
		r.Fail(errSnapshot)
	}
	s.now, s.groups = r.Varint(), r.Uvarint()
	if s.groups+ownGroup < s.groups {
		r.Fail(errSnapshot)
	}
	used := map[uint64]bool{}
	var last *Stream
	for range r.Count(minStreamBytes) {
		x := s.restoreStream(r, used)
		if x == nil || last != nil && !last.before(x) || !s.free(x.Account, x.Config.Subjects, 0) {
			r.Fail(errSnapshot)
			return r.Err()
		}
		s.put(x)
		last = x
	}
	var group uint64
	for range r.Count(minStreamBytes) {
		x := s.restoreStream(r, used)
		if x == nil || x.Group <= group {
			r.Fail(errSnapshot)
			return r.Err()
		}
		x.Deleting, group = true, x.Group
		s.bury(x)
	}
	return r.Err()
}

// restoreStream reads a stream; nil if it is none that this machine wrote.
func (s *State) restoreStream(r *bin.Reader, used map[uint64]bool) *Stream {
	number, account, created := r.Uvarint(), r.String(), r.Varint()
	cfg := stream.ReadConfig(r)
	if r.Err() != nil || number == 0 || number > s.groups || used[number] || cfg.Name == "" || !valid(cfg.Subjects) {
		return nil
	}
	used[number] = true
	return newStream(ownGroup+number, account, cfg, created)
}

// before reports whether x stands before y in a snapshot.
func (x *Stream) before(y *Stream) bool {
	return x.Account < y.Account || x.Account == y.Account && x.Config.Name < y.Config.Name
}
