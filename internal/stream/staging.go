package stream

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"
	"time"

	"myelin/internal/apierr"
	"myelin/internal/header"
)

// Staging gathers the messages of atomic batches of one stream until their publishers commit them; only then
// there is a command. It is not part of the State: what nobody committed is nothing that a stream has to
// remember, and is neither logged nor in snapshots. It belongs to whoever proposes the stream's commands,
// and like a machine takes time as an argument. When that one changes, batches are incomplete, and their
// publishers are told so.
type Staging struct {
	// Level is the API level of this server: messages that require a higher one are refused.
	Level int
	// Claim asks for the right to stage one more batch, of as many as the whole server may have; each is
	// given back by Release. Neither may call back.
	Claim   func() bool
	Release func()
	// Limits are those of this server.
	Limits BatchLimits

	batches   []*staged // with the one that was quiet for longest first
	bytes     int
	abandoned []Abandoned
}

// staged is a batch that is not committed.
type staged struct {
	id       []byte
	messages []Append // with slices of their own
	bytes    int
	last     int64 // when the last message came
}

// Abandoned is a batch that will not be committed.
type Abandoned struct {
	ID     string
	Reason string // timeout, large, incomplete or unsupported, as stock servers have it in their advisory
}

// BatchLimits bound atomic batches. What is 0 has its default.
type BatchLimits struct {
	PerStream int           // that are not committed, default 50
	Messages  int           // of one, default 1000
	Idle      time.Duration // after which one is abandoned, default 10s
}

// Bounds of staging. Those of bytes count subjects, headers and bodies.
const (
	maxBatchIDBytes  = 64
	maxBatches       = 50
	maxBatchMessages = 1000
	maxBatchBytes    = 64 << 20
	maxStagedBytes   = 128 << 20 // of a stream
	batchIdle        = 10 * time.Second
)

func (g *Staging) maxBatches() int     { return cmp.Or(g.Limits.PerStream, maxBatches) }
func (g *Staging) maxMessages() uint64 { return uint64(cmp.Or(g.Limits.Messages, maxBatchMessages)) }
func (g *Staging) idle() int64         { return int64(cmp.Or(g.Limits.Idle, batchIdle)) }

// Batched reports whether a command is an Append of a batch, which belongs to Staging where the configuration
// allows atomic batches.
func Batched(command []byte) bool {
	var a Append
	_, ok := a.cut(command)
	return ok && len(header.Get(a.Header, batchID)) > 0
}

// Take takes a message of a batch. It gives a command to propose, whose Reply is the message's; or the Reply
// at once, when it is staged or refused.
func (g *Staging) Take(now int64, c *Config, command []byte) (proposal []byte, r Reply) {
	var p publish
	if _, ok := p.cut(command); !ok {
		return nil, refuse(apierr.BadRequest)
	}
	p.read(p.Header)
	b, end, err := g.place(c, &p)
	if err == nil && end != "eob" {
		err = g.add(b, &p.Append)
	}
	switch {
	case err != nil:
		return nil, Reply{Err: err}
	case end == "":
		g.remove(b)
		b.last = now
		g.batches = append(g.batches, b)
		return nil, Reply{Silent: true}
	}
	g.drop(b)
	return (&Batch{b.id, end == "eob", b.messages}).Encode(nil), Reply{}
}

// place finds the batch that a message belongs to, and how it ends it.
func (g *Staging) place(c *Config, p *publish) (b *staged, end string, err *apierr.Error) {
	seq, ok := sequence(header.Get(p.Header, batchSequence))
	commit := header.Get(p.Header, batchCommit)
	end = string(commit)
	switch {
	case c.MaxMsgSize > 0 && len(p.Header)+len(p.Body) > int(c.MaxMsgSize):
		return nil, "", apierr.StreamMessageExceedsMaximum.Err()
	case len(p.batch) > maxBatchIDBytes:
		return nil, "", apierr.AtomicPublishInvalidBatchID.Err()
	case !ok:
		return nil, "", apierr.AtomicPublishMissingSeq.Err()
	}
	if b, err = g.find(p.batch, seq, end == "eob"); err != nil {
		return nil, "", err
	}
	level, leveled := RequiredLevel(p.Header)
	switch {
	case commit != nil && end != "1" && end != "eob":
		return g.abandon(p.batch, "incomplete"), "", apierr.AtomicPublishInvalidBatchCommit.Err()
	case leveled && level > g.Level:
		return g.abandon(p.batch, "unsupported"), "", apierr.RequiredApiLevel.Err()
	case seq != uint64(len(b.messages))+1, end == "eob" && seq == 1:
		return g.abandon(p.batch, "incomplete"), "", apierr.AtomicPublishIncompleteBatch.Err()
	case seq > g.maxMessages() && end != "eob":
		return g.abandon(p.batch, "large"), "", g.tooLong()
	}
	return b, end, nil
}

