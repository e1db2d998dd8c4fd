package engine

import (
	"errors"
	"fmt"
	"maps"
	"sync"

	"myelin/internal/apierr"
	"myelin/internal/meta"
	"myelin/internal/replica"
	"myelin/internal/stream"
)

// metaRestoring is the key of the metadata of a stream that is being restored. Until that is done nobody sees
// the stream, and a start removes it.
const metaRestoring = "_myelin.restoring"

// restores are the streams that are being restored.
type restores struct {
	mu sync.Mutex
	by map[streamName]*Restore
}

func (x *restores) has(account, name string) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.by[streamName{account, name}] != nil
}

// set notes that a stream is being restored, or is not any more if r is nil.
func (x *restores) set(account, name string, r *Restore) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if r == nil {
		delete(x.by, streamName{account, name})
		return
	}
	if x.by == nil {
		x.by = map[streamName]*Restore{}
	}
	x.by[streamName{account, name}] = r
}

// end stops all restores, when the engine closes. What they made is removed at the next start.
func (x *restores) end() (err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, r := range x.by {
		r.stream.end("")
		err = errors.Join(err, r.stream.home.Close())
	}
	return err
}

// pretends refuses a configuration of somebody else's that looks like that of a stream which is being restored.
func pretends(cfg *stream.Config) *apierr.Error {
	if _, ok := cfg.Metadata[metaRestoring]; ok {
		return apierr.StreamInvalidConfig.With("metadata key " + metaRestoring + " is reserved")
	}
	return nil
}

// Restore makes a stream of a backup. The name, the subjects and the room of the stream are taken from the
// beginning; nobody sees it before Finish, nor after a crash before that. It belongs to one goroutine, which
// ends it with Finish or Abandon.
type Restore struct {
	engine *Engine
	asset  *meta.Stream
	config stream.Config // that it will have
	stream *Stream
	next   *load
	before *load // that is under way, or nil
	err    error // the first

	letters   [][]byte          // commands about dead letters
	consumers []consumerCommand // that it will have
}

// consumerCommand makes a consumer.
type consumerCommand struct {
	name string
	data []byte
}

// load is a proposal of a restore.
type load struct {
	data     []byte
	commands int
	refused  chan *apierr.Error // nil if all was taken
}

func newLoad() *load { return &load{refused: make(chan *apierr.Error, 1)} }

func (l *load) answered(replies []stream.Reply) {
	for i := range replies {
		if replies[i].Err != nil {
			l.dropped(replies[i].Err)
			return
		}
	}
	l.dropped(nil)
}

func (l *load) dropped(refused *apierr.Error) { l.refused <- refused }

// Restore begins to restore a stream, of which there must be none.
func (e *Engine) Restore(account string, cfg stream.Config) (*Restore, *apierr.Error) {
	defer e.names.lock(account, cfg.Name)()
	if err := pretends(&cfg); err != nil {
		return nil, err
	}
	hidden := cfg
	hidden.Sealed = false // until all is in
	hidden.Metadata = maps.Clone(cfg.Metadata)
	if hidden.Metadata == nil {
		hidden.Metadata = map[string]string{}
	}
	hidden.Metadata[metaRestoring] = "true"
	request := meta.CreateStream{Account: account, Config: hidden, Bounds: e.bounds, Limits: *e.tenant(account).limits.Load()}
	reply := e.assets.propose(request.Encode(nil), false)
	switch {
	case reply.Err != nil:
		return nil, reply.Err
	case !reply.Created:
		return nil, apierr.StreamNameExist.Err() // somebody is restoring it
	}
	r := &Restore{engine: e, asset: reply.Stream, config: cfg, next: newLoad()}
	var err error
	if r.stream, err = e.host(r.asset); err != nil {
		return nil, apierr.StreamRestore.With(errors.Join(err, r.forget()).Error())
	}
	e.restores.set(account, cfg.Name, r)
	if reply := r.stream.Propose(stream.Configure{Config: r.asset.Config}.Encode(nil), false); reply.Err != nil {
		return nil, apierr.StreamRestore.With(errors.Join(reply.Err, r.abandon()).Error())
	}
	return r, nil
}

// Add stores a message with its sequence and time, after all others; its slices are copied. The error may be
// that of an earlier one.
func (r *Restore) Add(m *Message) error {
	c := stream.Copy{Origin: stream.Backup, Seq: m.Seq, Time: m.Time}
	c.Append = stream.Append{Span: 1, Subject: m.Subject, Header: m.Header, Body: m.Body}
	r.next.data = c.Encode(r.next.data)
	r.next.commands++
	if len(r.next.data) >= copyBytes || r.next.commands == replica.MaxCommands {
		r.send()
	}
	return r.err
}

