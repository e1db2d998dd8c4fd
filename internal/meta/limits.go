package meta

import (
	"math"
	"math/bits"

	"myelin/internal/apierr"
	"myelin/internal/stream"
)

// Limits are what the account and the server of a request allow at that time. Sizes are in bytes; -1 is no
// limit, and 0 is one. What a stream reserves is the size that it may reach (its max_bytes), or nothing if
// there is no such size.
type Limits struct {
	MaxStreams       int64 // that the account may have; 0 is no limit here
	MaxBytesRequired bool  // a stream without max_bytes is refused

	MaxMemory, MaxStorage             int64 // that the account's streams may reserve together, with all replicas
	MaxMemoryStream, MaxStorageStream int64 // that one stream may reserve; 0 is no limit here
	ServerMemory, ServerStorage       int64 // that the streams of all accounts may reserve together, without them
}

// Unlimited are limits that allow everything.
func Unlimited() Limits {
	l := Limits{}
	for _, limit := range l.numbers() {
		*limit = -1
	}
	return l
}

// numbers are the limits in their order on disk.
func (l *Limits) numbers() [7]*int64 {
	return [...]*int64{
		&l.MaxStreams, &l.MaxMemory, &l.MaxStorage, &l.MaxMemoryStream, &l.MaxStorageStream, &l.ServerMemory, &l.ServerStorage,
	}
}

// single finds what is wrong with a stream whatever others there are.
func (l *Limits) single(c *stream.Config) *apierr.Error {
	if l.MaxBytesRequired && c.MaxBytes <= 0 {
		return apierr.StreamMaxBytesRequired.Err()
	}
	limit := l.MaxStorageStream
	if c.Storage == stream.Memory {
		limit = l.MaxMemoryStream
	}
	if limit > 0 && c.MaxBytes > limit {
		return apierr.StreamMaxStreamBytesExceeded.Err()
	}
	return nil
}

// usage is what streams reserve, in memory and in files.
type usage struct{ memory, storage total }

func (u *usage) of(s stream.Storage) *total {
	if s == stream.Memory {
		return &u.memory
	}
	return &u.storage
}

// add counts so many copies of a stream.
func (u *usage) add(c *stream.Config, copies int) { u.of(c.Storage).add(need(c, copies)) }

func (u *usage) remove(c *stream.Config, copies int) { u.of(c.Storage).subtract(need(c, copies)) }

// need is what so many copies of a stream reserve.
func need(c *stream.Config, copies int) (t total) {
	for range min(copies, maxCopies) {
		t.add(total{low: uint64(max(0, c.MaxBytes))})
	}
	return t
}

// copies is how many an account pays for: a configuration that was not checked may say anything.
func copies(c *stream.Config) int { return max(1, c.Replicas) }

// maxCopies is not less than any valid number of replicas.
const maxCopies = 5

// room finds whether a stream has room beside the others: all replicas beside those of its account, and one
// beside the streams of all accounts. Once everything is reserved, there is none for a stream without a
// size either. Who asks for no more than the stream has had is always taken, even if limits have fallen.
func (l *Limits) room(account, server *usage, old, c *stream.Config) *apierr.Error {
	limits, fault := [...]int64{l.MaxStorage, l.ServerStorage}, apierr.StorageResourcesExceeded
	if c.Storage == stream.Memory {
		limits, fault = [...]int64{l.MaxMemory, l.ServerMemory}, apierr.MemoryResourcesExceeded
	}
	one := func(*stream.Config) int { return 1 }
	if !fit(limits[0], account.of(c.Storage), old, c, copies) || !fit(limits[1], server.of(c.Storage), old, c, one) {
		return fault.Err()
	}
	return nil
}

// fit reports whether a stream fits under a limit beside the others, counted in copies.
func fit(limit int64, used *total, old, c *stream.Config, copies func(*stream.Config) int) bool {
	sum, wanted := *used, need(c, copies(c))
	if old != nil && old.Storage == c.Storage {
		before := need(old, copies(old))
		if !before.less(wanted) {
			return true
		}
		sum.subtract(before)
	}
	if limit < 0 {
		return true
	}
	full := !sum.less(total{low: uint64(limit)})
	sum.add(wanted)
	return !full && !sum.exceeds(limit)
}

// total is a sum that no number of streams makes overflow.
type total struct{ high, low uint64 }

func (t *total) add(n total) {
	var carry uint64
	t.low, carry = bits.Add64(t.low, n.low, 0)
	t.high += n.high + carry
}

func (t *total) subtract(n total) {
	var borrow uint64
	t.low, borrow = bits.Sub64(t.low, n.low, 0)
	t.high -= n.high + borrow
}

func (t total) less(n total) bool { return t.high < n.high || t.high == n.high && t.low < n.low }

func (t total) exceeds(limit int64) bool { return total{low: uint64(limit)}.less(t) }

// int64 is the sum, or the largest number there is.
func (t total) int64() int64 {
	if t.exceeds(math.MaxInt64) {
		return math.MaxInt64
	}
	return int64(t.low)
}
