package meta

import (
	"cmp"
	"errors"
	"slices"

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
func (s *State) Snapshot(dst []byte) []byte { return s.Freeze()(dst) }

// Freeze notes which streams there are; they never change. The function puts them in order.
func (s *State) Freeze() func(dst []byte) []byte {
	now, groups := s.now, s.groups
	live := make([]*Stream, 0, s.count())
	for _, a := range s.accounts {
		for _, x := range a.streams {
			live = append(live, x)
		}
	}
	deleting := make([]*Stream, 0, len(s.deleting))
	for _, x := range s.deleting {
		deleting = append(deleting, x)
	}
	return func(dst []byte) []byte {
		dst = bin.AppendVarint(append(dst, snapshotVersion), now)
		dst = bin.AppendUvarint(dst, groups)
		dst = appendSorted(dst, live, byName)
		return appendSorted(dst, deleting, byGroup)
	}
}

// count is how many streams all accounts have.
func (s *State) count() (n int) {
	for _, a := range s.accounts {
		n += len(a.streams)
	}
	return n
}

// appendSorted appends the streams and leaves the list as it is, since others may be reading it.
func appendSorted(dst []byte, list []*Stream, order func(x, y *Stream) int) []byte {
	dst = bin.AppendUvarint(dst, uint64(len(list)))
	for _, x := range slices.SortedFunc(slices.Values(list), order) {
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
		if x == nil || last != nil && byName(last, x) >= 0 || !s.free(x.Account, x.Config.Subjects, 0) {
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

// byName is the order of accounts, and of names within one.
func byName(x, y *Stream) int {
	if c := cmp.Compare(x.Account, y.Account); c != 0 {
		return c
	}
	return cmp.Compare(x.Config.Name, y.Config.Name)
}

func byGroup(x, y *Stream) int { return cmp.Compare(x.Group, y.Group) }
