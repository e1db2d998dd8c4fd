package stream

import (
	"encoding/binary"

	"myelin/internal/bin"
)

// AddConsumer creates a consumer or changes one, as Action says. Its configuration was checked and has a
// name.
type AddConsumer struct {
	Config *ConsumerConfig
	Action ConsumerAction
}

// ConsumerAction says what is wanted of an AddConsumer.
type ConsumerAction uint8

// Either creates what is not there and else updates it; Create wants it new, or durable and the same as it
// is; Update wants it there.
const (
	ConsumerEither ConsumerAction = iota
	ConsumerCreate
	ConsumerUpdate
)

// DropConsumer removes a consumer, if it is the one of that number; 0: whichever has the name.
type DropConsumer struct {
	Name   string
	Number uint32
}

// PauseConsumer makes a consumer pause until a time, or go on if it is 0.
type PauseConsumer struct {
	Name  string
	Until int64
}

// ResetConsumer makes a consumer start again: at a sequence, or behind its floor if that is 0.
type ResetConsumer struct {
	Name string
	Seq  uint64
}

// Delivered says what was sent to the clients of a consumer.
type Delivered struct {
	Consumer uint32 // its number
	At       []Delivery
}

// Delivery is a message that was sent.
type Delivery struct {
	Seq   uint64
	DSeq  uint64 // consumer sequence
	Count uint32 // how often it was sent by now, from 1; 0: it is passed by for now, and DSeq is 0
}

// Ack says what clients of a consumer answered.
type Ack struct {
	Consumer uint32 // its number
	Acks     []AckItem
}

// AckItem is what becomes of a delivered message.
type AckItem struct {
	Kind AckKind
	Seq  uint64
	// Of one whose delivery the machine may not know, since it got lost with a leader: the consumer sequence,
	// and the time of the message, both as the subject of the ack has them. Without the right time an ack
	// beyond what was delivered is ignored.
	DSeq   uint64
	Time   int64
	Delay  int64  // AckNak: when it is to be delivered again, in nanoseconds from now
	Reason []byte // AckTerm; kept with a dead letter only
}

// AckKind is what a client, or the dispatcher, says of a delivered message.
type AckKind uint8

// The kinds.
const (
	AckDone     AckKind = iota + 1 // it is done with; under AckAll and AckFlowControl all before it too
	AckNak                         // deliver it again
	AckProgress                    // wait longer
	AckTerm                        // as AckDone, without success
	AckAbandon                     // it was delivered as often as may be; it stays until a late ack
)

var ackKindNames = []string{"", "done", "nak", "progress", "term", "abandon"}

func (k AckKind) String() string { return name(ackKindNames, k) }

// Encode appends the command to the Data of an entry.
func (c AddConsumer) Encode(dst []byte) []byte {
	return bin.AppendBytes(dst, c.Config.Append([]byte{kindAddConsumer, byte(c.Action)}))
}

// Encode appends the command to the Data of an entry.
func (c DropConsumer) Encode(dst []byte) []byte {
	command := bin.AppendString([]byte{kindDropConsumer}, c.Name)
	if c.Number != 0 {
		command = bin.AppendUvarint(command, uint64(c.Number))
	}
	return bin.AppendBytes(dst, command)
}

// Encode appends the command to the Data of an entry.
func (c PauseConsumer) Encode(dst []byte) []byte {
	return bin.AppendBytes(dst, bin.AppendVarint(bin.AppendString([]byte{kindPauseConsumer}, c.Name), c.Until))
}

// Encode appends the command to the Data of an entry.
func (c ResetConsumer) Encode(dst []byte) []byte {
	return bin.AppendBytes(dst, bin.AppendUvarint(bin.AppendString([]byte{kindResetConsumer}, c.Name), c.Seq))
}

// Delivered and Ack have their items behind the consumer's number, each number as the difference to that of
// the item before:
//
//	Delivery   varint seq, varint dseq, uvarint count
//	AckItem    byte kind and flags, varint seq, and as flags say: uvarint dseq, varint time, varint delay,
//	           bytes reason

