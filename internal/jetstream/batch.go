package jetstream

import (
	"errors"
	"slices"
	"time"

	"myelin/internal/broker"
	"myelin/internal/header"
	"myelin/internal/router"
	"myelin/internal/stream"
)

const (
	// maxMultiLast bounds the messages that one request gets by the last of many subjects.
	maxMultiLast = 1024
	// batchFlushBytes is how much of a batch is gathered before it is pushed.
	batchFlushBytes = 256 << 10
	// maxPause bounds how long a receiver is waited for before it is sent more.
	maxPause = 2 * time.Second
)

// batchGet answers a direct get of many messages.
type batchGet struct {
	*request
	door    *door
	session *broker.Session
	stream  Stream
	get     JSApiMsgGetRequest

	buf, head []byte
	sent      int    // messages
	bytes     int    // of these
	gathered  int    // bytes since the last flush
	last      uint64 // sequence of the last one sent
	pending   uint64 // messages that match and were not sent
	upTo      uint64 // what multi_last looked up to
}

// enqueueBatch hands a direct get of many messages to the lane of its stream.
func (l *lanes) enqueueBatch(q *request, get *JSApiMsgGetRequest) {
	q = q.clone()
	c := *get
	q.batch = &c
	if dropped := l.enqueue([]*request{q}); dropped > 0 {
		l.door.limitReached(dropped)
	}
}

// answerBatch sends what is asked for, then what ends it.
func (d *door) answerBatch(q *request, session *broker.Session) {
	b := &batchGet{request: q, door: d, session: session, get: *q.batch}
	defer session.Flush()
	if b.stream = d.api.engine.Find(d.account, token(q.verb, 0)); b.stream == nil {
		b.status(404, noMessage)
		return
	}
	if len(b.get.MultiLast) > 0 {
		b.lasts()
	} else {
		b.row()
	}
}

// row sends messages one after the other.
func (b *batchGet) row() {
	filter := b.get.NextFor
	var start, seq uint64
	b.stream.View(func(state *stream.State) {
		start = max(b.get.start(state), 1)
		seq = next(state, start, filter)
	})
	if seq == 0 {
		b.status(404, noMessage)
		return
	}
	b.pending = countFrom(b.stream, start, filter)
	for seq != 0 && b.sent < b.get.Batch && b.room() {
		if !b.one(seq) {
			return
		}
		b.stream.View(func(state *stream.State) { seq = next(state, seq+1, filter) })
	}
	b.end()
}

// lasts sends the last message of each of many subjects.
func (b *batchGet) lasts() {
	seqs, tooMany := b.findLasts()
	switch {
	case tooMany:
		b.status(413, tooManyResults)
		return
	case len(seqs) == 0:
		b.status(404, noResults)
		return
	}
	first, _ := slices.BinarySearch(seqs, b.get.Seq)
	seqs = seqs[first:]
	b.pending = uint64(len(seqs))
	for _, seq := range seqs {
		if b.get.Batch > 0 && b.sent >= b.get.Batch || !b.room() {
			break
		}
		if !b.one(seq) {
			return
		}
	}
	b.end()
}

// findLasts finds the last message of each subject that one of the patterns matches, as of the bound that
// the request names, and sorts them.
func (b *batchGet) findLasts() (seqs []uint64, tooMany bool) {
	b.stream.View(func(state *stream.State) {
		last := state.Info().Last
		b.upTo = last
		switch {
		case b.get.UpToSeq > 0:
			b.upTo = b.get.UpToSeq
		case b.get.UpToTime != nil:
			b.upTo = sequenceAt(state, b.get.UpToTime.UnixNano()) - 1
		}
		seen := map[string]bool{}
		for _, pattern := range b.get.MultiLast {
			if pattern == "" {
				continue // means all to Subjects, and nothing here
			}
			for name := range state.SubjectsLike(pattern) {
				if seen[string(name)] {
					continue
				}
				seen[string(name)] = true
				if seq := lastUpTo(state, name, b.upTo); seq != 0 {
					seqs = append(seqs, seq)
				}
				if tooMany = len(seqs) > maxMultiLast; tooMany {
					return
				}
			}
		}
	})
	slices.Sort(seqs)
	return seqs, tooMany
}

// room reports whether the request has bytes left to be filled.
func (b *batchGet) room() bool { return b.get.MaxBytes <= 0 || b.bytes < b.get.MaxBytes }

// one sends a message. It reports false when it cannot be read; then that was said. One that has just gone
// is passed over.
func (b *batchGet) one(seq uint64) bool {
	m, buf, err := b.stream.Read(seq, b.buf[:0])
	b.buf = buf
	if b.pending > 0 {
		b.pending--
	}
	if errors.Is(err, ErrNotFound) {
		return true
	}
	if err != nil {
		b.status(500, err.Error())
		return false
	}
	b.head = b.head[:0]
	if len(b.get.MultiLast) > 0 || !b.get.NoHeaders {
		b.head = appendOrigin(b.head, m.Header, b.stream.Name(), m.Subject, m.Seq, m.Time)
		b.head = appendNumber(b.head, "Nats-Num-Pending: ", b.pending)
		b.head = header.AppendEnd(appendNumber(b.head, "Nats-Last-Sequence: ", b.last))
	}
	b.session.Reply(&router.Message{Subject: b.reply, Header: b.head, Payload: m.Body})
	b.sent++
	b.last = m.Seq
	b.bytes += len(m.Subject) + len(m.Header) + len(m.Body)
	b.pace(len(b.head) + len(m.Body))
	return true
}

// pace pushes what was gathered once it is much, and lets a slow receiver catch up for a while.
func (b *batchGet) pace(bytes int) {
	if b.gathered += bytes; b.gathered < batchFlushBytes {
		return
	}
	b.gathered = 0
	for _, dest := range b.session.Flush() {
		relief, _ := dest.Relief()
		select {
		case <-relief:
		case <-b.door.api.opt.Clock.After(maxPause):
		}
	}
}

// end says that the batch is complete.
func (b *batchGet) end() {
	head := header.AppendStatus(b.head[:0], 204, "EOB")
	head = appendNumber(head, "Nats-Num-Pending: ", b.pending)
	head = appendNumber(head, "Nats-Last-Sequence: ", b.last)
	if len(b.get.MultiLast) > 0 {
		head = appendNumber(head, "Nats-UpTo-Sequence: ", b.upTo)
	}
	b.session.Reply(&router.Message{Subject: b.reply, Header: header.AppendEnd(head)})
}

func (b *batchGet) status(code int, text string) {
	head := header.AppendEnd(header.AppendStatus(b.head[:0], code, text))
	b.session.Reply(&router.Message{Subject: b.reply, Header: head})
}