func (g *Staging) tooLong() *apierr.Error {
	return apierr.AtomicPublishTooLargeBatch.With(strconv.FormatUint(g.maxMessages(), 10))
}

// find returns the batch of that id, a new one for a first message.
func (g *Staging) find(id []byte, seq uint64, eob bool) (*staged, *apierr.Error) {
	if i := g.index(id); i >= 0 {
		return g.batches[i], nil
	}
	count := seq
	if eob {
		count-- // it is none of them; before the first it is one too many, as in stock servers
	}
	switch {
	case count > g.maxMessages():
		return nil, g.tooLong()
	case seq != 1:
		return nil, apierr.AtomicPublishIncompleteBatch.Err()
	case len(g.batches) >= g.maxBatches() || g.Claim != nil && !g.Claim():
		return nil, apierr.AtomicPublishTooManyInflight.Err()
	}
	b := &staged{id: bytes.Clone(id)}
	g.batches = append(g.batches, b)
	return b, nil
}

// add stages a message.
func (g *Staging) add(b *staged, a *Append) *apierr.Error {
	size := len(a.Subject) + len(a.Header) + len(a.Body)
	if b.bytes+size > maxBatchBytes || g.bytes+size > maxStagedBytes {
		g.abandon(b.id, "large")
		return apierr.AtomicPublishTooLargeBatch.With(strconv.Itoa(maxBatchBytes))
	}
	own := slices.Concat(a.Subject, a.Header, a.Body)
	subject, rest := own[:len(a.Subject):len(a.Subject)], own[len(a.Subject):]
	b.messages = append(b.messages, Append{a.Span, subject, rest[:len(a.Header):len(a.Header)], rest[len(a.Header):]})
	b.bytes += size
	g.bytes += size
	return nil
}

func (g *Staging) index(id []byte) int {
	return slices.IndexFunc(g.batches, func(b *staged) bool { return bytes.Equal(b.id, id) })
}

func (g *Staging) remove(b *staged) {
	if i := slices.Index(g.batches, b); i >= 0 {
		g.batches = slices.Delete(g.batches, i, i+1)
	}
}

// drop forgets a batch.
func (g *Staging) drop(b *staged) {
	g.remove(b)
	g.bytes -= b.bytes
	if g.Release != nil {
		g.Release()
	}
}

// abandon forgets the batch of that id, and returns none.
func (g *Staging) abandon(id []byte, reason string) *staged {
	if i := g.index(id); i >= 0 {
		g.abandoned = append(g.abandoned, Abandoned{string(id), reason})
		g.drop(g.batches[i])
	}
	return nil
}

// Expire abandons what has been quiet for too long. Deadline says when that is.
func (g *Staging) Expire(now int64) {
	for len(g.batches) > 0 && g.batches[0].last+g.idle() <= now {
		g.abandon(g.batches[0].id, "timeout")
	}
}

// Deadline is when Expire has something to do; 0 if there is nothing.
func (g *Staging) Deadline() int64 {
	if len(g.batches) == 0 {
		return 0
	}
	return g.batches[0].last + g.idle()
}

// Abandoned returns the batches that were abandoned since it was called last.
func (g *Staging) Abandoned() (list []Abandoned) {
	list, g.abandoned = g.abandoned, nil
	return list
}

// Close drops all batches, as when another proposes the stream's commands from now on.
func (g *Staging) Close() {
	for len(g.batches) > 0 {
		g.drop(g.batches[0])
	}
}

// RequiredLevel is the API level that the publisher of a message requires, if it does. What is no number
// requires more than there is.
func RequiredLevel(block []byte) (level int, ok bool) {
	text := header.Get(block, "Nats-Required-Api-Level")
	if text == nil {
		return 0, false
	}
	level, err := strconv.Atoi(string(text))
	if err != nil {
		return 1<<31 - 1, true
	}
	return level, true
}