// AddConsumer gives the stream a consumer, once all messages are there.
func (r *Restore) AddConsumer(rec *stream.ConsumerRecord) {
	c := stream.RestoreConsumer{ConsumerRecord: *rec}
	r.consumers = append(r.consumers, consumerCommand{rec.Config.Name, c.Encode(nil)})
}

// AddLetters gives the stream the dead letters that waited in the one that was backed up, and what that knew of those that it took,
// once all messages are there.
func (r *Restore) AddLetters(data []byte) (err error) {
	if r.letters, err = stream.RestoreLetters(data); err != nil {
		return fmt.Errorf("dead letters: %w", err)
	}
	return nil
}

// addLetters makes the dead letters. They are sent when the stream shows.
func (r *Restore) addLetters() {
	for _, c := range r.letters {
		if r.err != nil {
			return
		}
		if reply := r.stream.Propose(c, false); reply.Err != nil {
			r.err = fmt.Errorf("dead letters: %w", reply.Err)
		}
	}
}

// addConsumers makes the consumers. Nothing is delivered before the stream shows.
func (r *Restore) addConsumers() {
	for _, c := range r.consumers {
		if r.err != nil {
			return
		}
		if reply := r.stream.Propose(c.data, false); reply.Err != nil {
			r.err = fmt.Errorf("consumer %s: %w", c.name, reply.Err)
		}
	}
}

// send proposes what was gathered, when what was proposed before is stored: one gathers while the other is.
func (r *Restore) send() {
	r.settle()
	if r.next.commands == 0 || r.err != nil {
		return
	}
	if err := r.stream.refusal(false); err != nil {
		r.err = err
		return
	}
	ticket := replica.Ticket{Commands: r.next.commands, Cookie: r.next}
	if !r.stream.events.post(replica.Event{Proposal: replica.Proposal{Data: r.next.data, Ticket: ticket}}) {
		r.err = apierr.StreamNotFound.Err()
		return
	}
	r.before, r.next = r.next, newLoad()
}

// settle waits for what is under way.
func (r *Restore) settle() {
	if r.before == nil {
		return
	}
	if err := <-r.before.refused; err != nil && r.err == nil {
		r.err = fmt.Errorf("store messages: %w", err)
	}
	r.before = nil
}

// Finish shows the stream with its dead letters and consumers; its last sequence is last or that of its last message. After an error
// there is none.
func (r *Restore) Finish(last uint64) (*Stream, error) {
	r.send()
	r.settle()
	if r.err == nil && r.stream.Info().Last < last {
		if reply := r.stream.Propose(stream.Skip{Origin: stream.Backup, Seq: last}.Encode(nil), false); reply.Err != nil {
			r.err = reply.Err
		}
	}
	r.addLetters()
	r.addConsumers()
	defer r.engine.names.lock(r.asset.Account, r.asset.Config.Name)()
	if r.err != nil {
		return nil, errors.Join(r.err, r.abandon())
	}
	e := r.engine
	request := meta.UpdateStream{Account: r.asset.Account, Config: r.config, Bounds: e.bounds, Limits: *e.tenant(r.asset.Account).limits.Load()}
	reply := e.assets.propose(request.Encode(nil), false)
	if reply.Err != nil {
		return nil, errors.Join(reply.Err, r.abandon())
	}
	e.restores.set(r.asset.Account, r.asset.Config.Name, nil)
	r.show()
	s, err := e.follow(reply.Stream)
	if err != nil {
		return nil, err // it is there, and configured at the next start
	}
	return s, nil
}

// show lets others find the stream, with its consumers at work.
func (r *Restore) show() {
	s, shown := r.stream, make(chan struct{})
	shows := s.events.do(func() {
		s.dispatch.show()
		r.engine.hosted.put(s)
		close(shown)
	})
	if shows {
		<-shown
	}
}

// Abandon removes what there is of the stream.
func (r *Restore) Abandon() error {
	r.settle()
	defer r.engine.names.lock(r.asset.Account, r.asset.Config.Name)()
	return r.abandon()
}

// abandon is Abandon for one who has locked the name.
func (r *Restore) abandon() error {
	err := r.forget()
	r.engine.restores.set(r.asset.Account, r.asset.Config.Name, nil)
	if err == nil {
		r.engine.retire(r.stream)
	}
	return err
}

// forget has meta delete the stream.
func (r *Restore) forget() error {
	gone := meta.DeleteStream{Account: r.asset.Account, Name: r.asset.Config.Name}
	if reply := r.engine.assets.propose(gone.Encode(nil), true); reply.Err != nil {
		return fmt.Errorf("remove what was restored: %w", reply.Err)
	}
	return nil
}
