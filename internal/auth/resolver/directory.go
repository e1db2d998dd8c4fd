// Package resolver is where the JWTs of accounts come from: memory, a directory, or a server. It does not look whether they
// are good; package jwts does.
package resolver

import (
	"bytes"
	"container/list"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nkeys"

	"myelin/internal/clock"
	"myelin/internal/vfs"
)

var (
	// ErrUnknown says that there is no such account.
	ErrUnknown = errors.New("the account is not known")
	// ErrKey says that an account is named by something else than its public key.
	ErrKey = errors.New("invalid public key")
	// ErrFull says that no other account can be kept.
	ErrFull = errors.New("jwt directory store is full")
)

// DirectoryOptions are what a Directory needs.
type DirectoryOptions struct {
	FS    vfs.FS
	Dir   string
	Clock clock.Clock

	Limit      int           // of accounts; 0 for none
	Evict      bool          // when there are too many, forget the one that was used the longest time ago
	TTL        time.Duration // after which an account is forgotten; 0 for never
	KeepErased bool          // what is deleted stays, under another name
}

const (
	suffix  = ".jwt"
	erased  = ".deleted"
	partial = ".new" // of a file that a crash left behind
)

// Directory keeps JWTs in files that are named by the public keys of their accounts. A change is on disk when the method
// returns, and after a crash at any time each account has the JWT from before or the new one. It may be used by many.
type Directory struct {
	opt DirectoryOptions

	mu      sync.Mutex // guards what follows, and the files
	entries map[string]*entry
	used    *list.List // of *entry, what was used last in front
}

// entry is one account.
type entry struct {
	id      string
	stored  time.Time
	expires int64 // seconds since 1970; 0 for never
	place   *list.Element
}

// OpenDirectory makes the directory, or takes it as it is.
func OpenDirectory(opt DirectoryOptions) (*Directory, error) {
	if err := opt.FS.MakeDirs(opt.Dir); err != nil {
		return nil, err
	}
	if err := opt.FS.SyncDir(filepath.Dir(opt.Dir)); err != nil {
		return nil, err
	}
	names, err := opt.FS.List(opt.Dir)
	if err != nil {
		return nil, err
	}
	d := &Directory{opt: opt, entries: make(map[string]*entry), used: list.New()}
	for _, name := range names {
		if id, ok := strings.CutSuffix(name, suffix+partial); ok && nkeys.IsValidPublicAccountKey(id) {
			if err := opt.FS.Remove(filepath.Join(opt.Dir, name)); err != nil {
				return nil, err
			}
			continue
		}
		id, ok := strings.CutSuffix(name, suffix)
		if !ok || !nkeys.IsValidPublicAccountKey(id) {
			continue
		}
		data, err := vfs.ReadFile(opt.FS, filepath.Join(opt.Dir, name))
		if err != nil {
			return nil, err
		}
		d.enter(id, string(data))
	}
	return d, nil
}

func (d *Directory) file(id string) string { return filepath.Join(d.opt.Dir, id+suffix) }

// enter notes that there is a file.
func (d *Directory) enter(id, token string) {
	e := d.entries[id]
	if e == nil {
		e = &entry{id: id}
		e.place = d.used.PushFront(e)
		d.entries[id] = e
	}
	e.stored = d.opt.Clock.Now()
	_, e.expires = times(token)
	d.used.MoveToFront(e.place)
}

func (d *Directory) leave(e *entry) {
	d.used.Remove(e.place)
	delete(d.entries, e.id)
}

// times are when a JWT was issued and when it expires, in seconds since 1970; 0 for never, or for something that is none.
func times(token string) (issued, expires int64) {
	var claims struct {
		Issued  int64 `json:"iat"`
		Expires int64 `json:"exp"`
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return 0, 0
	}
	body, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(body, &claims) != nil {
		return 0, 0
	}
	return claims.Issued, claims.Expires
}

// Fetch implements jwts.Source. The error is ErrUnknown, ErrKey, or of the file system.
func (d *Directory) Fetch(id string) (string, error) {
	if !nkeys.IsValidPublicAccountKey(id) {
		return "", ErrKey
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	e := d.entries[id]
	if e == nil {
		return "", ErrUnknown
	}
	if d.opt.TTL > 0 && d.opt.Clock.Now().Sub(e.stored) >= d.opt.TTL {
		if err := d.remove(e, false); err != nil {
			return "", err
		}
		return "", ErrUnknown
	}
	data, err := vfs.ReadFile(d.opt.FS, d.file(id))
	if errors.Is(err, fs.ErrNotExist) {
		d.leave(e) // somebody removed the file
		return "", ErrUnknown
	}
	if err != nil {
		return "", err
	}
	d.used.MoveToFront(e.place)
	return string(bytes.TrimSpace(data)), nil
}

// Save keeps the JWT of an account.
func (d *Directory) Save(id, token string) error {
	if !nkeys.IsValidPublicAccountKey(id) {
		return ErrKey
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.entries[id] == nil && d.opt.Limit > 0 && len(d.entries) >= d.opt.Limit {
		if !d.opt.Evict {
			return ErrFull
		}
		if err := d.remove(d.used.Back().Value.(*entry), false); err != nil {
			return err
		}
	}
	if err := vfs.ReplaceFile(d.opt.FS, d.file(id), []byte(token)); err != nil {
		return err
	}
	d.enter(id, token)
	return nil
}

// Delete forgets an account; one that there is not is ErrUnknown.
func (d *Directory) Delete(id string) error {
	if !nkeys.IsValidPublicAccountKey(id) {
		return ErrKey
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	e := d.entries[id]
	if e == nil {
		return ErrUnknown
	}
	return d.remove(e, d.opt.KeepErased)
}

// remove removes the file, or renames it.
func (d *Directory) remove(e *entry, keep bool) error {
	name := d.file(e.id)
	var err error
	if keep {
		err = d.opt.FS.Rename(name, name+erased)
	} else {
		err = d.opt.FS.Remove(name)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := d.opt.FS.SyncDir(d.opt.Dir); err != nil {
		return err
	}
	d.leave(e)
	return nil
}

// List returns the accounts whose time is not over, sorted.
func (d *Directory) List() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.opt.Clock.Now().Unix()
	ids := slices.Sorted(maps.Keys(d.entries))
	return slices.DeleteFunc(ids, func(id string) bool { e := d.entries[id]; return e.expires != 0 && e.expires <= now })
}

// Preload keeps JWTs that are not there, and those that differ from what is there if they were issued later.
func (d *Directory) Preload(tokens map[string]string) error {
	for _, id := range slices.Sorted(maps.Keys(tokens)) {
		switch there, err := d.Fetch(id); {
		case err == nil && issued(there) >= issued(tokens[id]):
			continue
		case err != nil && err != ErrUnknown:
			return err
		}
		if err := d.Save(id, tokens[id]); err != nil {
			return fmt.Errorf("account %s: %w", id, err)
		}
	}
	return nil
}

func issued(token string) int64 {
	at, _ := times(token)
	return at
}
