package stream

import (
	"encoding/binary"

	"myelin/internal/bin"
)

// Relayed says that a target has taken dead letters, which leave the outbox.
type Relayed struct {
	Target string
	IDs    []uint64 // ascending
}

// Deposit stores a dead letter of another stream. It is taken once: a repeated one is answered as a duplicate. A
// refused one can be proposed again, behind others too.
type Deposit struct {
	Origin [16]byte // identity of the stream that it comes from
	ID     uint64   // DeadLetter.ID there
	Low    uint64   // no dead letter with a lower ID is still to come from there; at most ID
	Append
}

// Encode appends the command to the Data of an entry.
func (c Relayed) Encode(dst []byte) []byte {
	return enclose(dst, func(dst []byte) []byte {
		dst = bin.AppendString(append(dst, kindRelayed), c.Target)
		last := uint64(0)
		for _, id := range c.IDs {
			dst = bin.AppendUvarint(dst, id-last)
			last = id
		}
		return dst
	})
}

// readRelayed reads a command whose IDs are appended to a list.
func readRelayed(r *bin.Reader, list []uint64) (c Relayed, ok bool) {
	c = Relayed{Target: r.String(), IDs: list}
	last := uint64(0)
	for r.Len() > 0 {
		gap := r.Uvarint()
		if r.Err() != nil || gap == 0 || last+gap < last {
			return c, false
		}
		last += gap
		c.IDs = append(c.IDs, last)
	}
	return c, r.Err() == nil
}

// Encode appends the command to the Data of an entry. The slices of c are copied.
func (c *Deposit) Encode(dst []byte) []byte {
	size := 1 + len(c.Origin) + uvarintBytes(c.ID) + uvarintBytes(c.Low) + c.Append.encodedBytes()
	dst = append(binary.AppendUvarint(dst, uint64(size)), kindDeposit)
	dst = bin.AppendUvarint(bin.AppendUvarint(append(dst, c.Origin[:]...), c.ID), c.Low)
	return c.Append.Encode(dst)
}

// decode reads the fields, and returns where in them the message stands.
func (c *Deposit) decode(fields []byte) (at int, ok bool) {
	r := bin.NewReader(fields)
	copy(c.Origin[:], r.Raw(len(c.Origin)))
	c.ID, c.Low = r.Uvarint(), r.Uvarint()
	if at = r.Offset(); r.Err() != nil || c.ID == 0 || c.Low > c.ID {
		return 0, false
	}
	rest, ok := c.Append.cut(fields[at:])
	return at, ok && len(rest) == 0
}
