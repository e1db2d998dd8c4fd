package meta

import (
	"crypto/sha256"
	"iter"
	"slices"

	"myelin/internal/apierr"
	"myelin/internal/bin"
	"myelin/internal/machine"
	"myelin/internal/stream"
)

// ownGroup is the group in which this machine lives; those of streams come after it.
const ownGroup = 1

// Stream is a stream that exists, as it is configured at a time. It is immutable.
type Stream struct {
	Group    uint64 // in which the stream's machine lives; never used twice
	Account  string
	Config   *stream.Config // complete and valid
	Created  int64          // nanoseconds since 1970
	ID       [16]byte       // of this stream and none before or after it of the same name
	Deleting bool           // it is deleted, and its files are to be removed
}

// Effects are what follows from entries. A stream that is changed twice is there twice, in order.
type Effects struct {
	Replies []Reply   // one for each command, in order
	Changed []*Stream // that are new or have another configuration than before
	Deleted []*Stream // whose files are to be removed; after that, RemovedStream is due
}

// Reply answers a command.
type Reply struct {
	Stream  *Stream       // that was created, found, updated or deleted; nil with an error, and for RemovedStream
	Created bool          // CreateStream made it
	Err     *apierr.Error // nothing was changed
}

// Reset empties the effects and keeps their memory.
func (fx *Effects) Reset() {
	clear(fx.Replies)
	clear(fx.Changed)
	clear(fx.Deleted)
	fx.Replies, fx.Changed, fx.Deleted = fx.Replies[:0], fx.Changed[:0], fx.Deleted[:0]
}

// State is the machine. The zero State knows of no stream. It has one owner.
type State struct {
	now      int64  // of the last entry
	groups   uint64 // how many were given to streams
	accounts map[string]*account
	deleting map[uint64]*Stream // by group
	reserved usage              // of all accounts
}

// account is what an account has; it is there while it has streams.
type account struct {
	streams  map[string]*Stream
	subjects patterns
	reserved usage
}

var (
	_ machine.Machine[Effects] = (*State)(nil)
	_ machine.Freezer          = (*State)(nil)
)

// Apply changes the state by the commands of an entry. Each gives one Reply, malformed ones an error; of
// what cannot even be parted into commands, the rest counts as one.
func (s *State) Apply(e machine.Entry, fx *Effects) {
	s.now = max(s.now, e.Time)
	for r := bin.NewReader(e.Data); r.Len() > 0; {
		command := bin.NewReader(r.Bytes())
		reply, err := s.apply(command, fx)
		if err != nil || r.Err() != nil {
			reply = refuse(apierr.BadRequest)
		}
		fx.Replies = append(fx.Replies, reply)
	}
}

func (s *State) apply(r *bin.Reader, fx *Effects) (Reply, error) {
	kind, version := r.Byte(), r.Byte()
	if version != commandVersion {
		return Reply{}, errCommand
	}
	var q Request
	switch kind {
	case kindCreateStream:
		if err := q.decode(r); err != nil {
			return Reply{}, err
		}
		return s.create(&q, fx), nil
	case kindUpdateStream:
		if err := q.decode(r); err != nil {
			return Reply{}, err
		}
		return s.update(&q, fx), nil
	case kindDeleteStream:
		c := DeleteStream{r.String(), r.String()}
		if err := r.Close(); err != nil {
			return Reply{}, err
		}
		return s.delete(c, fx), nil
	case kindRemovedStream:
		c := RemovedStream{r.Uvarint()}
		if err := r.Close(); err != nil {
			return Reply{}, err
		}
		return s.removed(c), nil
	}
	return Reply{}, errCommand
}

func refuse(id apierr.ID) Reply { return Reply{Err: id.Err()} }

func (s *State) delete(c DeleteStream, fx *Effects) Reply {
	there := s.Stream(c.Account, c.Name)
	if there == nil {
		return refuse(apierr.StreamNotFound)
	}
	s.take(there)
	gone := *there
	gone.Deleting = true
	s.bury(&gone)
	fx.Deleted = append(fx.Deleted, &gone)
	return Reply{Stream: &gone}
}

