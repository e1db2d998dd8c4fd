package wal

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"

	"myelin/internal/vfs"
)

// findNewest finds the newest segment and where it ends. missing names a newer one that must have been there.
func (r *recovery) findNewest() (newest *found, missing string, err error) {
	numbers := slices.Sorted(maps.Keys(r.files))
	slices.Reverse(numbers)
	for _, n := range numbers {
		f := r.files[n]
		if f.broken && missing == "" {
			missing = f.name
		}
		if f.begun {
			newest = &f
			break
		}
	}
	if newest == nil {
		if missing != "" {
			r.note(&Damage{File: missing, Reason: "the segment has no header"})
		}
		return nil, "", nil
	}
	r.newest, err = load(r.log.fs, r.log.dir, r.log.options.Keys, newest.name, newest.header, newest.header.size, nil)
	if err != nil {
		return nil, "", err
	}
	end, tail := r.newest.trim()
	if n := len(r.newest.errors); n > 0 && r.newest.errors[n-1]+chunkBytes > end {
		return nil, "", fmt.Errorf("%s at %d: %w", newest.name, r.newest.errors[n-1], errUnreadable)
	}
	r.end = end
	r.keepAside(newest, tail)
	if h, ok := r.newest.block(end); ok && h.flags&flagEnd != 0 {
		if missing == "" {
			missing = "the segment after " + newest.name
		}
	} else {
		missing = "" // a broken file that was never begun
	}
	return newest, missing, nil
}

// truncated says whether the end of the newest segment may be missing.
func (r *recovery) truncated() bool {
	if int64(len(r.newest.data)) >= r.newest.header.size {
		return false
	}
	if h, ok := r.newest.block(r.end); ok && h.flags&flagEnd != 0 {
		return false
	}
	n := len(r.newest.pieces)
	return n == 0 || r.newest.pieces[n-1].gap || r.newest.pieces[n-1].header.flags&flagClosed == 0
}

// keepAside saves what is cut.
func (r *recovery) keepAside(newest *found, tail []byte) {
	if len(tail) == 0 {
		return
	}
	if r.log.options.inspect {
		r.log.cut = &Cut{File: newest.name, Offset: r.end, Bytes: int64(len(tail))}
		return
	}
	c := &Cut{File: newest.name, Offset: r.end, Bytes: int64(len(tail)), Aside: cutName(newest.header.generation, r.end)}
	name := filepath.Join(r.log.dir, c.Aside)
	if _, err := r.log.fs.Stat(name); errors.Is(err, fs.ErrNotExist) {
		if c.Err = vfs.ReplaceFile(r.log.fs, name, tail); c.Err != nil {
			c.Aside = ""
		}
	}
	r.log.cut = c
}

// link follows the segments from the newest to the first that is needed.
func (r *recovery) link(newest found, first uint64) {
	r.chain = []link{{found: newest, limit: r.end}}
	at := newest
	for at.header.generation > first && at.header.previous != 0 {
		previous, limit, before := at.header.previous, at.header.previousEnd, ""
		f, ok := r.files[previous]
		if !ok || !f.begun || f.header.log != newest.header.log {
			before = segmentName(previous)
			if f, ok = r.older(previous, first, newest.header.log); !ok {
				r.chain[0].before = before
				break
			}
			limit = f.header.size
		}
		r.chain[0].before = before
		r.chain = slices.Insert(r.chain, 0, link{found: f, limit: limit})
		at = f
	}
}

// older is the next segment before one that is missing.
func (r *recovery) older(than, first, log uint64) (f found, ok bool) {
	for _, n := range slices.Sorted(maps.Keys(r.files)) {
		if c := r.files[n]; n < than && n >= first && c.begun && c.header.log == log {
			f, ok = c, true
		}
	}
	return f, ok
}
