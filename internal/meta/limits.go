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

	MaxMemory, MaxStorage             int64 // that the account's streams may reserve together
	MaxMemoryStream, MaxStorageStream int64 // that one stream may reserve; 0 is no limit here
	ServerMemory, ServerStorage       int64 // that the streams of all accounts may reserve together
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

func (u *usage) add(c *stream.Config) { u.of(c.Storage).add(reserved(c)) }

func (u *usage) remove(c *stream.Config) { u.of(c.Storage).subtract(reserved(c)) }

func reserved(c *stream.Config) uint64 { return uint64(max(0, c.MaxBytes)) }

// room finds whether a stream has room beside the others, of its account and of all. Once everything is
// reserved, there is none for a stream without a size either. Who asks for no more than the stream has had
// is always taken, even if limits have fallen.
func (l *Limits) room(account, server *usage, old, c *stream.Config) *apierr.Error {
	before, fault := uint64(0), apierr.StorageResourcesExceeded
	limits := [...]int64{l.MaxStorage, l.ServerStorage}
	if c.Storage == stream.Memory {
		limits, fault = [...]int64{l.MaxMemory, l.ServerMemory}, apierr.MemoryResourcesExceeded
	}
	wanted := reserved(c)
	if old != nil && old.Storage == c.Storage {
		if before = reserved(old); wanted <= before {
			return nil
		}
	}
	for i, u := range [...]*usage{account, server} {
		sum := *u.of(c.Storage)
		sum.subtract(before)
		if limits[i] >= 0 && (sum.reaches(limits[i]) || sum.plus(wanted).exceeds(limits[i])) {
			return fault.Err()
		}
	}
	return nil
}

// total is a sum that no number of streams makes overflow.
type total struct{ high, low uint64 }

func (t *total) add(n uint64) {
	var carry uint64
	t.low, carry = bits.Add64(t.low, n, 0)
	t.high += carry
}

func (t *total) subtract(n uint64) {
	var borrow uint64
	t.low, borrow = bits.Sub64(t.low, n, 0)
	t.high -= borrow
}

func (t total) plus(n uint64) total { t.add(n); return t }

func (t total) exceeds(limit int64) bool { return t.high > 0 || t.low > uint64(limit) }

func (t total) reaches(limit int64) bool { return t.high > 0 || t.low >= uint64(limit) }

// int64 is the sum, or the largest number there is.
func (t total) int64() int64 {
	if t.exceeds(math.MaxInt64) {
		return math.MaxInt64
	}
	return int64(t.low)
}
