package stream

import (
	"errors"
	"fmt"
)

// Retention says what removes a message besides limits.
type Retention uint8

// Limits keeps messages until a limit is reached, Interest until all consumers have acknowledged,
// WorkQueue until one has.
const (
	Limits Retention = iota
	Interest
	WorkQueue
)

// Discard says who gives way at a limit.
type Discard uint8

// DiscardOld removes the oldest message, DiscardNew refuses the new one.
const (
	DiscardOld Discard = iota
	DiscardNew
)

// Storage says where messages live.
type Storage uint8

// Messages live in files or only in memory.
const (
	File Storage = iota
	Memory
)

// Compression says how messages are packed in files.
type Compression uint8

// Not at all, or with S2.
const (
	NoCompression Compression = iota
	S2
)

// PersistMode says what an acknowledgement promises.
type PersistMode uint8

// PersistDefault acknowledges what is on disk, PersistAsync what is on its way.
const (
	PersistDefault PersistMode = iota
	PersistAsync
)

var (
	retentionNames   = []string{"limits", "interest", "workqueue"}
	discardNames     = []string{"old", "new"}
	storageNames     = []string{"file", "memory"}
	compressionNames = []string{"none", "s2"}
	persistNames     = []string{"default", "async"}
)

func (r Retention) String() string   { return name(retentionNames, r) }
func (d Discard) String() string     { return name(discardNames, d) }
func (s Storage) String() string     { return name(storageNames, s) }
func (c Compression) String() string { return name(compressionNames, c) }
func (p PersistMode) String() string { return name(persistNames, p) }

// MarshalJSON and UnmarshalJSON read and write the names in lower case, as stock servers do.

func (r Retention) MarshalJSON() ([]byte, error)   { return quoted(r.String()) }
func (d Discard) MarshalJSON() ([]byte, error)     { return quoted(d.String()) }
func (s Storage) MarshalJSON() ([]byte, error)     { return quoted(s.String()) }
func (c Compression) MarshalJSON() ([]byte, error) { return quoted(c.String()) }
func (p PersistMode) MarshalJSON() ([]byte, error) { return quoted(p.String()) }

func (r *Retention) UnmarshalJSON(data []byte) error { return unquote(retentionNames, data, r) }
func (d *Discard) UnmarshalJSON(data []byte) error   { return unquote(discardNames, data, d) }
func (s *Storage) UnmarshalJSON(data []byte) error   { return unquote(storageNames, data, s) }

// UnmarshalJSON has an error of its own for compression.
func (c *Compression) UnmarshalJSON(data []byte) error {
	if unquote(compressionNames, data, c) != nil {
		return errors.New("unknown compression algorithm")
	}
	return nil
}

// UnmarshalJSON takes an empty name for the default.
func (p *PersistMode) UnmarshalJSON(data []byte) error {
	if string(data) == `""` {
		*p = PersistDefault
		return nil
	}
	return unquote(persistNames, data, p)
}

func name[E ~uint8](names []string, v E) string {
	if int(v) < len(names) {
		return names[v]
	}
	return fmt.Sprintf("unknown(%d)", uint8(v))
}

func quoted(s string) ([]byte, error) { return []byte(`"` + s + `"`), nil }

func unquote[E ~uint8](names []string, data []byte, v *E) error {
	for i, n := range names {
		if string(data) == `"`+n+`"` {
			*v = E(i)
			return nil
		}
	}
	return fmt.Errorf("can not unmarshal %q", data)
}