const (
	ackHasDelivery = 1 << (iota + 4) // dseq and time
	ackHasDelay
	ackHasReason
	ackKindMask = 1<<4 - 1
)

// Encode appends the command to the Data of an entry.
func (d *Delivered) Encode(dst []byte) []byte {
	return enclose(dst, func(dst []byte) []byte {
		dst = bin.AppendUvarint(append(dst, kindDelivered), uint64(d.Consumer))
		var last Delivery
		for _, at := range d.At {
			dst = bin.AppendVarint(dst, int64(at.Seq-last.Seq))
			dst = bin.AppendVarint(dst, int64(at.DSeq-last.DSeq))
			dst = bin.AppendUvarint(dst, uint64(at.Count))
			last = at
		}
		return dst
	})
}

// Encode appends the command to the Data of an entry. Reasons are copied.
func (a *Ack) Encode(dst []byte) []byte {
	return enclose(dst, func(dst []byte) []byte {
		dst = bin.AppendUvarint(append(dst, kindAck), uint64(a.Consumer))
		last := uint64(0)
		for i := range a.Acks {
			dst = a.Acks[i].append(dst, last)
			last = a.Acks[i].Seq
		}
		return dst
	})
}

func (a *AckItem) append(dst []byte, last uint64) []byte {
	at := len(dst)
	dst = bin.AppendVarint(append(dst, byte(a.Kind)), int64(a.Seq-last))
	if a.DSeq != 0 || a.Time != 0 {
		dst[at] |= ackHasDelivery
		dst = bin.AppendVarint(bin.AppendUvarint(dst, a.DSeq), a.Time)
	}
	if a.Delay != 0 {
		dst[at] |= ackHasDelay
		dst = bin.AppendVarint(dst, a.Delay)
	}
	if len(a.Reason) > 0 {
		dst[at] |= ackHasReason
		dst = bin.AppendBytes(dst, a.Reason)
	}
	return dst
}

// enclose appends what fields appends, with its length before it.
func enclose(dst []byte, fields func([]byte) []byte) []byte {
	start := len(dst)
	dst = fields(append(dst, make([]byte, binary.MaxVarintLen64)...))
	size := len(dst) - start - binary.MaxVarintLen64
	n := binary.PutUvarint(dst[start:], uint64(size))
	copy(dst[start+n:], dst[len(dst)-size:])
	return dst[:start+n+size]
}

// readDeliveries appends what a Delivered has behind its number.
func readDeliveries(r *bin.Reader, list []Delivery) ([]Delivery, bool) {
	var d Delivery
	for r.Len() > 0 {
		d.Seq += uint64(r.Varint())
		d.DSeq += uint64(r.Varint())
		d.Count = uint32(min(r.Uvarint(), maxDeliveries))
		if r.Err() != nil || d.Seq == 0 || (d.DSeq == 0) != (d.Count == 0) {
			return list, false
		}
		list = append(list, d)
	}
	return list, r.Err() == nil
}

// readAcks appends what an Ack has behind its number.
func readAcks(r *bin.Reader, list []AckItem) ([]AckItem, bool) {
	var a AckItem
	for r.Len() > 0 {
		if !a.read(r) {
			return list, false
		}
		list = append(list, a)
	}
	return list, r.Err() == nil
}

// read reads an item that follows another one.
func (a *AckItem) read(r *bin.Reader) (ok bool) {
	kind := r.Byte()
	*a = AckItem{Kind: AckKind(kind & ackKindMask), Seq: a.Seq + uint64(r.Varint())}
	if kind&ackHasDelivery != 0 {
		a.DSeq, a.Time = r.Uvarint(), r.Varint()
	}
	if kind&ackHasDelay != 0 {
		a.Delay = r.Varint()
	}
	if kind&ackHasReason != 0 {
		a.Reason = r.Bytes()
	}
	return r.Err() == nil && a.Kind >= AckDone && a.Kind <= AckAbandon && kind&0x80 == 0
}
