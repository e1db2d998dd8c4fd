package vfs

import (
	"bytes"
	"slices"
)

const (
	sectorSize = 512 // bytes that a disk writes whole or not at all
	pageSize   = 8 * sectorSize
)

type page [pageSize]byte

var zeros page

// inode is the content of a file of a Mem. A page that is nil is all zeros, as is what a page has beyond
// the file's size. A page is written to only while it is dirty, and is shared otherwise: with the disk,
// and with the file systems that Crash made.
type inode struct {
	// As programs see it.
	pages []*page
	size  int64

	// As it is on the disk.
	disk     []*page
	diskSize int64

	// Where the two differ.
	dirty pageSet      // pages to be put on the disk by the next sync
	lost  map[int]bool // pages that a failed sync gave up: neither on the disk nor going there
}

// pageSet is a set of page numbers.
type pageSet struct {
	has  []bool
	list []int // in the order of arrival
}

func (s *pageSet) contains(i int) bool { return i < len(s.has) && s.has[i] }

func (s *pageSet) add(i int) {
	if s.contains(i) {
		return
	}
	if i >= len(s.has) {
		s.has = append(s.has, make([]bool, i+1-len(s.has))...)
	}
	s.has[i] = true
	s.list = append(s.list, i)
}

func (s *pageSet) clear() {
	for _, i := range s.list {
		s.has[i] = false
	}
	s.list = s.list[:0]
}

// pagesFor is how many pages hold so many bytes.
func pagesFor(size int64) int { return int((size + pageSize - 1) / pageSize) }

// setLen cuts pages or adds empty ones.
func setLen(pages []*page, n int) []*page {
	if n <= len(pages) {
		clear(pages[n:])
		return pages[:n]
	}
	return append(pages, make([]*page, n-len(pages))...)
}

// at returns a page, nil beyond the end.
func at(pages []*page, i int) *page {
	if i < len(pages) {
		return pages[i]
	}
	return nil
}

func (n *inode) readAt(b []byte, off int64) int {
	if off >= n.size {
		return 0
	}
	b = b[:min(int64(len(b)), n.size-off)]
	for rest := b; len(rest) > 0; {
		from := &zeros
		if p := n.pages[off/pageSize]; p != nil {
			from = p
		}
		k := copy(rest, from[off%pageSize:])
		rest, off = rest[k:], off+int64(k)
	}
	return len(b)
}

func (n *inode) writeAt(b []byte, off int64) {
	if len(b) == 0 {
		return
	}
	if end := off + int64(len(b)); end > n.size {
		n.resize(end)
	}
	for len(b) > 0 {
		i, start := int(off/pageSize), int(off%pageSize)
		k := min(len(b), pageSize-start)
		if n.pages[i] != nil || !bytes.Equal(b[:k], zeros[:k]) {
			copy(n.writable(i)[start:], b[:k])
		}
		b, off = b[k:], off+int64(k)
	}
}

// writable returns a page that is ours alone.
func (n *inode) writable(i int) *page {
	p := n.pages[i]
	if p != nil && n.dirty.contains(i) {
		return p
	}
	own := new(page)
	if p != nil {
		*own = *p
	}
	n.pages[i] = own
	n.dirty.add(i)
	return own
}

func (n *inode) resize(size int64) {
	count := pagesFor(size)
	for i := count; i < len(n.pages); i++ {
		if n.pages[i] != nil {
			n.dirty.add(i)
		}
	}
	n.pages = setLen(n.pages, count)
	if tail := size % pageSize; size < n.size && tail != 0 && n.pages[count-1] != nil {
		clear(n.writable(count - 1)[tail:])
	}
	n.size = size
}

// sync makes the disk have what programs see, but for what was given up.
func (n *inode) sync() {
	n.disk = setLen(n.disk, len(n.pages))
	for _, i := range n.dirty.list {
		if i < len(n.pages) {
			n.disk[i] = n.pages[i]
		}
		delete(n.lost, i)
	}
	n.dirty.clear()
	n.diskSize = n.size
}

// giveUp takes unwritten pages for written, as systems do when the disk refuses them: programs go on
// seeing them, the next sync does not care for them, and on the disk there may be the one or the other.
func (n *inode) giveUp() {
	if n.lost == nil {
		n.lost = map[int]bool{}
	}
	for _, i := range n.dirty.list {
		n.lost[i] = true
	}
	n.dirty.clear()
}

// unsynced are the sorted numbers of the pages that are not on the disk as programs see them.
func (n *inode) unsynced() []int {
	list := slices.Clone(n.dirty.list)
	for i := range n.lost {
		list = append(list, i)
	}
	slices.Sort(list)
	return slices.Compact(list)
}
