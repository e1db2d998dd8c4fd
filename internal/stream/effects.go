package stream

import "myelin/internal/apierr"

// Effects are what follows from entries. Slices are valid until the next Apply and while the entry is.
type Effects struct {
	Replies []Reply  // one for each command, in order
	Stored  []Stored // ascending
	Gone    []Gone   // in the order of removal; it may name what Stored names too
	Due     []Due    // schedules that want a Fire, once their bodies are read
	frames  []Frame  // of replies
	made    []byte   // the bytes of subjects, headers and bodies that the machine made
	consumerEffects
}

// Reply answers a command. Its slices are valid until the next Apply and while the entry is.
type Reply struct {
	Seq       uint64 // Append: the first sequence of the message, or that of which it is a duplicate
	Removed   uint64 // Purge: how many messages
	Duplicate bool
	Silent    bool          // Append: it is staged for a batch; the answer is a message without a body
	Value     []byte        // Append to a counter: its sum, a decimal number; "val" in a PubAck
	Batch     []byte        // the last Append of a batch: the batch's id; "batch" in a PubAck
	Count     int           // and how many messages it has; "count" in a PubAck
	Fast      bool          // it answers a Fast: with its Frames, each a message, and nothing else
	Frames    []Frame       // often none
	Consumer  uint32        // of a command about a consumer: its number
	Created   bool          // AddConsumer: there was none before
	View      *ConsumerView // of a consumer that was created or reset, before it is given anything
	Acks      []AckResult   // Ack: one for each item
	Err       *apierr.Error // nothing was changed
}

// Stored is a message that became part of the stream.
type Stored struct {
	Seq      uint64
	Previous uint64 // of the same subject; 0 if there is none
	Time     int64
	Span     uint32
	Offset   uint32 // of its command in the entry's Data
	Changed  bool   // what is stored is not what that command says; it may even be a Tick
	Subject  []byte
	Header   []byte
	Body     []byte
}

// Reason is why a message went.
type Reason uint8

// The reasons.
const (
	Evicted  Reason = iota + 1 // over a limit of number or size
	Expired                    // over its age
	Deleted                    // asked for by sequence
	Erased                     // the same, and its bytes are to be overwritten
	Purged                     // asked for
	RolledUp                   // replaced by a later message
	Acked                      // no consumer wants it any more
)

var reasonNames = []string{"", "evicted", "expired", "deleted", "erased", "purged", "rolled up", "acked"}

func (r Reason) String() string { return name(reasonNames, r) }

// Gone says that all messages from First to Last that there still were are gone.
type Gone struct {
	First, Last uint64
	Reason      Reason
}

// Reset empties the effects and keeps their memory.
func (fx *Effects) Reset() {
	*fx = Effects{fx.Replies[:0], fx.Stored[:0], fx.Gone[:0], fx.Due[:0], fx.frames[:0], fx.made[:0], fx.consumerEffects.reset()}
}

// gone notes that the sequences from first to last went, in one with those before if they adjoin.
func (fx *Effects) gone(first, last uint64, reason Reason) {
	if n := len(fx.Gone); n > 0 {
		if g := &fx.Gone[n-1]; g.Last+1 == first && g.Reason == reason {
			g.Last = last
			return
		}
	}
	fx.Gone = append(fx.Gone, Gone{first, last, reason})
}