// removed forgets a deleted stream. That it is already forgotten is no fault: the host may say it twice.
func (s *State) removed(c RemovedStream) Reply {
	delete(s.deleting, c.Group)
	return Reply{}
}

func newStream(group uint64, account string, cfg *stream.Config, created int64) *Stream {
	return &Stream{Group: group, Account: account, Config: cfg, Created: created, ID: identity(account, cfg.Name, group, created)}
}

// identity is the beginning of a hash. It is never stored here, and what is stored under it elsewhere
// stays: it can not be defined anew.
func identity(account, name string, group uint64, created int64) (id [16]byte) {
	data := bin.AppendString(bin.AppendString([]byte("stream"), account), name)
	sum := sha256.Sum256(bin.AppendVarint(bin.AppendUvarint(data, group), created))
	copy(id[:], sum[:])
	return id
}

// account is that of a name, made if need be, and kept only if a stream is put into it.
func (s *State) account(name string) *account {
	if a := s.accounts[name]; a != nil {
		return a
	}
	return &account{streams: map[string]*Stream{}}
}

// put makes a stream one that exists.
func (s *State) put(x *Stream) {
	a := s.account(x.Account)
	if len(a.streams) == 0 {
		if s.accounts == nil {
			s.accounts = map[string]*account{}
		}
		s.accounts[x.Account] = a
	}
	a.streams[x.Config.Name] = x
	for _, subject := range x.Config.Subjects {
		a.subjects.set(subject, x.Group)
	}
	a.reserved.add(x.Config, copies(x.Config))
	s.reserved.add(x.Config, 1)
}

// take undoes put.
func (s *State) take(x *Stream) {
	a := s.accounts[x.Account]
	delete(a.streams, x.Config.Name)
	for _, subject := range x.Config.Subjects {
		a.subjects.remove(subject)
	}
	a.reserved.remove(x.Config, copies(x.Config))
	s.reserved.remove(x.Config, 1)
	if len(a.streams) == 0 {
		delete(s.accounts, x.Account)
	}
}

// bury keeps a deleted stream until it is removed.
func (s *State) bury(x *Stream) {
	if s.deleting == nil {
		s.deleting = map[uint64]*Stream{}
	}
	s.deleting[x.Group] = x
}

// Deadline is 0: nothing here depends on time.
func (s *State) Deadline() int64 { return 0 }

// Stream is the stream of that name, nil if there is none; one that is being deleted is not.
func (s *State) Stream(account, name string) *Stream {
	if a := s.accounts[account]; a != nil {
		return a.streams[name]
	}
	return nil
}

// Streams are those of an account, by name. The slice is the caller's.
func (s *State) Streams(account string) []*Stream {
	a := s.accounts[account]
	if a == nil {
		return nil
	}
	list := make([]*Stream, 0, len(a.streams))
	for _, x := range a.streams {
		list = append(list, x)
	}
	slices.SortFunc(list, byName)
	return list
}

// Accounts are the names of those that have streams, sorted.
func (s *State) Accounts() []string {
	names := make([]string, 0, len(s.accounts))
	for name := range s.accounts {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// All are all streams, by account and name, without those that are being deleted.
func (s *State) All() iter.Seq[*Stream] {
	return func(yield func(*Stream) bool) {
		for _, name := range s.Accounts() {
			for _, x := range s.Streams(name) {
				if !yield(x) {
					return
				}
			}
		}
	}
}

// Deleting are the deleted streams whose files may still be there, in the order of their groups. The slice
// is the caller's.
func (s *State) Deleting() []*Stream {
	list := make([]*Stream, 0, len(s.deleting))
	for _, x := range s.deleting {
		list = append(list, x)
	}
	slices.SortFunc(list, byGroup)
	return list
}

// Count is how many streams the account has.
func (s *State) Count(account string) int {
	if a := s.accounts[account]; a != nil {
		return len(a.streams)
	}
	return 0
}

// Reserved is how many bytes the account's streams reserve, with all replicas.
func (s *State) Reserved(account string) (memory, storage int64) {
	u := s.reservedBy(account)
	return u.memory.int64(), u.storage.int64()
}

// LastGroup is the highest group that was given out. Groups up to it that no stream has are of the past.
func (s *State) LastGroup() uint64 { return ownGroup + s.groups }
