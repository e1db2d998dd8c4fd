package stream

// consumerEffects are what follows for consumers.
type consumerEffects struct {
	Consumers []ConsumerEvent // in order
	Outbox    bool            // a dead letter was made
	acks      []AckResult
	sent      []Delivery  // scratch
	answered  []AckItem   // scratch
	seqs      []uint64    // scratch
	holders   []*consumer // scratch
	touched   []*filter   // that got messages
}

// Touched calls visit for each filter that takes something of what was stored, see ConsumerSource.Filter.
func (fx *Effects) Touched(visit func(filter uint64)) {
	for _, f := range fx.touched {
		visit(f.id)
	}
}

// touch notes that a filter takes a message that was stored.
func (fx *Effects) touch(f *filter) {
	if !f.touched {
		f.touched = true
		fx.touched = append(fx.touched, f)
	}
}

// maxScratch bounds what is kept for the next entry after one that removed much.
const maxScratch = 1 << 16

func (fx *consumerEffects) reset() consumerEffects {
	if cap(fx.seqs) > maxScratch {
		fx.seqs = nil
	}
	for _, f := range fx.touched {
		f.touched = false
	}
	clear(fx.touched)
	return consumerEffects{fx.Consumers[:0], false, fx.acks[:0], fx.sent[:0], fx.answered[:0], fx.seqs[:0], fx.holders[:0], fx.touched[:0]}
}

// ConsumerEvent is something that a consumer's dispatcher has to know.
type ConsumerEvent struct {
	Consumer uint32 // its number
	Kind     ConsumerEventKind
	Ack      AckItem // of Acked what was applied; of Vanished only Seq
}

// ConsumerEventKind is what happened to a consumer.
type ConsumerEventKind uint8

// The kinds.
const (
	ConsumerAdded   ConsumerEventKind = iota + 1
	ConsumerChanged                   // its configuration; a pause is part of it
	ConsumerDropped
	ConsumerRestarted // it was reset: where it is, and what it waits for, is other than before
	ConsumerAcked     // an AckItem changed something
	ConsumerVanished  // a message that an ack was waited for is gone
	ConsumerEmptied   // all such messages are gone
)

var consumerEventNames = []string{"", "added", "changed", "dropped", "restarted", "acked", "vanished", "emptied"}

func (k ConsumerEventKind) String() string { return name(consumerEventNames, k) }

// AckResult is what became of an AckItem.
type AckResult uint8

// Ignored is one for a message that was not delivered, which gets no answer; Known is one that came before,
// or for what is gone; Applied changed something.
const (
	AckIgnored AckResult = iota
	AckKnown
	AckApplied
)

var ackResultNames = []string{"ignored", "known", "applied"}

func (r AckResult) String() string { return name(ackResultNames, r) }

func (fx *Effects) consumer(number uint32, kind ConsumerEventKind, ack AckItem) {
	fx.Consumers = append(fx.Consumers, ConsumerEvent{number, kind, ack})
}
