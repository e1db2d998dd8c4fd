package stream

import (
	"encoding/binary"

	"myelin/internal/bin"
)

// Copy stores a message of an origin: of the stream that this one mirrors, or of one of its sources. The
// message is as it is there, with the subject and header that it has there; the machine transforms, strips
// and marks them. One that the origin's progress is past, or that is no concern of the source, is answered
// as a duplicate of nothing. A refusal leaves the progress where it was: who copies tries again, or skips. It
// refuses the copies that come after it, too, if these say after what they come.
type Copy struct {
	Origin uint64 // Origin.Number; one that is not followed any more is refused
	Seq    uint64 // of the message in the origin
	After  uint64 // refused while the progress has not come so far; what is between is not wanted
	Time   int64  // of the message in the origin; a mirror keeps it
	Append
}

// Backup is the Origin of Copies and Skips that restore this stream from a backup of it: what they bring is
// stored as it is, with its sequence and time.
const Backup = 0

// Skip notes that there is nothing to copy up to Seq.
type Skip struct {
	Origin uint64
	Seq    uint64
	Gone   bool // the origin has nothing there any more: a mirror's own last sequence goes there, too
}

// Follow says which incarnation of an origin is copied from now on. If it is another than before, or nothing
// was taken yet, copying begins after From. The origin then has another number, so that Copies of the former
// incarnation which are still on their way are refused.
type Follow struct {
	Origin   uint64
	Identity string // of the incarnation, unlike all others; without spaces, may be empty
	From     uint64
	Shown    string // what copies of its messages shall call the incarnation; empty: Identity
}

const maxIdentityBytes = 255

// Encode appends the command to the Data of an entry. The slices of c are copied.
func (c *Copy) Encode(dst []byte) []byte {
	size := 1 + uvarintBytes(c.Origin) + uvarintBytes(c.Seq) + uvarintBytes(c.After) + uvarintBytes(zigzag(c.Time)) + c.Append.encodedBytes()
	dst = append(binary.AppendUvarint(dst, uint64(size)), kindCopy)
	dst = bin.AppendUvarint(bin.AppendUvarint(bin.AppendUvarint(dst, c.Origin), c.Seq), c.After)
	return c.Append.Encode(bin.AppendVarint(dst, c.Time))
}

// Encode appends the command to the Data of an entry.
func (c Skip) Encode(dst []byte) []byte {
	fields := bin.AppendUvarint(bin.AppendUvarint([]byte{kindSkip}, c.Origin), c.Seq)
	return bin.AppendBytes(dst, bin.AppendBool(fields, c.Gone))
}

// Encode appends the command to the Data of an entry.
func (c Follow) Encode(dst []byte) []byte {
	fields := bin.AppendString(bin.AppendUvarint([]byte{kindFollow}, c.Origin), c.Identity)
	if fields = bin.AppendUvarint(fields, c.From); c.Shown != "" {
		fields = bin.AppendString(fields, c.Shown)
	}
	return bin.AppendBytes(dst, fields)
}

// decode reads the fields, and returns where in them the message stands.
func (c *Copy) decode(fields []byte) (at int, ok bool) {
	r := bin.NewReader(fields)
	c.Origin, c.Seq, c.After, c.Time = r.Uvarint(), r.Uvarint(), r.Uvarint(), r.Varint()
	if at = r.Offset(); r.Err() != nil {
		return 0, false
	}
	rest, ok := c.Append.cut(fields[at:])
	return at, ok && len(rest) == 0
}

func zigzag(v int64) uint64 { return uint64(v<<1) ^ uint64(v>>63) }
